"""`ganapp data`: what was understood of data before anybody trains on them."""

from pathlib import Path
from typing import Annotated

import typer

from ganapp.commands.common import SetOption, console, runner

app = typer.Typer()


@app.command()
def data(
    source: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="A data source, source:path, a path, or a preset or TOML file (its [data]).",
        ),
    ],
    size: Annotated[
        int | None, typer.Option("--size", help="Of images from files: their height and width.")
    ] = None,
    overrides: SetOption = None,
    png: Annotated[
        Path | None, typer.Option("--png", metavar="FILE", help="Draw examples into this .png.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the page as JSON.")] = False,
) -> None:
    """Show what was understood of data, draw examples, and warn of what will hurt a training."""
    runner().data_page(
        source, size=size, overrides=overrides or [], png=png, as_json=as_json, console=console
    )
