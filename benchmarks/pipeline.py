"""How fast each data source gives batches, beside how fast a preset trains on it.

Prints a Markdown table: examples a second of the input pipeline alone, of training (`GAN.fit` with
the preset's networks and batch), and the ratio, which should be 5 at least. Files are made for it,
in a temporary folder; images are decoded and tables fitted once before anything is timed, as in a
run.

Use: python -m benchmarks.pipeline [--source NAME]... [--seconds 3]
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

from benchmarks.running import markdown
from ganapp.quiet import quiet_stderr

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with quiet_stderr():
    import numpy as np
    import PIL.Image

    from ganapp.loading import load_config
    from ganapp.runner.compose import compose
    from training.data import training_batches
    from training.data.cache import cache_folder
    from training.data.digits import digits

TARGET = 5
IMAGES, SIDE, ROWS = 5000, 32, 50_000


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


def table(place: Path) -> dict:
    """50,000 rows in a CSV: numbers with two modes, with holes and without, and categories."""
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
    frame.to_csv(place / "t.csv", index=False)
    return {"source": "csv", "path": str(place / "t.csv"), "label": "category_1"}


def prepared(place: Path) -> dict:
    """The digits as TensorFlow Datasets keeps them."""
    digits()
    kept = str(cache_folder(""))
    return {"source": "tfds", "name": "ganapp_digits", "data_dir": kept, "cache_dir": str(place)}


# What is measured: the preset, and what makes its `data` table (nothing where it has its own).
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
    "csv": ("wine", table),
}


def measured(name: str, seconds: float) -> list[str]:
    """A row of the table."""
    preset, make = CASES[name]
    with tempfile.TemporaryDirectory() as place:
        config = load_config(preset)
        if make is not None:
            options = ", ".join(f"{key}='{value}'" for key, value in make(Path(place)).items())
            settings = [f"data={{{options}}}", "evaluation.metric=frechet_distance"]
            config = load_config(preset, settings)
        experiment = compose(config)
        rows = experiment.examples_per_step
        pipeline = rows * pipeline_rate(batches(experiment), seconds)
        training = rows * training_rate(experiment, seconds)
    shape = " x ".join(map(str, experiment.source.spec.shape))
    ratio = pipeline / training
    mark = "" if ratio >= TARGET else f" (less than {TARGET})"
    return [name, shape, preset, f"{pipeline:,.0f}", f"{training:,.0f}", f"{ratio:.1f}{mark}"]


def batches(experiment):
    """The training batches of an experiment from its first step on."""
    return training_batches(experiment.source, batch_size=experiment.examples_per_step, seed=0)


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
    dataset = batches(experiment)
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
    head = ["source", "example", "preset", "pipeline, examples/s", "training, examples/s", "ratio"]
    rows = [measured(name, options.seconds) for name in options.source or CASES]
    print(markdown([head, *rows], left=3))


if __name__ == "__main__":
    main()
