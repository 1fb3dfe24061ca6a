"""The columns of a table: what each holds, as plain values that JSON can keep."""

import dataclasses
from typing import Any

import numpy as np

Value = str | int | float | bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Numeric:
    """A column of numbers.

    Args:
        name: of the column.
        dtype: pandas type that a written table has again.
        minimum: smallest value of the table.
        maximum: largest value of the table.
        decimals: digits after the point that all values have at most, 0 for whole numbers;
            `None` when there are too many to count.
        missing: whether values are missing.
        weights: of the modes, the heaviest not necessarily first.
        means: of the modes.
        scales: standard deviations of the modes.
        reaches: distance from a mode's mean that becomes 1: four standard deviations, or more
            where a training value lies further away; 0 of a mode that is a single value.
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
        return 10.0**-self.decimals > np.spacing(np.float32(largest))


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
    """

    name: str
    dtype: str
    categories: tuple[Value, ...]
    missing: bool
    points: tuple[tuple[float, ...], ...] = ()
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
    """

    name: str
    dtype: str
    value: Value
    kind: str = dataclasses.field(default="constant", init=False)


Column = Numeric | Categorical | Constant
KINDS = {"numeric": Numeric, "categorical": Categorical, "constant": Constant}


MODES = ("weights", "means", "scales", "reaches")  # what is fitted, up to rounding
ROUNDING = 1e-3  # of modes in their own units, of points in those of the box that they lie in


def alike(first: Column, second: Column) -> bool:
    """Whether two columns are the same, but for the rounding of another machine."""
    one, other = dataclasses.asdict(first), dataclasses.asdict(second)
    modes = [(one.pop(name, ()), other.pop(name, ())) for name in MODES]
    points = [np.array(column.pop("points", ())) for column in (one, other)]
    if one != other or points[0].shape != points[1].shape:
        return False
    return bool(np.allclose(*points, rtol=0.0, atol=ROUNDING)) and all(
        len(a) == len(b) and np.allclose(a, b, rtol=ROUNDING, atol=0.0) for a, b in modes
    )


def column_from_dict(fields: dict[str, Any]) -> Column:
    """Reads what `dataclasses.asdict` made of a column, before or after JSON."""
    return KINDS[fields["kind"]](**{k: _frozen(v) for k, v in fields.items() if k != "kind"})


def _frozen(value: Any) -> Any:
    """The value with tuples for lists, however deep."""
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value
