"""What leaves a run: samples and artefacts."""

import os
from pathlib import Path
from typing import Annotated

import typer

from ganapp.commands.common import (
    CheckpointOption,
    DataOption,
    RunArgument,
    check_checkpoint,
    console,
    runner,
)
from ganapp.errors import UserError
from ganapp.runs import open_run

app = typer.Typer()


@app.command()
def sample(
    run: RunArgument,
    out: Annotated[
        str,
        typer.Option(
            "--out",
            metavar="PATH",
            help="File ending in .npz, .png or .gif; of tables .csv, .parquet; of images also a "
            "folder/ for single pictures.",
        ),
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
        out=Path(out),
        folder=out.endswith(os.sep),
        which=checkpoint,
        console=console,
    )


@app.command()
def export(
    run: RunArgument,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            help="saved_model, litert, litert_float16, litert_dynamic, litert_int8, onnx or keras; "
            "may be repeated [default: all].",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder [default: RUN/export].")] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Of the model, when served [default: the run's].")
    ] = None,
    version: Annotated[int, typer.Option("--version", help="Of the model, when served.")] = 1,
    batch: Annotated[
        int | None,
        typer.Option("--batch", help="Latents in a call of a LiteRT file [default: any number]."),
    ] = None,
    checkpoint: CheckpointOption = "best",
    data: DataOption = None,
) -> None:
    """Export a trained generator; every artefact is verified in a fresh process."""
    open_run(run)
    check_checkpoint(checkpoint)
    runner().export(
        run,
        formats=formats or ["all"],
        out=out,
        which=checkpoint,
        console=console,
        name=name,
        version=version,
        batch=batch,
        data=data,
    )


@app.command()
def verify(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="What `export` wrote.")],
) -> None:
    """Check an export again: every file's checksum, every artefact in a fresh process."""
    from ganapp.export import ExportError
    from ganapp.export.verify import verify_export

    try:
        verify_export(directory, lambda line: console.print(line, soft_wrap=True))
    except ExportError as error:
        raise UserError(str(error)) from error


@app.command()
def publish(
    export_directory: Annotated[
        Path, typer.Argument(metavar="EXPORT", help="What `export` wrote.")
    ],
    models: Annotated[
        Path, typer.Argument(metavar="MODELS", help="The folder that a server watches.")
    ],
) -> None:
    """Copy an export's versions into a folder of models, whole, each as the next version."""
    from ganapp.export import ExportError
    from ganapp.export.staging import publish as publish_export

    try:
        for folder in publish_export(export_directory, models):
            console.print(f"Published {folder}", soft_wrap=True)
    except ExportError as error:
        raise UserError(str(error)) from error
