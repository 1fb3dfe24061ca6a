"""Judging: figures of a run, of several, of any samples, and the reasons of a failure."""

from pathlib import Path
from typing import Annotated

import typer

from ganapp.commands.common import DataOption, SetOption, console, runner
from ganapp.errors import UserError
from ganapp.runs import open_run

app = typer.Typer()


@app.command()
def evaluate(
    run: Annotated[Path | None, typer.Argument(metavar="[RUN]", help="The run directory.")] = None,
    samples: Annotated[
        Path | None,
        typer.Option(
            "--samples",
            help="Instead of a run: .npz, .npy, of tables .csv or .parquet, or pictures' folder.",
        ),
    ] = None,
    real: Annotated[
        str | None,
        typer.Option(
            "--real",
            metavar="DATA",
            help="Of --samples: a preset or TOML file, a data source, or source:path.",
        ),
    ] = None,
    overrides: SetOption = None,
    data: DataOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Of --samples: folder for report and pictures.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Judge a run's best and last generator, or any samples, with a floor beside every figure."""
    if (run is None) == (samples is None):
        raise UserError("`evaluate` takes either a run directory or --samples.")
    if (samples is None) != (real is None):
        raise UserError("`--samples` and `--real` belong together.")
    if samples is None:
        if out is not None:
            raise UserError("`--out` is for --samples; a run's report goes to its own directory.")
        open_run(run)
        runner().evaluate(
            run, console=console, as_json=as_json, overrides=overrides or [], data=data
        )
        return
    if data is not None:
        raise UserError("`--data` is for a run; --real names the data of --samples.")
    if not samples.exists():
        raise UserError(f"`--samples` must be a file or a folder. Received: {samples}")
    runner().evaluate_samples(
        samples, real, console=console, as_json=as_json, overrides=overrides or [], out=out
    )


@app.command()
def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Two or more runs.")],
    out: Annotated[
        Path, typer.Option("--out", help="Folder for the picture and the figures.")
    ] = Path("comparison"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Compare the best generators of runs: figures with intervals, samples side by side."""
    for run in runs:
        open_run(run)
    runner().compare(runs, console=console, as_json=as_json, out=out)


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
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Of RUN: data.path, where its data lie."),
    ] = None,
    data: DataOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Of RUN; print as JSON.")] = False,
) -> None:
    """Say why a run fails: theory against what was learnt, and alarms with a remedy each."""
    if dirac == (run is not None):
        raise UserError("`diagnose` takes either a run directory or --dirac.")
    if dirac and as_json:
        raise UserError("`--json` is for a run; `diagnose --dirac` draws a picture.")
    if dirac and (overrides or data is not None):
        raise UserError("`--set` and `--data` are for a run; `diagnose --dirac` has no data.")
    if dirac:
        runner().dirac(objectives or [], out=out or Path("dirac.png"), console=console)
        return
    if objectives or out is not None:
        raise UserError("`--objective` and `--out` are for `diagnose --dirac`, not for a run.")
    open_run(run)
    runner().diagnose(run, console=console, as_json=as_json, overrides=overrides or [], data=data)
