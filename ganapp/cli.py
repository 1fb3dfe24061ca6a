"""The command line: its verbs in the order of the help, which imports nothing heavy."""

import sys
from typing import NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from ganapp.commands.baseline import baseline
from ganapp.commands.compare import compare
from ganapp.commands.data import data
from ganapp.commands.diagnose import diagnose
from ganapp.commands.evaluate import evaluate
from ganapp.commands.export import export
from ganapp.commands.list import list_members
from ganapp.commands.presets import app as presets
from ganapp.commands.publish import publish
from ganapp.commands.resume import resume
from ganapp.commands.runs import runs
from ganapp.commands.sample import sample
from ganapp.commands.serve import serve
from ganapp.commands.show import show
from ganapp.commands.train import train
from ganapp.commands.verify import verify
from ganapp.errors import UserError

VERBS = {
    "data": data,
    "train": train,
    "resume": resume,
    "sample": sample,
    "export": export,
    "verify": verify,
    "publish": publish,
    "serve": serve,
    "evaluate": evaluate,
    "compare": compare,
    "diagnose": diagnose,
    "baseline": baseline,
    "show": show,
    "list": list_members,
    "runs": runs,
}

app = typer.Typer(
    name="ganapp",
    help="Train, judge and ship generators: any objective x any network x any prior on any data.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for name, verb in VERBS.items():
    app.command(name)(verb)
app.add_typer(presets, name="presets")


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
