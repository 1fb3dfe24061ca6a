"""The command line. Nothing heavy is imported until a command needs it."""

import sys
from typing import NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from ganapp.commands import baseline, data, judging, listing, outputs, serving, training
from ganapp.errors import UserError

app = typer.Typer(
    name="ganapp",
    help="Train, judge and ship generators: any objective x any network x any prior on any data.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for group in (data, training, outputs, serving, judging, baseline, listing):
    app.add_typer(group.app)


def main() -> None:
    """Runs the command line; the user's mistakes end in one sentence and exit code 2."""
    for stream in (sys.stdout, sys.stderr):  # names of files may be no text of any encoding
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except UserError as error:
        _fail(str(error))
    except OSError as error:  # a full disk, a missing permission
        _fail(f"{error.filename or 'A file'} cannot be read or written: {error.strerror or error}.")


def _fail(sentence: str) -> NoReturn:
    Console(stderr=True).print(f"[red]Error:[/] {escape(sentence)}", soft_wrap=True)
    sys.exit(2)
