"""What a table must be to be learnt, each complaint in one sentence."""

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from training.data.tables.columns import Value
from training.sentences import listed

if TYPE_CHECKING:
    import pandas

LEAST_ROWS = 50
MOST_CATEGORIES = 100
# Every one of them needs rows to be learnt from, and is an entry of its own in the figures.
MOST_EMBEDDED = 1000
PLAIN = (str, int, float, bool)
# What programs write where they know no number; in a column of categories each may be one.
NO_NUMBER = {"na", "n/a", "nan", "null", "none", "nil", "-", "?", "."}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Asked:
    """What the options say of a column.

    Args:
        forced: whether it holds categories whatever it looks like.
        embedded: whether these become points.
        label: whether it holds the class.
    """

    forced: bool
    embedded: bool
    label: bool


class LeftOut:
    """How to leave a column out, for the end of a sentence."""

    def __init__(self, name: object) -> None:
        self._name = name

    def __str__(self) -> str:
        return f"which `drop = [{str(self._name)!r}]` leaves out"


def check_names(names: Sequence[str]) -> None:
    """Refuses columns that share a name, as the file has them.

    Raises:
        ValueError: naming the first.
    """
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if twice is not None:
        raise ValueError(
            "The columns of a table must have different names. "
            f"Received: {twice!r} {list(names).count(twice)} times"
        )


def check_header(names: Sequence[str]) -> str | None:
    """Refuses a first line that must be a row: one of numbers alone that do not count columns.

    Args:
        names: in the first line of a file.

    Returns:
        A name that is a number with a point, and so may be a value; `None` without one.

    Raises:
        ValueError: all are numbers.
    """
    if names and all(map(parses, names)):
        counted = [list(map(str, range(start, start + len(names)))) for start in (0, 1)]
        if len(names) < 3 or list(names) not in counted:
            raise ValueError(
                "The first line must name the columns, or its row is lost; put a line of names "
                f"above it. Received: {listed(list(names))}"
            )
    return next((name for name in names if parses(name) and not name.isdecimal()), None)


def check_index(frame: "pandas.DataFrame", named: int) -> None:
    """Refuses rows of more values than the header has names: pandas makes no columns of them.

    Args:
        frame: as pandas read it.
        named: columns that the header names.
    """
    import pandas

    if not isinstance(frame.index, pandas.RangeIndex):
        raise ValueError(
            "The first line must name every column. Received: "
            f"{named} names above rows of {named + frame.index.nlevels} values"
        )


def check_words(series: "pandas.Series") -> None:
    """Refuses a column of numbers but for words such as NA: only an empty cell is missing.

    Args:
        series: with its name, of whatever is no number.

    Raises:
        ValueError: it would be taken for categories, a number each.
    """
    values = list(map(str, series.dropna().unique()))
    words = [value for value in values if not parses(value)]
    if not words or len(values) - len(words) < 3:
        return
    if all(word.strip().lower() in NO_NUMBER for word in words):
        count = int(series.isin(words).sum())
        raise ValueError(
            f"The column {series.name!r} must hold numbers, or nothing where one is missing; empty "
            f"those cells, or name the column in `categorical`. Received: {count} times "
            f"{' or '.join(map(repr, words[:3]))}"
        )


def check_table(frame: "pandas.DataFrame", *, label: str, named: dict[str, Sequence[str]]) -> None:
    """Refuses a table too small or without the columns that the options name.

    Args:
        frame: as read.
        label: name of the column that holds the class, or empty.
        named: by option, the columns that it names.

    Raises:
        ValueError: the option, what was expected and what came.
    """
    known = [str(name) for name in frame.columns]
    for option, names in {**named, "label": [label] if label else []}.items():
        absent = next((name for name in names if name not in known), None)
        if absent is not None:
            raise ValueError(
                f"`{option}` must name columns of the table, {listed(known)}. "
                f"Received: {option}={absent!r}"
            )
    for option in ("drop", "embedded"):
        if label and label in named.get(option, ()):
            raise ValueError(f"`{option}` must not name the `label`. Received: {label!r} for both")
    if len(frame) < LEAST_ROWS:
        raise ValueError(
            f"The table must have at least {LEAST_ROWS} rows. Received: {len(frame)} rows"
        )


def check_label(series: "pandas.Series") -> None:
    """Refuses a label that tells nothing apart; rows may lack it."""
    classes = series.dropna().astype(str).unique()
    if len(classes) < 2:
        only = f"only {classes[0]!r}" if len(classes) else "nothing"
        raise ValueError(
            f"`label` must have at least two classes. Received: {only} in the column "
            f"{series.name!r}"
        )


def check_column(
    series: "pandas.Series", values: list[Value], *, as_categories: bool, asked: Asked
) -> None:
    """Refuses a column that is neither numbers nor categories.

    Args:
        series: with its name.
        values: the different ones, missing ones left out.
        as_categories: whether it is read as categories.
        asked: what the options say of it.

    Raises:
        ValueError: what it must be, what it is, and how to leave it out.
    """
    name, out = series.name, LeftOut(series.name)
    if not values:
        raise ValueError(f"The column {name!r} must hold a value. Received: none at all, {out}")
    if as_categories:
        _check_categories(series, values, asked)
        return
    numbers = series.dropna().to_numpy("float64")
    if not np.isfinite(numbers).all():
        raise ValueError(
            f"The column {name!r} must hold finite numbers. Received: "
            f"{int((~np.isfinite(numbers)).sum())} infinite ones; leave them empty if unknown"
        )
    if np.abs(numbers).max() > np.finfo(np.float32).max / 1e6:
        raise ValueError(
            f"The column {name!r} must hold numbers below 1e32. Received: "
            f"{numbers[np.abs(numbers).argmax()]:.3g}, {out}"
        )
    if len(np.unique(numbers.astype(np.float32))) < len(values) / 2:
        raise ValueError(
            f"The column {name!r} must differ by more than the seventh digit. Received: "
            f"{numbers.min():.15g} to {numbers.max():.15g}; subtract what they share"
        )


def is_number(series: "pandas.Series") -> bool:
    """Whether the values are numbers to calculate with; booleans are not."""
    from pandas.api import types

    dtype = series.dtype
    return bool(types.is_numeric_dtype(dtype) and not types.is_bool_dtype(dtype))


def ordered(values: Sequence[Value]) -> list[Value]:
    """Categories in their order: of their types, numbers written as text by what they are."""
    numbers = all(isinstance(value, str) and parses(value) for value in values)
    if numbers:
        return sorted(values, key=lambda value: (float(value), value))
    return sorted(values, key=lambda value: (type(value).__name__, value))


def not_to_embed(name: str, received: str) -> ValueError:
    """The error that a column has no categories to embed."""
    return ValueError(f"`embedded` must name columns of categories. Received: {name!r}, {received}")


def _check_categories(series: "pandas.Series", values: list[Value], asked: Asked) -> None:
    name, out = series.name, LeftOut(series.name)
    foreign = next((value for value in values if type(value) not in PLAIN), None)
    if foreign is not None:
        raise ValueError(
            f"The column {name!r} must hold numbers, text or booleans. "
            f"Received: {type(foreign).__name__}, e.g. {foreign!s}, {out}"
        )
    repeat = len(values) <= series.count() / 2
    if asked.embedded and repeat:
        _check_embedded(name, values)
    elif asked.embedded or len(values) > MOST_CATEGORIES or not (repeat or asked.forced):
        messy = [value for value in values if not parses(value)]
        may_embed = repeat and len(values) <= MOST_EMBEDDED and not asked.label
        numbers = len(messy) < len(values) / 2 and not is_number(series) and not asked.forced
        if numbers and (messy or not may_embed):
            raise ValueError(_of_numbers(name, values, messy))
        cure = f"; embed it with `embedded = [{str(name)!r}]`, or {_told(name)}"
        raise ValueError(
            f"The column {name!r} must hold numbers, or categories that repeat, at most "
            f"{MOST_CATEGORIES}. Received: {len(values)} different values in {series.count()} "
            f"rows, e.g. {values[0]!r}{cure if may_embed else f', {out}'}"
        )


def _of_numbers(name: object, values: list[Value], messy: list[Value]) -> str:
    """The sentence on a column of numbers in which some are text."""
    if not messy:
        return (
            f"The column {name!r} must hold numbers. Received: numbers written as text, "
            f"e.g. {values[0]!r}, {LeftOut(name)}"
        )
    return (
        f"The column {name!r} must hold numbers or nothing in a cell. Received: {len(messy)} "
        f"values that are no numbers, e.g. {messy[0]!r}; correct them, or {_told(name)}"
    )


def _check_embedded(name: object, values: list[Value]) -> None:
    if len(values) > MOST_EMBEDDED:
        raise ValueError(
            f"The column {name!r} must have at most {MOST_EMBEDDED} categories to be embedded. "
            f"Received: {len(values)}, e.g. {values[0]!r}; put rare ones together, or {_told(name)}"
        )


def _told(name: object) -> str:
    return f"leave the column out with `drop = [{str(name)!r}]`"


def parses(value: Value) -> bool:
    """Whether text is a finite number."""
    try:
        return math.isfinite(float(value))
    except ValueError:
        return False
