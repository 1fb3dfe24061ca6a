"""The TSTR accuracy of tables: train on synthetic rows, test on real ones.

Reference: Xu et al., 2019, arXiv:1907.00503.
"""

import numpy as np

from ganapp.training.data.tables.codec import TableCodec
from ganapp.training.evaluation.checks import NotComputable, error_of_share
from ganapp.training.evaluation.features.spaces import TableColumns
from ganapp.training.evaluation.metric import Comparison, Computed, Figure, Metric

TREES = 200


def accuracy_elsewhere(
    space: TableColumns, table: TableCodec, rows: np.ndarray, test: np.ndarray, *, seed: int
) -> float:
    """Accuracy on `test` of a random forest of 200 trees that learns the label from `rows`.

    Rows `(n, columns)` and `(m, columns)` in user units; those without a label are left out.

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
    known, tested = (
        np.concatenate([x for i, x in enumerate(space.by_column(side)) if i != place], axis=1)
        for side in (rows, test)
    )
    forest = RandomForestClassifier(TREES, random_state=seed)
    forest.fit(known, rows[:, place].astype(int))
    return float(np.mean(forest.predict(tested) == test[:, place].astype(int)))


def _compute(given: Comparison) -> Computed:
    if given.data.held_out is None:
        raise NotComputable("Testing on real rows needs `held_out`, and none was given")
    table, test = given.data.spec.table, given.data.held_out.samples
    accuracy = accuracy_elsewhere(
        given.data.neighbour_space, table, given.samples.samples, test, seed=given.data.seed
    )
    tested = int(np.count_nonzero(~np.isnan(test[:, table.label_place])))
    return {"tstr": accuracy}, {
        "classifier": f"random forest of {TREES} trees",
        "right": round(accuracy * tested),
        "standard_error": error_of_share(accuracy, tested),
        "tested": tested,
        "label": table.label,
    }


TSTR = Metric(
    figures={"tstr": Figure("higher", "TSTR accuracy")},
    compute=_compute,
    applies=lambda data: data.spec.table is not None and bool(data.spec.table.label),
    costly=True,
    real=lambda data, reference: len(data.held_out or ()),
    perfect=lambda data: data.train,  # training on real rows is the floor
)
