"""How fast each data source gives batches, beside how fast a preset trains on it.

Prints a Markdown table: examples a second of the input pipeline alone, of training (`GAN.fit` with
the preset's networks and batch), and the ratio, which should be 5 at least. Files are made for it,
in a temporary folder; images are decoded once before anything is timed, as in a run.

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
IMAGES, SIDE = 5000, 32


def images() -> np.ndarray:
    """Noise, uint8 `(5000, 32, 32, 3)`."""
    draw = np.random.default_rng(0)
    return draw.integers(0, 256, (IMAGES, SIDE, SIDE, 3), dtype=np.uint8)


def folder(place: Path) -> dict:
    """A folder of JPEG files."""
    (place / "images").mkdir()
    for number, pixels in enumerate(images()):
        PIL.Image.fromarray(pixels).save(place / "images" / f"{number}.jpg")
    return {"source": "folder", "path": str(place / "images")}


def npz(place: Path) -> dict:
    """Images in a compressed .npz."""
    np.savez_compressed(place / "x.npz", x=images())
    return {"source": "npz", "path": str(place / "x.npz")}


def npy(place: Path) -> dict:
    """Images in a .npy, read from where it lies."""
    np.save(place / "x.npy", images())
    return {"source": "npy", "path": str(place / "x.npy")}


def vectors(place: Path) -> dict:
    """Points of the plane in a .npy, read from where it lies."""
    np.save(place / "v.npy", np.random.default_rng(0).normal(size=(50_000, 2)).astype(np.float32))
    return {"source": "npy", "path": str(place / "v.npy")}


def prepared(place: Path) -> dict:
    """The digits as TensorFlow Datasets keeps them."""
    digits()
    return {"source": "tfds", "name": "ganapp_digits", "data_dir": str(cache_folder(""))}


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
}


def measured(name: str, seconds: float) -> list[str]:
    """A row of the table."""
    preset, make = CASES[name]
    with tempfile.TemporaryDirectory() as place:
        config = load_config(preset)
        if make is not None:
            table = ", ".join(f"{key}='{value}'" for key, value in make(Path(place)).items())
            data = f"data={{{table}, cache_dir='{place}'}}"
            config = load_config(preset, [data, "evaluation.metric=frechet_distance"])
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
