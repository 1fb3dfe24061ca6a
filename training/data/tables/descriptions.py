"""What people are told of the columns of a table: a row each, and sentences."""

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from ganapp.training.data.tables.columns import Categorical, Column, Constant, Identifier, Numeric
from ganapp.training.data.tables.forms import DateForm

if TYPE_CHECKING:
    from ganapp.training.data.tables.codec import TableCodec

SHOWN_CATEGORIES = 4
SHOWN_LETTERS = 24


@dataclasses.dataclass(frozen=True, kw_only=True)
class ColumnSummary:
    """What was understood of a column.

    Args:
        name: of the column.
        kind: `number`, `date`, `category`, `constant`, `identifier` or `left out`.
        values: the range, or how many categories and the first of them.
        missing: share of the rows without a value.
        form: how values are written.
        note: what was assumed, with the setting that says otherwise; or nothing.
    """

    name: str
    kind: str
    values: str = ""
    missing: float = 0.0
    form: str = ""
    note: str = ""


def describe(table: "TableCodec") -> list[ColumnSummary]:
    """A row for every column of the table, those that are left out last."""
    rows = [_summary(column, table) for column in table.columns]
    return rows + [
        ColumnSummary(name=column.name, kind="left out", note=column.reason)
        for column in table.left_out
    ]


def sentences(table: "TableCodec") -> list[str]:
    """Sentences on columns that are treated otherwise than it seems."""
    columns = {
        "Always the same, so not learnt but put back": [
            repr(c.name) for c in table.columns if isinstance(c, Constant)
        ],
        "With leading zeros, so categories and no numbers": [
            repr(c.name) for c in table.columns if isinstance(c, Categorical) and _are_codes(c)
        ],
        "Embedded": [
            f"{c.name!r} ({c.entries} categories in {len(c.points[0])} dimensions)"
            for c in table.columns
            if isinstance(c, Categorical) and c.points
        ],
        "Written anew": [repr(c.name) for c in table.columns if isinstance(c, Identifier)],
        "Left out": [repr(c.name) for c in table.left_out],
    }
    return [f"{what}: {', '.join(names)}." for what, names in columns.items() if names]


def _summary(column: Column, table: "TableCodec") -> ColumnSummary:
    about = {"name": column.name, "note": column.note}
    if isinstance(column, Constant):
        return ColumnSummary(kind="constant", values=_short(column.value), **about)
    if isinstance(column, Identifier):
        shown = f"{column.values(1)[0]}, ..."
        return ColumnSummary(kind="identifier", values=f"written anew: {shown}", **about)
    about["missing"] = column.missing_share
    if isinstance(column, Categorical):
        names = [_short(value) for value in column.categories[:SHOWN_CATEGORIES]]
        more = ", ..." if len(column.categories) > SHOWN_CATEGORIES else ""
        kind = "label" if column.name == table.label else "category"
        form = f"embedded in {len(column.points[0])} dimensions" if column.points else ""
        values = f"{len(column.categories)}: {', '.join(names)}{more}"
        return ColumnSummary(kind=kind, values=values, form=form, **about)
    limits = " to ".join(_written(column, value) for value in (column.minimum, column.maximum))
    kind = "date" if isinstance(column.form, DateForm) else "number"
    return ColumnSummary(kind=kind, values=limits, form=_form(column), **about)


def _written(column: Numeric, value: float) -> str:
    if column.form is not None:
        return column.form.write(np.array([value]).tolist(), column.decimals)[0]
    return str(value) if isinstance(value, int) else f"{value:.7g}"


def _form(column: Numeric) -> str:
    if column.form is not None and column.form.kind == "date":
        return column.form.shown
    if column.decimals is None:
        return "decimals"
    above, below = column.grid
    if below > 1 and above == 1 and below == 10**column.decimals:
        grid = f"{column.decimals} decimal{'s' if column.decimals > 1 else ''}"
    elif (above, below) == (1, 1):
        grid = "whole"
    else:
        grid = f"multiples of {above / below:g}"
    shown = column.form is not None and not column.form.is_plain
    return f"{column.form.shown}, {grid}" if shown else grid


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= SHOWN_LETTERS else f"{text[: SHOWN_LETTERS - 3]}..."


def _are_codes(column: Categorical) -> bool:
    """Whether the values are digits that say no number, as postcodes do."""
    values = column.categories
    return all(isinstance(value, str) and value.isdecimal() for value in values) and any(
        value.startswith("0") and value != "0" for value in values
    )
