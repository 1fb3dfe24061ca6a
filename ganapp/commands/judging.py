"""Judging: figures of a run, of several runs, of anybody's samples, and reasons of a failure."""

from pathlib import Path
from typing import Annotated

import typer

from ganapp.commands.common import RunArgument, console, runner
from ganapp.errors import UserError
from ganapp.runs import open_run

app = typer.Typer()


@app.command()
def evaluate(
    run: RunArgument,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Judge a run's best and last generator, with floor and baseline beside every figure."""
    open_run(run)
    runner().evaluate(run, console=console, as_json=as_json)


@app.command()
def diagnose(
    run: Annotated[Path | None, typer.Argument(metavar="[RUN]", help="The run directory.")] = None,
    dirac: Annotated[
        bool,
        typer.Option("--dirac", help="Draw every objective on the one-parameter game instead."),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Picture of --dirac, .png [default: dirac.png]."),
    ] = None,
    objectives: Annotated[
        list[str] | None,
        typer.Option("--objective", help="Of --dirac; may be repeated [default: all]."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Of RUN; print as JSON.")] = False,
) -> None:
    """Say why a run fails: theory against what was learnt, and alarms with a remedy each."""
    if dirac == (run is not None):
        raise UserError("`diagnose` takes either a run directory or --dirac.")
    if dirac and as_json:
        raise UserError("`--json` is for a run; `diagnose --dirac` draws a picture.")
    if dirac:
        runner().dirac(objectives or [], out=out or Path("dirac.png"), console=console)
        return
    if objectives or out is not None:
        raise UserError("`--objective` and `--out` are for `diagnose --dirac`, not for a run.")
    open_run(run)
    runner().diagnose(run, console=console, as_json=as_json)
