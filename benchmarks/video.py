"""Next frames of moving digits: what each term and each scale brings, in moving pixels.

    python -m benchmarks.video                       # every case, seed 0
    python -m benchmarks.video --case "L2" --steps 500
    python -m benchmarks.video --case "random bounces" --case "random bounces, L2 of weight 1"

All cases are of the preset `video-digits` with narrower networks, trained for as many steps, and
judged on 200 held-out clips: four frames are known, six are predicted, each from those before it.
"Single scale" has as many parameters in its one stack as three scales together.

Of clips with random bounces eight futures are drawn of each, of other noise in every step: their
energy score stands beside that of their mean and of the law.
"""

import argparse
import dataclasses
import os
import time

from benchmarks.running import markdown
from ganapp.screen import quiet_stderr

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with quiet_stderr():
    import keras

    from ganapp.config.loading import load_config
    from ganapp.runner.experiment import compose
    from ganapp.runner.rollout import judge_rollout
    from ganapp.training.data.source import training_batches
    from ganapp.training.evaluation.rollouts import (
        BEST,
        COPY,
        ENERGY,
        LAW,
        MEAN,
        PREDICTION,
        PSNR,
        SHARPNESS,
        SSIM,
        VELOCITY,
        Figures,
    )

PRESET, FOLDER = "video-digits", "runs/video"
SMALL_ADVERSARY = ["discriminator.scales=1", "discriminator.channels=[4]"]
GDL = ["objective.adversarial_weight=0.0", *SMALL_ADVERSARY]
L2 = [*GDL, "objective.terms.gradient_difference.weight=0.0"]
SINGLE = ["generator.scales=1", "generator.channels=[29, 57, 29]"]
RANDOM = ["data.bounce=random"]
WEAK_L2 = [
    "objective.terms.reconstruction.weight=1.0",
    "objective.terms.gradient_difference.weight=0.2",
]
REFERENCES = (COPY, VELOCITY, BEST, LAW)


@dataclasses.dataclass(frozen=True)
class Group:
    """Cases of the same data, and what is printed of them.

    Args:
        cases: settings by name.
        figures: a table for each.
        draws: futures of each clip.
        predictors: of every case, one row each; the first goes by the name of the case.
    """

    cases: dict[str, list[str]]
    figures: tuple[str, ...]
    draws: int
    predictors: tuple[str, ...]


GROUPS = (
    Group(
        cases={
            "L2": L2,
            "L2 + GDL": GDL,
            "L2 + GDL + adversarial": [],
            "L2 + GDL + adversarial, single scale": SINGLE,
            "L2 + GDL + adversarial + mismatched pairs": [
                "objective.terms.mismatched_pairs={relative = true}"
            ],
        },
        figures=(PSNR, SHARPNESS, SSIM),
        draws=1,
        predictors=(PREDICTION,),
    ),
    Group(
        cases={
            "random bounces": RANDOM,
            "random bounces, L2 of weight 1": [*RANDOM, *WEAK_L2],
        },
        figures=(ENERGY, PSNR, SHARPNESS),
        draws=8,
        predictors=(PREDICTION, MEAN),
    ),
)
CASES = [case for group in GROUPS for case in group.cases]


def main() -> None:
    """Prints a table for each figure of each group of cases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", action="append", choices=CASES)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=1500)
    arguments = parser.parse_args()
    os.makedirs(FOLDER, exist_ok=True)
    for group in GROUPS:
        found, sizes = {}, {}
        for case in (case for case in group.cases if case in (arguments.case or CASES)):
            began = time.perf_counter()
            experiment = _train(group.cases[case], arguments.steps, arguments.seed)
            seconds = time.perf_counter() - began
            figures, picture = judge_rollout(experiment, experiment.source, draws=group.draws)
            picture.save(f"{FOLDER}/{case.replace(' ', '-').replace(',', '')}.png")
            sizes[case] = [f"{experiment.gan.generator.count_params():,}", f"{seconds:.0f}"]
            found[case] = figures
            print(case, *sizes[case], flush=True)
        if found:
            print(tables(group, found, sizes), flush=True)


def tables(group: Group, found: dict[str, Figures], sizes: dict[str, list[str]]) -> str:
    """A table for each figure of a group, by the step of the prediction.

    Args:
        found: figures by case.
        sizes: parameters and seconds by case.
    """
    parts = []
    for name in group.figures:
        rows = [
            [case if who == PREDICTION else f"{case}: {who}", *sizes[case], *figures[name][who]]
            for case, figures in found.items()
            for who in group.predictors
        ]
        references = next(iter(found.values()))[name]  # the same clips in every case
        rows += [[who, "-", "-", *references[who]] for who in REFERENCES]
        steps = [f"+{step + 1}" for step in range(len(rows[0]) - 3)]
        lines = [[*row[:3], *(f"{value:.2f}" for value in row[3:])] for row in rows]
        parts.append(markdown([[name, "parameters", "seconds", *steps], *lines]))
    return "\n\n".join(["", *parts])


def _train(settings: list[str], steps: int, seed: int):
    """An experiment whose networks have been trained; nothing is written."""
    overrides = [
        "generator.channels=[16, 32, 16]",
        *settings,
        f"training.seed={seed}",
        "training.epochs=1",
        f"training.steps_per_epoch={steps}",
        "training.ema_half_life=2000.0",
    ]
    keras.backend.clear_session()
    config = load_config(PRESET, overrides)
    experiment = compose(config)
    batches = training_batches(
        experiment.source, batch_size=experiment.examples_per_step, seed=config.training.seed
    )
    experiment.gan.fit(batches, steps_per_epoch=steps, verbose=0)
    return experiment


if __name__ == "__main__":
    main()
