"""Between pandas tables and rows in user units."""

from typing import TYPE_CHECKING

import numpy as np

from training.data.tables.columns import Categorical, Column, Constant, Numeric
from training.sentences import listed

if TYPE_CHECKING:
    import pandas

    from training.data.tables.codec import TableCodec


def to_frame(table: "TableCodec", rows: np.ndarray) -> "pandas.DataFrame":
    """A pandas table: names, order, types, categories and constant columns restored.

    Args:
        table: the codec.
        rows: `(n, columns)` in user units.

    Raises:
        ValueError: another number of columns.
    """
    import pandas

    rows = np.asarray(rows, np.float64)
    if rows.ndim != 2 or rows.shape[1] != len(table.varying):
        raise ValueError(
            f"`rows` must have the shape (n, {len(table.varying)}). Received: shape={rows.shape}"
        )
    values = dict(zip(table.names, rows.T, strict=True))
    restored = {c.name: _restored(c, values.get(c.name), len(rows)) for c in table.columns}
    return pandas.DataFrame(restored)


def from_frame(table: "TableCodec", frame: "pandas.DataFrame") -> np.ndarray:
    """Rows in user units, float32 `(n, columns)`; the columns may come in any order.

    Raises:
        ValueError: a column or a category is not known, or a value is missing where none may be.
    """
    absent = [c.name for c in table.varying if c.name not in frame.columns]
    if absent:
        raise ValueError(
            f"The table must have the column {absent[0]!r}. Received: {list(frame.columns)}"
        )
    unknown = table.label if table.partly_labelled else None
    columns = [
        _codes(c, frame[c.name], may_miss=c.missing or c.name == unknown) for c in table.varying
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def _restored(column: Column, values: np.ndarray | None, count: int) -> "pandas.Series":
    import pandas

    if isinstance(column, Constant):
        return pandas.Series([column.value] * count, dtype=column.dtype)
    if isinstance(column, Categorical):
        present = ~np.isnan(values)
        named = np.empty(count, object)
        named[:] = None
        codes = values[present].astype(int)
        named[present] = [column.categories[code] for code in codes]
        return pandas.Series(named, dtype=column.dtype)
    if column.decimals is None:  # the shortest number that float32 takes for this one
        values = np.array([float(str(value)) for value in values.astype(np.float32)])
    else:  # float32 cannot hold 0.1; float64 prints what it was
        values = np.round(values, column.decimals)
    return pandas.Series(np.clip(values, column.minimum, column.maximum)).astype(column.dtype)


def _codes(column: Numeric | Categorical, series: "pandas.Series", *, may_miss: bool) -> np.ndarray:
    """Numbers, or codes of categories, as float64; NaN where missing."""
    missing = series.isna().to_numpy(bool)
    if missing.any() and not may_miss:
        raise ValueError(
            f"The column {column.name!r} must have no missing values. "
            f"Received: {int(missing.sum())} missing"
        )
    values = np.full(len(series), np.nan)
    if isinstance(column, Numeric):
        values[~missing] = series[~missing].astype("float64").to_numpy()
        return values
    known = {value: code for code, value in enumerate(column.categories)}
    present = series[~missing].tolist()
    unknown = next((value for value in present if value not in known), None)
    if unknown is not None:
        raise ValueError(
            f"The column {column.name!r} must hold one of "
            f"{listed([repr(value) for value in column.categories])}. Received: {unknown!r}"
        )
    values[~missing] = [known[value] for value in present]
    return values
