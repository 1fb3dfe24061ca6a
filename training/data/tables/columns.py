"""The columns of a table: what each holds, as plain values that JSON can keep."""

import dataclasses
import math
import uuid
from typing import Any

import numpy as np

from ganapp.training.data.tables.forms import Form, form_from_dict

Value = str | int | float | bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Numeric:
    """A column of numbers, or of dates as numbers.

    Args:
        name: of the column.
        dtype: pandas type that a written table has again.
        minimum: smallest value of the table, a whole number of any size exactly.
        maximum: largest value of the table, likewise.
        decimals: digits after the point that all values have at most, 0 for whole numbers;
            `None` when there are too many to count.
        missing: whether values are missing.
        weights: of the modes, the heaviest not necessarily first.
        means: of the modes.
        scales: standard deviations of the modes.
        reaches: distance from a mode's mean that becomes 1: four standard deviations, or more
            where a training value lies further away; 0 of a mode that is a single value.
        step: of which all values are multiples, in units of the last decimal: 100 for incomes in
            hundreds.
        exact: values that come back as they are though float32 rounds them.
        form: how the file writes them; `None` as programs do.
        missing_share: of the rows.
        note: what was assumed of the column, a sentence or nothing.
    """

    name: str
    dtype: str
    minimum: float
    maximum: float
    decimals: int | None
    missing: bool
    weights: tuple[float, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    reaches: tuple[float, ...]
    step: int = 1
    exact: tuple[int, ...] = ()
    form: Form | None = None
    missing_share: float = 0.0
    note: str = ""
    kind: str = dataclasses.field(default="numeric", init=False)

    @property
    def rounded(self) -> bool:
        """Whether the values lie on a grid, such as whole numbers and amounts of money.

        Not where the grid is finer than float32, in which rows are kept: nine digits after the
        point are all that float64 has of numbers above 1,000 or so, rounded or not.
        """
        if not self.decimals:
            return self.decimals == 0
        largest = max(abs(self.minimum), abs(self.maximum))
        return self.step * 10.0**-self.decimals > np.spacing(np.float32(largest))

    @property
    def grid(self) -> tuple[int, int] | None:
        """The distance of neighbouring values as a fraction in lowest terms, if they have one."""
        if self.decimals is None:
            return None
        shared = math.gcd(self.step, 10**self.decimals)
        return self.step // shared, 10**self.decimals // shared

    def on_grid(self, values: np.ndarray) -> np.ndarray:
        """The nearest values that the column may have, float64, within its range."""
        if self.grid is not None:
            above, below = self.grid
            values = np.round(values * below / above) * above / below
            values = np.round(values, self.decimals)
        return np.clip(values, float(self.minimum), float(self.maximum))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Categorical:
    """A column of categories; a code is a place in `categories`.

    Args:
        name: of the column.
        dtype: pandas type that a written table has again.
        categories: the values, in their order.
        missing: whether values are missing.
        points: of an embedded column, a point in [-1, 1]^d for each category, and last for missing
            where values are; empty where categories are one-hot.
        missing_share: of the rows.
        note: what was assumed of the column, a sentence or nothing.
    """

    name: str
    dtype: str
    categories: tuple[Value, ...]
    missing: bool
    points: tuple[tuple[float, ...], ...] = ()
    missing_share: float = 0.0
    note: str = ""
    kind: str = dataclasses.field(default="categorical", init=False)

    @property
    def entries(self) -> int:
        """How many values there are, missing among them."""
        return len(self.categories) + self.missing


@dataclasses.dataclass(frozen=True, kw_only=True)
class Constant:
    """A column that always holds the same: not learnt, and put back into a written table.

    Args:
        name: of the column.
        dtype: pandas type that a written table has again.
        value: what it holds.
        note: what was assumed of the column, a sentence or nothing.
    """

    name: str
    dtype: str
    value: Value
    note: str = ""
    kind: str = dataclasses.field(default="constant", init=False)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Identifier:
    """A column that tells every row from the others: not learnt, and written anew.

    Args:
        name: of the column.
        dtype: pandas type that a written table has again.
        first: number of the first row that is written.
        before: in front of the number.
        width: digits that the number has at least, zeros in front.
        unique: whether each is a UUID made of the number instead.
        note: what was assumed of the column, a sentence or nothing.
    """

    name: str
    dtype: str
    first: int
    before: str = ""
    width: int = 0
    unique: bool = False
    note: str = ""
    kind: str = dataclasses.field(default="identifier", init=False)

    def values(self, count: int) -> list[int | str]:
        """Identifiers for so many rows, always the same ones."""
        numbers = range(self.first, self.first + count)
        if self.unique:
            return [str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.name} {i}")) for i in numbers]
        if not self.before and not self.width:
            return list(numbers)
        return [f"{self.before}{number:0{self.width}d}" for number in numbers]


@dataclasses.dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A column of the data that is neither learnt nor written.

    Args:
        name: of the column.
        reason: a sentence with the setting that says otherwise.
    """

    name: str
    reason: str


Column = Numeric | Categorical | Constant | Identifier
KINDS = {
    "numeric": Numeric,
    "categorical": Categorical,
    "constant": Constant,
    "identifier": Identifier,
}
NOT_LEARNT = (Constant, Identifier)


MODES = ("weights", "means", "scales", "reaches")  # what is fitted, up to rounding
ABOUT = ("note", "missing_share")  # what people are told, and no value depends on
ROUNDING = 1e-3  # of modes in their own units, of points in those of the box that they lie in


def alike(first: Column, second: Column) -> bool:
    """Whether two columns are the same, but for the rounding of another machine."""
    one, other = dataclasses.asdict(first), dataclasses.asdict(second)
    for column in (one, other):
        for name in ABOUT:
            column.pop(name, None)
    modes = [(one.pop(name, ()), other.pop(name, ())) for name in MODES]
    points = [np.array(column.pop("points", ())) for column in (one, other)]
    if one != other or points[0].shape != points[1].shape:
        return False
    return bool(np.allclose(*points, rtol=0.0, atol=ROUNDING)) and all(
        len(a) == len(b) and np.allclose(a, b, rtol=ROUNDING, atol=0.0) for a, b in modes
    )


def column_from_dict(fields: dict[str, Any]) -> Column:
    """Reads what `dataclasses.asdict` made of a column, before or after JSON."""
    known = {key: _frozen(value) for key, value in fields.items() if key not in ("kind", "form")}
    form = {"form": form_from_dict(fields["form"])} if "form" in fields else {}
    return KINDS[fields["kind"]](**known, **form)


def _frozen(value: Any) -> Any:
    """The value with tuples for lists, however deep."""
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value
