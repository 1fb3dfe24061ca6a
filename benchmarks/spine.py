"""Trains the presets as a user would and holds the reports against what they must reach.

    python -m benchmarks.spine                     # every preset with targets, three seeds each
    python -m benchmarks.spine --preset digits --seed 0

Each run is a process of its own, one after the other. Prints Markdown tables; the runs stay in
`runs/spine/` with their reports and pictures. Exit code 1 if a target is missed. Seconds depend on
the machine, so what a training may cost is counted in floating operations (`benchmarks.flops`).
"""

import argparse
import dataclasses
import operator
import sys
from collections.abc import Callable

from benchmarks.running import FailedError, cell, markdown, train
from ganapp.screen import quiet_stderr

with quiet_stderr():
    from benchmarks.flops import training_operations
    from ganapp.config.loading import load_config
    from ganapp.runner.experiment import compose


@dataclasses.dataclass(frozen=True)
class Target:
    """What one figure of a preset's last or best generator must reach."""

    figure: str
    relation: str
    bound: float

    def met(self, value: float | None) -> bool:
        """Whether `value` reaches the target; a figure that has no value does not."""
        return value is not None and RELATIONS[self.relation](value, self.bound)


RELATIONS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
}
# Fréchet distances are of pixels in [-1, 1] on 32 principal components.
TARGETS = {
    "digits": [
        Target("precision", ">=", 0.92),
        Target("recall", ">=", 0.70),
        Target("coverage", ">=", 0.95),
        Target("smallest_class_share", ">=", 0.06),
        Target("largest_class_share", "<=", 0.15),
        Target("frechet_distance", "<=", 0.25),
        Target("teraflop", "<=", 10),
    ],
    "ring": [
        Target("modes", "==", 8),
        Target("fair_modes", "==", 8),
        Target("high_quality", ">=", 0.97),
        Target("reverse_kl", "<=", 0.01),
        Target("teraflop", "<=", 8),
    ],
    "grid": [
        Target("modes", "==", 25),
        Target("fair_modes", "==", 25),
        Target("high_quality", ">=", 0.97),
        Target("reverse_kl", "<=", 0.01),
        Target("teraflop", "<=", 12),
    ],
    "stacked-digits": [
        Target("modes", ">=", 990),
        Target("mode_kl", "<=", 0.10),
        Target("teraflop", "<=", 40),
    ],
}
# Figures in which the generator must beat the Gaussian mixture; shares that must not exceed those
# of held-out data by more than two standard errors of the difference (300 digits are few).
BETTER_THAN_BASELINE = {"digits": ["coverage", "frechet_distance"]}
NO_MORE_THAN_FLOOR = {"digits": ["memorised"]}


def misses(preset: str, report: dict) -> list[str]:
    """The targets that the best generator of a report misses, in words."""
    figures = report["best"]["figures"]
    values = {name: figure["value"] for name, figure in figures.items()}
    values["teraflop"] = report["teraflop"]
    missed = [
        f"{t.figure} {cell(values[t.figure])}, wanted {t.relation} {t.bound:g}"
        for t in TARGETS[preset]
        if not t.met(values[t.figure])
    ]
    better = {"higher": operator.gt, "lower": operator.lt}
    for name in BETTER_THAN_BASELINE.get(preset, []):
        figure = figures[name]
        if not better[figure["better"]](figure["value"], figure["baseline"]):
            missed.append(f"{name} {figure['value']:.4g}, the mixture has {figure['baseline']:.4g}")
    for name in NO_MORE_THAN_FLOOR.get(preset, []):
        figure = figures[name]
        if figure["value"] > figure["floor"] + 2 * standard_error(figure):
            missed.append(f"{name} {figure['value']:.4g}, real data has {figure['floor']:.4g}")
    return missed


def standard_error(figure: dict) -> float:
    """Standard error of the difference between a share and its floor, both binomial."""
    shares = [
        (figure["value"], figure["generated"]),
        (figure["floor"], figure["matched_generated"]),
    ]
    return sum(share * (1 - share) / count for share, count in shares) ** 0.5


def table(preset: str, reports: dict[int, dict]) -> str:
    """A Markdown table: one row a figure, one column a seed, floor and baseline beside them."""
    first = next(iter(reports.values()))["best"]
    wanted = {t.figure: f"{t.relation} {t.bound:g}" for t in TARGETS[preset]}
    wanted |= dict.fromkeys(NO_MORE_THAN_FLOOR.get(preset, []), "<= floor + 2 s.e.")
    for name in BETTER_THAN_BASELINE.get(preset, []):
        wanted[name] = f"{wanted[name]}, better than baseline"
    seeds = [f"seed {seed}" for seed in reports]
    rows = [["figure", "space", "wanted", *seeds, "floor", "baseline"]]
    for name, figure in first["figures"].items():
        values = [report["best"]["figures"][name]["value"] for report in reports.values()]
        cells = map(cell, (*values, figure["floor"], figure["baseline"]))
        rows.append([figure["name"], figure["space"], wanted.get(name, ""), *cells])
    for name, key in (
        ("training, TFLOP", "teraflop"),
        ("training, s", "training_seconds"),
        ("steps", "steps"),
    ):
        cells = (f"{report[key]:,}" for report in reports.values())
        rows.append([name, "", wanted.get(key, ""), *cells, "", ""])
    for which in ("best", "last"):
        cells = (f"{report[which]['step']:,}" for report in reports.values())
        rows.append([f"step of the {which} generator", "", "", *cells, "", ""])
    for target in TARGETS[preset]:  # the last one's, where it is another
        if target.figure in first["figures"]:
            values = [r["last"]["figures"][target.figure]["value"] for r in reports.values()]
            name = f"{first['figures'][target.figure]['name']} of the last"
            rows.append([name, "", "", *map(cell, values), "", ""])
    heading = f"### {preset}: {first['counts']['generated']:,} samples, k = {first['neighbours']}"
    return f"{heading}\n\n{markdown(rows, left=3)}"


def main() -> None:
    """Trains, prints the tables, and says which targets were missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", action="append", choices=TARGETS)
    parser.add_argument("--seed", action="append", type=int)
    arguments = parser.parse_args()
    missed = []
    for preset in arguments.preset or TARGETS:
        reports = {}
        teraflop = round(training_operations(compose(load_config(preset))) / 1e12, 1)
        for seed in arguments.seed or [0, 1, 2]:
            try:
                name = f"{preset}-seed{seed}"
                settings = [f"training.seed={seed}"]
                reports[seed] = train(preset, name, settings, folder="spine", anew=True)
                reports[seed]["teraflop"] = teraflop
            except FailedError as failure:  # the other seeds' hours are not lost
                missed.append(f"{preset}, seed {seed} failed: {failure}")
                continue
            missed += [f"{preset}, seed {seed}: {m}" for m in misses(preset, reports[seed])]
        if reports:
            print(table(preset, reports), end="\n\n", flush=True)
    print("Every target is reached." if not missed else "Missed:\n- " + "\n- ".join(missed))
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
