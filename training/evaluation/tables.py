"""Figures of tables: columns, what they have to do with each other, usefulness, copies.

References: Xu et al., 2019, arXiv:1907.00503 (train on synthetic, test on real); Park et al., 2018,
arXiv:1806.03384 (distance to the closest record).
"""

import numpy as np
from scipy.stats import wasserstein_distance
from scipy.stats.contingency import association, crosstab

from ganapp.training.data.tables.codec import TableCodec
from ganapp.training.evaluation.checks import NotComputable
from ganapp.training.evaluation.table_space import TableColumns

TREES = 200


def marginals(table: TableCodec, rows: np.ndarray, real: np.ndarray) -> np.ndarray:
    """How far each column's values are from the real ones; 0 if alike, lower is better.

    Of numbers the 1-Wasserstein distance in standard deviations of the real ones, plus the
    difference of the shares that are missing; of categories (missing among them) the total
    variation, 0 to 1; of a label that not every row has, over those that have it.

    Args:
        table: the codec.
        rows: `(n, columns)` in user units.
        real: `(m, columns)`.

    Returns:
        float64 `(columns,)`.
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
    """How much each two columns have to do with each other.

    Pearson's correlation of two numbers (-1 to 1), Cramer's V of two categories and the correlation
    ratio of a category and a number (both 0 to 1), over the rows where both are present; 0 where a
    side does not vary.

    Args:
        table: the codec.
        rows: `(n, columns)` in user units.

    Returns:
        float64 `(columns, columns)`, symmetric, 1 on the diagonal.
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
    """Mean absolute difference of the associations of pairs of columns; lower is better.

    Raises:
        NotComputable: a table of one column has no pairs.
    """
    count = len(table.varying)
    if count < 2:
        raise NotComputable("A table of one column has no pairs of columns")
    pairs = np.tril_indices(count, -1)
    difference = associations(table, rows)[pairs] - associations(table, real)[pairs]
    return float(np.abs(difference).mean())


def accuracy_elsewhere(
    space: TableColumns, table: TableCodec, rows: np.ndarray, test: np.ndarray, *, seed: int
) -> float:
    """Accuracy on `test` of a random forest of 200 trees that learns the label from `rows`.

    Rows without a label are left out of both.

    Args:
        space: of the table.
        table: its codec, with a label.
        rows: `(n, columns)` in user units, to learn from.
        test: `(m, columns)`, to tell the label of.
        seed: of the forest.

    Raises:
        NotComputable: the rows have one class only, or none to test has a label.
    """
    from sklearn.ensemble import RandomForestClassifier

    place = table.label_place
    rows, test = (side[~np.isnan(side[:, place])] for side in (rows, test))
    if not len(test):
        raise NotComputable("No row to test on has a label")
    if len(np.unique(rows[:, place])) < 2:
        raise NotComputable("All rows to learn from have the same label")
    known, asked = (
        np.concatenate([x for i, x in enumerate(space.by_column(side)) if i != place], axis=1)
        for side in (rows, test)
    )
    forest = RandomForestClassifier(TREES, random_state=seed)
    forest.fit(known, rows[:, place].astype(int))
    return float(np.mean(forest.predict(asked) == test[:, place].astype(int)))


def copies(rows: np.ndarray, training: np.ndarray) -> float:
    """Share of rows that are a training row in every column; lower is better.

    Args:
        rows: `(n, columns)` in user units.
        training: `(m, columns)`.
    """

    def keys(side: np.ndarray) -> list[bytes]:
        # One NaN and one zero: what is equal must have equal bytes.
        side = np.where(np.isnan(side), np.float32("nan"), side.astype(np.float32)) + np.float32(0)
        return [row.tobytes() for row in np.ascontiguousarray(side, np.float32)]

    known = set(keys(training))
    return float(np.mean([key in known for key in keys(rows)]))
