"""Data named on the command line: a source, `source:path`, or a path whose name says what it is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ganapp.errors import UserError
from ganapp.plugins import FAMILIES, option_names, options_model
from ganapp.training.data.tables.reading import TEXT_SUFFIXES, is_text_table
from ganapp.training.data.tfds import read_name
from ganapp.training.registry import UnknownNameError

# What a path is taken for that comes without the name of a source.
BY_SUFFIX = {
    ".npz": "npz",
    ".npy": "npy",
    **dict.fromkeys(TEXT_SUFFIXES, "csv"),
    ".parquet": "parquet",
    ".zip": "folder",
    ".tar": "folder",
    ".tgz": "folder",
    ".gz": "folder",
    ".bz2": "folder",
    ".xz": "folder",
}

# Sources that read more than their first option out of what follows their name.
SHORTHANDS: dict[str, Callable[[str], dict[str, str]]] = {"tfds": read_name}


def data_table(text: str, *, size: int | None = None) -> dict[str, Any]:
    """The table `data` of a configuration.

    Args:
        text: `digits`, `folder:photos`, `tfds:mnist:train`, or a path such as `photos.zip`.
        size: of images, for sources that resize them.

    Raises:
        UserError: there is no such source or path, or the source takes no path or no size.
    """
    name, _, rest = text.partition(":")
    if name not in FAMILIES["data"] and Path(text).exists():
        name, rest = _source_of(Path(text)), text
    try:
        fields = options_model("data", name).model_fields
    except UnknownNameError as error:
        raise UserError(
            f"Data are named as a source, source:path, or a path that exists. {error} "
            f"Received: {text!r}"
        ) from error
    required = [key for key, field in fields.items() if field.is_required()]
    table = {"source": name}
    if rest:
        if not required:
            raise UserError(f"The data source {name!r} takes nothing after it. Received: {text!r}")
        table |= _read(name, required[0], rest)
    if size is not None:
        if "size" not in option_names("data", name):
            raise UserError(f"`--size` is for images from files. Received: the source {name!r}")
        table["size"] = size
    return table


def _read(source: str, option: str, rest: str) -> dict[str, str]:
    if source not in SHORTHANDS:
        return {option: rest}
    try:
        return SHORTHANDS[source](rest)
    except ValueError as error:
        raise UserError(str(error)) from error


def _source_of(path: Path) -> str:
    if path.is_dir():
        return "folder"
    if is_text_table(path):  # also packed: people.csv.gz, or a .zip with a table alone in it
        return "csv"
    if path.suffix.lower() in BY_SUFFIX:
        return BY_SUFFIX[path.suffix.lower()]
    raise UserError(
        "Data must be a folder or a file ending in "
        f"{', '.join(BY_SUFFIX)}, or be named as source:path. Received: {path}"
    )
