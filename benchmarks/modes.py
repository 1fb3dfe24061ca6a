"""Every objective on the ring and the grid, beside the published rows and the floor.

    python -m benchmarks.modes                                  # hours: all objectives, three seeds
    python -m benchmarks.modes --data ring --objective wgan_gp --objective hinge --seed 0
    python -m benchmarks.modes --plot docs/images/modes.png     # the picture beside the tables

Twice each: at its paper's settings (optimizers, penalties, constraint, discriminator steps), and at
one common setting, that of the preset: its optimizers and annealed R1 + R2. Network and judgement
are the preset's throughout; the length is 10,000 generator steps of 128 examples, a tenth to a
sixteenth of the presets' examples, which have rows of their own. Means over seeds; the last
generator is judged, because choosing the best would hide who does not converge.

What has been measured is remembered (`benchmarks/running.py`): stop it and start it again.
"""

import argparse
import statistics
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.running import FailedError, cell, markdown, train
from ganapp.training.objectives import OBJECTIVES

FIGURES = ("modes", "fair_modes", "high_quality", "reverse_kl", "sigma_ratio")
COLOURS = {"paper": "#cc6677", "common": "#4477aa"}
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
LENGTH = [
    "training.epochs=10",
    "training.batch_size=128",
    "training.ema_half_life=88_500.0",
    *(f"training.{what}_every=10_000" for what in ("evaluate", "sample", "checkpoint")),
]
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
        f"objective.terms={{r1={weight}, r2={weight}}}",
        f"generator.optimizer={optimizer}",
        f"discriminator.optimizer={optimizer}",
    ]


SETTINGS = {"paper": paper, "common": common}


def measured(data: str, name: str, settings: list[str], seeds: list[int]) -> tuple[list, dict]:
    """One row without its name: means over the seeds, or why there is none; and a report."""
    reports = []
    for seed in seeds:
        seeded = [*settings, f"training.seed={seed}"]
        try:
            reports.append(train(data, f"{data}-{name}-seed{seed}", seeded, folder="modes"))
        except FailedError as failure:
            sentence = str(failure).strip().splitlines()[-1]
            return [*["-"] * len(FIGURES), sentence[:80]], {}
    values = [
        [report["last"]["figures"][figure]["value"] for report in reports] for figure in FIGURES
    ]
    means = [None if None in each else statistics.mean(each) for each in values]
    seconds = statistics.mean(report["processor_seconds"] for report in reports)
    return [*map(cell, means), f"{seconds:.0f}"], reports[0]


def compared(data: str, objectives: list[str], settings: list[str], seeds: list[int]) -> list:
    """The table of one data source: published rows, the preset, the floor, every objective."""
    rows = [["", "setting", "modes", "fair", "HQ", "reverse KL", "sigma ratio", "processor s"]]
    for name, (modes, share, divergence) in PUBLISHED[data].items():
        shown = (cell(modes), "-", cell(share), cell(divergence), "-", "-")
        rows.append([name, "published", *shown])
    values, report = measured(data, "preset", [], seeds)
    rows.append([f"preset {data}", "full length", *values])
    figures = report["last"]["figures"]
    floor = [cell(figures[figure]["floor"]) for figure in FIGURES]
    rows.append(["held-out real", "floor", *floor, "-"])
    for objective in objectives:
        for setting in settings:
            chosen = [*SETTINGS[setting](data, objective), *LENGTH]
            values, _ = measured(data, f"{objective}-{setting}", chosen, seeds)
            rows.append([objective, setting, *values])
            print("|", " | ".join(rows[-1]), "|", flush=True)
    return rows


def plot(tables: dict[str, list], path: Path) -> None:
    """Share of high quality and reverse KL of every objective at both settings, by data source."""
    figure = Figure(figsize=(9, 7.5 * len(tables)), layout="constrained")
    rows = figure.subplots(len(tables), 2, sharey="row", squeeze=False)
    for panels, (data, table) in zip(rows, tables.items(), strict=True):
        panels[0].set_title(data, loc="left", fontweight="bold")
        for axes, column, name in zip(panels, (4, 5), ("high quality", "reverse KL"), strict=True):
            _dots(axes, table, column)
            axes.set_xlabel(f"{name}, {'lower' if column == 5 else 'higher'} is better")
        panels[1].set_xscale("log")
    marks = rows[0][0].get_legend_handles_labels()
    figure.legend(*marks, loc="outside upper right", ncols=3, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)


def _dots(axes, table: list, column: int) -> None:
    """A row for each objective, best of the common setting above; a line for the floor."""
    found = {
        setting: {row[0]: _number(row[column]) for row in table[1:] if row[1] == setting}
        for setting in COLOURS
    }
    names = [row[0] for row in table[1:] if row[1] in COLOURS]
    names = sorted(dict.fromkeys(names), key=lambda each: _quality(table, each))
    floor = next(_number(row[column]) for row in table if row[1] == "floor")
    axes.axvline(floor, color="#777777", linestyle=":", label="held-out real examples")
    for setting, values in found.items():
        places = [values.get(name, float("nan")) for name in names]
        axes.plot(places, names, "o", color=COLOURS[setting], label=f"{setting} setting")
    axes.grid(axis="y", color="#dddddd")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _number(text: str) -> float:
    return float("nan") if text == "-" else float(text)


def _quality(table: list, name: str) -> float:
    shares = [_number(row[4]) for row in table[1:] if row[0] == name and row[1] == "common"]
    return shares[0] if shares and shares[0] == shares[0] else -1.0


def main() -> None:
    """Prints one table for each data source."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", action="append", choices=PUBLISHED)
    parser.add_argument("--objective", action="append", choices=OBJECTIVES)
    parser.add_argument("--setting", action="append", choices=SETTINGS)
    parser.add_argument("--seed", action="append", type=int)
    parser.add_argument("--plot", type=Path, help="also draw the tables into this file")
    arguments = parser.parse_args()
    seeds = arguments.seed or [0, 1, 2]
    objectives, settings = arguments.objective or OBJECTIVES, arguments.setting or SETTINGS
    tables = {}
    for data in arguments.data or PUBLISHED:
        rows = tables[data] = compared(data, list(objectives), list(settings), seeds)
        print(f"\n### {data}: 2,500 samples, seeds {seeds}\n\n{markdown(rows, left=2)}\n")
    if arguments.plot:
        plot(tables, arguments.plot)


if __name__ == "__main__":
    main()
