"""How fast each data source gives batches, beside how fast something trains on it.

Prints a Markdown table: examples a second of the input pipeline alone, of training (`GAN.fit` with
the networks and batch of a preset, or of the configuration that is made where there is none), and
the ratio, which should be 5 at least. Of clips and sprites the first rate alone. Files are made for
it, in a temporary folder; images are decoded and tables fitted once before anything is timed, as in
a run.

Use: python -m benchmarks.pipeline [--source NAME]... [--seconds 3]
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.running import markdown
from ganapp.screen import quiet_stderr

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with quiet_stderr():
    import numpy as np
    import PIL.Image

    from ganapp.commands.train import automatic
    from ganapp.config.loading import load_config, validated
    from ganapp.config.schema import DataConfig
    from ganapp.runner.experiment import compose
    from ganapp.training.data import training_batches
    from ganapp.training.data.digits import digits

TARGET = 5
IMAGES, SIDE, ROWS = 5000, 32, 50_000
ALONE = 64  # examples in a batch that nobody trains on
DRAWN = ("moons", "swiss_roll", "spirals", "checkerboard", "funnel", "gaussian")


def images() -> np.ndarray:
    """Noise, uint8 `(5000, 32, 32, 3)`."""
    draw = np.random.default_rng(0)
    return draw.integers(0, 256, (IMAGES, SIDE, SIDE, 3), dtype=np.uint8)


def folder(place: Path) -> dict:
    """A folder of JPEG files."""
    (place / "images").mkdir()
    for number, pixels in enumerate(images()):
        PIL.Image.fromarray(pixels).save(place / "images" / f"{number}.jpg")
    return {"source": "folder", "path": str(place / "images"), "cache_dir": str(place)}


def npz(place: Path) -> dict:
    """Images in a compressed .npz."""
    np.savez_compressed(place / "x.npz", x=images())
    return {"source": "npz", "path": str(place / "x.npz"), "cache_dir": str(place)}


def npy(place: Path) -> dict:
    """Images in a .npy, read from where it lies."""
    np.save(place / "x.npy", images())
    return {"source": "npy", "path": str(place / "x.npy"), "cache_dir": str(place)}


def vectors(place: Path) -> dict:
    """Points of the plane in a .npy, read from where it lies."""
    np.save(place / "v.npy", np.random.default_rng(0).normal(size=(50_000, 2)).astype(np.float32))
    return {"source": "npy", "path": str(place / "v.npy"), "cache_dir": str(place)}


def rows_of_a_table():
    """50,000 rows: numbers with two modes, with holes and without, and categories."""
    import pandas

    draw = np.random.default_rng(0)
    columns = {}
    for number in range(8):
        values = draw.normal(draw.choice([-3.0, 3.0], ROWS), 1.0)
        columns[f"number_{number}"] = np.round(values, 3)
    for number, count in enumerate((2, 5, 20, 50)):
        columns[f"category_{number}"] = draw.choice([f"value {i}" for i in range(count)], ROWS)
    frame = pandas.DataFrame(columns)
    for name in ("number_0", "number_1", "category_2"):
        frame.loc[draw.random(ROWS) < 0.05, name] = None
    return frame


def table(place: Path) -> dict:
    """A table in a CSV."""
    rows_of_a_table().to_csv(place / "t.csv", index=False)
    return {"source": "csv", "path": str(place / "t.csv"), "label": "category_1"}


def parquet(place: Path) -> dict:
    """The same table in a Parquet file."""
    rows_of_a_table().to_parquet(place / "t.parquet")
    return {"source": "parquet", "path": str(place / "t.parquet"), "label": "category_1"}


def clips(place: Path) -> dict:
    """1,000 clips of 10 grey frames in a .npz."""
    noise = np.random.default_rng(0).integers(0, 256, (1000, 10, SIDE, SIDE, 1), dtype=np.uint8)
    np.savez(place / "c.npz", clips=noise)
    return {"source": "video", "path": str(place / "c.npz")}


def prepared(place: Path) -> dict:
    """The digits as TensorFlow Datasets keeps them."""
    import tensorflow as tf
    import tensorflow_datasets as tfds

    found = digits()
    parts = {"train": found.training_examples(), "test": found.held_out_examples()}
    features = {
        "image": tfds.features.Image(shape=found.spec.shape),
        "label": tfds.features.ClassLabel(num_classes=10),
    }
    tfds.dataset_builders.store_as_tfds_dataset(
        name="digits",
        version="1.0.0",
        features=tfds.features.FeaturesDict(features),
        split_datasets={
            name: tf.data.Dataset.from_tensor_slices({"image": images, "label": labels})
            for name, (images, labels) in parts.items()
        },
        data_dir=str(place),
    )
    return {"source": "tfds", "name": "digits", "data_dir": str(place), "cache_dir": str(place)}


# What is measured: the preset, or `AUTOMATIC` for the configuration that is made for the data, or
# nothing for the pipeline alone; and what makes the `data` table (a preset has its own).
AUTOMATIC = "automatic"
CASES = {
    "digits": ("digits", None),
    "stacked_digits": ("stacked-digits", None),
    "ring": ("ring", None),
    "grid": ("grid", None),
    "folder": ("digits", folder),
    "npz": ("digits", npz),
    "npy, images": ("digits", npy),
    "npy, vectors": ("ring", vectors),
    "tfds": ("digits", prepared),
    "wine": ("wine", None),
    "cancer": ("cancer", None),
    "csv": ("wine", table),
    "parquet": (AUTOMATIC, parquet),
    **{name: (AUTOMATIC, lambda _, name=name: {"source": name}) for name in DRAWN},
    "moving_digits": (None, lambda _: {"source": "moving_digits"}),
    "sprites": (None, lambda _: {"source": "sprites"}),
    "video": (None, clips),
}


def measured(name: str, seconds: float) -> list[str]:
    """A row of the table."""
    preset, make = CASES[name]
    with tempfile.TemporaryDirectory() as place:
        data = None if make is None else make(Path(place))
        if preset is None:
            source = DataConfig(**data).build()
            found = ALONE * pipeline_rate(batches(source, ALONE), seconds)
            return [name, shape_of(source), "-", f"{found:,.0f}", "-", "-"]
        experiment = compose(configuration(preset, data))
        source, rows = experiment.source, experiment.examples_per_step
        pipeline = rows * pipeline_rate(batches(source, rows), seconds)
        training = rows * training_rate(experiment, seconds)
    ratio = pipeline / training
    mark = "" if ratio >= TARGET else f" (less than {TARGET})"
    figures = [f"{pipeline:,.0f}", f"{training:,.0f}", f"{ratio:.1f}{mark}"]
    return [name, shape_of(source), preset, *figures]


def configuration(preset: str, data: dict | None):
    """Of a preset with its own data or others, or what is made for these."""
    if data is None:
        return load_config(preset)
    if preset == AUTOMATIC:
        source = DataConfig(**data).build()
        tables, _ = automatic(source.spec, source.training_labels())
        return validated({"data": data, **tables}, AUTOMATIC)
    options = ", ".join(f"{key}='{value}'" for key, value in data.items())
    return load_config(preset, [f"data={{{options}}}", "evaluation.metric=frechet_distance"])


def shape_of(source) -> str:
    """Of an example, as networks see it."""
    return " x ".join(map(str, source.spec.shape))


def batches(source, rows: int):
    """Training batches of so many examples from the first step on."""
    return training_batches(source, batch_size=rows, seed=0)


def pipeline_rate(dataset, seconds: float) -> float:
    """Batches a second when nobody trains."""
    elements = iter(dataset)
    for _ in range(20):  # the first ones start threads
        next(elements)
    count, start = 0, time.perf_counter()
    while (passed := time.perf_counter() - start) < seconds:
        next(elements)
        count += 1
    return count / passed


def training_rate(experiment, seconds: float) -> float:
    """Steps a second of `fit`, after the step was compiled."""
    dataset = batches(experiment.source, experiment.examples_per_step)
    execution = experiment.config.training.steps_per_execution

    def fit(steps: int) -> float:
        start = time.perf_counter()
        experiment.gan.fit(dataset, steps_per_epoch=steps, epochs=1, verbose=0)
        return time.perf_counter() - start

    fit(execution)
    steps = execution * max(1, round(seconds / fit(execution)))
    return steps / fit(steps)


def main() -> None:
    """Measures the chosen sources and prints their table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--source", choices=CASES, action="append", help="default: all")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    options = parser.parse_args()
    rates = ["pipeline, examples/s", "training, examples/s", "ratio"]
    rows = []
    for name in options.source or CASES:
        rows.append(measured(name, options.seconds))
        print("\t".join(rows[-1]), file=sys.stderr, flush=True)  # what there is if it is stopped
    print(markdown([["source", "example", "configuration", *rates], *rows], left=3))


if __name__ == "__main__":
    main()
