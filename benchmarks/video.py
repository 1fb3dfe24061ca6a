"""Next frames of moving digits: what each term and each scale brings, in moving pixels.

    python -m benchmarks.video                       # every case, seed 0
    python -m benchmarks.video --case "L2" --steps 500

All cases are of the preset `video-digits` with narrower networks, trained for as many steps, and
judged on 200 held-out clips: four frames are known, six are predicted, each from those before it.
"Single scale" has as many parameters in its one stack as three scales together.
"""

import argparse
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
        LAW,
        PREDICTION,
        PSNR,
        SHARPNESS,
        SSIM,
        VELOCITY,
    )

PRESET, FOLDER = "video-digits", "runs/video"
SMALL_ADVERSARY = ["discriminator.scales=1", "discriminator.channels=[4]"]
GDL = ["objective.adversarial_weight=0.0", *SMALL_ADVERSARY]
L2 = [*GDL, "objective.terms.gradient_difference.weight=0.0"]
SINGLE = ["generator.scales=1", "generator.channels=[29, 57, 29]"]
CASES = {
    "L2": L2,
    "L2 + GDL": GDL,
    "L2 + GDL + adversarial": [],
    "L2 + GDL + adversarial, single scale": SINGLE,
    "L2 + GDL + adversarial + mismatched pairs": [
        "objective.terms.mismatched_pairs={relative = true}"
    ],
}
FIGURES = (PSNR, SHARPNESS, SSIM)
REFERENCES = (COPY, VELOCITY, BEST, LAW)


def main() -> None:
    """Prints a table for each figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", action="append", choices=CASES)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=1500)
    arguments = parser.parse_args()
    found, sizes = {}, {}
    for case in arguments.case or CASES:
        began = time.perf_counter()
        experiment = _train(CASES[case], arguments.steps, arguments.seed)
        seconds = time.perf_counter() - began
        figures, picture = judge_rollout(experiment, experiment.source)
        os.makedirs(FOLDER, exist_ok=True)
        picture.save(f"{FOLDER}/{case.replace(' ', '-').replace(',', '')}.png")
        sizes[case] = [f"{experiment.gan.generator.count_params():,}", f"{seconds:.0f}"]
        found[case] = {name: figures[name][PREDICTION] for name in FIGURES}
        found |= {name: {key: figures[key][name] for key in FIGURES} for name in REFERENCES}
        print(case, *sizes[case], found[case], flush=True)
    order = [*sizes, *REFERENCES]
    for name in FIGURES:
        steps = len(found[order[0]][name])
        head = [name, "parameters", "seconds", *(f"+{step + 1}" for step in range(steps))]
        rows = [
            [case, *sizes.get(case, ["-", "-"]), *(f"{each:.2f}" for each in found[case][name])]
            for case in order
        ]
        print(f"\n{markdown([head, *rows])}", flush=True)


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
