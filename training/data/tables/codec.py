"""Tables to vectors and back: mode-specific normalisation, one-hot and embedded categories.

References: Xu et al., 2019, arXiv:1907.00503 (CTGAN: mode-specific normalisation); Blei and Jordan,
2006, Bayesian Analysis 1(1) (variational inference for Dirichlet process mixtures).

The points of embedded categories are made of the training rows beforehand and stay, since generated
rows go the other way too, in artefacts as well: where entity embeddings (Guo and Berkhahn, 2016,
arXiv:1604.06737) are learnt by a network, these are the profiles of the categories over the other
columns, reduced as correspondence analysis reduces them (Greenacre, 2017, Correspondence Analysis
in Practice, 3rd edition).
"""

import contextlib
import dataclasses
import decimal
import functools
import io
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from ganapp.training.data.tables.columns import (
    NOT_LEARNT,
    Categorical,
    Column,
    Constant,
    DateForm,
    Identifier,
    LeftOut,
    NumberForm,
    Numeric,
    column_from_dict,
    date_patterns,
    parse_mixed_dates,
    same_column,
)
from ganapp.training.data.tables.constraints import (
    Combinations,
    Constraint,
    Distance,
    Relation,
    constraint_from,
    relate,
    relation_from_dict,
    same_relation,
    settle,
)
from ganapp.training.data.tables.kinds import (
    COMMON,
    ColumnValues,
    DecimalMark,
    TextColumn,
    is_word,
)
from ganapp.training.messages import join_names

if TYPE_CHECKING:
    import pandas

NAN = np.float32("nan")
NOWHERE = -1  # index of an entry that a column does not have
SHOWN_CATEGORIES = 4
SHOWN_LETTERS = 24
IMPOSSIBLE = -1.0  # below every entry of a one-hot block or of a softmax
NEVER = -1e30  # log weight of a mode that a column does not have
LEAST_WEIGHT = 0.005  # of a mode, as in the paper's code
CONCENTRATION = 1e-3  # of the Dirichlet process over modes, likewise
REACH = 4.0  # standard deviations, likewise
POINT = 1e-6  # its width, in standard deviations of the column, where likelihoods ask for one
MARGIN = 0.99  # where the furthest training value lies: tanh gets to 1 nowhere
MOST_FITTED = 256  # groups of neighbouring values that a mixture is fitted to
AT_ONCE = 2**20  # numbers of all columns that are fitted together
MOST_ROUNDS, ENOUGH = 100, 1e-6  # of the fit, and by how much its bound must grow, per value
LEAST_VARIANCE = 1e-6  # added to that of a mode, of standardised values
SHOWN_FROM = 100  # columns from which on a terminal shows how far the fit is
Modes = dict[str, tuple[float, ...]]
PRIOR_ROWS = 10  # that every category is believed to have besides its own, of the whole table
APART = 0.5  # least distance of two points, while profiles lie in [-1, 1]
START = 0.1  # side of the box in which equal profiles begin to part
MOST_PUSHES = 500  # a thousand equal profiles need about ten
REACHED = 0.999  # share of `APART` that is near enough: the last push only comes close
FLAT = 1e-6  # spread below which profiles are the same but for rounding
EDGE = 0.99  # coordinate of the outermost point: tanh gets to 1 nowhere
DIGITS = 6  # of a coordinate


@dataclasses.dataclass(frozen=True)
class _Layout:
    """The places of a row's entries in the vector that stands for it.

    First one scalar for every numeric column and the coordinates of embedded categories, then
    softmax blocks from narrow to wide: the modes of numeric columns with more than one, present or
    missing where that varies, and one-hot categories. Blocks of equal width lie together, so that a
    network's head treats them in one operation.
    """

    width: int  # entries of a row in model units
    # activation (`"tanh"` or `"softmax"`) and width of each part, from left to right
    blocks: tuple[tuple[str, int], ...]
    scalars: np.ndarray  # int `(numeric,)`
    modes: np.ndarray  # int `(numeric, most modes)`, `NOWHERE` beyond a column's own
    present: np.ndarray  # int `(numeric, 2)`, present and missing
    # int `(one-hot, most categories)`, missing as the last of its column's own
    categories: np.ndarray
    points: tuple[np.ndarray, ...]  # int `(dimensions,)` of each embedded column


def _make_layout(
    numeric: Sequence[Numeric], one_hot: Sequence[Categorical], embedded: Sequence[Categorical]
) -> _Layout:
    modes = np.full((len(numeric), _most(len(c.means) for c in numeric)), NOWHERE)
    present = np.full((len(numeric), 2), NOWHERE)
    widths = [c.entries for c in one_hot]
    categories = np.full((len(one_hot), _most(widths)), NOWHERE)
    parts = [modes[i, : len(c.means)] for i, c in enumerate(numeric) if len(c.means) > 1]
    parts += [present[i] for i, c in enumerate(numeric) if c.missing]
    parts += [categories[i, :width] for i, width in enumerate(widths)]
    parts.sort(key=len)
    ends = np.cumsum([len(numeric), *(len(c.points[0]) for c in embedded)])
    points = tuple(np.arange(*pair) for pair in itertools.pairwise(ends))
    scalars = start = int(ends[-1])
    for part in parts:  # views: assigning fills the tables above
        part[:] = np.arange(start, start + len(part))
        start += len(part)
    head = [("tanh", scalars)] if scalars else []
    blocks = (*head, *(("softmax", len(part)) for part in parts))
    return _Layout(start, blocks, np.arange(len(numeric)), modes, present, categories, points)


def _most(counts: Iterable[int]) -> int:
    return max((1, *counts))


@dataclasses.dataclass(frozen=True, kw_only=True)
class ColumnSummary:
    """A summary of a column, for people."""

    name: str  # of the column
    kind: str  # `number`, `date`, `category`, `constant`, `identifier` or `left out`
    values: str = ""  # the range, or how many categories and the first of them
    missing: float = 0.0  # share of the rows without a value
    form: str = ""  # how values are written
    constraint: str = ""  # what holds in every sample: `greater than 'start'`
    note: str = ""  # what was assumed, with the setting that says otherwise; or nothing


def _summary(column: Column, table: "TableCodec") -> ColumnSummary:
    held = (each.about(column.name) for each in table.constraints if column.name in each.uses)
    about = {"name": column.name, "constraint": "; ".join(held), "note": column.note}
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
    limits = " to ".join(_value_text(column, value) for value in (column.minimum, column.maximum))
    kind = "date" if isinstance(column.form, DateForm) else "number"
    return ColumnSummary(kind=kind, values=limits, form=_form_text(column), **about)


def _value_text(column: Numeric, value: float) -> str:
    if column.form is not None:
        return column.form.write(np.array([value]).tolist(), column.decimals)[0]
    return str(value) if isinstance(value, int) else f"{value:.7g}"


def _form_text(column: Numeric) -> str:
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


@dataclasses.dataclass(frozen=True, kw_only=True)
class TableCodec:
    """The columns of a table, and the way to model units and back.

    *User units* of a table are float32 `(n, columns)`: numbers as they are, categories as their
    codes, NaN where a value is missing; dates are numbers, see `DateForm`; constant columns and
    identifiers are left out. *Model units* are float32 `(n, width)`: of a number its distance from
    the mean of its mode, in reaches (-1 to 1), and which mode that is; one-hot categories, or their
    points where a column is embedded; and one-hot present or missing.

    A number belongs to the mode most likely to have drawn it, where the paper draws one of the
    likely modes: so a row has one code for every epoch, and a resumed run redraws nothing.
    """

    columns: tuple[Column, ...]  # in the order of the table
    label: str = ""  # name of the categorical column that holds the class; empty when none does
    # whether rows lack it. That is no value of the column: such a row has zeros for all classes
    # in model units, NaN in user units, and nothing generates one
    partly_labelled: bool = False
    left_out: tuple[LeftOut, ...] = ()  # columns of the data that are neither learnt nor written
    separator: str = ","  # what stands between the values of a file of text
    header: bool = True  # whether its first line names the columns
    constraints: tuple[Constraint, ...] = ()  # that every sample keeps
    relations: tuple[Relation, ...] = ()  # that they make between columns

    @cached_property
    def learnt(self) -> "TableCodec":
        """The codec of the columns that networks see, in place of those that relations replace."""
        if not self.relations:
            return self
        replaced: dict[str, Column | None] = {}
        for relation in self.relations:
            replaced |= relation.replaces
        columns = (replaced.get(column.name, column) for column in self.varying)
        columns = tuple(column for column in columns if column is not None)
        return TableCodec(columns=columns, label=self.label, partly_labelled=self.partly_labelled)

    @cached_property
    def varying(self) -> tuple[Column, ...]:
        """The columns of user units: all that are learnt."""
        return tuple(c for c in self.columns if not isinstance(c, NOT_LEARNT))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the columns of user units."""
        return tuple(c.name for c in self.varying)

    @cached_property
    def numeric(self) -> tuple[int, ...]:
        """Places of the numeric columns in user units."""
        return tuple(i for i, c in enumerate(self.varying) if isinstance(c, Numeric))

    @cached_property
    def categorical(self) -> tuple[int, ...]:
        """Places of the categorical columns in user units."""
        return tuple(i for i, c in enumerate(self.varying) if isinstance(c, Categorical))

    @cached_property
    def one_hot(self) -> tuple[int, ...]:
        """Those of the categorical columns with an entry of model units for each category."""
        return tuple(i for i in self.categorical if not self.varying[i].points)

    @cached_property
    def embedded(self) -> tuple[int, ...]:
        """Those of the categorical columns whose categories are points in model units."""
        return tuple(i for i in self.categorical if self.varying[i].points)

    @property
    def label_place(self) -> int | None:
        """Place of the label in user units; `None` without one."""
        return self.names.index(self.label) if self.label else None

    @property
    def width(self) -> int:
        """Entries of a row in model units."""
        return self.learnt._layout.width

    @property
    def blocks(self) -> tuple[tuple[str, int], ...]:
        """Activation and width of each part of model units: what a generator must end in."""
        return self.learnt._layout.blocks

    @property
    def label_start(self) -> int | None:
        """Place in model units of the label's first category, the others behind it, or `None`."""
        if not self.label:
            return None
        learnt = self.learnt
        return int(learnt._layout.categories[learnt.one_hot.index(learnt.label_place), 0])

    def encode(self, rows: tf.Tensor) -> tf.Tensor:
        """User units `(n, columns)` to model units `(n, width)`, both float32."""
        learnt = self.learnt
        if self.relations:
            values = self.learnt_values(
                dict(zip(self.names, tf.unstack(rows, axis=1), strict=True))
            )
            rows = tf.stack([values[name] for name in learnt.names], axis=1)
        parts = [*learnt._encode_numbers(rows), *learnt._encode_categories(rows)]
        parts += learnt._encode_points(rows)
        return tf.gather(tf.concat(parts, axis=1), learnt._order_of_parts, axis=1)

    def learnt_values(self, values: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Columns of user units `(n,)` by name, NaN where missing, as the columns learnt."""
        found = dict(values)
        for relation in self.relations:
            if isinstance(relation, Combinations):
                found |= relation.learnt(values)
                continue
            absent = {name: tf.math.is_nan(values[name]) for name in relation.than}
            base = relation.base(values, absent, self._by_name)
            found[relation.name] = values[relation.name] - base
        return found

    def decode(self, codes: tf.Tensor) -> tf.Tensor:
        """Model units `(n, width)` to user units `(n, columns)`, both float32.

        Blocks need not be one-hot: their largest entry counts. Of an embedded column the nearest
        point does, the first of several. Numbers have the decimals of their column again and stay
        within its range.
        """
        learnt = self.learnt
        padded = tf.pad(codes, [[0, 0], [0, 1]], constant_values=IMPOSSIBLE)
        numbers = learnt._decode_numbers(padded)
        others = [*learnt._decode_categories(padded), *learnt._decode_points(codes)]
        if self.relations:
            return self._decode_relations(numbers, others)
        parts = others if numbers is None else [tf.where(numbers[1], NAN, numbers[0]), *others]
        order = np.argsort([*self.numeric, *self.one_hot, *self.embedded])
        return tf.gather(tf.concat(parts, axis=1), order, axis=1)

    def _decode_relations(
        self, numbers: tuple[tf.Tensor, tf.Tensor] | None, others: list[tf.Tensor]
    ) -> tf.Tensor:
        """User units of the columns learnt: numbers, where they are missing, and categories."""
        learnt, found = self.learnt, {}
        if others:
            names = [learnt.names[place] for place in (*learnt.one_hot, *learnt.embedded)]
            found = dict(zip(names, tf.unstack(tf.concat(others, 1), axis=1), strict=True))
        for relation in self.relations:
            if isinstance(relation, Combinations):
                found |= relation.user(found[relation.members[0]])
        if numbers is not None:
            names = [learnt.names[place] for place in learnt.numeric]
            values, absent = (
                dict(zip(names, tf.unstack(each, axis=1), strict=True)) for each in numbers
            )
            if self._distances:
                values = settle(values, absent, self._distances, self._by_name, learnt=True)
            found |= {name: tf.where(absent[name], NAN, values[name]) for name in names}
        return tf.stack([found[name] for name in self.names], axis=1)

    def to_frame(self, rows: np.ndarray) -> "pandas.DataFrame":
        """A pandas table of rows `(n, columns)` in user units: names, order and types restored.

        Raises:
            ValueError: another number of columns.
        """
        import pandas

        columns = self._by_column(rows)
        return pandas.DataFrame({c.name: _restore(c, v, len(rows)) for c, v in columns})

    def to_csv(self, rows: np.ndarray) -> bytes:
        """A file of text as that of the data: separator, header, forms of numbers and dates."""
        file = io.StringIO()
        self.to_text(rows).to_csv(
            file, index=False, sep=self.separator, header=self.header, lineterminator="\n"
        )
        return file.getvalue().encode()

    def to_text(self, rows: np.ndarray) -> "pandas.DataFrame":
        """A pandas table as a file of text has it: numbers and dates in their forms."""
        import pandas

        columns = {c.name: _write_column(c, v, len(rows)) for c, v in self._by_column(rows)}
        return pandas.DataFrame(columns)

    def from_frame(self, frame: "pandas.DataFrame") -> np.ndarray:
        """Rows in user units, float32 `(n, columns)`; the columns may come in any order.

        Numbers and dates may be text in the form of their column, or in another of all its cells.

        Raises:
            ValueError: a column or category is not known, or a value is missing where none may be.
        """
        absent = [c.name for c in self.varying if c.name not in frame.columns]
        if absent:
            raise ValueError(
                f"The table must have the column {absent[0]!r}. Received: {list(frame.columns)}"
            )
        unknown = self.label if self.partly_labelled else None
        columns = [
            _values(c, frame[c.name], may_miss=c.missing or c.name == unknown) for c in self.varying
        ]
        return np.stack(columns, axis=1).astype(np.float32)

    def describe(self) -> list[ColumnSummary]:
        """A summary of each column, those that are left out last."""
        left_out = (
            ColumnSummary(name=c.name, kind="left out", note=c.reason) for c in self.left_out
        )
        return [*(_summary(column, self) for column in self.columns), *left_out]

    def notes(self) -> list[str]:
        """Sentences on columns that are treated otherwise than it seems."""
        columns = {
            "Always the same, so not learnt but put back": [
                repr(c.name) for c in self.columns if isinstance(c, Constant)
            ],
            "With leading zeros, so categories and no numbers": [
                repr(c.name) for c in self.columns if isinstance(c, Categorical) and _are_codes(c)
            ],
            "Embedded": [
                f"{c.name!r} ({c.entries} categories in {len(c.points[0])} dimensions)"
                for c in self.columns
                if isinstance(c, Categorical) and c.points
            ],
            "Written anew": [repr(c.name) for c in self.columns if isinstance(c, Identifier)],
            "Left out": [repr(c.name) for c in self.left_out],
            "In every sample": [each.phrase for each in self.constraints],
        }
        return [f"{what}: {', '.join(names)}." for what, names in columns.items() if names]

    def is_like(self, other: "TableCodec") -> bool:
        """Whether both are of the same table, but for the rounding of another machine."""
        same = self.label == other.label and len(self.columns) == len(other.columns)
        same = same and self.constraints == other.constraints
        same = same and len(self.relations) == len(other.relations)
        same = same and all(map(same_relation, self.relations, other.relations))
        return same and all(map(same_column, self.columns, other.columns))

    @classmethod
    def from_dict(cls, fields: dict[str, object]) -> "TableCodec":
        """Reads what `dataclasses.asdict` made of a codec, before or after JSON."""
        found = {
            "columns": tuple(map(column_from_dict, fields["columns"])),
            "left_out": tuple(LeftOut(**column) for column in fields.get("left_out", ())),
            "constraints": tuple(map(constraint_from, fields.get("constraints", ()))),
            "relations": tuple(map(relation_from_dict, fields.get("relations", ()))),
        }
        return cls(**fields | found)

    def with_learnt(self, columns: dict[str, Column]) -> "TableCodec":
        """The codec with other ones for some columns that networks see, by name."""
        relations, left = [], dict(columns)
        for relation in self.relations:
            column = left.pop(relation.column.name, relation.column)
            relations.append(dataclasses.replace(relation, column=column))
        changed = tuple(left.get(column.name, column) for column in self.columns)
        return dataclasses.replace(self, columns=changed, relations=tuple(relations))

    def _by_column(self, rows: np.ndarray) -> list[tuple[Column, np.ndarray | list | None]]:
        """Each column with its values: numbers that it may have, codes of categories, or none."""
        rows = np.asarray(rows, np.float64)
        if rows.ndim != 2 or rows.shape[1] != len(self.varying):
            raise ValueError(
                f"`rows` must have the shape (n, {len(self.varying)}). Received: shape={rows.shape}"
            )
        values: dict[str, np.ndarray | list] = dict(zip(self.names, rows.T, strict=True))
        for place in self.numeric:
            column = self.varying[place]
            values[column.name] = _numbers(column, values[column.name])
        if self._distances:
            self._settle(values)
        return [(column, values.get(column.name)) for column in self.columns]

    def _settle(self, values: dict[str, np.ndarray | list]) -> None:
        """Puts numbers that float32 does not tell apart into their order, exactly."""
        names = {name for each in self._distances for name in (each.name, *each.than)}
        given = {name: np.array(values[name], np.float64) for name in names}
        absent = {name: np.isnan(each) for name, each in given.items()}
        known = {name: tf.constant(np.nan_to_num(each)) for name, each in given.items()}
        settled = settle(known, absent, self._distances, self._by_name, learnt=False)
        for name in names:
            changed = (settled[name].numpy() != given[name]) & ~absent[name]
            for row in np.flatnonzero(changed).tolist():
                new = float(settled[name][row])
                values[name][row] = round(new) if self._by_name[name].exact else new

    @cached_property
    def _by_name(self) -> dict[str, Column]:
        return {column.name: column for column in self.columns}

    @cached_property
    def _distances(self) -> list[Distance]:
        return [each for each in self.relations if isinstance(each, Distance)]

    @cached_property
    def _layout(self) -> _Layout:
        return _make_layout(*self._columns_by_kind)

    @property
    def _columns_by_kind(self) -> tuple[list[Numeric], list[Categorical], list[Categorical]]:
        places = (self.numeric, self.one_hot, self.embedded)
        return tuple([self.varying[i] for i in some] for some in places)

    @cached_property
    def _order_of_parts(self) -> np.ndarray:
        """The entry of the parts, side by side, that becomes each entry of model units."""
        parts = (self._layout.scalars, self._layout.modes, self._layout.present)
        parts = (*parts, self._layout.categories, *self._layout.points)
        places = np.concatenate([part.ravel() for part in parts])
        order = np.empty(self.width, int)
        order[places[places != NOWHERE]] = np.flatnonzero(places != NOWHERE)
        return order

    @cached_property
    def _modes(self) -> dict[str, np.ndarray]:
        """Float32 `(numeric, most modes)`: means, scales, reaches and log weights."""
        columns = self._columns_by_kind[0]
        shape = (len(columns), _most(len(c.means) for c in columns))
        found = {name: np.ones(shape, np.float32) for name in ("means", "scales", "reaches")}
        found["weights"] = np.full(shape, NEVER, np.float32)
        for row, column in enumerate(columns):
            for name, values in found.items():
                of_column = getattr(column, name)
                values[row, : len(of_column)] = (
                    np.log(of_column) if name == "weights" else of_column
                )
        return found

    def _encode_numbers(self, rows: tf.Tensor) -> list[tf.Tensor]:
        if not self.numeric:
            return []
        modes, count = self._modes, len(self.numeric)
        values = tf.gather(rows, self.numeric, axis=1)
        missing = tf.math.is_nan(values)
        # A missing number stands at the middle of the heaviest mode.
        heaviest = modes["weights"].argmax(axis=1)
        values = tf.where(missing, modes["means"][np.arange(count), heaviest], values)
        offsets = values[:, :, tf.newaxis] - modes["means"]
        likely = modes["weights"] - np.log(modes["scales"]) - 0.5 * (offsets / modes["scales"]) ** 2
        width = modes["means"].shape[1]
        mode = tf.one_hot(tf.argmax(likely, axis=2), width)
        scalars = tf.reduce_sum(mode * tf.math.divide_no_nan(offsets, modes["reaches"]), axis=2)
        present = tf.one_hot(tf.cast(missing, tf.int32), 2)
        return [
            tf.clip_by_value(scalars, -1.0, 1.0),
            tf.reshape(mode, (-1, count * width)),
            tf.reshape(present, (-1, count * 2)),
        ]

    def _encode_categories(self, rows: tf.Tensor) -> list[tf.Tensor]:
        if not self.one_hot:
            return []
        codes = tf.gather(rows, self.one_hot, axis=1)
        codes = tf.where(tf.math.is_nan(codes), self._missing_codes, codes)
        count, width = self._layout.categories.shape
        return [tf.reshape(tf.one_hot(tf.cast(codes, tf.int32), width), (-1, count * width))]

    def _decode_numbers(self, padded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor] | None:
        """Numbers of all numeric columns and whether they are missing; `None` without columns."""
        if not self.numeric:
            return None
        modes, layout = self._modes, self._layout
        columns = self._columns_by_kind[0]
        mode = tf.argmax(self._gather(padded, layout.modes), axis=2)
        mode = tf.one_hot(mode, layout.modes.shape[1])
        scalars = tf.gather(padded, layout.scalars, axis=1)
        centres = tf.reduce_sum(mode * modes["means"], axis=2)
        values = centres + scalars * tf.reduce_sum(mode * modes["reaches"], axis=2)
        rounds = np.array([c.decimals is not None for c in columns])
        above, below = np.array([c.grid or (1, 1) for c in columns], np.float32).T
        # LiteRT's converter makes of a division by constants a product that is not quite the same,
        # 59.859997 for 59.86; it cannot where the divisor seems to depend on the value.
        divisors = tf.where(values < np.inf, below, 1.0)
        if (above == 1).all():
            rounded = tf.round(values * below) / divisors
        else:  # multiples, such as incomes in hundreds
            multiples = tf.where(values < np.inf, above, 1.0)
            rounded = tf.round(values * below / multiples) * above / divisors
        values = tf.where(rounds, rounded, values)
        limits = np.array([(float(c.minimum), float(c.maximum)) for c in columns], np.float32)
        values = tf.minimum(tf.maximum(values, limits[:, 0]), limits[:, 1])
        return values, tf.argmax(self._gather(padded, layout.present), axis=2) > 0

    def _decode_categories(self, padded: tf.Tensor) -> list[tf.Tensor]:
        if not self.one_hot:
            return []
        found = tf.argmax(self._gather(padded, self._layout.categories), axis=2)
        codes = tf.cast(found, tf.float32)
        return [tf.where(codes >= self._missing_codes, NAN, codes)]

    def _encode_points(self, rows: tf.Tensor) -> list[tf.Tensor]:
        parts = []
        for place in self.embedded:
            column, codes = self.varying[place], rows[:, place]
            codes = tf.where(tf.math.is_nan(codes), float(len(column.categories)), codes)
            points = np.array(column.points, np.float32)
            parts.append(tf.gather(points, tf.cast(codes, tf.int32)))
        return parts

    def _decode_points(self, codes: tf.Tensor) -> list[tf.Tensor]:
        parts = []
        columns = self._columns_by_kind[2]
        for column, places in zip(columns, self._layout.points, strict=True):
            found = tf.cast(nearest(tf.gather(codes, places, axis=1), column.points), tf.float32)
            missing = found >= len(column.categories)
            parts.append(tf.where(missing, NAN, found)[:, tf.newaxis])
        return parts

    @property
    def _missing_codes(self) -> np.ndarray:
        return np.array([len(c.categories) for c in self._columns_by_kind[1]], np.float32)

    def _gather(self, padded: tf.Tensor, places: np.ndarray) -> tf.Tensor:
        # The padding is the last entry: where a column has none, the impossible one.
        return tf.gather(padded, np.where(places == NOWHERE, self.width, places), axis=1)


def nearest(codes: tf.Tensor, points: Sequence[Sequence[float]]) -> tf.Tensor:
    """The nearest of `k` points to each of `(n, d)`: int64 `(n,)`, the first of several."""
    # Coordinate by coordinate. The product of matrices that tells the same has the rounding of
    # squares that cancel; the differences of all at once are d times the memory.
    coordinates = np.array(points, np.float32).T
    squares = (tf.square(codes[:, i, tf.newaxis] - each) for i, each in enumerate(coordinates))
    return tf.argmin(functools.reduce(tf.add, squares), axis=1)


def _restore(column: Column, values: np.ndarray | None, count: int) -> "pandas.Series":
    import pandas

    if isinstance(column, Constant):
        return pandas.Series([column.value] * count, dtype=column.dtype)
    if isinstance(column, Identifier):
        anew = column.values(count)
        if column.dtype == "object":  # text, which other types of text make of numbers themselves
            anew = [*map(str, anew)]
        return pandas.Series(anew, dtype=column.dtype)
    if isinstance(column, Categorical):
        present = ~np.isnan(values)
        named = np.empty(count, object)
        named[:] = None
        codes = values[present].astype(int)
        named[present] = [column.categories[code] for code in codes]
        return pandas.Series(named, dtype=column.dtype)
    if isinstance(column.form, DateForm):
        return _dates(column, values)
    if column.dtype == "decimal":
        places = decimal.Decimal(1).scaleb(-(column.decimals or 0))
        quantised = [None if v != v else decimal.Decimal(str(v)).quantize(places) for v in values]
        return pandas.Series(quantised, dtype=object)
    if column.exact:
        return _exact(column, values)
    return pandas.Series(values).astype(column.dtype)


def _exact(column: Numeric, numbers: list[object]) -> "pandas.Series":
    """Integers of any size; pandas makes floats of a list of them on the way."""
    import pandas

    kind = column.dtype.lower()
    if not kind.startswith(("int", "uint")):
        return pandas.Series([float(number) for number in numbers]).astype(column.dtype)
    missing = np.array([number != number for number in numbers])
    whole = [0 if number != number else number for number in numbers]
    values = np.array(whole, dtype=object).astype(kind)
    if column.dtype == kind:
        return pandas.Series(values)
    return pandas.Series(pandas.arrays.IntegerArray(values, missing))


def _numbers(column: Numeric, values: np.ndarray) -> np.ndarray | list[float]:
    """The numbers that the column may have: an array, or Python integers where float64 is short."""
    if column.decimals is None:  # the shortest number that float32 takes for this one
        values = np.array([float(str(value)) for value in values.astype(np.float32)])
        return np.clip(values, column.minimum, column.maximum)
    if not column.exact:  # float32 cannot hold 0.1; float64 prints what it was
        return column.on_grid(values)
    known = {float(np.float32(value)): value for value in column.exact}
    above, _ = column.grid
    return [
        value
        if value != value
        else known.get(
            value,
            min(max(round(Fraction(value) / above) * above, column.minimum), column.maximum),
        )
        for value in values.tolist()
    ]


def _dates(column: Numeric, values: np.ndarray) -> "pandas.Series":
    import pandas

    dates = pandas.Series(column.form.dates(values))
    if column.dtype == "date":
        return pandas.Series([None if v is pandas.NaT else v.date() for v in dates], dtype=object)
    if "," in column.dtype:  # datetime64[us, Europe/Rome]
        zone = column.dtype.partition(",")[2].strip(" ]")
        dates = dates.dt.tz_localize(zone, ambiguous="NaT", nonexistent="shift_forward")
    return dates.astype(column.dtype)


def _write_column(
    column: Column, values: np.ndarray | None, count: int
) -> "pandas.Series | list[str | None]":
    """The column as the file writes it: text where it has a form of its own."""
    form = getattr(column, "form", None)
    if form is None:
        return _restore(column, values, count)
    if isinstance(form, DateForm):
        return form.write(values, 0)
    return form.write(values if isinstance(values, list) else values.tolist(), column.decimals)


def _values(
    column: Numeric | Categorical, series: "pandas.Series", *, may_miss: bool
) -> np.ndarray:
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


def _codes(column: Categorical, present: list[object]) -> list[int]:
    """Codes of categories; text stands for a number or a truth value of that name."""
    known: dict[object, int] = {str(value): code for code, value in enumerate(column.categories)}
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
    import pandas
    from pandas.api import types

    form, name = column.form, column.name
    of_dates = isinstance(form, DateForm)
    if types.is_numeric_dtype(present.dtype) and not types.is_bool_dtype(present.dtype):
        if not of_dates:
            return present.astype("float64").to_numpy()
        present = present.astype("string")  # dates as digits
    if not present.map(lambda cell: isinstance(cell, str)).all():
        if of_dates:
            dates = pandas.to_datetime(present)
            zone = getattr(dates.dt, "tz", None)
            return form.numbers(dates.dt.tz_localize(None) if zone is not None else dates)
        try:
            return np.array([float(cell) for cell in present])
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"The column {name!r} must hold numbers. Received: {present.iloc[0]!r}"
            ) from error
    found = TextColumn(present, declared=False)
    if of_dates:
        others = date_patterns([text for text in found.texts if not is_word(text)] or found.texts)
        readings = [parse_mixed_dates(found.texts, each) for each in ([form.pattern], *others)]
        dates = min(readings, key=lambda each: int(each.isna().sum()))  # the first of several
        if dates.isna().any():
            wrong = found.texts[int(dates.isna().to_numpy().argmax())]
            raise ValueError(f"The column {name!r} must hold dates. Received: {wrong!r}")
        return found.spread(form.numbers(dates))
    own = form if isinstance(form, NumberForm) else NumberForm()
    other, _ = DecimalMark(decimal=own.decimal).choose(found.forms)
    # The column's own form where that reads all cells, else one that does.
    for each in (own, other):
        read = [None if each is None else each.value(text) for text in found.texts]
        if None not in read:
            return found.spread(np.array([float(number) for number in read]))
    wrong = found.texts[read.index(None)]
    raise ValueError(f"The column {name!r} must hold numbers. Received: {wrong!r}")


@dataclasses.dataclass(frozen=True)
class _Rest:
    """A column without the values that many rows share."""

    values: np.ndarray  # float64 `(n,)`
    centre: float  # their mean
    unit: float  # their standard deviation
    components: int  # most modes
    share: float  # of the column's values

    @property
    def standardised(self) -> np.ndarray:
        return (self.values - self.centre) / self.unit


def modes_of(columns: Sequence[np.ndarray], components: int) -> list[Modes]:
    """Fits the modes of each column float64 `(n,)`: values that many rows share, and Gaussians.

    Few of many `components` keep a weight: a Dirichlet process chooses how many are needed.

    Returns:
        `weights`, `means`, `scales` and `reaches` of each column's modes.
    """
    found: list[list[tuple[float, float, float, float]]] = []
    rests: list[_Rest | None] = []
    for values in columns:
        unit = float(values.std()) or 1.0
        points = _points(values, components)
        found.append([(float(np.mean(values == p)), float(p), POINT * unit, 0.0) for p in points])
        rest = values[~np.isin(values, points)] if len(points) else values
        rests.append(None)
        if len(rest):
            most = min(components - len(points), len(np.unique(rest)))
            unit = float(rest.std()) or 1.0
            rests[-1] = _Rest(rest, float(rest.mean()), unit, most, len(rest) / len(values))
    with _progress(len(columns)) as advance:
        fitted = _mixtures([rest for rest in rests if rest is not None], advance)
    mixtures = iter(fitted)
    for modes, rest in zip(found, rests, strict=True):
        if rest is not None:
            modes += _gaussians(rest, *next(mixtures))
    names = ("weights", "means", "scales", "reaches")
    return [dict(zip(names, zip(*modes, strict=True), strict=True)) for modes in found]


def _points(values: np.ndarray, components: int) -> np.ndarray:
    """Values that at least a tenth of the rows share, the commonest first; a mode is left over.

    The zeros of an amount that most people never spend are no narrow Gaussian: as a mode without
    width they come back exactly (the mixed columns of Zhao et al., 2021, arXiv:2102.08369).
    """
    different, counts = np.unique(values, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    order = order[counts[order] >= COMMON * len(values)]
    return different[order[: components - 1]]


def _gaussians(
    rest: _Rest, means: np.ndarray, scales: np.ndarray, weights: np.ndarray
) -> list[tuple[float, float, float, float]]:
    """Weight, mean, standard deviation and reach of each mode that some value belongs to."""
    means, scales = rest.centre + rest.unit * means, rest.unit * scales
    offsets = np.abs(rest.values[:, None] - means)
    modes = (np.log(weights) - np.log(scales) - 0.5 * (offsets / scales) ** 2).argmax(axis=1)
    found = []
    for mode in np.unique(modes):
        furthest = float(offsets[modes == mode, mode].max())
        # A value beyond four deviations, which the paper cuts off, must survive the way back.
        reach = max(REACH * float(scales[mode]), furthest / MARGIN)
        weight = rest.share * float(weights[mode])
        found.append((weight, float(means[mode]), float(scales[mode]), reach))
    return found


def _mixtures(
    rests: Sequence[_Rest], advance: Callable[[int], None]
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Means, standard deviations and weights of the modes of each, in standardised units."""
    found: list = [(np.zeros(1), np.ones(1), np.ones(1))] * len(rests)
    for components in sorted({rest.components for rest in rests} - {1}):
        places = [place for place, rest in enumerate(rests) if rest.components == components]
        size = max(1, AT_ONCE // (MOST_FITTED * components))
        for start in range(0, len(places), size):
            some = places[start : start + size]
            fitted = fit_mixtures([rests[place].standardised for place in some], components)
            for place, modes in zip(some, fitted, strict=True):
                found[place] = modes
            advance(len(some))
    return found


def fit_mixtures(
    columns: Sequence[np.ndarray], components: int
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Dirichlet process mixtures of Gaussians for standardised columns float64 `(n,)`.

    The updates are those of scikit-learn's variational `BayesianGaussianMixture` in one dimension,
    for all columns at once. Of long columns neighbouring values are fitted together, by their mean
    and variance.

    Returns:
        Means, standard deviations and weights of the modes that have a weight, at most
        `components`, which are at least 2, heaviest first as the process orders them.
    """
    counts, values, inner = _group(columns)
    parts = _nearest_centres(counts, values, components)
    active = np.arange(len(columns))
    fitted: list = [None] * len(columns)
    bound = np.full(len(columns), -np.inf)
    for turn in range(MOST_ROUNDS):
        posterior = _posterior(counts[active], values[active], inner[active], parts)
        parts, log_parts = _responsibilities(values[active], inner[active], posterior)
        now = _bound(counts[active], parts, log_parts, posterior)
        done = np.abs(now - bound[active]) < ENOUGH * counts[active].sum(axis=1)
        bound[active] = now
        if turn == MOST_ROUNDS - 1:
            done[:] = True
        for place in np.flatnonzero(done):
            fitted[active[place]] = _modes(posterior, place)
        active, parts = active[~done], parts[~done]
        if not len(active):
            break
    return fitted


def _group(columns: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts, means and variances of groups of neighbouring values, `(columns, groups)` each."""
    groups = min(MOST_FITTED, max(len(values) for values in columns))
    counts, means, inner = np.zeros((3, len(columns), groups))
    for row, values in enumerate(columns):
        values = np.sort(values)
        used = min(groups, len(values))
        edges = np.linspace(0, len(values), used + 1).astype(int)
        sizes = np.diff(edges)
        sums = np.add.reduceat(values, edges[:-1])
        squares = np.add.reduceat(values**2, edges[:-1])
        counts[row, :used], means[row, :used] = sizes, sums / sizes
        inner[row, :used] = np.maximum(squares / sizes - (sums / sizes) ** 2, 0.0)
    return counts, means, inner


def _nearest_centres(counts: np.ndarray, values: np.ndarray, components: int) -> np.ndarray:
    """The nearest centre of k-means to each group, one-hot, to begin with."""
    shares = (counts.cumsum(axis=1) - counts / 2) / counts.sum(axis=1, keepdims=True)
    wanted = (np.arange(components) + 0.5) / components
    places = np.abs(shares[:, :, None] - wanted).argmin(axis=1)
    centres = np.take_along_axis(values, places, axis=1)
    for _ in range(20):
        nearest = np.abs(values[:, :, None] - centres[:, None, :]).argmin(axis=2)
        parts = np.eye(components)[nearest] * counts[:, :, None]
        sizes = parts.sum(axis=1)
        sums = (parts * values[:, :, None]).sum(axis=1)
        new = np.where(sizes > 0, sums / np.maximum(sizes, 1e-9), centres)
        if np.array_equal(new, centres):
            break
        centres = new
    return np.eye(components)[nearest]


@dataclasses.dataclass(frozen=True)
class _Posterior:
    """Of every mode, `(columns, components)` each: a Beta of the stick, the rest Normal-Wishart."""

    ones: np.ndarray
    others: np.ndarray
    strength: np.ndarray
    means: np.ndarray
    freedom: np.ndarray
    variances: np.ndarray


def _posterior(
    counts: np.ndarray, values: np.ndarray, inner: np.ndarray, parts: np.ndarray
) -> _Posterior:
    """The posterior of the modes, given the part of each group that is theirs."""
    # Three sums over the groups at once, as products of matrices: they add in float64.
    sums = np.stack([counts, counts * values, counts * (values**2 + inner)], axis=1) @ parts
    sizes = sums[:, 0] + 10 * np.finfo(float).eps
    centres, squares = sums[:, 1] / sizes, sums[:, 2] / sizes
    spread = np.maximum(squares - centres**2, 0.0) + LEAST_VARIANCE
    total = counts.sum(axis=1)
    mean = ((counts * values).sum(axis=1) / total)[:, None]
    variance = (counts * (values**2 + inner)).sum(axis=1) / total - mean[:, 0] ** 2
    prior = (variance * total / np.maximum(total - 1, 1))[:, None]
    strength = 1.0 + sizes
    freedom = 1.0 + sizes
    scatter = prior + sizes * spread + sizes / strength * (centres - mean) ** 2
    behind = np.cumsum(sizes[:, ::-1], axis=1)[:, ::-1] - sizes
    return _Posterior(
        ones=1.0 + sizes,
        others=CONCENTRATION + behind,
        strength=strength,
        means=(mean + sizes * centres) / strength,
        freedom=freedom,
        variances=scatter / freedom,
    )


def _responsibilities(
    values: np.ndarray, inner: np.ndarray, posterior: _Posterior
) -> tuple[np.ndarray, np.ndarray]:
    """The share of each mode in each group, `(columns, groups, components)`, and its logarithm."""
    from scipy.special import digamma

    p = posterior
    both = digamma(p.ones + p.others)
    passed = digamma(p.others) - both
    log_weights = digamma(p.ones) - both + np.cumsum(passed, axis=1) - passed
    constant = log_weights - 0.5 * (
        np.log(2 * np.pi) + np.log(p.variances) + np.log(p.freedom) + 1 / p.strength
    )
    constant += 0.5 * (np.log(2.0) + digamma(0.5 * p.freedom))
    # In float32, which is twice as fast and exact enough for shares.
    logs = values.astype(np.float32)[:, :, None] - p.means.astype(np.float32)[:, None, :]
    logs *= logs
    logs += inner.astype(np.float32)[:, :, None]
    logs *= (-0.5 / p.variances).astype(np.float32)[:, None, :]
    logs += constant.astype(np.float32)[:, None, :]
    logs -= logs.max(axis=2, keepdims=True)
    parts = np.exp(logs)
    sums = parts.sum(axis=2, keepdims=True)
    parts /= sums
    logs -= np.log(sums)
    return parts, logs


def _bound(
    counts: np.ndarray, parts: np.ndarray, log_parts: np.ndarray, posterior: _Posterior
) -> np.ndarray:
    from scipy.special import betaln, gammaln

    p = posterior
    entropy = -np.einsum("cg,cgk->c", counts, parts * log_parts)
    log_deviations = -0.5 * (np.log(p.variances) + np.log(p.freedom))
    wishart = p.freedom * log_deviations + p.freedom * 0.5 * np.log(2.0) + gammaln(p.freedom / 2)
    rest = wishart + betaln(p.ones, p.others) - 0.5 * np.log(p.strength)
    return entropy + rest.sum(axis=1)


def _modes(posterior: _Posterior, place: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    p = posterior
    whole = p.ones[place] + p.others[place]
    left = np.cumprod(np.concatenate([[1.0], (p.others[place] / whole)[:-1]]))
    weights = p.ones[place] / whole * left
    weights /= weights.sum()
    kept = weights > LEAST_WEIGHT
    return p.means[place][kept], np.sqrt(p.variances[place][kept]), weights[kept]


@contextlib.contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal where there are many columns, nothing elsewhere."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    if total < SHOWN_FROM or not console.is_terminal or console.is_jupyter:
        yield lambda count: None
        return
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("Fitting columns", total=total)
        yield lambda count: progress.advance(task, count)


def _points_of(
    place: int, columns: Sequence[Numeric | Categorical], rows: np.ndarray
) -> tuple[tuple[float, ...], ...]:
    """Points for the categories of a column, missing as the last one where values are.

    Where profiles are alike, points push each other away until they are `APART`; then all are
    scaled by one number. That leaves two of them at least a third of a unit apart, whatever the
    rows say.
    """
    count = columns[place].entries
    codes = _entries_of(columns[place], rows[:, place])
    others = [i for i in range(len(columns)) if i != place]
    profiles = [_profiles(columns[i], rows[:, i], codes, count) for i in others]
    axes = dimensions(count)
    shares = np.bincount(codes, minlength=count) / max(1, len(codes))
    points = push_apart(
        _principal(np.concatenate([np.zeros((count, 1)), *profiles], 1), shares, axes)
    )
    points *= EDGE / np.abs(points).max()
    return tuple(tuple(row) for row in np.round(points, DIGITS).tolist())


def dimensions(count: int) -> int:
    """Coordinates of a point: one more than the bits that number so many categories.

    A box of that many sides has a corner for each category, two units apart, and another side to
    arrange them in: there is room to keep them apart however many there are.
    """
    return math.ceil(math.log2(max(2, count))) + 1


def push_apart(points: np.ndarray) -> np.ndarray:
    """Points `(k, d)` that are moved as little as needed until any two are `APART`.

    Those that are the same begin at the places of a Halton sequence, in a small box: a fixed
    arrangement that depends on no generator of random numbers. Each push moves a point by twice
    the mean of what it lacks to its near ones.
    """
    from scipy.stats.qmc import Halton

    count, axes = points.shape
    start = Halton(axes, scramble=False).random(count + 1)[1:]  # the first is the corner
    points = points + START * (start - 0.5)
    for _ in range(MOST_PUSHES):
        squares = (points**2).sum(axis=1)
        distances = np.maximum(squares[:, None] + squares - 2 * points @ points.T, 0.0)
        distances = np.sqrt(distances, out=distances)
        np.fill_diagonal(distances, np.inf)
        if distances.min() >= REACHED * APART:
            break
        lacking = np.maximum(APART - distances, 0.0)
        near = np.maximum(1, np.count_nonzero(lacking, axis=1))
        pull = lacking / np.maximum(distances, FLAT)
        push = pull.sum(axis=1)[:, None] * points - pull @ points
        points = points + 2.0 * push / near[:, None]
    return points


def _entries_of(column: Categorical, values: np.ndarray) -> np.ndarray:
    """The entry of each value, int; missing is the last."""
    return np.nan_to_num(values, nan=len(column.categories)).astype(int)


def _profiles(
    column: Numeric | Categorical, values: np.ndarray, codes: np.ndarray, count: int
) -> np.ndarray:
    """The difference of each category from the whole table in a column, `(categories, d)`.

    Of numbers the mean rank, standardised, so that no outlier decides; of categories, present and
    missing among them, the shares in the units of chi-squared distances, over the root of how many
    are free. Every column counts the same: the variance of what it says is at most 1. The profile
    of a few rows is mostly chance and is drawn towards the whole table, as if `PRIOR_ROWS` more
    rows were like that (Micci-Barreca, 2001, SIGKDD Explorations 3(1)).
    """
    rows = PRIOR_ROWS + np.bincount(codes, minlength=count)[:, None]
    missing = np.isnan(values)
    if isinstance(column, Categorical):
        return _shares(_entries_of(column, values), codes, count) / rows
    sums = np.bincount(codes, weights=_standard_ranks(values, missing), minlength=count)
    return np.concatenate([sums[:, None], _shares(missing.astype(int), codes, count)], 1) / rows


def _shares(values: np.ndarray, codes: np.ndarray, count: int) -> np.ndarray:
    """Counts beyond what the whole table makes expect, in units of chance, `(categories, d)`."""
    _, values = np.unique(values, return_inverse=True)
    width = int(values.max(initial=0)) + 1
    counts = np.bincount(codes * width + values, minlength=count * width).reshape(count, width)
    shares = counts.sum(axis=0) / max(1, len(codes))
    excess = counts - counts.sum(axis=1, keepdims=True) * shares
    return excess / np.sqrt(np.maximum(shares, FLAT) * max(1, width - 1))


def _standard_ranks(values: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Ranks of the numbers, with mean 0 and variance 1; 0 where missing."""
    from scipy.stats import rankdata

    ranks = np.zeros(len(values))
    if not missing.all():
        found = rankdata(values[~missing])
        ranks[~missing] = (found - found.mean()) / (found.std() or 1.0)
    return ranks


def _principal(profiles: np.ndarray, shares: np.ndarray, axes: int) -> np.ndarray:
    """Coordinates `(k, axes)` in [-1, 1] along the directions in which profiles differ most.

    Frequent categories count more. Units are the spread of the first axis; a hyperbolic tangent
    keeps a category that is far from all others from pressing these together.
    """
    _, spreads, directions = np.linalg.svd(np.sqrt(shares)[:, None] * profiles, full_matrices=False)
    found = np.zeros((len(profiles), axes))
    kept = np.flatnonzero(spreads[:axes] > FLAT)
    if len(kept):
        coordinates = profiles @ directions[kept].T
        # The sign of an axis is arbitrary: that of the first category which is not in the middle.
        clear = np.abs(coordinates) > 0.1 * np.abs(coordinates).max(axis=0)
        first = coordinates[clear.argmax(axis=0), np.arange(len(kept))]
        found[:, kept] = np.tanh(coordinates * np.sign(first) / spreads[0])
    return found


def fit_columns(
    found: Sequence[ColumnValues],
    training: np.ndarray,
    *,
    label: str = "",
    embedded: Sequence[str] = (),
    components: int = 10,
    separator: str = "",
    header: bool = True,
    constraints: Sequence[Constraint] = (),
) -> tuple[TableCodec, np.ndarray]:
    """The codec of columns, and the rows of the table in user units.

    Args:
        found: what each column is, with its values.
        training: int, the rows that are trained on.
        label: see `TableCodec`; empty for none.
        embedded: names of columns of categories that become points.
        components: most modes of a numeric column.
        separator: see `TableCodec`; empty where nothing stands between values.
        header: likewise.
        constraints: that the columns and their values keep.

    Raises:
        ValueError: no column varies, or the constraints cannot be learnt.
    """
    left_out = tuple(column for column, _ in found if isinstance(column, LeftOut))
    columns = [column for column, _ in found if not isinstance(column, LeftOut)]
    values = [values for _, values in found if values is not None]
    if not values:
        raise ValueError("The table must have a column that varies. Received: constants alone")
    rows = np.stack(values, axis=1).astype(np.float32)
    partly = False
    for index, column in enumerate(columns):
        if label and column.name == label and isinstance(column, Categorical) and column.missing:
            # A label that is not known is no category: nobody is to ask for it.
            partly = True
            columns[index] = dataclasses.replace(column, missing=False)
    by_name = {column.name: column for column in columns}
    names = [column.name for column in columns if not isinstance(column, NOT_LEARNT)]
    of_columns = dict(zip(names, values, strict=True))
    table = TableCodec(
        columns=tuple(columns),
        label=label,
        partly_labelled=partly,
        left_out=left_out,
        separator=separator or ",",
        header=header,
        constraints=tuple(constraints),
        relations=relate(constraints, by_name, of_columns, embedded),
    )
    learnt = of_columns
    if table.relations:
        found = table.learnt_values({name: tf.constant(x) for name, x in of_columns.items()})
        learnt = {name: np.asarray(found[name]) for name in table.learnt.names}
    numbers = {}
    for column in table.learnt.columns:
        if isinstance(column, Numeric):
            of_column = learnt[column.name]
            known = of_column[training][~np.isnan(of_column[training])]
            # Where all of them are missing, the held-out rows.
            numbers[column.name] = known if len(known) else of_column[~np.isnan(of_column)]
    fitted = zip(numbers, modes_of([*numbers.values()], components), strict=True)
    by_name = {column.name: column for column in table.learnt.columns}
    table = table.with_learnt(
        {name: dataclasses.replace(by_name[name], **modes) for name, modes in fitted}
    )
    if not embedded:
        return table, rows
    seen = table.learnt
    first = {
        name: each.members[0]
        for each in table.relations
        if isinstance(each, Combinations)
        for name in each.members
    }
    points = {first.get(name, name) for name in embedded}
    of_training = np.stack([learnt[name] for name in seen.names], 1).astype(np.float32)[training]
    return table.with_learnt(
        {
            c.name: dataclasses.replace(c, points=_points_of(place, seen.varying, of_training))
            for place, c in enumerate(seen.varying)
            if c.name in points
        }
    ), rows
