"""`ganapp verify`: an export checked again."""

from pathlib import Path
from typing import Annotated

import typer

from ganapp.errors import UserError
from ganapp.screen import say


def verify(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="What `export` wrote.")],
) -> None:
    """Check an export again: every file's checksum, every artefact in a fresh process."""
    from ganapp.export import ExportError
    from ganapp.export.verify import verify_export

    try:
        verify_export(directory, say)
    except ExportError as error:
        raise UserError(str(error)) from error
