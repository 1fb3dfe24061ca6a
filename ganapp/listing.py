"""The table of runs: read from their files alone, without TensorFlow."""

import tomllib
from pathlib import Path

from rich.table import Table

from ganapp.runs import Run, runs_in

FIGURES = ("frechet_distance", "coverage", "precision", "recall", "high_quality")


def runs_table(folder: Path) -> Table:
    """One row a run: data, objective, progress and the main figures of its best generator.

    Raises:
        UserError: if there is no such folder.
    """
    table = Table(box=None, pad_edge=False)
    for heading in ("run", "data", "objective", "step"):
        table.add_column(heading)
    for name in FIGURES:
        table.add_column(name.replace("_", " "), justify="right")
    for run in runs_in(folder):
        table.add_row(*_row(run))
    return table


def _row(run: Run) -> list[str]:
    config = tomllib.loads(run.config.read_text(encoding="utf-8"))
    report = run.read_report() or {}
    judged = report.get("best") or report.get("last") or {}
    figures = judged.get("figures", {})
    values = [figures.get(name, {}).get("value") for name in FIGURES]
    last = max((row["step"] for row in run.read_metrics()), default=0)
    return [
        run.name,
        config["data"]["source"],
        config["objective"]["name"],
        f"{last:,}",
        *("-" if value is None else f"{value:.3g}" for value in values),
    ]
