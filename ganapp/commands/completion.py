"""What the shell completes: presets, run directories, keys of settings; without TensorFlow."""

import ast
import os
from collections.abc import Iterator
from pathlib import Path

from ganapp.config.presets import PRESETS, Tables, preset_names, read_toml
from ganapp.runs import RUNS, Run

# Read as text: importing it would start Keras, and a shell waits for an answer.
SCHEMA = Path(__file__).parents[1] / "config" / "schema.py"


def complete_preset(incomplete: str) -> list[str]:
    """Names of presets, and TOML files and folders that begin so."""
    files = [path for path in _paths(incomplete) if path.endswith((".toml", "/"))]
    return [name for name in preset_names() if name.startswith(incomplete)] + files


def complete_run(incomplete: str) -> list[str]:
    """Runs below `runs/`, else runs and other folders that begin so."""
    beginning = incomplete or f"{RUNS}/"
    folders = [path for path in _paths(beginning) if path.endswith("/")]
    if not incomplete and not folders:
        folders = [path for path in _paths("") if path.endswith("/")]
    # A run is all that is wanted, a folder may hold some: no slash says which.
    return [path.rstrip("/") if Run(Path(path)).config.is_file() else path for path in folders]


def complete_setting(incomplete: str) -> list[str]:
    """Keys of `--set`, each with its equals sign: of every section, and those that presets set."""
    return [f"{key}=" for key in setting_keys() if key.startswith(incomplete)]


def setting_keys() -> list[str]:
    """Keys of a configuration that are the same for all members of a family, or in a preset."""
    classes = {
        each.name: each
        for each in ast.parse(SCHEMA.read_text(encoding="utf-8")).body
        if isinstance(each, ast.ClassDef)
    }
    found = set(_fields(classes, "Config"))
    for path in PRESETS.glob("*.toml"):
        found |= set(_keys(read_toml(path)))
    return sorted(found)


def _fields(classes: dict[str, ast.ClassDef], name: str, place: str = "") -> Iterator[str]:
    """Keys of a section's fields, those of sections within it too."""
    for field in classes[name].body:
        if not isinstance(field, ast.AnnAssign) or not field.target.id.islower():
            continue
        section = ast.unparse(field.annotation)
        if section in classes:
            yield from _fields(classes, section, f"{place}{field.target.id}.")
        elif not section.startswith("dict["):  # tables of names that a user chooses
            yield f"{place}{field.target.id}"


def _keys(tables: Tables, place: str = "") -> Iterator[str]:
    for key, value in tables.items():
        if isinstance(value, dict) and value:
            yield from _keys(value, f"{place}{key}.")
        else:
            yield f"{place}{key}"


def _paths(incomplete: str) -> list[str]:
    """Files and folders that begin so, folders with a slash at their end; hidden ones if asked."""
    folder, slash, beginning = incomplete.rpartition("/")
    try:
        with os.scandir(Path(f"{folder}{slash}" or ".").expanduser()) as entries:
            found = sorted((entry.name, entry.is_dir()) for entry in entries)
    except OSError:
        return []
    return [
        f"{folder}{slash}{name}{'/' * is_folder}"
        for name, is_folder in found
        if name.startswith(beginning) and name.startswith(".") == beginning.startswith(".")
    ]
