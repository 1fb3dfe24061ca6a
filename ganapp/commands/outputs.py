"""What leaves a run: samples and artefacts."""

from pathlib import Path
from typing import Annotated

import typer

from ganapp.commands.common import CheckpointOption, RunArgument, check_checkpoint, console, runner
from ganapp.runs import open_run

app = typer.Typer()


@app.command()
def sample(
    run: RunArgument,
    out: Annotated[
        Path,
        typer.Option("--out", help="File ending in .npz, .png or .gif; of tables .csv, .parquet."),
    ],
    count: Annotated[int, typer.Option("--count", help="How many samples.")] = 64,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same file.")] = 0,
    truncation: Annotated[
        float,
        typer.Option(
            "--truncation",
            metavar="A",
            help="1 draws from the prior; below it, latents shrink towards the likeliest (0).",
        ),
    ] = 1.0,
    classes: Annotated[
        str | None,
        typer.Option(
            "--class",
            metavar="CLASS",
            help="Name or number of a class, or 'all' for --count of each, a row per class.",
        ),
    ] = None,
    checkpoint: CheckpointOption = "best",
) -> None:
    """Draw samples from a trained generator into a file."""
    open_run(run)
    check_checkpoint(checkpoint)
    runner().sample(
        run,
        count=count,
        seed=seed,
        truncation=truncation,
        classes=classes,
        out=out,
        which=checkpoint,
        console=console,
    )


@app.command()
def export(
    run: RunArgument,
    formats: Annotated[
        list[str] | None,
        typer.Option("--format", help="saved_model or litert; may be repeated [default: both]."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder [default: RUN/export].")] = None,
    checkpoint: CheckpointOption = "best",
) -> None:
    """Export a trained generator; every artefact is verified in a fresh process."""
    open_run(run)
    check_checkpoint(checkpoint)
    chosen = formats or ["saved_model", "litert"]
    runner().export(run, formats=chosen, out=out, which=checkpoint, console=console)
