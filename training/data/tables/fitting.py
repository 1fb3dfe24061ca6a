"""From a pandas table to the codec of its columns."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ganapp.training.data.tables.codec import TableCodec
from ganapp.training.data.tables.columns import NOT_LEARNT, LeftOut, Numeric
from ganapp.training.data.tables.embedding import points_of
from ganapp.training.data.tables.kinds import Understood, Wish, understand
from ganapp.training.data.tables.mixtures import modes_of

if TYPE_CHECKING:
    import pandas


def fit_table(
    frame: "pandas.DataFrame",
    training: np.ndarray,
    *,
    label: str = "",
    categorical: Sequence[str] = (),
    embedded: Sequence[str] = (),
    kinds: Mapping[str, str] | None = None,
    components: int = 10,
) -> TableCodec:
    """What the columns of a table are.

    Types, categories and ranges are those of the whole table, as its owner knows them; the modes of
    numeric columns and the points of embedded categories are those of the training rows alone.

    Args:
        frame: of typed columns.
        training: int, the rows that are trained on.
        label: name of the column that holds the class, or empty.
        categorical: names of columns that hold categories whatever they look like.
        embedded: names of columns of categories that become points; not the label.
        kinds: what some columns are, by name.
        components: most modes of a numeric column.

    Raises:
        ValueError: what cannot be learnt, in one sentence.
    """
    wishes = wishes_of(list(frame.columns), label, categorical, embedded, kinds or {})
    understood = understand(frame, wishes)
    return fit_columns(understood, training, label=label, embedded=embedded, components=components)[
        0
    ]


def wishes_of(
    names: Sequence[str],
    label: str,
    categorical: Sequence[str],
    embedded: Sequence[str],
    kinds: Mapping[str, str],
) -> dict[str, Wish]:
    """What the options say of each column."""
    return {
        name: Wish(
            kind=kinds.get(name, "category" if name in categorical else ""),
            embedded=name in embedded,
            label=bool(label) and name == label,
        )
        for name in names
    }


def fit_columns(
    understood: Sequence[Understood],
    training: np.ndarray,
    *,
    label: str = "",
    embedded: Sequence[str] = (),
    components: int = 10,
    separator: str = "",
    header: bool = True,
) -> tuple[TableCodec, np.ndarray]:
    """The codec of columns that were understood, and the rows of the table in user units.

    Args:
        understood: what each column is, with its values.
        training: int, the rows that are trained on.
        label: name of the column that holds the class, or empty.
        embedded: names of columns of categories that become points.
        components: most modes of a numeric column.
        separator: what stands between the values of the file; empty where nothing does.
        header: whether the file's first line names the columns.

    Raises:
        ValueError: no column varies.
    """
    left_out = tuple(column for column, _ in understood if isinstance(column, LeftOut))
    columns = [column for column, _ in understood if not isinstance(column, LeftOut)]
    values = [values for _, values in understood if values is not None]
    if not values:
        raise ValueError("The table must have a column that varies. Received: constants alone")
    rows = np.stack(values, axis=1).astype(np.float32)
    partly = False
    numeric, numbers = [], []
    place = 0
    for index, column in enumerate(columns):
        if isinstance(column, NOT_LEARNT):
            continue
        if isinstance(column, Numeric):
            numeric.append(index)
            numbers.append(_to_fit(values[place], training))
        elif label and column.name == label and column.missing:
            # A label that is not known is no category: nobody is to ask for it.
            partly = True
            columns[index] = dataclasses.replace(column, missing=False)
        place += 1
    for index, modes in zip(numeric, modes_of(numbers, components), strict=True):
        columns[index] = dataclasses.replace(columns[index], **modes)
    table = TableCodec(
        columns=tuple(columns),
        label=label,
        partly_labelled=partly,
        left_out=left_out,
        separator=separator or ",",
        header=header,
    )
    return (_embedded(table, rows[training], embedded) if embedded else table), rows


def _to_fit(values: np.ndarray, training: np.ndarray) -> np.ndarray:
    """The training values; where all of them are missing, those of the held-out rows."""
    fitted = values[training][~np.isnan(values[training])]
    return fitted if len(fitted) else values[~np.isnan(values)]


def _embedded(table: TableCodec, rows: np.ndarray, names: Sequence[str]) -> TableCodec:
    """The table with points for the categories of some columns."""
    points = {name: points_of(table.names.index(name), table.varying, rows) for name in set(names)}
    columns = (
        dataclasses.replace(c, points=points[c.name]) if c.name in points else c
        for c in table.columns
    )
    return dataclasses.replace(table, columns=tuple(columns))
