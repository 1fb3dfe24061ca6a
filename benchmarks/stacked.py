"""1,000 modes: by how much each remedy helps a plain DCGAN on stacked digits.

    python -m benchmarks.stacked                      # every remedy, seed 0
    python -m benchmarks.stacked --case packing

The generator and the judgement are those of the preset `stacked-digits`; 4,000 steps, 26,000
samples; a classifier's three labels are the mode. With the preset's discriminator a plain DCGAN
covers all modes by itself, so the remedies are compared on one a quarter as wide, as Metz et al.
(2016, arXiv:1611.02163) weakened theirs. The last generator is judged. "processor s": of all cores
together, evaluations included.
"""

import argparse
import re

from benchmarks.running import FailedError, cell, markdown, train

# DCGAN's own setting: non-saturating loss, Adam 2e-4 (.5, .999), batch normalisation in both.
DCGAN = ["objective.name=non_saturating", "generator.normalisation=batch"]
PLAIN = [*DCGAN, "discriminator.normalisation=batch"]
STEPS = "training.steps_per_epoch=500"  # of 8 epochs
QUARTER = "discriminator.channels=[24, 48]"
WEAK = [*PLAIN, QUARTER]
CASES = {
    "preset (relativistic + R1 + R2)": [],
    "plain DCGAN, the preset's discriminator": PLAIN,
    "plain DCGAN": WEAK,
    "packing of 2": [*WEAK, "discriminator.packing=2"],
    "minibatch discrimination": [*WEAK, "discriminator.minibatch=discrimination"],
    "minibatch standard deviation": [*WEAK, "discriminator.minibatch=standard_deviation"],
    "R1, no normalisation in D": [*DCGAN, QUARTER, "objective.terms.r1.weight=0.5"],
    "relativistic + R1 + R2": [QUARTER],
    "WGAN-GP": ["objective.name=wgan_gp", "generator.normalisation=batch", QUARTER],
}
FIGURES = ("modes", "mode_kl", "precision", "recall", "coverage", "frechet_distance")


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", action="append", choices=CASES)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rows = []
    for case in arguments.case or CASES:
        settings = [*CASES[case], f"training.seed={arguments.seed}", STEPS]
        name = f"{re.sub('[^a-zA-Z0-9]+', '-', case)}-seed{arguments.seed}"
        try:
            report = train("stacked-digits", name, settings, folder="stacked")
        except FailedError as failure:
            sentence = str(failure).strip().splitlines()[-1]
            rows.append([case, *["-"] * len(FIGURES), sentence])
            continue
        figures = report["last"]["figures"]
        values = [cell(figures[name]["value"]) for name in FIGURES]
        rows.append([case, *values, str(report["processor_seconds"])])
        print("|", " | ".join(rows[-1]), "|", flush=True)
        floor = [cell(figures[name]["floor"]) for name in FIGURES]
        baseline = [cell(figures[name]["baseline"]) for name in FIGURES]
    if any(row[1] != "-" for row in rows):
        rows += [["held-out real (floor)", *floor, ""], ["Gaussian mixture", *baseline, ""]]
    head = ["", *(name.replace("_", " ") for name in FIGURES), "processor s"]
    print(
        f"\n### stacked digits: 26,000 samples, seed {arguments.seed}\n\n{markdown([head, *rows])}"
    )


if __name__ == "__main__":
    main()
