"""Points for the categories of a column, like ones near each other: a fixed embedding.

The idea is that of entity embeddings (Guo and Berkhahn, 2016, arXiv:1604.06737), which a network
learns with a loss on the way from categories to points. Generated rows go the other way too, in
artefacts as well, and what a row stands for must not change while networks learn it: so the points
are made of the training rows beforehand and stay. They are the profiles of the categories over the
other columns, reduced as correspondence analysis reduces them (Greenacre, 2017, Correspondence
Analysis in Practice, 3rd edition).
"""

import math
from collections.abc import Sequence

import numpy as np

from ganapp.training.data.tables.columns import Categorical, Numeric

PRIOR_ROWS = 10  # that every category is believed to have besides its own, of the whole table
APART = 0.5  # least distance of two points, while profiles lie in [-1, 1]
START = 0.1  # side of the box in which equal profiles begin to part
MOST_PUSHES = 500  # a thousand equal profiles need about ten
REACHED = 0.999  # share of `APART` that is near enough: the last push only comes close
FLAT = 1e-6  # spread below which profiles are the same but for rounding
EDGE = 0.99  # coordinate of the outermost point: tanh gets to 1 nowhere
DIGITS = 6  # of a coordinate


def points_of(
    place: int, columns: Sequence[Numeric | Categorical], rows: np.ndarray
) -> tuple[tuple[float, ...], ...]:
    """Points for the categories of a column, missing as the last one where values are.

    Where profiles are alike, points push each other away until they are `APART`; then all are
    scaled by one number. That leaves two of them at least a third of a unit apart, whatever the
    rows say.

    Args:
        place: of the column among the columns.
        columns: of user units.
        rows: `(n, columns)` in user units, those that are trained on.

    Returns:
        `dimensions(k)` coordinates in [-1, 1] for each of `k` entries. The same for the same rows,
        but for the rounding of another machine.
    """
    count = columns[place].entries
    codes = _codes(columns[place], rows[:, place])
    others = [i for i in range(len(columns)) if i != place]
    profiles = [_profiles(columns[i], rows[:, i], codes, count) for i in others]
    axes = dimensions(count)
    shares = np.bincount(codes, minlength=count) / max(1, len(codes))
    points = apart(_principal(np.concatenate([np.zeros((count, 1)), *profiles], 1), shares, axes))
    points *= EDGE / np.abs(points).max()
    return tuple(tuple(row) for row in np.round(points, DIGITS).tolist())


def dimensions(count: int) -> int:
    """Coordinates of a point: one more than the bits that number so many categories.

    A box of that many sides has a corner for each category, two units apart, and another side to
    arrange them in: there is room to keep them apart however many there are. That distances survive
    in a number of dimensions that grows with the logarithm is Johnson and Lindenstrauss, 1984,
    Contemporary Mathematics 26.
    """
    return math.ceil(math.log2(max(2, count))) + 1


def apart(points: np.ndarray) -> np.ndarray:
    """Points `(k, d)` that are moved as little as needed until any two are `APART`.

    Those that are the same begin at the places of a Halton sequence, in a small box: a fixed
    arrangement that depends on no generator of random numbers. Each push moves a point by twice
    the mean of what it lacks to its near ones: one that has a single such point moves too far, one
    among many still too little.
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


def _codes(column: Categorical, values: np.ndarray) -> np.ndarray:
    """Which entry each value is, int; missing is the last."""
    return np.nan_to_num(values, nan=len(column.categories)).astype(int)


def _profiles(
    column: Numeric | Categorical, values: np.ndarray, codes: np.ndarray, count: int
) -> np.ndarray:
    """How each category differs from the whole table in another column, `(categories, d)`.

    Of numbers the mean rank, standardised, so that no outlier decides; of categories, present and
    missing among them, the shares in the units of chi-squared distances, over the root of how many
    are free. Every column counts the same: the variance of what it says is at most 1. The profile
    of a few rows is mostly chance and is drawn towards the whole table, as if `PRIOR_ROWS` more
    rows were like that (Micci-Barreca, 2001, SIGKDD Explorations 3(1)).
    """
    rows = PRIOR_ROWS + np.bincount(codes, minlength=count)[:, None]
    missing = np.isnan(values)
    if isinstance(column, Categorical):
        return _shares(_codes(column, values), codes, count) / rows
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
