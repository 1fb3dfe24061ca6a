"""Systems beside what they are to be better than: the tables of docs/systems.md.

    python -m benchmarks.systems pyramid --seed 0    # levels beside one network
    python -m benchmarks.systems canvas              # one, three and five steps
    python -m benchmarks.systems mnist-pyramid --data npz:mnist-10k.npz

Each case is one run of a preset with settings; the generator that a report calls the best is
judged. What is compared has as many parameters of either player (within two hundredths) and as many
steps, or about as many seconds. "seconds": of the training by the clock; "processor s": of all
cores together, evaluations included. The floor is of as many samples as are held out: coverage and
Frechet distance of fewer samples are worse.
"""

import argparse
import dataclasses
import json
from pathlib import Path

from benchmarks.running import cell, markdown, train

FIGURES = ("precision", "recall", "coverage", "frechet_distance")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """Runs that stand beside each other.

    Args:
        preset: of all cases, or a TOML file.
        cases: settings of each by its name in the table.
        figures: of the report.
    """

    preset: str
    cases: dict[str, list[str]]
    figures: tuple[str, ...] = FIGURES


COMPARISONS = {
    "pyramid": Comparison(
        preset="lapgan-digits",
        cases={
            "two levels": [],
            "noise of .2 on coarse images": ["data.coarse_noise=0.2"],
            "one network": [
                "levels={}",
                "generator.channels=[128, 68]",
                "discriminator.channels=[40, 80]",
            ],
        },
    ),
    "canvas": Comparison(
        preset="gran-digits",
        cases={
            # It has nothing to look at, so no encoder: its decoder is wider.
            "1 step": ["generator.steps=1", "generator.channels=[82, 48]"],
            "3 steps": ["generator.steps=3"],
            "5 steps": ["generator.steps=5"],
        },
    ),
    "mnist-pyramid": Comparison(
        preset="lapgan-mnist",
        cases={
            "three levels": [],
            "noise of .2 on coarse images": ["data.coarse_noise=0.2"],
            "one network": [
                "levels={}",
                "generator.channels=[212, 112, 56]",
                "discriminator.channels=[38, 78, 124]",
                "training.epochs=20",
            ],
        },
    ),
    "mnist-canvas": Comparison(
        preset="gran-mnist",
        cases={
            "1 step": ["generator.steps=1", "generator.channels=[90, 50]"],
            "3 steps": ["generator.steps=3"],
            "5 steps": ["generator.steps=5"],
        },
    ),
}


def main() -> None:
    """Prints the table of a system."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("system", choices=COMPARISONS)
    parser.add_argument("--case", action="append", help="of the table; all by default")
    parser.add_argument("--data", help="instead of the preset's, as of `train`")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    system, cases = arguments.system, arguments.case
    print(compare(system, COMPARISONS[system], cases, arguments.seed, arguments.data))


def compare(
    system: str,
    comparison: Comparison,
    cases: list[str] | None,
    seed: int,
    data: str | None = None,
) -> str:
    """The table of a comparison: a run a row, and the floor and the mixture below."""
    head = ["", "parameters", "steps", "seconds", "processor s"]
    rows = [[*head, *(name.replace("_", " ") for name in comparison.figures)]]
    for case in cases or comparison.cases:
        settings = [*comparison.cases[case], f"training.seed={seed}"]
        name = f"{system}-{case.replace(' ', '-')}-seed{seed}"
        report = train(comparison.preset, name, settings, folder="systems", data=data)
        judged = report["best"] or report["last"]
        figures = [judged["figures"][key] for key in comparison.figures]
        spent = (report["steps"], report["training_seconds"], report["processor_seconds"])
        values = [cell(each["value"]) for each in figures]
        rows.append([case, parameters(Path(report["directory"])), *map(str, spent), *values])
    floor = f"{judged['counts']['matched']:,} held-out ones (floor)"
    for title, column in ((floor, "floor"), ("Gaussian mixture", "baseline")):
        rows.append([title, "", "", "", "", *(cell(each[column]) for each in figures)])
    return markdown(rows)


def parameters(run: Path) -> str:
    """Parameters of the generator and the discriminator of a run, of all its levels together."""
    levels = [path.parent for path in run.glob("levels/*/manifest.json")]
    counts = [
        json.loads((folder / "manifest.json").read_text())["parameters"]
        for folder in levels or [run]
    ]
    players = ("generator", "discriminator")
    return " + ".join(f"{sum(each[player] for each in counts):,}" for player in players)


if __name__ == "__main__":
    main()
