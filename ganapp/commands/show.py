"""`ganapp show`: a finished run, read from its files alone, without TensorFlow."""

import shlex
from pathlib import Path

from rich.table import Table

from ganapp.commands.options import RunArgument
from ganapp.runs import MISSHAPEN, OVERVIEW, Json, Run, open_run
from ganapp.screen import console, say, short_number
from ganapp.training.files import read_json


def show(run: RunArgument) -> None:
    """Show a finished run: its main figures and where everything is."""
    opened = open_run(run, builds=False)
    report = opened.read_report() or {}
    evaluated = report.get("best") or report.get("last")
    if evaluated is None:
        say(_not_evaluated(opened))
        return
    try:
        table, legend = _figures(evaluated), _legend(evaluated)
        title = f"{opened.name}, generator of step {evaluated['step']:,}"
        stale = _gone_on(opened, report)
    except MISSHAPEN as error:
        raise opened.damaged(opened.report) from error
    say(title)
    console.print(table)
    say(legend, style="dim")
    if verdict := report.get("verdict"):
        say(verdict)
    if stale is not None:
        say(stale, style="yellow")
    lines = [(title, str(path)) for title, path in _paths(opened) if path.exists()]
    lines.append(("TensorBoard", f"tensorboard --logdir {opened.logs}"))
    width = max(len(title) for title, _ in lines)
    for title, text in lines:
        say(f"{title:<{width}} {text}")


def _figures(evaluated: Json) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for heading in ("generated", "mixture", "matched", "held-out real"):
        table.add_column(heading, justify="right")
    figures = evaluated["figures"]
    for figure in (figures[name] for name in OVERVIEW if name in figures):
        values = [figure[column] for column in ("value", "baseline", "matched", "floor")]
        table.add_row(figure["name"], *map(short_number, values))
    return table


def _legend(evaluated: Json) -> str:
    counts = evaluated["counts"]
    real = counts["train"] + (counts["held_out"] if evaluated["reference"] == "all" else 0)
    return (
        f"generated and mixture ({evaluated['baseline']}): {counts['generated']:,} samples against "
        f"{real:,} real examples; matched (generated) and held-out real: {counts['matched']:,} "
        f"against the {counts['train']:,} training examples, to compare with each other."
    )


def _paths(run: Run) -> list[tuple[str, Path]]:
    samples = set(run.directory.glob("*.[pgn][npi][gfz]")) - {run.data, run.examples}
    try:
        card = read_json(run.export / "model_card.json")
        artefacts = [(each["title"], run.export / each["path"]) for each in card["artefacts"]]
    except (OSError, ValueError, KeyError, TypeError):  # none, or damaged: `verify` says what
        artefacts = []
    return [
        ("report", run.directory / "report.md"),
        *(("samples", path) for path in sorted(samples)),
        *artefacts,
        ("model card", run.export / "model_card.md"),
    ]


def _last_checkpoint(run: Run) -> int | None:
    steps = [int(path.stem.removeprefix("ckpt-")) for path in run.checkpoints.glob("ckpt-*.index")]
    return max(steps, default=None)


def _not_evaluated(run: Run) -> str:
    resume = f"`python -m ganapp resume {shlex.quote(str(run.directory))}` continues it"
    step = _last_checkpoint(run)
    if step is None:
        return f"The run {run.directory} is not evaluated yet and has no checkpoint; {resume}."
    evaluate = f"`python -m ganapp evaluate {shlex.quote(str(run.directory))}`"
    return (
        f"The run {run.directory} is not evaluated yet. Its last checkpoint is of step {step:,}: "
        f"{evaluate} judges that one, and {resume}."
    )


def _gone_on(run: Run, report: Json) -> str | None:
    evaluated, step = (report.get("last") or {}).get("step"), _last_checkpoint(run)
    if evaluated is None or step is None or step <= evaluated:
        return None
    return (
        f"The run has gone on to step {step:,} since it was evaluated at step {evaluated:,}: "
        f"`python -m ganapp evaluate {shlex.quote(str(run.directory))}` judges it anew."
    )
