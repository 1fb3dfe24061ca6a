"""Runs at a glance: read from their files alone, without TensorFlow."""

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ganapp.errors import UserError
from ganapp.loading import read_toml
from ganapp.runs import Run, open_run, runs_in
from training.files import read_json

OVERVIEW = (
    "precision",
    "recall",
    "coverage",
    "frechet_distance",
    "classes_found",
    "smallest_class_share",
    "largest_class_share",
    "memorised",
    "modes",
    "fair_modes",
    "high_quality",
    "reverse_kl",
)
FIGURES = ("frechet_distance", "coverage", "precision", "recall", "high_quality")


# What reading a report ends in whose tables and numbers are others than `ganapp` writes.
MISSHAPEN = (KeyError, TypeError, AttributeError, ValueError)

# What `list` knows; written out here because the members' modules take seconds to import.
FAMILIES = (
    "objectives",
    "penalties",
    "constraints",
    "stabilisers",
    "priors",
    "networks",
    "data",
    "baselines",
    "features",
)


def print_members(members: list[dict[str, Any]], console: Console, *, as_json: bool) -> None:
    """What a family has, as a table of three lines a member or as JSON."""
    if as_json:
        console.print_json(json.dumps(members, ensure_ascii=False))
        return
    for member in members:
        heading = f"{member['name']}"
        if len({each["kind"] for each in members}) > 1:
            heading += f" ({member['kind']})"
        console.print(Text(heading, style="bold"), Text(f"  {member['summary']}"), sep="")
        options = ", ".join(f"{key} = {value}" for key, value in member["options"].items())
        rows = {"formula": member["formula"], "paper": member["reference"], "options": options}
        rows |= {"combines": member["combines"], "use": f"--set {member['set']}"}
        table = Table.grid(padding=(0, 1, 0, 0))  # a long formula goes on below its beginning
        table.add_column(style="dim", no_wrap=True)
        table.add_column()
        for name, text in rows.items():
            if text:
                table.add_row(name, Text(text))
        console.print(Padding(table, (0, 0, 0, 2), expand=False))
        console.print()


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
        try:
            table.add_row(*_row(run))
        except (UserError, *MISSHAPEN):  # one damaged run must not hide the others
            table.add_row(run.name, "damaged")
    return table


def overview(directory: Path, console: Console) -> None:
    """The main figures of a run with baseline and floor, and the paths of what it made.

    Raises:
        UserError: if the folder holds no run.
    """
    run = open_run(directory)
    report = run.read_report() or {}
    judged = report.get("best") or report.get("last")
    if judged is None:
        console.print(f"The run {run.directory} is not evaluated yet; resume it to its end first.")
        return
    try:
        table, legend = _figures(run, judged), _legend(judged)
    except MISSHAPEN as error:
        raise run.damaged(run.report) from error
    console.print(table)
    console.print(legend, style="dim", highlight=False, soft_wrap=True)
    lines = [(title, str(path)) for title, path in _paths(run) if path.exists()]
    lines.append(("TensorBoard", f"tensorboard --logdir {run.logs}"))
    width = max(len(title) for title, _ in lines)
    for title, text in lines:
        console.print(f"{title:<{width}} {text}", soft_wrap=True, highlight=False)


def _figures(run: Run, judged: dict[str, Any]) -> Table:
    """The main figures of a generator beside those they are to be compared with."""
    table = Table(
        box=None,
        pad_edge=False,
        title=f"{run.name}, generator of step {judged['step']:,}",
        title_justify="left",
    )
    table.add_column("")
    for heading in ("generated", "mixture", "matched", "held-out real"):
        table.add_column(heading, justify="right")
    for name in OVERVIEW:
        if name in judged["figures"]:
            figure = judged["figures"][name]
            values = [figure[column] for column in ("value", "baseline", "matched", "floor")]
            table.add_row(figure["name"], *map(_short, values))
    return table


def _legend(judged: dict) -> str:
    counts = judged["counts"]
    real = counts["train"] + (counts["held_out"] if judged["reference"] == "all" else 0)
    return (
        f"generated and mixture ({judged['baseline']}): {counts['generated']:,} samples against "
        f"{real:,} real examples; matched (generated) and held-out real: {counts['matched']:,} "
        f"against the {counts['train']:,} training examples, to compare with each other."
    )


def _paths(run: Run) -> list[tuple[str, Path]]:
    return [
        ("report", run.directory / "report.md"),
        *(
            ("samples", path)
            for path in sorted(run.directory.glob("*.[pgn][npi][gfz]"))
            if path != run.data
        ),
        *_artefacts(run),
        ("model card", run.export / "model_card.md"),
    ]


def _artefacts(run: Run) -> list[tuple[str, Path]]:
    """Those that the export of a run says it has."""
    try:
        card = read_json(run.export / "model_card.json")
        return [(each["title"], run.export / each["path"]) for each in card["artefacts"]]
    except (OSError, ValueError, KeyError, TypeError):  # none, or damaged: `verify` says what
        return []


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _row(run: Run) -> list[str]:
    config = read_toml(run.config)
    report = run.read_report() or {}
    judged = report.get("best") or report.get("last") or {}
    figures = judged.get("figures", {})
    values = [figures.get(name, {}).get("value") for name in FIGURES]
    last = max((row["step"] for row in run.read_metrics()), default=0)
    return [
        run.name,
        _setting(config, "data", "source"),
        _setting(config, "objective", "name"),
        f"{last:,}",
        *map(_short, values),
    ]


def _setting(config: dict[str, Any], table: str, key: str) -> str:
    tables = config.get(table)
    return str(tables.get(key, "?")) if isinstance(tables, dict) else "?"
