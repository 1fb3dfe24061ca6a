"""Options and arguments that several verbs have."""

import functools
import inspect
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from ganapp.errors import UserError
from ganapp.plugins import name_plugin

RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="The run directory.")]
OptionalRun = Annotated[Path | None, typer.Argument(metavar="[RUN]", help="The run directory.")]
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
PluginOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin",
        metavar="FILE",
        help="A Python file that registers members of your own; may be repeated.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
ReportAsJson = Annotated[bool, typer.Option("--json", help="Print the report as JSON.")]


def with_plugins(verb: Callable[..., None]) -> Callable[..., None]:
    """The verb with the option `--plugin` beside its own."""
    signature = inspect.signature(verb, eval_str=True)
    option = inspect.Parameter(
        "plugins", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=PluginOption
    )

    @functools.wraps(verb)
    def command(*args: object, plugins: Sequence[Path] | None = None, **kwargs: object) -> None:
        name_plugins(plugins)
        verb(*args, **kwargs)

    command.__signature__ = signature.replace(parameters=[*signature.parameters.values(), option])
    command.__annotations__ = {
        name: each.annotation for name, each in command.__signature__.parameters.items()
    }
    return command


def name_plugins(plugins: Sequence[Path] | None) -> None:
    """Notes which plugins are to be loaded once TensorFlow has started."""
    for path in plugins or ():
        name_plugin(path)


def check_checkpoint(which: str) -> None:
    """Refuses what is neither of the two."""
    if which not in ("best", "last"):
        raise UserError(f"`--checkpoint` must be 'best' or 'last'. Received: {which!r}")


def check_seed(seed: int) -> None:
    """Refuses what TensorFlow's stateless draws do not take."""
    if not 0 <= seed < 2**31:
        raise UserError(f"`--seed` must be at least 0 and below 2147483648. Received: {seed}")


def check_file(option: str, path: Path, kinds: Sequence[str]) -> None:
    """Refuses a file of another kind, or one that cannot be written."""
    if path.suffix.lower() not in kinds:
        raise UserError(f"`{option}` must end in {', '.join(kinds)}. Received: {path}")
    parent = path.absolute().parent
    if not parent.is_dir() or not os.access(parent, os.W_OK) or path.is_dir():
        raise UserError(f"`{option}` cannot be written: {parent} is not a writable folder.")


def check_out_folder(out: Path | None) -> None:
    """Refuses a folder for results that has something in it."""
    if out is not None and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"`--out` must be an empty or a new folder. Received: {out}")
