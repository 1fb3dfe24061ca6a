"""What several commands share: arguments, the screen, and the way to everything heavy."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ganapp.errors import UserError

# Piped output has no width of its own; tables are not folded to 80 columns then. Paths may hold
# square brackets, which are no markup.
console = Console(width=None if sys.stdout.isatty() else 120, markup=False)

RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="The run directory.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a setting; may be repeated."),
]
DataOption = Annotated[
    str | None,
    typer.Option(
        "--data", metavar="PATH", help="Where the data of the run lie now, if they were moved."
    ),
]
CheckpointOption = Annotated[
    str,
    typer.Option("--checkpoint", help="Which generator: 'best' by the run's metric, or 'last'."),
]


def runner():
    """The composition root; its import takes seconds, which only commands that need it spend."""
    from ganapp.quiet import quiet_stderr

    with quiet_stderr():
        from ganapp import runner
    runner.announce()
    return runner


def check_checkpoint(which: str) -> None:
    """Refuses what is neither of the two."""
    if which not in ("best", "last"):
        raise UserError(f"`--checkpoint` must be 'best' or 'last'. Received: {which!r}")
