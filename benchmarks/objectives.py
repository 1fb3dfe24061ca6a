"""Every objective on the digits with the same network and budget.

    python -m benchmarks.objectives                       # about an hour and a half
    python -m benchmarks.objectives --objective hinge --seed 0

Each is the preset `digits-<objective>`: the paper's losses, optimizers, penalties, constraint and
discriminator steps; network, generator steps and judgement of the preset `digits`. "to the
mixture": steps, and processor seconds, until the first evaluation whose Fréchet distance is at most
that of the 10-component Gaussian mixture. The last generator is judged.
"""

import argparse
import json
from pathlib import Path

from benchmarks.running import FailedError, cell, markdown, train
from training.objectives import OBJECTIVES

FIGURES = ("precision", "recall", "coverage", "frechet_distance", "classes_found")
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


def measured(objective: str, seed: int) -> list[str]:
    """One row of the table."""
    preset = OWN.get(objective, f"digits-{objective.replace('_', '-')}")
    settings = [f"training.seed={seed}", "training.evaluate_every=500"]
    try:
        report = train(preset, f"{objective}-seed{seed}", settings, folder="objectives")
    except FailedError as failure:
        sentence = str(failure).strip().splitlines()[-1]
        return [objective, *["-"] * (len(FIGURES) + 1), sentence[:80]]
    values = [report["last"]["figures"][figure]["value"] for figure in FIGURES]
    seconds = str(report["processor_seconds"])
    return [objective, *map(cell, values), to_the_mixture(report), seconds]


def main() -> None:
    """Prints the table, best coverage first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objective", action="append", choices=OBJECTIVES)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rows = []
    for objective in arguments.objective or OBJECTIVES:
        rows.append(measured(objective, arguments.seed))
        print("|", " | ".join(rows[-1]), "|", flush=True)
    rows.sort(key=lambda row: -float(row[3]) if row[3] != "-" else 1.0)
    head = ["objective", *(name.replace("_", " ") for name in FIGURES)]
    head += ["to the mixture", "processor s"]
    print(f"\n### digits, 1,797 samples, seed {arguments.seed}\n\n{markdown([head, *rows])}")


if __name__ == "__main__":
    main()
