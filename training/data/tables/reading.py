"""Tables in files: pandas reads them, its complaints in one sentence."""

import csv
import logging
from collections.abc import Callable, Collection, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.data.limits import TABLE_BYTES, TABLE_COLUMNS, check_table
from training.data.tables.checking import (
    check_header,
    check_index,
    check_names,
    check_words,
    is_number,
    parses,
)

if TYPE_CHECKING:
    import pandas

SEPARATORS = ",;\t|"  # in the order in which they are believed
LOOKED_AT = 50  # records, to find the separator
CODE = r"[+-]?0\d+"  # digits that a number would not keep


def read_table(
    path: Path,
    read: Callable[[Path, Collection[str]], "pandas.DataFrame"],
    text: Collection[str],
    *,
    max_bytes: int = TABLE_BYTES,
    max_columns: int = TABLE_COLUMNS,
) -> "pandas.DataFrame":
    """What `read` makes of a file.

    Args:
        path: of the file; may begin with `~`.
        read: `read_csv` or `read_parquet`.
        text: names of columns that hold categories.
        max_bytes: see `check_table`.
        max_columns: likewise.

    Raises:
        ValueError: it cannot be read, is too large, or holds no table.
    """
    file, received = Path(path).expanduser(), f"Received: path={str(path)!r}"
    if not file.is_file():
        raise ValueError(f"`path` must be a file that can be read. {received}")
    check_table(file, max_bytes, max_columns)
    try:
        return read(file, text)
    except UnicodeDecodeError as error:
        raise ValueError(f"`path` must be UTF-8 text. {received}") from error
    except OSError as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"`path` cannot be read: {reason}. {received}") from error
    except ValueError as error:  # pandas' and pyarrow's own errors among them
        reason = str(error).splitlines()[0].strip().rstrip(".")
        raise ValueError(f"`path` must hold a table: {reason}. {received}") from error


def read_csv(path: Path, text: Collection[str] = ()) -> "pandas.DataFrame":
    """A file of values with a header, apart by commas, semicolons, tabs or bars.

    An empty cell is missing and no other, whatever it says. Categories are what the file says,
    letter by letter: `00501` is no number.

    Args:
        path: of the file.
        text: names of columns to read as text.
    """
    import pandas

    separator, records = _separated(path)
    options: dict[str, Any] = {"sep": separator, "keep_default_na": False, "na_values": [""]}
    # Read by itself, because pandas renames what stands twice.
    header = pandas.read_csv(path, header=None, nrows=1, dtype=str, **options)
    names = header.iloc[0].dropna().tolist()
    check_names(names)
    _warn_of_numbers(check_header(names), path)
    options |= {"dtype_backend": "numpy_nullable", "decimal": _decimal(records, separator)}
    types = dict.fromkeys(text, "string")
    frame = pandas.read_csv(path, dtype=types, **options)
    check_index(frame, header.shape[1])
    whole = [name for name in frame if pandas.api.types.is_integer_dtype(frame[name])]
    if whole:
        written = pandas.read_csv(path, usecols=whole, dtype="string", **options)
        codes = [name for name in whole if written[name].str.fullmatch(CODE).any()]
        frame = frame.assign(**{name: written[name] for name in codes})
    for name in frame:
        if name not in text and not is_number(frame[name]):
            check_words(frame[name])
    return frame


def read_parquet(path: Path, text: Collection[str] = ()) -> "pandas.DataFrame":
    """A Parquet file.

    Args:
        path: of the file.
        text: of no use here: the file says which columns are text.
    """
    import pandas

    frame = pandas.read_parquet(path)
    nullable = pandas.read_parquet(path, dtype_backend="numpy_nullable")
    for name in frame if frame.columns.is_unique else ():
        # Whole numbers with gaps become floats, booleans and text objects, unless asked for.
        kinds = frame[name].dtype.kind + nullable[name].dtype.kind
        if frame[name].dtype == object or kinds in ("fi", "fu"):
            frame[name] = nullable[name]
    return frame


def _separated(path: Path) -> tuple[str, list[list[str]]]:
    """What stands between the values, and the first records: see the order of `SEPARATORS`.

    The first that gives every record as many values. Not `csv.Sniffer`, which takes letters for
    separators where there is none.
    """
    found = {separator: _records(path, separator) for separator in SEPARATORS}
    for separator, records in found.items():
        widths = {len(record) for record in records}
        if len(widths) == 1 and widths != {1}:
            return separator, records
    # Records of different lengths: the header decides, and pandas says what is wrong with the rest.
    for separator, records in found.items():
        if records and len(records[0]) > 1:
            return separator, records
    return ",", found[","]


def _records(path: Path, separator: str) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            records = islice(csv.reader(file, delimiter=separator), LOOKED_AT)
            return [record for record in records if record]
        except csv.Error:  # a value longer than the module takes, which pandas may read
            return []


def _decimal(records: Sequence[Sequence[str]], separator: str) -> str:
    """The decimal point: a comma where only commas stand in the numbers of the first records."""
    values = [] if separator == "," else [value for record in records[1:] for value in record]
    commas = any("," in value and parses(value.replace(",", ".", 1)) for value in values)
    points = any("." in value and parses(value) for value in values)
    return "," if commas and not points else "."


def _warn_of_numbers(name: str | None, path: Path) -> None:
    if name is not None:
        logging.getLogger("ganapp").warning(
            "The first line of %s is taken for the names of its columns, though %r looks like a "
            "value; if it is one, put a line of names above it.",
            path.name,
            name,
        )
