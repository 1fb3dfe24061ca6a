"""A plain minimax GAN that collapses on the digits, beside the same one with a remedy."""

import dataclasses
import itertools
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.running import ROOT, FailedError, markdown, train
from ganapp.training.evaluation.pictures import (
    LAST_COLOUR,
    REAL_COLOUR,
    SAMPLE_COLOUR,
    image_grid,
    new_figure,
    plain,
    render,
)

SETTINGS = "benchmarks/classic_collapse.toml"
# Relativistic pairing with both penalties (Huang et al., 2024, arXiv:2501.05441), nothing else: the
# same networks, optimizers, steps, seed and average.
REMEDY = ("objective.name=relativistic", "objective.terms={r1={weight=0.5},r2={weight=0.5}}")
CASES = {"plain": (), "stabilised": REMEDY}
SHOWN = 64  # samples of each
FAIR = 0.2  # of a class's share in the training data, as for the modes of a known mixture


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trained:
    """What came of one run.

    Args:
        config: the run's resolved configuration.
        report: of the last generator, a part of `report.json`.
        samples: uint8 `(SHOWN, 8, 8, 1)` of that generator.
    """

    config: dict[str, Any]
    report: dict[str, Any]
    samples: np.ndarray

    @property
    def shares(self) -> tuple[np.ndarray, np.ndarray]:
        """Share of each class `(c,)` in the samples and in the training data."""
        details = self.report["details"]["classes_found"]
        counts = [np.array(details[key]) for key in ("histogram", "training_histogram")]
        return counts[0] / counts[0].sum(), counts[1] / counts[1].sum()


def fair_classes(shares: np.ndarray, training: np.ndarray) -> int:
    """Classes `(c,)` with at least a fifth of the share that they have in the training data."""
    return int(np.count_nonzero(shares >= FAIR * training))


def collapse(*, seed: int = 0) -> dict[str, Trained]:
    """Trains both cases as a user would, one after the other.

    Args:
        seed: of weights, noise and the order of the data; also of the samples that are shown.

    Raises:
        FailedError: a command did not end well.
    """
    return {name: _trained(name, settings, seed) for name, settings in CASES.items()}


def _trained(name: str, settings: Sequence[str], seed: int) -> Trained:
    settings = [*settings, f"training.seed={seed}"]
    report = train(SETTINGS, f"{name}-seed{seed}", settings, folder="classic")
    run = Path(report["directory"])
    out = run / "shown.npz"
    command = [sys.executable, "-m", "ganapp", "sample", str(run), "--checkpoint", "last"]
    command += ["--count", str(SHOWN), "--seed", str(seed), "--out", str(out)]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if finished.returncode:
        raise FailedError(f"{finished.stdout}{finished.stderr}")
    with np.load(out) as arrays:
        samples = arrays["samples"]
    config = tomllib.loads((run / "config.toml").read_text(encoding="utf-8"))
    return Trained(config=config, report=report["last"], samples=samples)


def remedy_in_words(config: dict[str, Any]) -> str:
    """The objective of a configuration and what extends it."""
    objective = config["objective"]
    terms = [
        f"{name.upper()} (gamma {options['weight']:g})"
        for name, options in objective.get("terms", {}).items()
    ]
    others = (objective.get(table, {}) for table in ("augmentations", "weightings"))
    words = [f"`{objective['name']}`", *terms, *itertools.chain(*others)]
    return " + ".join(words) if len(words) > 1 else f"{words[0]}, no remedy"


def surroundings(config: dict[str, Any]) -> str:
    """What both cases share, in words."""
    generator, training = config["generator"], config["training"]
    optimizer = generator["optimizer"]
    layers = " + ".join(map(str, generator["units"]))
    steps = training["epochs"] * training["steps_per_epoch"]
    return (
        f"both: {generator['network']} of {layers} units, {optimizer['name'].upper()} "
        f"{optimizer['learning_rate']:g} with momentum {optimizer['momentum']:g} for G and D, "
        f"batch {training['batch_size']}, {steps:,} steps, generator averaged (half-life "
        f"{training['ema_half_life']:,.0f} images), seed {training['seed']}"
    )


def table(cases: dict[str, Trained]) -> str:
    """A Markdown table with a row for each case, and what was trained."""
    names = ("precision", "recall", "coverage")
    head = ["", "objective", *names, "classes found", "fair classes", "largest class"]
    rows = [[*head, "generated / real"]]
    for name, case in cases.items():
        figures = case.report["figures"]
        values = [f"{figures[key]['value']:.3f}" for key in names]
        shares, training = case.shares
        classes = [np.count_nonzero(shares), fair_classes(shares, training)]
        counts = f"{figures['coverage']['generated']:,} / {figures['coverage']['real']:,}"
        cells = [*values, *map(str, classes), f"{shares.max():.1%}", counts]
        rows.append([name, remedy_in_words(case.config), *cells])
    shared = surroundings(next(iter(cases.values())).config)
    return f"{markdown(rows, left=2)}\n\n{shared[0].upper()}{shared[1:]}."


def picture(cases: dict[str, Trained]) -> Image.Image:
    """Samples above, their label histograms below; a column for each case."""
    figure = new_figure(5.0 * len(cases), 7.8)
    upper, lower = figure.subplots(
        2, len(cases), squeeze=False, sharey="row", height_ratios=(2.6, 1)
    )
    for above, below, (name, case) in zip(upper, lower, cases.items(), strict=True):
        above.imshow(np.asarray(image_grid(case.samples, columns=8)))
        above.set_axis_off()
        above.set_title(_title(name, case), fontsize=10, color=LAST_COLOUR)
        _classes(plain(below), case)
    lower[0].set_ylabel("share of samples (%)", fontsize=9)
    shares, _ = next(iter(cases.values())).shares
    lower[0].set_xlim(-0.6, len(shares) - 0.4)
    figure.suptitle(_wrapped(surroundings(next(iter(cases.values())).config)), fontsize=9)
    handles, labels = lower[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=9, frameon=False)
    return render(figure)


def _title(name: str, case: Trained) -> str:
    coverage = case.report["figures"]["coverage"]
    shares, training = case.shares
    fair = fair_classes(shares, training)
    return (
        f"{name}: {remedy_in_words(case.config).replace('`', '')}\n"
        f"coverage {coverage['value']:.3f} ({coverage['generated']:,} samples, "
        f"{coverage['real']:,} real)\n"
        f"classes with a fair share: {fair} of {len(shares)}"
    )


def _wrapped(sentence: str) -> str:
    """In two lines, broken at the comma nearest to the middle."""
    commas = [place for place, letter in enumerate(sentence) if sentence[place : place + 2] == ", "]
    middle = min(commas, key=lambda place: abs(place - len(sentence) // 2))
    return f"{sentence[: middle + 1]}\n{sentence[middle + 2 :]}"


def _classes(axes: Any, case: Trained) -> None:
    places = np.arange(len(case.shares[0]))
    kinds = zip(
        ("generated", "training data"), case.shares, (SAMPLE_COLOUR, REAL_COLOUR), strict=True
    )
    for number, (label, shares, colour) in enumerate(kinds):
        axes.bar(places + 0.4 * number - 0.2, 100 * shares, 0.4, label=label, color=colour)
    axes.set_xticks(places, case.report["details"]["classes_found"]["names"])
    axes.set_xlabel("class, by a classifier of real digits", fontsize=9)
