"""Photographs of 64x64, few and more: what networks and augmentations the automatic choice needs.

    python -m benchmarks.photographs FOLDER                        # every case, seed 0
    python -m benchmarks.photographs FOLDER --case "lean, none, 200" --work 10

FOLDER holds photographs of any size. The data are random squares of them, a third to the whole of
the shorter side, made 64x64: 2,000 of most photographs and 500, held out, of every fifth. Cases
train on all 2,000 or on the first 200, by the automatic configuration except for what their names
say, and as long as all do the same work. Samples of all are compared with the 2,000, whatever a
case has seen of them; copies of what it has seen are counted in its own report.
"""

import argparse
import contextlib
import io
import os
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.running import ROOT, cell, markdown, train
from ganapp.screen import quiet_stderr

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with quiet_stderr():
    import numpy as np
    from PIL import Image

    from benchmarks.flops import training_operations
    from ganapp.commands.train import config_for_data
    from ganapp.config.loading import as_toml
    from ganapp.config.schema import Config, EvaluationConfig
    from ganapp.runner.experiment import compose, make_evaluator
    from ganapp.training.data import SOURCES
    from ganapp.training.files import write_atomically

SIDE, MORE, FEW, HELD_OUT = 64, 2000, 200, 500
SMALLEST = 1 / 3  # of the shorter side of a photograph, the side of a square
EVERY = 5  # photographs, of which one is held out
FOLDER = "photographs"  # below runs/
SAMPLES = 2000
# Channels of the discriminator's maps, fine to coarse, and images of a batch.
NETWORKS = {
    "wide": ([32, 64, 128, 192], 64),
    "lean": ([16, 32, 64, 128], 64),
    "lean by 16": ([16, 32, 64, 128], 16),
}
AUGMENTATIONS = {
    "none": "{}",
    "diff_augment": "{diff_augment={}}",
    "diff_augment and mirror": "{diff_augment={}}",
    "translation and cutout": '{diff_augment={policy=["translation", "cutout"]}}',
}
CASES = [
    f"{network}, {augmentation}, {count}"
    for count in (FEW, MORE)
    for network, augmentation in (
        ("wide", "diff_augment"),
        ("lean", "none"),
        ("lean", "diff_augment"),
        ("lean by 16", "none"),
        ("lean by 16", "diff_augment"),
        ("lean by 16", "translation and cutout"),
        ("lean by 16", "diff_augment and mirror"),
    )
]


def squares(photographs: Sequence[Path], count: int, folder: Path, seed: int) -> None:
    """Writes random squares of photographs as PNG, as many of each."""
    draw = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    opened = {path: Image.open(path).convert("RGB") for path in photographs}
    for number in range(count):
        image = opened[photographs[number % len(photographs)]]
        side = round(draw.uniform(SMALLEST, 1) * min(image.size))
        left, top = (draw.randint(0, size - side) for size in image.size)
        box = (left, top, left + side, top + side)
        square = image.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box)
        square.save(folder / f"{number:04}.png")


def prepare(photographs: Path) -> dict[int, Path]:
    """The data by the number of their training images: folders with `train` and `test`."""
    paths = sorted(path for path in photographs.iterdir() if path.is_file())
    apart = paths[::EVERY]
    found = {}
    for count in (FEW, MORE):
        found[count] = ROOT / "runs" / FOLDER / f"data-{count}"
        if not found[count].exists():
            squares([path for path in paths if path not in apart], count, found[count] / "train", 0)
            squares(apart, HELD_OUT, found[count] / "test", 1)
    return found


def measure(case: str, folders: dict[int, Path], work: float, seed: int) -> list[str]:
    """Trains a case, if it was not yet, and judges its samples: a row of the table."""
    network, augmentation, count = case.split(", ")
    widths, batch = NETWORKS[network]
    settings = [
        f"data.mirror={'true' if 'mirror' in augmentation else 'false'}",
        f"discriminator.channels={widths}",
        f"generator.channels={widths[:0:-1]}",
        f"objective.augmentations={AUGMENTATIONS[augmentation]}",
        "objective.terms.r1.weight={start=0.4, end=0.1}",
        f"evaluation.samples={SAMPLES}",
        f"training.seed={seed}",
        f"training.batch_size={batch}",
        f"training.ema_half_life={500 * batch}",
    ]
    table = {"source": "folder", "path": str(folders[int(count)])}
    experiment = compose(_config(table, settings))
    of_a_step = training_operations(experiment) / experiment.total_steps
    steps = round(work * 1e12 / of_a_step / 4)
    settings += ["training.epochs=4", f"training.steps_per_epoch={steps}"]
    name = f"{case.replace(', ', '-').replace(' ', '-')}-{work:g}-s{seed}"
    toml = ROOT / "runs" / FOLDER / f"{name}.toml"
    write_atomically(toml, as_toml(_config(table, settings)))
    report = train(str(toml), name, folder=FOLDER)
    figures = judge(Path(report["directory"]), folders[MORE])
    memorised = report["best"]["figures"]["memorised"]
    return [
        case,
        f"{of_a_step / 1e9:.0f}",
        f"{report['steps']:,}",
        *(cell(figures[key]) for key in ("frechet_distance", "precision", "recall", "coverage")),
        f"{cell(memorised['value'])} ({cell(memorised['floor'])})",
        f"{report['processor_seconds']:,}",
    ]


def _config(table: dict[str, str], settings: list[str]) -> Config:
    with contextlib.redirect_stdout(io.StringIO()):  # the reasons of the automatic choice
        return config_for_data(table, settings)[0]


def judge(run: Path, data: Path) -> dict[str, float | None]:
    """Figures of the samples of a run against the training images of `data`."""
    file = run / "judged.npz"
    command = [sys.executable, "-m", "ganapp", "sample", str(run), "--count", str(SAMPLES)]
    subprocess.run([*command, "--out", str(file)], cwd=ROOT, check=True, capture_output=True)
    source = SOURCES["folder"](path=data)
    evaluator = make_evaluator(EvaluationConfig(reference="train"), source)
    with np.load(file) as arrays:
        return evaluator.evaluate(arrays["samples"])


def main() -> None:
    """Prints a row a case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photographs", type=Path, metavar="FOLDER")
    parser.add_argument("--case", action="append", choices=CASES)
    parser.add_argument("--work", type=float, default=40.0, metavar="TFLOP", help="of a case")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    folders = prepare(arguments.photographs)
    head = ["case", "GFLOP a step", "steps", "Fréchet distance", "precision", "recall", "coverage"]
    rows = [[*head, "memorised (floor)", "processor s"]]
    for case in arguments.case or CASES:
        rows.append(measure(case, folders, arguments.work, arguments.seed))
        print(" | ".join(rows[-1]), flush=True)
    print(markdown(rows))


if __name__ == "__main__":
    main()
