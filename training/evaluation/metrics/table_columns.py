"""Columns of tables one by one, and the associations of their pairs."""

import numpy as np
from scipy.stats import wasserstein_distance
from scipy.stats.contingency import association, crosstab

from ganapp.training.data.tables.codec import TableCodec
from ganapp.training.evaluation.checks import NotComputable
from ganapp.training.evaluation.metric import Comparison, Computed, Figure, Metric, Resampled

MOST_PAIRS = 120  # of columns: a hundred times their associations take some ten seconds
MOST_CELLS = 300_000  # of samples: a hundred times their marginals take some ten seconds


def marginals(table: TableCodec, rows: np.ndarray, real: np.ndarray) -> np.ndarray:
    """The distance of each column's values from the real ones, `(columns,)`; 0 if alike.

    Of numbers the 1-Wasserstein distance in standard deviations of the real ones, plus the
    difference of the shares that are missing; of categories (missing among them) the total
    variation, 0 to 1; of a label that not every row has, over those that have it.
    """
    found = np.empty(len(table.varying))
    for place, column in enumerate(table.varying):
        sides = rows[:, place].astype(np.float64), real[:, place].astype(np.float64)
        present = [side[~np.isnan(side)] for side in sides]
        if table.partly_labelled and place == table.label_place:
            if not all(map(len, present)):
                found[place] = 1.0  # samples without a label are as far from it as can be
                continue
            sides = present
        if column.kind == "categorical":
            count = len(column.categories) + 1
            shares = [
                np.bincount(np.nan_to_num(side, nan=count - 1).astype(int), minlength=count)
                / len(side)
                for side in sides
            ]
            found[place] = 0.5 * np.abs(shares[0] - shares[1]).sum()
            continue
        missing = [1 - len(some) / len(side) for some, side in zip(present, sides, strict=True)]
        found[place] = abs(missing[0] - missing[1])
        if all(map(len, present)):
            found[place] += wasserstein_distance(*present) / (present[1].std() or 1.0)
    return found


def associations(table: TableCodec, rows: np.ndarray) -> np.ndarray:
    """The association of each two columns of rows `(n, columns)`, `(columns, columns)`, symmetric.

    Pearson's correlation of two numbers (-1 to 1), Cramer's V of two categories and the correlation
    ratio of a category and a number (both 0 to 1), over the rows where both are present; 0 where a
    side does not vary.
    """
    rows = np.asarray(rows, np.float64)
    matrix = np.eye(len(table.varying))
    for i, first in enumerate(table.varying):
        for j, second in enumerate(table.varying[:i]):
            present = ~np.isnan(rows[:, i]) & ~np.isnan(rows[:, j])
            a, b = rows[present, i], rows[present, j]
            if len(a) < 2 or not np.ptp(a) or not np.ptp(b):
                continue
            kinds = first.kind, second.kind
            if kinds == ("numeric", "numeric"):
                value = np.corrcoef(a, b)[0, 1]
            elif kinds == ("categorical", "categorical"):
                value = association(crosstab(a, b).count, method="cramer")
            else:
                value = correlation_ratio(*((a, b) if first.kind == "categorical" else (b, a)))
            matrix[i, j] = matrix[j, i] = value
    return matrix


def correlation_ratio(codes: np.ndarray, numbers: np.ndarray) -> float:
    """Share of the standard deviation of numbers that their category explains, 0 to 1."""
    between = sum(
        (codes == code).mean() * (numbers[codes == code].mean() - numbers.mean()) ** 2
        for code in np.unique(codes)
    )
    return float(np.sqrt(min(1.0, between / numbers.var())))


def association_error(table: TableCodec, rows: np.ndarray, real: np.ndarray) -> float:
    """Mean absolute difference of the associations of pairs of columns; lower is better."""
    count = len(table.varying)
    if count < 2:
        raise NotComputable("A table of one column has no pairs of columns")
    pairs = np.tril_indices(count, -1)
    difference = associations(table, rows)[pairs] - associations(table, real)[pairs]
    return float(np.abs(difference).mean())


def _compute(given: Comparison) -> Computed:
    table = given.data.spec.table
    by_column = marginals(table, given.samples.samples, given.reference.samples)
    try:
        error = association_error(table, given.samples.samples, given.reference.samples)
    except NotComputable as reason:
        error = reason
    values = {"marginals": float(by_column.mean()), "associations": error}
    return values, {"columns": dict(zip(table.names, by_column.tolist(), strict=True))}


def _resample(given: Comparison, weights: np.ndarray) -> Resampled:
    """Associations of at most 120 pairs of columns; nothing of more than 300,000 cells."""
    table, real = given.data.spec.table, given.reference.samples
    if given.samples.samples.size > MOST_CELLS:
        return {}
    drawn = [np.repeat(given.samples.samples, row, axis=0) for row in weights]
    found = {"marginals": np.array([marginals(table, rows, real).mean() for rows in drawn])}
    pairs = np.tril_indices(len(table.varying), -1)
    if 0 < len(pairs[0]) <= MOST_PAIRS:
        expected = associations(table, real)[pairs]
        errors = [np.abs(associations(table, rows)[pairs] - expected).mean() for rows in drawn]
        found["associations"] = np.array(errors)
    return found


TABLE_COLUMNS = Metric(
    figures={"marginals": Figure("lower"), "associations": Figure("lower")},
    compute=_compute,
    resample=_resample,
    applies=lambda data: data.spec.table is not None,
)
