"""`ganapp runs`: the runs in a folder, read from their files alone, without TensorFlow."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ganapp.config.presets import read_toml
from ganapp.errors import UserError
from ganapp.runs import MISSHAPEN, RUNS, Json, Run, runs_in
from ganapp.screen import console, short_number

FIGURES = ("frechet_distance", "coverage", "precision", "recall", "high_quality")


def runs(
    folder: Annotated[Path, typer.Argument(help="The folder that holds the runs.")] = RUNS,
) -> None:
    """List the runs in a folder with their main figures."""
    table = Table(box=None, pad_edge=False)
    for heading in ("run", "data", "objective", "step"):
        table.add_column(heading)
    for name in FIGURES:
        table.add_column(name.replace("_", " "), justify="right")
    for run in runs_in(folder):
        try:
            table.add_row(*_row(run))
        except (UserError, *MISSHAPEN):  # one damaged run must not hide the others
            table.add_row(run.name, "damaged")
    console.print(table if table.row_count else f"There are no runs in {folder}.")


def _row(run: Run) -> list[str]:
    config = read_toml(run.config)
    report = run.read_report() or {}
    evaluated = report.get("best") or report.get("last") or {}
    figures = evaluated.get("figures", {})
    values = [figures.get(name, {}).get("value") for name in FIGURES]
    last = max((row["step"] for row in run.read_metrics()), default=0)
    return [
        run.name,
        _setting(config, "data", "source"),
        _setting(config, "objective", "name"),
        f"{last:,}",
        *map(short_number, values),
    ]


def _setting(config: Json, table: str, key: str) -> str:
    tables = config.get(table)
    return str(tables.get(key, "?")) if isinstance(tables, dict) else "?"
