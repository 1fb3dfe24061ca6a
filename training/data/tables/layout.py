"""Where the entries of a row lie in the vector that stands for it.

First one scalar for every numeric column and the coordinates of embedded categories, then softmax
blocks from narrow to wide: the modes of numeric columns with more than one, present or missing
where that varies, and one-hot categories. Blocks of equal width lie together, so that a network's
head treats them in one operation.
"""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

from ganapp.training.data.tables.columns import Categorical, Numeric

NOWHERE = -1  # index of an entry that a column does not have


@dataclasses.dataclass(frozen=True)
class Layout:
    """Entries of model units by column; the blocks in their order.

    Args:
        width: entries of a row in model units.
        blocks: activation (`"tanh"` or `"softmax"`) and width of each part, from left to right.
        scalars: int `(numeric,)`.
        modes: int `(numeric, most modes)`, `NOWHERE` beyond a column's own.
        present: int `(numeric, 2)`, present and missing.
        categories: int `(one-hot, most categories)`, missing as the last of its column's own.
        points: int `(dimensions,)` of each embedded column.
    """

    width: int
    blocks: tuple[tuple[str, int], ...]
    scalars: np.ndarray
    modes: np.ndarray
    present: np.ndarray
    categories: np.ndarray
    points: tuple[np.ndarray, ...]


def make_layout(
    numeric: Sequence[Numeric], one_hot: Sequence[Categorical], embedded: Sequence[Categorical]
) -> Layout:
    """Lays the columns out."""
    modes = np.full((len(numeric), most(len(c.means) for c in numeric)), NOWHERE)
    present = np.full((len(numeric), 2), NOWHERE)
    widths = [c.entries for c in one_hot]
    categories = np.full((len(one_hot), most(widths)), NOWHERE)
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
    return Layout(start, blocks, np.arange(len(numeric)), modes, present, categories, points)


def most(counts) -> int:
    """The largest of some counts, at least 1."""
    return max((1, *counts))
