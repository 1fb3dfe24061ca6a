"""Tables of samples that a person names on the command line, as rows of the real data."""

from pathlib import Path

import numpy as np

from ganapp.errors import UserError
from ganapp.training.data import DataSpec
from ganapp.training.data.checks import LimitError
from ganapp.training.data.tables.codec import TableCodec
from ganapp.training.data.tables.reading import (
    Sheet,
    is_text_table,
    read_csv,
    read_parquet,
    read_table,
)

SUFFIXES = (".csv", ".parquet")


def is_table(path: Path) -> bool:
    """Whether a file is a table by its name."""
    return path.suffix.lower() in SUFFIXES or is_text_table(path)


def rows_of_table(path: Path, spec: DataSpec) -> np.ndarray:
    """The rows of a table in a file in the units of the real data.

    It is read as the real data are: separator, decimals and encoding are found in the file, and
    cells are numbers, dates or categories as the columns of the real data are.

    Args:
        path: of the file; its columns may come in any order, and those that are not learnt of the
            real data may be missing.
        spec: of the real data.

    Returns:
        float32 `(n, columns)`, see `TableCodec`.

    Raises:
        UserError: the real data are no table, the file cannot be read, or its columns are others.
    """
    if spec.table is None:
        raise UserError(
            f"`--samples` can end in {' or '.join(SUFFIXES)} for tables alone. Received: {path} "
            f"for the {spec.kind}s of {spec.name!r}"
        )
    try:
        frame = _read(path, spec.table).frame
        _check_columns(spec.table, list(frame.columns))
        return spec.table.from_frame(frame)
    except LimitError as error:
        raise UserError(
            f"`--samples` {path}: {error.limit}; give fewer rows or columns. "
            f"Received: {error.received}"
        ) from error
    except ValueError as error:
        raise UserError(f"`--samples` {path}: {error}") from error


def _read(path: Path, table: TableCodec) -> Sheet:
    if not is_text_table(path):
        return read_table(path, read_parquet)
    return read_table(path, read_csv, header=None if table.header else False)


def _check_columns(table: TableCodec, names: list[str]) -> None:
    """Refuses columns that the real data do not have."""
    expected = [column.name for column in table.columns]
    known = {*expected, *(column.name for column in table.left_out)}
    extra = next((name for name in names if name not in known), None)
    if extra is not None:
        raise ValueError(
            f"The table must have the columns {expected}, each once, and no others. "
            f"Received: {extra!r} beside them"
        )
