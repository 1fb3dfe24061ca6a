"""Tables to vectors and back: mode-specific normalisation, one-hot and embedded categories.

Reference: Xu et al., 2019, arXiv:1907.00503 (CTGAN).
"""

import dataclasses
import functools
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf

from ganapp.training.data.tables.columns import (
    NOT_LEARNT,
    Categorical,
    Column,
    LeftOut,
    Numeric,
    alike,
    column_from_dict,
)
from ganapp.training.data.tables.descriptions import ColumnSummary, describe
from ganapp.training.data.tables.layout import NOWHERE, Layout, make_layout, most

IMPOSSIBLE = -1.0  # below every entry of a one-hot block or of a softmax
NEVER = -1e30  # log weight of a mode that a column does not have


@dataclasses.dataclass(frozen=True, kw_only=True)
class TableCodec:
    """What the columns of a table are, and the way to model units and back.

    *User units* of a table are float32 `(n, columns)`: numbers as they are, categories as their
    codes, NaN where a value is missing; dates are numbers, see `DateForm`; constant columns and
    identifiers are left out. *Model units* are float32
    `(n, width)`: of a number its distance from the mean of its mode, in reaches (-1 to 1), and
    which mode that is; one-hot categories, or their points where a column is embedded; and one-hot
    present or missing.

    A number belongs to the mode most likely to have drawn it, where the paper draws one of the
    likely modes: so a row has one code, for every epoch, for held-out rows and for diagnostics,
    and nothing has to be redrawn when a run is resumed.

    Args:
        columns: in the order of the table.
        label: name of the categorical column that holds the class; empty when none does.
        partly_labelled: whether rows lack it. That is no value of the column: such a row has zeros
            for all classes in model units, NaN in user units, and nothing generates one.
        left_out: columns of the data that are neither learnt nor written.
        separator: what stands between the values of a file of text.
        header: whether its first line names the columns.
    """

    columns: tuple[Column, ...]
    label: str = ""
    partly_labelled: bool = False
    left_out: tuple[LeftOut, ...] = ()
    separator: str = ","
    header: bool = True

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
        return self._layout.width

    @property
    def blocks(self) -> tuple[tuple[str, int], ...]:
        """Activation and width of each part of model units: what a generator must end in."""
        return self._layout.blocks

    @property
    def label_start(self) -> int | None:
        """Place in model units of the label's first category, the others behind it, or `None`."""
        if not self.label:
            return None
        return int(self._layout.categories[self.one_hot.index(self.label_place), 0])

    def encode(self, rows: tf.Tensor) -> tf.Tensor:
        """User units `(n, columns)` to model units `(n, width)`, both float32."""
        parts = [
            *self._encoded_numbers(rows),
            *self._encoded_categories(rows),
            *self._encoded_points(rows),
        ]
        return tf.gather(tf.concat(parts, axis=1), self._order_of_parts, axis=1)

    def decode(self, codes: tf.Tensor) -> tf.Tensor:
        """Model units `(n, width)` to user units `(n, columns)`, both float32.

        Blocks need not be one-hot: their largest entry counts. Of an embedded column the nearest
        point does, the first of several. Numbers have the decimals of their column again and stay
        within its range.
        """
        padded = tf.pad(codes, [[0, 0], [0, 1]], constant_values=IMPOSSIBLE)
        parts = [
            *self._decoded_numbers(padded),
            *self._decoded_categories(padded),
            *self._decoded_points(codes),
        ]
        order = np.argsort([*self.numeric, *self.one_hot, *self.embedded])
        return tf.gather(tf.concat(parts, axis=1), order, axis=1)

    def to_frame(self, rows: np.ndarray) -> Any:
        """A pandas table of rows in user units: names, order, types and categories restored."""
        from ganapp.training.data.tables.frames import to_frame

        return to_frame(self, rows)

    def to_csv(self, rows: np.ndarray) -> bytes:
        """Rows in user units as a file of text that is written as that of the data."""
        from ganapp.training.data.tables.frames import to_csv

        return to_csv(self, rows)

    def describe(self) -> list[ColumnSummary]:
        """What was understood of each column: kind, values, missing, form and what was assumed."""
        return describe(self)

    def from_frame(self, frame: Any) -> np.ndarray:
        """Rows of a pandas table with these columns, in any order, as float32 user units."""
        from ganapp.training.data.tables.frames import from_frame

        return from_frame(self, frame)

    def is_like(self, other: "TableCodec") -> bool:
        """Whether both are of the same table, but for the rounding of another machine."""
        same = self.label == other.label and len(self.columns) == len(other.columns)
        return same and all(map(alike, self.columns, other.columns))

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "TableCodec":
        """Reads what `dataclasses.asdict` made of a codec, before or after JSON."""
        columns = tuple(map(column_from_dict, fields["columns"]))
        left_out = tuple(LeftOut(**column) for column in fields.get("left_out", ()))
        return cls(**fields | {"columns": columns, "left_out": left_out})

    @cached_property
    def _layout(self) -> Layout:
        return make_layout(*self._columns_by_kind)

    @property
    def _columns_by_kind(self) -> tuple[list[Numeric], list[Categorical], list[Categorical]]:
        """Numeric, one-hot and embedded columns."""
        places = (self.numeric, self.one_hot, self.embedded)
        return tuple([self.varying[i] for i in some] for some in places)

    @cached_property
    def _order_of_parts(self) -> np.ndarray:
        """Which entry of the parts, side by side, becomes each entry of model units."""
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
        shape = (len(columns), most(len(c.means) for c in columns))
        found = {name: np.ones(shape, np.float32) for name in ("means", "scales", "reaches")}
        found["weights"] = np.full(shape, NEVER, np.float32)
        for row, column in enumerate(columns):
            for name, values in found.items():
                of_column = getattr(column, name)
                values[row, : len(of_column)] = (
                    np.log(of_column) if name == "weights" else of_column
                )
        return found

    def _encoded_numbers(self, rows: tf.Tensor) -> list[tf.Tensor]:
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

    def _encoded_categories(self, rows: tf.Tensor) -> list[tf.Tensor]:
        if not self.one_hot:
            return []
        codes = tf.gather(rows, self.one_hot, axis=1)
        codes = tf.where(tf.math.is_nan(codes), self._missing_codes, codes)
        count, width = self._layout.categories.shape
        return [tf.reshape(tf.one_hot(tf.cast(codes, tf.int32), width), (-1, count * width))]

    def _decoded_numbers(self, padded: tf.Tensor) -> list[tf.Tensor]:
        if not self.numeric:
            return []
        modes, layout = self._modes, self._layout
        columns = self._columns_by_kind[0]
        mode = tf.argmax(self._gathered(padded, layout.modes), axis=2)
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
        missing = tf.argmax(self._gathered(padded, layout.present), axis=2) > 0
        return [tf.where(missing, np.float32("nan"), values)]

    def _decoded_categories(self, padded: tf.Tensor) -> list[tf.Tensor]:
        if not self.one_hot:
            return []
        found = tf.argmax(self._gathered(padded, self._layout.categories), axis=2)
        codes = tf.cast(found, tf.float32)
        return [tf.where(codes >= self._missing_codes, np.float32("nan"), codes)]

    def _encoded_points(self, rows: tf.Tensor) -> list[tf.Tensor]:
        parts = []
        for place in self.embedded:
            column, codes = self.varying[place], rows[:, place]
            codes = tf.where(tf.math.is_nan(codes), float(len(column.categories)), codes)
            points = np.array(column.points, np.float32)
            parts.append(tf.gather(points, tf.cast(codes, tf.int32)))
        return parts

    def _decoded_points(self, codes: tf.Tensor) -> list[tf.Tensor]:
        parts = []
        columns = self._columns_by_kind[2]
        for column, places in zip(columns, self._layout.points, strict=True):
            found = tf.cast(nearest(tf.gather(codes, places, axis=1), column.points), tf.float32)
            missing = found >= len(column.categories)
            parts.append(tf.where(missing, np.float32("nan"), found)[:, tf.newaxis])
        return parts

    @property
    def _missing_codes(self) -> np.ndarray:
        """Float32 `(one-hot,)`: one more than each column's last code."""
        return np.array([len(c.categories) for c in self._columns_by_kind[1]], np.float32)

    def _gathered(self, padded: tf.Tensor, places: np.ndarray) -> tf.Tensor:
        # The padding is the last entry: where a column has none, the impossible one.
        return tf.gather(padded, np.where(places == NOWHERE, self.width, places), axis=1)


def nearest(codes: tf.Tensor, points: Sequence[Sequence[float]]) -> tf.Tensor:
    """Which of `k` points lies nearest to each of `(n, d)`: int64 `(n,)`, the first of several.

    Coordinate by coordinate. The product of matrices that tells the same has the rounding of
    squares that cancel, and on a GPU that of ten bits; the differences of all at once are d times
    the memory.
    """
    coordinates = np.array(points, np.float32).T
    squares = (tf.square(codes[:, i, tf.newaxis] - each) for i, each in enumerate(coordinates))
    return tf.argmin(functools.reduce(tf.add, squares), axis=1)
