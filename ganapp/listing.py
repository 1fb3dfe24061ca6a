"""Runs at a glance: read from their files alone, without TensorFlow."""

import json
import shlex
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ganapp.errors import UserError
from ganapp.loading import read_toml
from ganapp.runs import Run, open_run, runs_in
from ganapp.training.files import read_json

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
    "marginals",
    "associations",
    "tstr",
    "lost_tails",
)
FIGURES = ("frechet_distance", "coverage", "precision", "recall", "high_quality")


# What reading a report ends in whose tables and numbers are others than `ganapp` writes.
MISSHAPEN = (KeyError, TypeError, AttributeError, ValueError)

# What `list` knows; written out here because the members' modules take seconds to import.
FAMILIES = (
    "objectives",
    "terms",
    "augmentations",
    "weightings",
    "constraints",
    "priors",
    "networks",
    "data",
    "baselines",
    "features",
)
FORMER = {"penalties": "'terms'", "stabilisers": "'terms', 'augmentations' and 'weightings'"}


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
    """The verdict and main figures of a run with baseline and floor, and the paths of what it made.

    They are those that `evaluate` wrote last; where the run has gone on since, or was never
    evaluated, that is said with the command that does it.

    Raises:
        UserError: if the folder holds no run.
    """
    run = open_run(directory)
    report = run.read_report() or {}
    judged = report.get("best") or report.get("last")
    if judged is None:
        console.print(_not_evaluated(run), soft_wrap=True, highlight=False)
        return
    try:
        table, legend = _figures(judged), _legend(judged)
        title, stale = f"{run.name}, generator of step {judged['step']:,}", _gone_on(run, report)
    except MISSHAPEN as error:
        raise run.damaged(run.report) from error
    console.print(title, highlight=False, soft_wrap=True)
    console.print(table)
    console.print(legend, style="dim", highlight=False, soft_wrap=True)
    if verdict := report.get("verdict"):
        console.print(verdict, highlight=False, soft_wrap=True)
    if stale is not None:
        console.print(stale, style="yellow", highlight=False, soft_wrap=True)
    lines = [(title, str(path)) for title, path in _paths(run) if path.exists()]
    lines.append(("TensorBoard", f"tensorboard --logdir {run.logs}"))
    width = max(len(title) for title, _ in lines)
    for title, text in lines:
        console.print(f"{title:<{width}} {text}", soft_wrap=True, highlight=False)


def _figures(judged: dict[str, Any]) -> Table:
    """The main figures of a generator beside those they are to be compared with."""
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for heading in ("generated", "mixture", "matched", "held-out real"):
        table.add_column(heading, justify="right")
    for name in OVERVIEW:
        if name in judged["figures"]:
            figure = judged["figures"][name]
            values = [figure[column] for column in ("value", "baseline", "matched", "floor")]
            table.add_row(figure["name"], *map(short_number, values))
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


def short_number(value: float | None) -> str:
    """Three digits, or a dash where there is no value."""
    if value is None:
        return "-"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.1e}" if 0 < abs(value) < 1e-3 else f"{value:.3g}"


def _last_checkpoint(run: Run) -> int | None:
    """The step of the newest checkpoint."""
    steps = [int(path.stem.removeprefix("ckpt-")) for path in run.checkpoints.glob("ckpt-*.index")]
    return max(steps, default=None)


def _not_evaluated(run: Run) -> str:
    """How far the run is, and how to judge it as it is or to its end."""
    resume = f"`python -m ganapp resume {shlex.quote(str(run.directory))}` continues it"
    step = _last_checkpoint(run)
    if step is None:
        return f"The run {run.directory} is not evaluated yet and has no checkpoint; {resume}."
    judge = f"`python -m ganapp evaluate {shlex.quote(str(run.directory))}`"
    return (
        f"The run {run.directory} is not evaluated yet. Its last checkpoint is of step {step:,}: "
        f"{judge} judges that one, and {resume}."
    )


def _gone_on(run: Run, report: dict[str, Any]) -> str | None:
    """That there is a later checkpoint than the last one that was judged."""
    judged, step = (report.get("last") or {}).get("step"), _last_checkpoint(run)
    if judged is None or step is None or step <= judged:
        return None
    return (
        f"The run has gone on to step {step:,} since it was evaluated at step {judged:,}: "
        f"`python -m ganapp evaluate {shlex.quote(str(run.directory))}` judges it anew."
    )


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
        *map(short_number, values),
    ]


def _setting(config: dict[str, Any], table: str, key: str) -> str:
    tables = config.get(table)
    return str(tables.get(key, "?")) if isinstance(tables, dict) else "?"
