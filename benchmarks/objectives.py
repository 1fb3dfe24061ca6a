"""Every objective on the digits with the same network and budget.

    python -m benchmarks.objectives                       # about an hour and a half
    python -m benchmarks.objectives --objective hinge --seed 0
    python -m benchmarks.objectives --plot docs/images/objectives.png

Each is the preset `digits-<objective>`: the paper's losses, optimizers, penalties, constraint and
discriminator steps; network, generator steps and judgement of the preset `digits`. "to the
mixture": steps, and processor seconds, until the first evaluation whose Fréchet distance is at most
that of the 10-component Gaussian mixture. The last generator is judged.
"""

import argparse
import json
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.running import FailedError, cell, markdown, train
from ganapp.training.objectives import OBJECTIVES

FIGURES = ("precision", "recall", "coverage", "frechet_distance", "classes_found")
PLOTTED = {"coverage": "coverage, higher is better", "frechet_distance": "Fréchet distance, lower"}
OWN = {"relativistic": "digits"}  # the others' presets are named after them


def to_the_mixture(report: dict) -> str:
    """The first evaluation that reaches the baseline's distance: step and processor seconds."""
    wanted = report["last"]["figures"]["frechet_distance"]["baseline"]
    for line in (Path(report["directory"]) / "metrics.jsonl").read_text().splitlines():
        row = json.loads(line)
        found = row.get("evaluation", {}).get("frechet_distance")
        if found is not None and found <= wanted:
            seconds = report["processor_seconds"] * row["step"] / report["steps"]
            return f"{row['step']:,} ({seconds:.0f} s)"
    return "never"


def measured(objective: str, seed: int) -> tuple[list[str], dict]:
    """One row of the table, and the report (empty if training failed)."""
    preset = OWN.get(objective, f"digits-{objective.replace('_', '-')}")
    settings = [f"training.seed={seed}", "training.evaluate_every=500"]
    try:
        report = train(preset, f"{objective}-seed{seed}", settings, folder="objectives")
    except FailedError as failure:
        sentence = str(failure).strip().splitlines()[-1]
        return [objective, *["-"] * (len(FIGURES) + 1), sentence[:80]], {}
    values = [report["last"]["figures"][figure]["value"] for figure in FIGURES]
    seconds = str(report["processor_seconds"])
    return [objective, *map(cell, values), to_the_mixture(report), seconds], report


def plot(reports: dict[str, dict], path: Path) -> None:
    """Coverage and Fréchet distance of every objective, with those of the mixture."""
    figure = Figure(figsize=(9, 0.28 * len(reports) + 1.2), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    names = sorted(reports, key=lambda each: _coverage(reports[each]))
    for axes, (key, name) in zip(panels, PLOTTED.items(), strict=True):
        found = {each: reports[each]["last"]["figures"][key] for each in names}
        axes.plot([found[each]["value"] for each in names], names, "o", color="#4477aa")
        axes.grid(axis="y", color="#dddddd")
        axes.set_axisbelow(True)
        baseline = next(iter(found.values()))["baseline"]
        axes.axvline(baseline, color="#cc6677", label=f"Gaussian mixture, {baseline:.2g}")
        axes.set_xlabel(name)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(loc="lower right", frameon=True, fontsize="small")
    panels[1].set_xscale("log")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def _coverage(report: dict) -> float:
    return report["last"]["figures"]["coverage"]["value"]


def main() -> None:
    """Prints the table, best coverage first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objective", action="append", choices=OBJECTIVES)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", type=Path, help="picture of the table, .png")
    arguments = parser.parse_args()
    rows, reports = [], {}
    for objective in arguments.objective or OBJECTIVES:
        row, report = measured(objective, arguments.seed)
        rows.append(row)
        reports |= {objective: report} if report else {}
        print("|", " | ".join(rows[-1]), "|", flush=True)
    if arguments.plot:
        plot(reports, arguments.plot)
    rows.sort(key=lambda row: -float(row[3]) if row[3] != "-" else 1.0)
    head = ["objective", *(name.replace("_", " ") for name in FIGURES)]
    head += ["to the mixture", "processor s"]
    print(f"\n### digits, 1,797 samples, seed {arguments.seed}\n\n{markdown([head, *rows])}")


if __name__ == "__main__":
    main()
