"""Between pandas tables and rows in user units."""

import decimal
import io
from typing import TYPE_CHECKING, Any

import numpy as np

from ganapp.training.data.tables.columns import Categorical, Column, Constant, Identifier, Numeric
from ganapp.training.data.tables.forms import DateForm, NumberForm, date_patterns, parse_mixed_dates
from ganapp.training.data.tables.kinds import Marks, TextColumn, is_word
from ganapp.training.messages import join_names

if TYPE_CHECKING:
    import pandas

    from ganapp.training.data.tables.codec import TableCodec


def to_frame(table: "TableCodec", rows: np.ndarray) -> "pandas.DataFrame":
    """A pandas table: names, order, types, categories and columns that are not learnt restored.

    Args:
        table: the codec.
        rows: `(n, columns)` in user units.

    Raises:
        ValueError: another number of columns.
    """
    import pandas

    return pandas.DataFrame(
        {c.name: _restored(c, values, len(rows)) for c, values in _by_column(table, rows)}
    )


def to_csv(table: "TableCodec", rows: np.ndarray) -> bytes:
    """A file of text as that of the data: separator, header, forms of numbers and dates.

    Args:
        table: the codec.
        rows: `(n, columns)` in user units.
    """
    import pandas

    columns = {c.name: _written(c, values, len(rows)) for c, values in _by_column(table, rows)}
    file = io.StringIO()
    frame = pandas.DataFrame(columns)
    frame.to_csv(file, index=False, sep=table.separator, header=table.header, lineterminator="\n")
    return file.getvalue().encode()


def from_frame(table: "TableCodec", frame: "pandas.DataFrame") -> np.ndarray:
    """Rows in user units, float32 `(n, columns)`; the columns may come in any order.

    Numbers and dates may be text in the form of their column, or in another that all its cells
    have.

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
        _values(c, frame[c.name], may_miss=c.missing or c.name == unknown) for c in table.varying
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def _by_column(table: "TableCodec", rows: np.ndarray) -> list[tuple[Column, np.ndarray | None]]:
    rows = np.asarray(rows, np.float64)
    if rows.ndim != 2 or rows.shape[1] != len(table.varying):
        raise ValueError(
            f"`rows` must have the shape (n, {len(table.varying)}). Received: shape={rows.shape}"
        )
    values = dict(zip(table.names, rows.T, strict=True))
    return [(column, values.get(column.name)) for column in table.columns]


def _restored(column: Column, values: np.ndarray | None, count: int) -> "pandas.Series":
    import pandas

    if isinstance(column, Constant):
        return pandas.Series([column.value] * count, dtype=column.dtype)
    if isinstance(column, Identifier):
        return pandas.Series(column.values(count), dtype=column.dtype)
    if isinstance(column, Categorical):
        present = ~np.isnan(values)
        named = np.empty(count, object)
        named[:] = None
        codes = values[present].astype(int)
        named[present] = [column.categories[code] for code in codes]
        return pandas.Series(named, dtype=column.dtype)
    if isinstance(column.form, DateForm):
        return _dates(column, values)
    numbers = _numbers(column, values)
    if column.dtype == "decimal":
        places = decimal.Decimal(1).scaleb(-(column.decimals or 0))
        quantised = [None if v != v else decimal.Decimal(str(v)).quantize(places) for v in numbers]
        return pandas.Series(quantised, dtype=object)
    if column.exact:
        return _exact(column, numbers)
    return pandas.Series(numbers).astype(column.dtype)


def _exact(column: Numeric, numbers: list[Any]) -> "pandas.Series":
    """Integers of any size; pandas makes floats of a list of them on the way."""
    import pandas

    missing = np.array([number != number for number in numbers])
    kind = column.dtype.lower()
    if not kind.startswith(("int", "uint")):
        return pandas.Series([float(number) for number in numbers]).astype(column.dtype)
    whole = [0 if number != number else number for number in numbers]
    values = np.array(whole, dtype=object).astype(kind)
    if column.dtype == kind:
        return pandas.Series(values)
    return pandas.Series(pandas.arrays.IntegerArray(values, missing))


def _numbers(column: Numeric, values: np.ndarray) -> Any:
    """The numbers that the column may have: an array, or Python integers where float64 is short."""
    if column.decimals is None:  # the shortest number that float32 takes for this one
        values = np.array([float(str(value)) for value in values.astype(np.float32)])
        return np.clip(values, column.minimum, column.maximum)
    if not column.exact:  # float32 cannot hold 0.1; float64 prints what it was
        return column.on_grid(values)
    known = {float(np.float32(value)): value for value in column.exact}
    return [
        value
        if value != value
        else known.get(value, min(max(round(value), column.minimum), column.maximum))
        for value in values.tolist()
    ]


def _dates(column: Numeric, values: np.ndarray) -> "pandas.Series":
    import pandas

    dates = pandas.Series(column.form.dates(column.on_grid(values)))
    if column.dtype == "date":
        return pandas.Series([None if v is pandas.NaT else v.date() for v in dates], dtype=object)
    if "," in column.dtype:  # datetime64[us, Europe/Rome]
        zone = column.dtype.partition(",")[2].strip(" ]")
        dates = dates.dt.tz_localize(zone, ambiguous="NaT", nonexistent="shift_forward")
    return dates.astype(column.dtype)


def _written(column: Column, values: np.ndarray | None, count: int) -> Any:
    """The column as the file writes it: text where it has a form of its own."""
    form = getattr(column, "form", None)
    if form is None:
        return _restored(column, values, count)
    if isinstance(form, DateForm):
        return form.write(column.on_grid(values), 0)
    numbers = _numbers(column, values)
    return form.write(numbers if isinstance(numbers, list) else numbers.tolist(), column.decimals)


def _values(
    column: Numeric | Categorical, series: "pandas.Series", *, may_miss: bool
) -> np.ndarray:
    """Numbers, or codes of categories, as float64; NaN where missing."""
    missing = series.isna().to_numpy(bool)
    if missing.any() and not may_miss:
        raise ValueError(
            f"The column {column.name!r} must have no missing values. "
            f"Received: {int(missing.sum())} missing"
        )
    values = np.full(len(series), np.nan)
    present = series[~missing]
    if isinstance(column, Categorical):
        values[~missing] = _codes(column, present.tolist())
    elif len(present):
        values[~missing] = _read_numbers(column, present)
    return values


def _codes(column: Categorical, present: list[Any]) -> list[int]:
    """Codes of categories; text stands for a number or a truth value of that name."""
    known: dict[Any, int] = {str(value): code for code, value in enumerate(column.categories)}
    known |= {value: code for code, value in enumerate(column.categories)}
    if any(isinstance(cell, str) for cell in present):
        for code, value in enumerate(column.categories):
            if isinstance(value, bool):
                known.setdefault(str(value).lower(), code)
            elif isinstance(value, int | float):
                known |= dict.fromkeys((f"{value:g}", repr(float(value))), code)
    else:  # numbers of another type than text that is the same number
        present = [cell if cell in known else str(cell) for cell in present]
    unknown = next((value for value in present if value not in known), None)
    if unknown is not None:
        raise ValueError(
            f"The column {column.name!r} must hold one of "
            f"{join_names([repr(value) for value in column.categories])}. Received: {unknown!r}"
        )
    return [known[value] for value in present]


def _read_numbers(column: Numeric, present: "pandas.Series") -> np.ndarray:
    from pandas.api import types

    of_dates = isinstance(column.form, DateForm)
    if types.is_numeric_dtype(present.dtype) and not types.is_bool_dtype(present.dtype):
        if not of_dates:
            return present.astype("float64").to_numpy()
        present = present.astype("string")  # dates as digits
    text = present.map(lambda cell: isinstance(cell, str)).all()
    if not text:
        return _read_objects(column, present)
    found = TextColumn(present, declared=False)
    if of_dates:
        others = date_patterns([text for text in found.texts if not is_word(text)] or found.texts)
        readings = [
            parse_mixed_dates(found.texts, patterns)
            for patterns in ([column.form.pattern], *others)
        ]
        dates = min(readings, key=lambda each: int(each.isna().sum()))  # the first of several
        if dates.isna().any():
            wrong = found.texts[int(dates.isna().to_numpy().argmax())]
            raise ValueError(f"The column {column.name!r} must hold dates. Received: {wrong!r}")
        return found.spread(column.form.numbers(dates))
    own = column.form if isinstance(column.form, NumberForm) else NumberForm()
    form, _ = Marks(decimal=own.decimal).choose(found.forms)
    # The column's own form where that reads all cells, else one that does.
    for each in (own, form):
        read = [None if each is None else each.value(text) for text in found.texts]
        if None not in read:
            return found.spread(np.array([float(number) for number in read]))
    raise ValueError(
        f"The column {column.name!r} must hold numbers. Received: "
        f"{found.texts[next(i for i, number in enumerate(read) if number is None)]!r}"
    )


def _read_objects(column: Numeric, present: "pandas.Series") -> np.ndarray:
    """Dates, exact decimals and whatever else numbers are made of."""
    import pandas

    if isinstance(column.form, DateForm):
        dates = pandas.to_datetime(present)
        zone = getattr(dates.dt, "tz", None)
        return column.form.numbers(dates.dt.tz_localize(None) if zone is not None else dates)
    try:
        return np.array([float(cell) for cell in present])
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"The column {column.name!r} must hold numbers. Received: {present.iloc[0]!r}"
        ) from error
