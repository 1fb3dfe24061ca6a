"""Every objective on the ring and the grid, beside the published rows and the floor.

    python -m benchmarks.modes                                  # hours: all objectives, three seeds
    python -m benchmarks.modes --data ring --objective wgan_gp --objective hinge --seed 0

Twice each: at its paper's settings (optimizers, penalties, constraint, discriminator steps), and at
one common setting, that of the preset: its optimizers and annealed R1 + R2. Network, length and
judgement are the preset's throughout. Means over seeds; the last generator is judged, because
choosing the best would hide who does not converge.
"""

import argparse
import statistics

from benchmarks.running import FailedError, cell, markdown, train
from training.objectives import OBJECTIVES

FIGURES = ("modes", "fair_modes", "high_quality", "reverse_kl", "sigma_ratio")
# Published under the same protocol: modes, share of high quality, reverse KL.
PUBLISHED = {
    "ring": {
        "GAN (in VEEGAN)": (1, 0.993, None),
        "Unrolled GAN": (7.6, 0.356, None),
        "VEEGAN": (8, 0.529, None),
        "GAN (in PacGAN, 400k steps)": (6.3, 0.982, 0.45),
        "PacGAN4 (400k steps)": (7.8, 0.959, 0.07),
    },
    "grid": {
        "GAN (in VEEGAN)": (3.3, 0.005, None),
        "Unrolled GAN": (23.6, 0.16, None),
        "VEEGAN": (24.6, 0.40, None),
        "GAN (in PacGAN, 400k steps)": (17.3, 0.948, 0.70),
        "PacGAN4 (400k steps)": (24.8, 0.936, 0.04),
    },
}
RATES = {"ring": "2e-3", "grid": "2e-3"}
PENALTIES = {"ring": (0.2, 0.0005), "grid": (0.5, 0.0001)}


def paper(data: str, objective: str) -> list[str]:
    """The objective with all that its paper sets."""
    # A second name first: the preset's own objective would otherwise keep the preset's settings.
    return ["objective.name=minimax", f"objective.name={objective}"]


def common(data: str, objective: str) -> list[str]:
    """The objective's losses alone, in the preset's surroundings."""
    start, end = PENALTIES[data]
    weight = f"{{weight={{start={start}, end={end}, shape='exponential'}}}}"
    rate = f"{{start={RATES[data]}, end=1e-5}}"
    optimizer = f"{{name='adam', learning_rate={rate}, beta_1=0.0, beta_2=0.99}}"
    return [
        *paper(data, objective),
        "objective.discriminator_steps=1",
        "objective.constraint={name='none'}",
        f"objective.penalties={{r1={weight}, r2={weight}}}",
        f"generator.optimizer={optimizer}",
        f"discriminator.optimizer={optimizer}",
    ]


SETTINGS = {"paper": paper, "common": common}


def measured(data: str, objective: str, setting: str, seeds: list[int]) -> list[str]:
    """One row: means over the seeds, or why there is none."""
    reports = []
    for seed in seeds:
        settings = [*SETTINGS[setting](data, objective), f"training.seed={seed}"]
        try:
            name = f"{data}-{objective}-{setting}-seed{seed}"
            reports.append(train(data, name, settings, folder="modes"))
        except FailedError as failure:
            sentence = str(failure).strip().splitlines()[-1]
            return [objective, setting, *["-"] * len(FIGURES), sentence[:80]]
    values = [
        [report["last"]["figures"][figure]["value"] for report in reports] for figure in FIGURES
    ]
    means = [None if None in each else statistics.mean(each) for each in values]
    seconds = statistics.mean(report["processor_seconds"] for report in reports)
    return [objective, setting, *map(cell, means), f"{seconds:.0f}"]


def main() -> None:
    """Prints one table for each data source."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", action="append", choices=PUBLISHED)
    parser.add_argument("--objective", action="append", choices=OBJECTIVES)
    parser.add_argument("--setting", action="append", choices=SETTINGS)
    parser.add_argument("--seed", action="append", type=int)
    arguments = parser.parse_args()
    seeds = arguments.seed or [0, 1, 2]
    for data in arguments.data or PUBLISHED:
        rows = [["", "setting", "modes", "fair", "HQ", "reverse KL", "sigma ratio", "processor s"]]
        for name, (modes, share, divergence) in PUBLISHED[data].items():
            shown = (cell(modes), "-", cell(share), cell(divergence), "-", "-")
            rows.append([name, "published", *shown])
        for objective in arguments.objective or OBJECTIVES:
            for setting in arguments.setting or SETTINGS:
                rows.append(measured(data, objective, setting, seeds))
                print("|", " | ".join(rows[-1]), "|", flush=True)
        print(f"\n### {data}: 2,500 samples, seeds {seeds}\n\n{markdown(rows, left=2)}\n")


if __name__ == "__main__":
    main()
