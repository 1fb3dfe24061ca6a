"""What brings images back from features: each part of the loss; and what each layer still knows.

    python -m benchmarks.inversion                                  # digits, 1,000 steps a row
    python -m benchmarks.inversion --preset invert-mnist --data mnist-10k.npz --steps 3000

Trains the generator of a preset with pixels alone, with features, with the adversary and with all
three, then with all three from each layer of the classifier. Prints Markdown tables of held-out
images and draws them: the originals in the first row, then a row for each table row.
"""

import argparse
import sys
import time
from collections.abc import Sequence

import numpy as np

from benchmarks.running import cell, markdown
from ganapp.config.loading import data_table, load_config
from ganapp.runner.evaluation import conditional_samples
from ganapp.runner.experiment import Experiment, compose
from ganapp.training.data import training_batches
from ganapp.training.evaluation.metrics.inversion import (
    feature_distance,
    independent_accuracy,
    signal_to_noise,
)
from ganapp.training.evaluation.pictures import image_grid

TERMS = ("reconstruction", "feature_reconstruction")
# Weights of both terms and of the adversary.
PARTS = {
    "pixels alone": (1.0, 0.0, 0.0),
    "pixels + features": (1.0, 1.0, 0.0),
    "pixels + adversary": (1.0, 0.0, None),
    "all three": (1.0, 1.0, None),
}
LAYERS = ("maps_1", "pooling_1", "maps_2", "maps_3", "features", "logits")
SHOWN = 16
HEAD = ["accuracy", "of originals", "shuffled", "feature distance", "PSNR, dB", "Fréchet distance"]


def settings_of(weights: Sequence[float | None]) -> list[str]:
    """Settings of the weights; `None` for the preset's own."""
    keys = [f"objective.terms.{name}.weight" for name in TERMS] + ["objective.adversarial_weight"]
    return [f"{key}={each}" for key, each in zip(keys, weights, strict=True) if each is not None]


def trained(arguments: argparse.Namespace, settings: list[str]) -> Experiment:
    """The preset with these settings, trained without a run directory."""
    steps = [f"training.epochs={arguments.steps}", "training.steps_per_epoch=1"]
    given = [f"training.seed={arguments.seed}", *arguments.set, *steps, *settings]
    if arguments.data:
        given = [
            *(f"data.{key}={each}" for key, each in data_table(arguments.data).items()),
            *given,
        ]
    experiment = compose(load_config(arguments.preset, given))
    batches = training_batches(
        experiment.source,
        batch_size=experiment.examples_per_step,
        seed=experiment.config.training.seed,
    )
    experiment.gan.fit(batches, steps_per_epoch=experiment.total_steps, verbose=0)
    return experiment


def figures(experiment: Experiment) -> tuple[list[float], np.ndarray]:
    """A row of the table, and reconstructions of held-out images in levels."""
    evaluator, conditional = experiment.evaluator, conditional_samples(experiment)
    originals, labels = conditional.held_out.examples, evaluator.data.held_out.labels
    made = conditional.draw(1, 0)[:, 0]
    shares = independent_accuracy(evaluator.data, originals, made, labels[: len(made)])
    levels = np.round(made).astype(np.uint8)
    return [
        shares["reconstructions"],
        shares["originals"],
        shares["shuffled"],
        feature_distance(
            conditional.observe(made)["features"], conditional.held_out.observations["features"]
        ),
        signal_to_noise(made, originals),
        evaluator.evaluate(levels)["frechet_distance"],
    ], levels


def table(arguments: argparse.Namespace, first: str, rows: dict[str, list[str]]) -> list:
    """Trains and prints a row each; the originals and what was made of them."""
    printed, shown = [[first, *HEAD, "seconds"]], []
    for name, settings in rows.items():
        began = time.monotonic()
        experiment = trained(arguments, settings)
        seconds = time.monotonic() - began
        values, levels = figures(experiment)
        printed.append([name, *map(cell, values), f"{seconds:.0f}"])
        print("  ".join(printed[-1]), file=sys.stderr, flush=True)
        if not shown:
            originals = experiment.source.held_out_examples(len(levels))[0]
            floor = experiment.evaluator.evaluate(originals)["frechet_distance"]
            shown.append(originals[:SHOWN])
        shown.append(levels[:SHOWN])
    print(f"{len(levels)} held-out images, {arguments.steps:,} steps, seed {arguments.seed}; ")
    print(f"Fréchet distance of the originals themselves {cell(floor)}.\n")
    print(markdown(printed), "\n", flush=True)
    return shown


def main() -> None:
    """Trains, prints the tables and draws the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="invert-digits")
    parser.add_argument("--data", help="instead of the preset's, as of `train`")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--parts", nargs="+", default=[*PARTS], choices=PARTS)
    parser.add_argument("--layers", nargs="*", default=LAYERS)
    parser.add_argument("--png", help="where the picture goes")
    arguments = parser.parse_args()
    parts = {name: settings_of(PARTS[name]) for name in arguments.parts}
    rows = table(arguments, "loss", parts)
    if arguments.layers:
        layers = {name: [f"data.features.layer={name}"] for name in arguments.layers}
        rows += table(arguments, "layer", layers)[1:]
    if arguments.png:
        image_grid(np.concatenate(rows), columns=SHOWN).save(arguments.png)


if __name__ == "__main__":
    main()
