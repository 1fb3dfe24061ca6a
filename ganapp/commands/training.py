"""Training: a new run, and a run that goes on."""

from pathlib import Path
from typing import Annotated

import typer

from ganapp.commands.common import DataOption, RunArgument, SetOption, console, runner
from ganapp.errors import UserError
from ganapp.runs import open_run

app = typer.Typer()


@app.command()
def train(
    preset: Annotated[
        str | None,
        typer.Argument(
            metavar="[PRESET_OR_TOML]",
            help="A preset's name or a TOML file; without one, --data decides.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="DATA",
            help="A data source, source:path, or a path: instead of the preset's data.",
        ),
    ] = None,
    size: Annotated[
        int | None, typer.Option("--size", help="Of the images of --data: their height and width.")
    ] = None,
    run: Annotated[
        Path | None, typer.Option("--run", help="Run directory [default: runs/<preset>-<NNNN>].")
    ] = None,
    overrides: SetOption = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Prepare the data, validate, show the plan, then stop."),
    ] = False,
) -> None:
    """Train a GAN, then evaluate it and write its report."""
    from ganapp.loading import config_path, read_toml

    if preset is not None:  # what is cheap to find out is said before TensorFlow loads
        read_toml(config_path(preset))
    elif data is None:
        raise UserError("`train` takes a preset, a TOML file or --data.")
    code = runner().train(
        preset,
        data=data,
        size=size,
        directory=run,
        overrides=overrides or [],
        dry_run=dry_run,
        console=console,
    )
    raise typer.Exit(code)


@app.command()
def resume(
    run: RunArgument,
    config: Annotated[
        str | None,
        typer.Option("--config", help="A preset or TOML file that must equal the run's own."),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="More training.epochs make the run longer; data.path is where its data lie now.",
        ),
    ] = None,
    data: DataOption = None,
) -> None:
    """Continue a run to its configured end, exactly as if it had never stopped."""
    open_run(run)
    code = runner().resume(
        run, preset_or_file=config, overrides=overrides or [], data=data, console=console
    )
    raise typer.Exit(code)
