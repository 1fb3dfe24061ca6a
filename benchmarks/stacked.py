"""1,000 modes: by how much each remedy helps a plain DCGAN on stacked digits.

    python -m benchmarks.stacked                      # every remedy, seed 0
    python -m benchmarks.stacked --case packing

The network, the steps and the judgement are those of the preset `stacked-digits`; 26,000 samples;
a classifier's three labels are the mode. The last generator is judged. "processor s": of all cores
together, evaluations included.
"""

import argparse

from benchmarks.running import FailedError, cell, markdown, train

# DCGAN's own setting: non-saturating loss, Adam 2e-4 (.5, .999), batch normalisation in both.
DCGAN = ["objective.name=non_saturating", "generator.normalisation=batch"]
PLAIN = [*DCGAN, "discriminator.normalisation=batch"]
CASES = {
    "plain DCGAN": PLAIN,
    "packing": [*PLAIN, "discriminator.packing=2"],
    "minibatch discrimination": [*PLAIN, "discriminator.minibatch=discrimination"],
    "minibatch standard deviation": [*PLAIN, "discriminator.minibatch=standard_deviation"],
    "WGAN-GP": ["objective.name=wgan_gp", "generator.normalisation=batch"],
    "R1 alone": [*DCGAN, "objective.penalties.r1.weight=0.5"],
    "preset (relativistic + R1 + R2)": [],
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
        settings = [*CASES[case], f"training.seed={arguments.seed}"]
        name = f"{case.split(' (')[0].replace(' ', '-')}-seed{arguments.seed}"
        try:
            report = train("stacked-digits", name, settings, folder="stacked")
        except FailedError as failure:
            sentence = str(failure).strip().splitlines()[-1]
            rows.append([case, *["-"] * len(FIGURES), sentence[:80]])
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
