"""Constraints on the rows of a table that hold in every sample.

A person states one (`Range("age", 0, 120)`, or a table of `data.constraints`), the data are checked
against it, and samples keep it because of how columns are learnt and written: the numbers of a
column lie within its range and on its grid, a column that is greater than another is learnt as its
distance from it, categories that go together are learnt as one (the reparametrisations of Patki et
al., 2016, "The Synthetic Data Vault", and its successors), and identifiers are written anew.

Artefacts give rows in float32: what decodes them settles the order of columns in TensorFlow. Where
tables are written, the same is done once more in float64, on what their columns may hold exactly.
"""

import dataclasses
import datetime
import functools
import graphlib
import inspect
import math
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import tensorflow as tf

from ganapp.training.data.tables.columns import (
    SECONDS,
    Categorical,
    Column,
    Constant,
    DateForm,
    Identifier,
    LeftOut,
    NumberForm,
    Numeric,
    column_from_dict,
    frozen,
    same_column,
)
from ganapp.training.messages import did_you_mean, join_names
from ganapp.training.registry import Registry

if TYPE_CHECKING:
    import pandas

ColumnValues = tuple[Column | LeftOut, np.ndarray | None]  # a column and its values, float64 (n,)
Found = dict[str, ColumnValues]  # by name
Bound = float | str | None  # of a range: a number, a date as ISO 8601 writes it, or none
LARGEST = 1e32  # of a number, as in columns
MOST_EXACT = 2**53  # whole numbers up to this one are float64 numbers
MOST_DECIMALS = 9  # of a multiple, as of a column
MOST_COMBINATIONS = 100  # that are learnt one-hot, as many as categories of a column
MOST_EMBEDDED = 1000  # that become points, likewise
SHOWN_ROWS = 3  # that violate a constraint
ROUNDING = 4  # float32 numbers that two values must be apart to be told as different
ABSENT = -1  # code of a missing value in a combination


@dataclasses.dataclass(frozen=True)
class Constraint:
    """A statement on the rows of a table that the data keep, and so does every sample."""

    name: ClassVar[str]  # in a configuration

    @property
    def uses(self) -> tuple[str, ...]:
        """Names of the columns that it is about."""
        return (self.column,)

    @property
    def phrase(self) -> str:
        """What it says: `'end' is greater than 'start'`."""
        raise NotImplementedError

    def about(self, column: str) -> str:
        """What it says of one of its columns: `greater than 'start'`."""
        raise NotImplementedError

    @property
    def kinds(self) -> dict[str, str]:
        """Kinds of columns that follow from it, by name, as `data.kinds` says them."""
        return {}

    def refine(self, found: Found) -> Found:
        """The columns that it changes: their range, their grid or their unit.

        Raises:
            ValueError: a column is of a kind that it cannot be about.
        """
        raise NotImplementedError

    def violations(self, frame: "pandas.DataFrame", found: Found) -> np.ndarray:
        """Which rows of the data violate it, bool `(n,)`.

        Args:
            frame: the cells as the data have them.
            found: the columns with their values, as `refine` left them.
        """
        raise NotImplementedError

    def _refuse(self, expected: str, received: str) -> ValueError:
        return ValueError(
            f"The constraint that {self.phrase} must {expected}. Received: {received}"
        )

    def _numeric(self, found: Found, name: str) -> tuple[Numeric, np.ndarray]:
        column, values = found[name]
        if isinstance(column, Numeric):
            return column, values
        raise self._refuse(
            "be about numbers or dates",
            f"{name!r}, which {_what(column)}"
            + (
                f'; `data.kinds = {{{name} = "number"}}` makes numbers of it'
                if isinstance(column, Categorical)
                else ""
            ),
        )


def _what(column: Column | LeftOut) -> str:
    """What a column is, for a sentence on one that is something else."""
    if isinstance(column, Categorical):
        return "has categories"
    if isinstance(column, Constant):
        return f"is always {column.value!r}"
    if isinstance(column, Identifier):
        return "is an identifier, written anew"
    return "holds numbers or dates" if isinstance(column, Numeric) else "is left out"


@dataclasses.dataclass(frozen=True)
class Unique(Constraint):
    """No two rows of a sample have the same value in a column, which is written anew.

    Numbers go on where those of the data end, `C-00017` in its form, UUIDs new.

    Args:
        column: of whole numbers or text.
    """

    column: str
    name: str = dataclasses.field(default="unique", init=False, repr=False)

    def __post_init__(self) -> None:
        _check_name("column", self.column)

    @property
    def phrase(self) -> str:
        return f"{self.column!r} is unique"

    def about(self, column: str) -> str:
        return "unique"

    @property
    def kinds(self) -> dict[str, str]:
        return {self.column: "identifier"}

    def refine(self, found: Found) -> Found:
        column, _ = found[self.column]
        if not isinstance(column, Identifier):
            raise self._refuse("be about whole numbers or text", f"a column that {_what(column)}")
        return {}

    def violations(self, frame: "pandas.DataFrame", found: Found) -> np.ndarray:
        cells = frame[self.column]
        return (cells.duplicated(keep=False) & cells.notna()).to_numpy()


@dataclasses.dataclass(frozen=True)
class RoundTo(Constraint):
    """The numbers of a column are multiples of a number.

    Args:
        column: of numbers.
        multiple: above 0, with at most nine decimals: 0.05, 1, 100.
    """

    column: str
    multiple: float
    name: str = dataclasses.field(default="round_to", init=False, repr=False)

    def __post_init__(self) -> None:
        _check_name("column", self.column)
        multiple = _plain(self.multiple)
        valid = _is_number(multiple) and 0 < multiple < LARGEST
        if not valid or (Fraction(str(multiple)) * 10**MOST_DECIMALS).denominator != 1:
            raise ValueError(
                "`multiple` must be a number above 0 with at most nine decimals. "
                f"Received: multiple={self.multiple!r}"
            )
        object.__setattr__(self, "multiple", multiple)

    @property
    def phrase(self) -> str:
        return f"{self.column!r} is a multiple of {self.multiple:g}"

    def about(self, column: str) -> str:
        return f"multiples of {self.multiple:g}"

    def refine(self, found: Found) -> Found:
        column, values = self._numeric(found, self.column)
        if isinstance(column.form, DateForm):
            raise self._refuse("be about numbers", f"{self.column!r}, which holds dates")
        multiple = Fraction(str(self.multiple))
        if column.dtype.lower().startswith(("int", "uint")):  # whole whatever the multiple is
            multiple = Fraction(multiple.numerator, 1)
        decimals = _decimals_of(multiple)
        form = column.form
        if isinstance(form, NumberForm) and form.places is not None and form.places < decimals:
            form = dataclasses.replace(form, places=decimals)
        column = dataclasses.replace(
            column, decimals=decimals, step=int(multiple * 10**decimals), form=form
        )
        return {self.column: (_with_limits(column, column.minimum, column.maximum), values)}

    def violations(self, frame: "pandas.DataFrame", found: Found) -> np.ndarray:
        column, values = self._numeric(found, self.column)
        above, below = column.grid
        nearest = np.round(values * below / above) * above / below
        # A number in float32 is as near to its multiple as it can be.
        same = np.isclose(values, nearest, rtol=1e-9, atol=0.0)
        if column.dtype.lower() == "float32":
            same |= values.astype(np.float32) == nearest.astype(np.float32)
        return ~(same | np.isnan(values))


@dataclasses.dataclass(frozen=True)
class Range(Constraint):
    """The numbers or dates of a column lie within limits, both of which are allowed.

    They take the place of the smallest and the largest value of the data, which samples keep to
    otherwise.

    Args:
        column: of numbers or dates.
        minimum: a number, a date or its text as `2026-11-29`; left out where there is none.
        maximum: likewise.
    """

    column: str
    minimum: Bound = None
    maximum: Bound = None
    name: str = dataclasses.field(default="range", init=False, repr=False)

    def __post_init__(self) -> None:
        _check_name("column", self.column)
        for name in ("minimum", "maximum"):
            bound = _plain(getattr(self, name))
            if not (
                bound is None or isinstance(bound, str) or (_is_number(bound) and abs(bound) < 1e32)
            ):
                raise ValueError(
                    f"`{name}` must be a number or a date such as '2026-11-29'. "
                    f"Received: {name}={bound!r}"
                )
            object.__setattr__(self, name, bound)
        if self.minimum is None and self.maximum is None:
            raise ValueError(
                "A range must have a `minimum`, a `maximum` or both. Received: neither for "
                f"{self.column!r}"
            )

    @property
    def phrase(self) -> str:
        return f"{self.column!r} is {self.about(self.column)}"

    def about(self, column: str) -> str:
        if self.maximum is None:
            return f"{self.minimum} or more"
        return (
            f"{self.maximum} or less"
            if self.minimum is None
            else f"from {self.minimum} to {self.maximum}"
        )

    def refine(self, found: Found) -> Found:
        column, values = self._numeric(found, self.column)
        low, high = self._limits(column)
        if None not in (low, high) and low > high:
            raise ValueError(
                "`minimum` must not be above `maximum`. "
                f"Received: minimum={self.minimum!r}, maximum={self.maximum!r} for {self.column!r}"
            )
        stated = (low is not None, high is not None)
        if low is None:
            low = min(column.minimum, high)  # what the data have beyond is told as a violation
        elif high is None:
            high = max(column.maximum, low)
        return {self.column: (_with_limits(column, low, high, stated), values)}

    def violations(self, frame: "pandas.DataFrame", found: Found) -> np.ndarray:
        column, values = self._numeric(found, self.column)
        low, high = self._limits(column)
        outside = np.zeros(len(values), bool)
        if low is not None:
            outside |= values < low
        return outside if high is None else outside | (values > high)

    def _limits(self, column: Numeric) -> tuple[float | None, float | None]:
        """Both limits as numbers of the column."""
        return self._number(column, self.minimum), self._number(column, self.maximum)

    def _number(self, column: Numeric, bound: Bound) -> float | None:
        import pandas

        if bound is None:
            return None
        if not isinstance(column.form, DateForm):
            if isinstance(bound, str):
                raise self._refuse("have numbers as limits, as its column has", repr(bound))
            return bound
        try:
            if not isinstance(bound, str):
                raise ValueError
            date = pandas.Timestamp(bound)
            return float(column.form.numbers(pandas.Series([date.tz_localize(None)]))[0])
        except ValueError as error:
            raise self._refuse(
                "have dates such as '2026-11-29' as limits, as its column has", repr(bound)
            ) from error


@dataclasses.dataclass(frozen=True)
class GreaterThan(Constraint):
    """A column is greater than another in every row that has a value in both.

    Args:
        column: the greater one, of numbers or dates.
        than: the smaller one, of the same.
        or_equal: whether they may be equal.
    """

    column: str
    than: str
    or_equal: bool = False
    name: str = dataclasses.field(default="greater_than", init=False, repr=False)

    def __post_init__(self) -> None:
        _check_name("column", self.column)
        _check_name("than", self.than)
        if not isinstance(self.or_equal, bool):
            raise ValueError(
                f"`or_equal` must be true or false. Received: or_equal={self.or_equal!r}"
            )
        if self.column == self.than:
            raise ValueError(
                "A column must be greater than another one. "
                f"Received: column={self.column!r}, than={self.than!r}"
            )

    @property
    def uses(self) -> tuple[str, ...]:
        return (self.column, self.than)

    @property
    def phrase(self) -> str:
        return f"{self.column!r} is {self.about(self.column)}"

    def about(self, column: str) -> str:
        either = " or equal to" if self.or_equal else ""
        if column == self.column:
            return f"greater than{either} {self.than!r}"
        return f"less than{either} {self.column!r}"

    def refine(self, found: Found) -> Found:
        """Both columns; dates of both count from the same one, in the same unit."""
        both = {name: self._numeric(found, name) for name in self.uses}
        for name, (column, _) in both.items():
            largest = max(abs(column.minimum), abs(column.maximum))
            if largest >= MOST_EXACT:
                raise self._refuse("be about numbers below 2**53", f"{name!r} up to {largest:.3g}")
        forms = [column.form for column, _ in both.values()]
        dates = [form for form in forms if isinstance(form, DateForm)]
        if len(dates) == 1:
            raise self._refuse("be about two columns of numbers or two of dates", "one of each")
        if not dates:
            return both
        zones = {column.dtype.partition(",")[2] for column, _ in both.values()}
        if len(zones) > 1:
            raise self._refuse("be about dates of the same time zone", "dates of different ones")
        origin = min(form.origin for form in dates)
        unit = min((form.unit for form in dates), key=SECONDS.get)
        return {name: _counted_from(*each, origin, unit) for name, each in both.items()}

    def violations(self, frame: "pandas.DataFrame", found: Found) -> np.ndarray:
        (_, high), (_, low) = (found[name] for name in self.uses)
        return high < low if self.or_equal else high <= low  # false where one is missing


@dataclasses.dataclass(frozen=True, init=False)
class FixedCombinations(Constraint):
    """Columns of categories hold a combination that some row of the data holds.

    Args:
        columns: names of two or more; a missing value is one of a column's values.
    """

    columns: tuple[str, ...]
    name: str = dataclasses.field(default="fixed_combinations", init=False, repr=False)

    def __init__(self, *columns: str) -> None:
        for column in columns:
            _check_name("columns", column)
        if len(set(columns)) < max(2, len(columns)):
            raise ValueError(
                "`columns` must be two different columns or more. "
                f"Received: {join_names(columns) or 'none'}"
            )
        object.__setattr__(self, "columns", columns)

    @property
    def uses(self) -> tuple[str, ...]:
        return self.columns

    @property
    def phrase(self) -> str:
        return f"{join_names([*map(repr, self.columns)])} are a combination of the data"

    def about(self, column: str) -> str:
        others = [repr(name) for name in self.columns if name != column]
        return f"as in the data with {join_names(others)}"

    def refine(self, found: Found) -> Found:
        for name in self.columns:
            column, _ = found[name]
            if not isinstance(column, Categorical | Constant):
                cure = (
                    f'; `data.kinds = {{{name} = "category"}}` makes categories of it'
                    if isinstance(column, Numeric)
                    else ""
                )
                raise self._refuse("be about categories", f"{name!r}, which {_what(column)}{cure}")
        return {}

    def violations(self, frame: "pandas.DataFrame", found: Found) -> np.ndarray:
        return np.zeros(len(frame), bool)  # the combinations are those of the data


# In the order in which they are applied: grids before ranges, ranges before distances.
COLUMN_CONSTRAINTS = Registry(
    "constraint of columns", [Unique, RoundTo, Range, GreaterThan, FixedCombinations]
)


def as_table(constraint: Constraint) -> dict[str, object]:
    """A constraint as the table of a configuration that states it."""
    fields = dataclasses.asdict(constraint)
    return {"name": fields.pop("name")} | {k: v for k, v in fields.items() if v is not None}


def constraint_from(table: object) -> Constraint:
    """A constraint from the table that states it.

    Raises:
        ValueError: the sentence names the key that is unknown, missing or wrong.
    """
    if isinstance(table, Constraint):
        return table
    if not isinstance(table, Mapping) or not isinstance(table.get("name"), str):
        raise ValueError(
            "Each of `constraints` must be a table with the name of a constraint "
            f"({', '.join(COLUMN_CONSTRAINTS)}). Received: {table!r}"
        )
    member = COLUMN_CONSTRAINTS[table["name"]]
    given = {key: value for key, value in table.items() if key != "name"}
    parameters = inspect.signature(member).parameters
    for key in given:
        if key not in parameters:
            raise ValueError(
                f"`{key}` is not an option of the constraint {member.name!r}, which takes "
                f"{', '.join(parameters)}.{did_you_mean(key, parameters)}"
            )
    several = [key for key, each in parameters.items() if each.kind is each.VAR_POSITIONAL]
    for key, parameter in parameters.items():
        if key not in given and (key in several or parameter.default is parameter.empty):
            raise ValueError(f"`{key}` of the constraint {member.name!r} is missing.")
    positional = given.pop(several[0]) if several else ()
    if not isinstance(positional, list | tuple):
        raise ValueError(f"`{several[0]}` must be a list of names. Received: {positional!r}")
    return member(*positional, **given)


def constrained(
    constraints: Sequence[Constraint], frame: "pandas.DataFrame", found: Sequence[ColumnValues]
) -> list[ColumnValues]:
    """The columns of a table as constraints refine them.

    Args:
        constraints: of columns that the table has.
        frame: the cells as the data have them.
        found: the columns with their values.

    Raises:
        ValueError: a constraint cannot be about its columns, or the data violate it.
    """
    by_name: Found = {column.name: (column, values) for column, values in found}
    order = [*COLUMN_CONSTRAINTS]
    for constraint in sorted(constraints, key=lambda each: order.index(each.name)):
        by_name |= constraint.refine(by_name)
    # What dates count from goes from pair to pair until all of a chain have the same.
    pairs = [each for each in constraints if isinstance(each, GreaterThan)]
    for _ in pairs:
        for constraint in pairs:
            by_name |= constraint.refine(by_name)
    for constraint in constraints:
        _check_data(constraint, frame, by_name)
    return [*by_name.values()]


def _check_data(constraint: Constraint, frame: "pandas.DataFrame", found: Found) -> None:
    rows = np.flatnonzero(constraint.violations(frame, found))
    if not len(rows):
        return
    examples = "; ".join(
        f"row {row} has "
        + ", ".join(f"{name} {frame[name].iloc[row]!s}" for name in constraint.uses)
        for row in rows[:SHOWN_ROWS].tolist()
    )
    cure = "correct these rows or leave the constraint out"
    if isinstance(constraint, GreaterThan):
        weaker = dataclasses.replace(constraint, or_equal=True)
        if not weaker.violations(frame, found).any():
            cure = "`or_equal` allows equal values, which are all that violate it"
    raise ValueError(
        f"The data must keep the constraint that {constraint.phrase}; {cure}. Received: "
        f"{len(rows):,} of {len(frame):,} rows that violate it, counted from 0: {examples}"
    )


def check_constraints(
    constraints: Sequence[Constraint],
    columns: Sequence[str],
    kinds: Mapping[str, str],
    categories: Iterable[str],
    label: str,
) -> None:
    """Refuses constraints of columns that the table lacks, and what contradicts other options.

    Args:
        constraints: stated.
        columns: names of those of the table that are not dropped.
        kinds: what is said of columns, see `data.kinds`.
        categories: names of columns that other options make categories of.
        label: see `TableCodec`.
    """
    stated: set[tuple[str, tuple[str, ...]]] = set()
    combined: set[str] = set()
    for constraint in constraints:
        for name in constraint.uses:
            if name not in columns:
                raise ValueError(
                    "`constraints` must be about columns of the table, "
                    f"{join_names([*map(repr, columns)])}. Received: {name!r}."
                    f"{did_you_mean(name, columns)}".removesuffix(".")
                )
        key = (constraint.name, constraint.uses)
        if key in stated:
            raise ValueError(
                f"`constraints` must say each once. Received: twice that {constraint.phrase}"
            )
        stated.add(key)
        for name, kind in constraint.kinds.items():
            if kinds.get(name, kind) != kind or name in categories:
                other = repr(kinds[name]) if name in kinds else "categories"
                raise ValueError(
                    f"The constraint that {constraint.phrase} has {name!r} written anew, as an "
                    f"identifier, so no other option may make it something else. Received: {other}"
                )
        if isinstance(constraint, FixedCombinations):
            if label in constraint.uses:
                raise ValueError(
                    f"The constraint that {constraint.phrase} must leave the label out, whose "
                    f"classes the networks are told one by one. Received: {label!r}"
                )
            if twice := combined & set(constraint.uses):
                raise ValueError(
                    "A column must be in one of the `fixed_combinations` alone; put those that "
                    f"share it together. Received: {join_names(sorted(twice))} in two"
                )
            combined |= set(constraint.uses)


def _check_name(option: str, name: object) -> None:
    if not isinstance(name, str):
        raise ValueError(f"`{option}` must be the name of a column. Received: {option}={name!r}")


def _plain(value: Any) -> Any:
    """Numbers of numpy as Python's, dates as text."""
    if isinstance(value, np.datetime64):
        return str(value)
    if isinstance(value, datetime.date):
        return value.isoformat()
    return value.item() if isinstance(value, np.generic) else value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _decimals_of(number: Fraction) -> int:
    """Digits after the point that a number of at most nine has."""
    return next(d for d in range(MOST_DECIMALS + 1) if (number * 10**d).denominator == 1)


def _with_limits(
    column: Numeric, low: float, high: float, stated: tuple[bool, bool] = (False, False)
) -> Numeric:
    """The column with limits: the data's own, or stated ones, moved inwards to its grid."""
    if column.grid is not None:
        grid = Fraction(*column.grid)
        ends = [Fraction(str(end)) / grid for end in (low, high)]
        limits = [
            (inwards(end) if exact else round(end)) * grid
            for inwards, end, exact in zip((math.ceil, math.floor), ends, stated, strict=True)
        ]
        whole = column.decimals == 0
        low, high = (int(end) if whole else float(end) for end in limits)
    if low > high:
        raise ValueError(
            f"The constraints of {column.name!r} must leave it a value. Received: none of its "
            "multiples within its range"
        )
    return dataclasses.replace(column, minimum=low, maximum=high)


def _counted_from(
    column: Numeric, values: np.ndarray, origin: str, unit: str
) -> tuple[Numeric, np.ndarray]:
    """A column of dates whose numbers count from another date, in another unit."""
    form = column.form
    if (form.origin, form.unit) == (origin, unit):
        return column, values
    scale = round(SECONDS[form.unit] / SECONDS[unit])
    apart = np.datetime64(form.origin, "us") - np.datetime64(origin, "us")
    shift = apart.astype("int64") / round(SECONDS[unit] * 1e6)
    column = dataclasses.replace(
        column,
        form=dataclasses.replace(form, origin=origin, unit=unit),
        minimum=column.minimum * scale + shift,
        maximum=column.maximum * scale + shift,
        # Hours stay whole ones where they began at one.
        step=math.gcd(column.step * scale, round(shift)) if shift else column.step * scale,
    )
    return column, values * scale + shift


# How columns hang together in a codec: what is learnt of them, and the way back. Values of columns
# are tensors `(n,)` by name; float32 ones in artefacts, float64 ones where tables are written.

Values = dict[str, tf.Tensor]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Combinations:
    """Columns of categories that are learnt as one, whose categories are combinations."""

    members: tuple[str, ...]  # names of the columns; the first is that of the one learnt
    seen: tuple[tuple[int, ...], ...]  # codes of the members in each, `ABSENT` where missing
    column: Categorical  # the one learnt
    kind: str = dataclasses.field(default="combinations", init=False)

    @property
    def replaces(self) -> dict[str, Column | None]:
        """What is learnt for each of the columns; `None` where it is in that of the first."""
        return dict.fromkeys(self.members) | {self.members[0]: self.column}

    def learnt(self, values: Values) -> Values:
        """The column learnt, of the columns in user units.

        A combination that the data do not hold, as only other tables have, becomes another one.
        """
        codes = np.array(self.seen, np.int64) - ABSENT
        factors = np.append(np.cumprod((codes.max(axis=0) + 1)[:0:-1])[::-1], 1)
        keys = codes @ factors
        order = np.argsort(keys)
        given = [
            factor * tf.cast(tf.where(tf.math.is_nan(values[name]), 0.0, values[name] + 1), "int64")
            for name, factor in zip(self.members, factors.tolist(), strict=True)
        ]
        places = tf.searchsorted(keys[order], tf.add_n(given))
        found = tf.gather(order, tf.minimum(places, len(order) - 1))
        return {self.members[0]: tf.cast(found, values[self.members[0]].dtype)}

    def user(self, code: tf.Tensor) -> Values:
        """The columns in user units, NaN where missing, of the float32 codes of the one learnt."""
        table = np.where(np.array(self.seen) == ABSENT, np.nan, self.seen).astype(np.float32)
        places = tf.cast(code, tf.int32)
        return {name: tf.gather(table[:, i], places) for i, name in enumerate(self.members)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Distance:
    """A column that is learnt as its distance from the largest of those that it is greater than.

    Where all of these are missing, the distance is that from the smallest value they have.
    """

    name: str  # of the column, and of the one learnt
    than: tuple[str, ...]  # names of the columns that it is greater than
    or_equal: tuple[bool, ...]  # of each, whether it may be equal
    column: Numeric  # the one learnt
    kind: str = dataclasses.field(default="distance", init=False)

    @property
    def replaces(self) -> dict[str, Column | None]:
        """The one learnt, by the name of the column."""
        return {self.name: self.column}

    def base(self, values: Values, absent: Values, columns: Mapping[str, Numeric]) -> tf.Tensor:
        """What distances are counted from."""
        lowest = float(min(columns[name].minimum for name in self.than))
        present = [tf.where(absent[name], lowest, values[name]) for name in self.than]
        return functools.reduce(tf.maximum, present)


Relation = Combinations | Distance
RELATIONS = {"combinations": Combinations, "distance": Distance}


def relation_from_dict(fields: dict[str, object]) -> Relation:
    """Reads what `dataclasses.asdict` made of a relation, before or after JSON."""
    known = {key: frozen(value) for key, value in fields.items() if key not in ("kind", "column")}
    return RELATIONS[fields["kind"]](**known, column=column_from_dict(fields["column"]))


def same_relation(first: Relation, second: Relation) -> bool:
    """Whether two relations are the same, but for the rounding of another machine."""
    alike = dataclasses.replace(second, column=first.column) if first.kind == second.kind else None
    return first == alike and same_column(first.column, second.column)


def relate(
    constraints: Sequence[Constraint],
    columns: Mapping[str, Column],
    values: Mapping[str, np.ndarray],
    embedded: Sequence[str],
) -> tuple[Relation, ...]:
    """The relations that constraints make between columns; what is learnt is still without modes.

    Args:
        constraints: that the columns keep.
        columns: of the table, by name.
        values: of those that are learnt, float64 `(n,)` by name.
        embedded: names of columns whose categories become points.

    Returns:
        A distance after those that it is counted from.

    Raises:
        ValueError: the constraints cannot hold together, or there are too many combinations.
    """
    combined = [
        _combinations(each, columns, values, embedded)
        for each in constraints
        if isinstance(each, FixedCombinations)
    ]
    pairs = [each for each in constraints if isinstance(each, GreaterThan)]
    sorter = graphlib.TopologicalSorter()
    for pair in pairs:
        sorter.add(pair.column, pair.than)
    try:
        order = [*sorter.static_order()]
    except graphlib.CycleError as error:
        raise ValueError(
            "No column can be greater than itself. Received: `greater_than` in a circle, "
            f"{' > '.join(map(repr, error.args[1][::-1]))}"
        ) from error
    distances = []
    for name in order:
        below = [pair for pair in pairs if pair.column == name]
        if below:
            distances.append(_distance(below, columns, values))
    _check_feasible(distances, columns)
    return (*(each for each in combined if each is not None), *distances)


def _combinations(
    constraint: FixedCombinations,
    columns: Mapping[str, Column],
    values: Mapping[str, np.ndarray],
    embedded: Sequence[str],
) -> Combinations | None:
    members = tuple(name for name in constraint.columns if name in values)
    if len(members) < 2:  # what is always the same goes with everything
        return None
    codes = np.stack([values[name] for name in members], axis=1)
    seen = np.unique(np.nan_to_num(codes, nan=ABSENT).astype(int), axis=0)
    points = any(name in embedded for name in members)
    most = MOST_EMBEDDED if points else MOST_COMBINATIONS
    if len(seen) > most:
        cure = "put rare ones together" if points else f"name {members[0]!r} in `embedded`"
        raise ValueError(
            f"The constraint that {constraint.phrase} must leave at most {most} combinations; "
            f"{cure}. Received: {len(seen):,}"
        )
    column = Categorical(
        name=members[0], dtype="int64", categories=tuple(range(len(seen))), missing=False
    )
    return Combinations(members=members, seen=tuple(map(tuple, seen.tolist())), column=column)


def _distance(
    pairs: Sequence[GreaterThan], columns: Mapping[str, Numeric], values: Mapping[str, np.ndarray]
) -> Distance:
    name, than = pairs[0].column, tuple(pair.than for pair in pairs)
    column, lowest = columns[name], min(columns[each].minimum for each in than)
    present = [np.nan_to_num(values[each], nan=float(lowest)) for each in than]
    numbers = values[name] - np.max(present, axis=0)
    grids = [columns[each].grid for each in (name, *than)]
    decimals, step = None, 1
    if None not in grids:
        grid = functools.reduce(_common, (Fraction(*each) for each in grids))
        numbers = np.round(numbers / float(grid)) * float(grid)
        decimals = _decimals_of(grid)
        step = int(grid * 10**decimals)
    learnt = Numeric(
        name=name,
        dtype="float64",
        minimum=float(np.nanmin(numbers)),
        maximum=float(np.nanmax(numbers)),
        decimals=decimals,
        missing=column.missing,
        step=step,
    )
    or_equal = tuple(pair.or_equal for pair in pairs)
    return Distance(name=name, than=than, or_equal=or_equal, column=learnt)


def _check_feasible(distances: Sequence[Distance], columns: Mapping[str, Numeric]) -> None:
    """Refuses columns whose ranges leave no room to be greater than each other."""
    names = {name for each in distances for name in (each.name, *each.than)}
    nothing = {name: tf.constant([False]) for name in names}
    for name, cap in _caps(distances, nothing, columns, tf.float64).items():
        if float(columns[name].minimum) > float(cap[0]) + abs(float(cap[0])) * 1e-12:
            raise ValueError(
                "The constraints must leave each column a value where no value is missing. "
                f"Received: none for {name!r}, which is {columns[name].minimum} or more, and at "
                f"most {float(cap[0]):g} where another one is greater"
            )


def _common(first: Fraction, second: Fraction) -> Fraction:
    """The largest number of which both are multiples."""
    shared = math.gcd(first.numerator * second.denominator, second.numerator * first.denominator)
    return Fraction(shared, first.denominator * second.denominator)


def _margin(high: Numeric, low: Numeric, or_equal: bool, dtype: tf.DType) -> tuple[float, float]:
    """The least difference of two columns, and how much of one is mere rounding.

    Differences are multiples of what both grids share; without grids, or where these are finer than
    numbers of the type, the least one is a few of those numbers apart.
    """
    largest = max(abs(float(end)) for c in (high, low) for end in (c.minimum, c.maximum))
    rounding = ROUNDING * float(np.spacing(dtype.as_numpy_dtype(largest)))
    both = None not in (high.grid, low.grid)
    shared = float(_common(Fraction(*high.grid), Fraction(*low.grid))) if both else 0.0
    shared = shared if shared >= rounding else 0.0
    least = 0.0 if or_equal else shared or rounding
    return least, (shared or least) / 2


def snap(values: tf.Tensor, column: Numeric) -> tf.Tensor:
    """The nearest values on the column's grid."""
    if column.grid is None:
        return values
    above, below = map(float, column.grid)
    # Divisors that seem to depend on the value: see `TableCodec`.
    finite = values < np.inf
    ones = tf.ones_like(values)
    scaled = values * below
    if above != 1:
        scaled = scaled / tf.where(finite, above * ones, ones)
    return tf.round(scaled) * above / tf.where(finite, below * ones, ones)


def _caps(
    distances: Sequence[Distance],
    absent: Values,
    columns: Mapping[str, Numeric],
    dtype: tf.DType,
) -> Values:
    """The largest value that each column may have, so that the greater ones have room."""
    caps = {
        name: tf.where(each, *2 * [tf.constant(float(columns[name].maximum), dtype)])
        for name, each in absent.items()
    }
    for distance in reversed(distances):
        for name, or_equal in zip(distance.than, distance.or_equal, strict=True):
            high, low = columns[distance.name], columns[name]
            least, slack = _margin(high, low, or_equal, dtype)
            bound = caps[distance.name] - least
            below = snap(bound, low)
            if low.grid is not None:
                step = low.grid[0] / low.grid[1]
                below = tf.where(below > bound + slack, below - step, below)
            caps[name] = tf.where(absent[distance.name], caps[name], tf.minimum(caps[name], below))
    return caps


def settle(
    values: Values,
    absent: Values,
    distances: Sequence[Distance],
    columns: Mapping[str, Numeric],
    *,
    learnt: bool,
) -> Values:
    """Columns that keep to their order, their ranges and their grids.

    Args:
        values: of all columns that the distances name, on their grids and within their ranges;
            anything where absent.
        absent: where they are missing, bool.
        distances: each after those that it is counted from.
        columns: in user units, by name.
        learnt: whether `values` holds distances for the columns that are learnt so.
    """
    names = {name for each in distances for name in (each.name, *each.than)}
    dtype = values[next(iter(names))].dtype
    caps = _caps(distances, {name: absent[name] for name in names}, columns, dtype)
    settled = dict(values)
    for name in names - {each.name for each in distances}:
        settled[name] = tf.minimum(values[name], caps[name])
    for distance in distances:
        high, value = columns[distance.name], values[distance.name]
        if learnt:
            value = snap(distance.base(settled, absent, columns) + value, high)
            value = tf.maximum(value, float(high.minimum))
        value = tf.minimum(value, caps[distance.name])
        for name, or_equal in zip(distance.than, distance.or_equal, strict=True):
            least, slack = _margin(high, columns[name], or_equal, dtype)
            floor = settled[name] + least
            above = snap(floor, high)
            if high.grid is not None:
                above = tf.where(above < floor - slack, above + high.grid[0] / high.grid[1], above)
            violated = (value < floor - slack) & ~absent[name]
            value = tf.where(violated, above, value)
        settled[distance.name] = value
    return settled
