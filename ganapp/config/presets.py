"""Presets and TOML files, read without TensorFlow."""

import tomllib
from pathlib import Path
from typing import Any

from ganapp.errors import UserError
from ganapp.plugins import name_plugin
from ganapp.training.files import read_bytes
from ganapp.training.messages import did_you_mean

Tables = dict[str, Any]  # of a TOML file
LONGEST = 2**20  # bytes of a configuration
PRESETS = Path(__file__).parents[1] / "presets"


def preset_names() -> list[str]:
    """Names of the presets that come with ganapp."""
    return sorted(path.stem for path in PRESETS.glob("*.toml"))


def preset_path(name: str) -> Path:
    """The file of a preset; a `UserError` with near matches if there is none."""
    if name in preset_names():
        return PRESETS / f"{name}.toml"
    raise UserError(
        f"There is no preset called {name!r}; there are {', '.join(preset_names())}."
        f"{did_you_mean(name, preset_names())} A configuration of your own is named by its path, "
        "ending in .toml."
    )


def config_path(preset_or_file: str) -> Path:
    """The file that a preset's name or a path ending in .toml stands for."""
    is_file = preset_or_file.endswith(".toml")
    return Path(preset_or_file) if is_file else preset_path(preset_or_file)


def read_toml(path: Path) -> Tables:
    """The tables of a TOML file; a `UserError` when it cannot be read or parsed."""
    try:
        return tomllib.loads(read_bytes(path, LONGEST).decode())
    except OSError as error:
        raise UserError(f"The configuration {path} cannot be read: {error.strerror}.") from error
    except RecursionError as error:
        raise UserError(f"The configuration {path} is nested too deeply.") from error
    except ValueError as error:  # of TOML, of UTF-8, of numbers with thousands of digits
        raise UserError(f"The configuration {path} is not valid TOML: {error}.") from error


def read_config(preset_or_file: str) -> Tables:
    """The tables of a preset or TOML file but for `[plugins]`, whose files are named to be loaded.

    Raises:
        UserError: it cannot be read, or a plugin cannot.
    """
    path = config_path(preset_or_file)
    tables = read_toml(path)
    named = tables.pop("plugins", {"files": []})
    files = named.get("files") if isinstance(named, dict) else None
    right = isinstance(files, list) and all(isinstance(each, str) for each in files)
    if not right or len(named) > 1:
        raise UserError(
            f"{path}: `plugins` must be a table of `files`, a list of Python files that lie where "
            f"it says from the folder of this file. Received: {named!r}"
        )
    for file in files:
        name_plugin(path.parent / Path(file).expanduser())
    return tables
