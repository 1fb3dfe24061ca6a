"""`ganapp publish`: an export copied into a folder of models."""

from pathlib import Path
from typing import Annotated

import typer

from ganapp.errors import UserError
from ganapp.screen import say


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
            say(f"Published {folder}")
    except ExportError as error:
        raise UserError(str(error)) from error
