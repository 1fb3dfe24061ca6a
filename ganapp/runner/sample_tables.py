"""Tables of samples that a person names on the command line, as rows of the real data."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ganapp.errors import UserError
from training.data import DataSpec
from training.data.limits import LimitError, check_table
from training.data.tables.checking import is_number
from training.data.tables.codec import TableCodec
from training.data.tables.columns import Categorical, Column, Numeric

if TYPE_CHECKING:
    import pandas

Read = Callable[[Path, TableCodec], "pandas.DataFrame"]


def rows_of_table(path: Path, spec: DataSpec) -> np.ndarray:
    """The rows of a `.csv` or `.parquet` file in the units of the real data.

    Args:
        path: of the file; its columns may come in any order, and those that are always the same
            in the real data may be missing.
        spec: of the real data.

    Returns:
        float32 `(n, columns)`, see `TableCodec`.

    Raises:
        UserError: the real data are no table, the file cannot be read, or its columns are others.
    """
    if spec.table is None:
        raise UserError(
            f"`--samples` can end in {' or '.join(READERS)} for tables alone. Received: {path} for "
            f"the {spec.kind}s of {spec.name!r}"
        )
    try:
        check_table(path)
        frame = READERS[path.suffix.lower()](path, spec.table).rename(columns=str)
        _check_columns(spec.table, frame)
        return spec.table.from_frame(frame)
    except OSError as error:
        raise UserError(f"`--samples` cannot be read: {path} ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise UserError(f"`--samples` must be UTF-8 text. Received: {path}") from error
    except LimitError as error:
        raise UserError(
            f"`--samples` {path}: {error.limit}; give fewer rows or columns. "
            f"Received: {error.received}"
        ) from error
    except ValueError as error:  # pandas' and pyarrow's own errors among them
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(f"`--samples` {path}: {reason}") from error


def _csv(path: Path, table: TableCodec) -> "pandas.DataFrame":
    import pandas

    frame = pandas.read_csv(path, dtype_backend="numpy_nullable")
    plain = pandas.read_csv(path, dtype=str, keep_default_na=False)
    for column in table.varying:
        if column.name in frame.columns and _is_text(column):
            # "007" and "None" may be categories: what is one is neither a number nor missing.
            cells = plain[column.name]
            known = frame[column.name].notna() | cells.isin(column.categories)
            frame[column.name] = cells.where(known, None)
    return frame


def _parquet(path: Path, table: TableCodec) -> "pandas.DataFrame":
    import pandas

    return pandas.read_parquet(path, dtype_backend="numpy_nullable")


READERS: dict[str, Read] = {".csv": _csv, ".parquet": _parquet}


def _is_text(column: Column) -> bool:
    return isinstance(column, Categorical) and all(isinstance(v, str) for v in column.categories)


def _check_columns(table: TableCodec, frame: "pandas.DataFrame") -> None:
    """Refuses columns that the real data do not have, and text where they have numbers."""
    names = [column.name for column in table.columns]
    extra = next((name for name in frame.columns if name not in names), None)
    if extra is None and not frame.columns.is_unique:
        extra = frame.columns[frame.columns.duplicated()][0]
    if extra is not None:
        raise ValueError(
            f"The table must have the columns {names}, each once, and no others. "
            f"Received: {extra!r} beside them"
        )
    for column in table.varying:
        if not isinstance(column, Numeric) or column.name not in frame.columns:
            continue
        cells = frame[column.name].dropna()
        if len(cells) and not is_number(cells):
            raise ValueError(
                f"The column {column.name!r} must hold numbers. Received: "
                f"{next((c for c in cells if not _parses(c)), cells.iloc[0])!r}"
            )


def _parses(cell: object) -> bool:
    try:
        float(cell)
    except (TypeError, ValueError):
        return False
    return True
