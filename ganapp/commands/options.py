"""Options and arguments that several verbs have."""

import functools
import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from ganapp.commands.completion import complete_run, complete_setting
from ganapp.errors import UserError
from ganapp.plugins import name_plugin

RunArgument = Annotated[
    Path,
    typer.Argument(metavar="RUN", help="The run directory.", autocompletion=complete_run),
]
OptionalRun = Annotated[
    Path | None,
    typer.Argument(metavar="[RUN]", help="The run directory.", autocompletion=complete_run),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a setting; may be repeated.",
        autocompletion=complete_setting,
    ),
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


def with_settings(
    overrides: Sequence[str] | None, options: Mapping[str, tuple[str, object]]
) -> list[str]:
    """Overrides of `--set`, and options that are settings of their own name.

    Args:
        overrides: `key=value` each.
        options: key and value in TOML's words by option; a value of `None` was not given.

    Raises:
        UserError: an option and an override are of the same setting.
    """
    found = list(overrides or ())
    for option, (key, value) in options.items():
        if value is None:
            continue
        if twice := [each for each in found if each.partition("=")[0].strip() == key]:
            raise UserError(
                f"`{option}` is the setting `{key}`: give one of them. Received: {option} and "
                f"--set {twice[0]}"
            )
        found.append(f"{key}={value}")
    return found


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
