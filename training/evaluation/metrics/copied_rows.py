"""Rows of a table that are training rows, and the distance to the closest record.

Reference: Park et al., 2018, arXiv:1806.03384.
"""

import numpy as np

from ganapp.training.evaluation.checks import NotComputable
from ganapp.training.evaluation.metric import (
    Comparison,
    Computed,
    Figure,
    Metric,
    Resampled,
    excess_veto,
    training_count,
)
from ganapp.training.evaluation.metrics.memorisation import memorisation_test


def copies(rows: np.ndarray, training: np.ndarray) -> float:
    """Share of rows `(n, columns)` that are a training row in every column; lower is better."""

    def keys(side: np.ndarray) -> list[bytes]:
        # One NaN and one zero: what is equal must have equal bytes.
        side = np.where(np.isnan(side), np.float32("nan"), side.astype(np.float32)) + np.float32(0)
        return [row.tobytes() for row in np.ascontiguousarray(side, np.float32)]

    known = set(keys(training))
    return float(np.mean([key in known for key in keys(rows)]))


def _compute(given: Comparison) -> Computed:
    """The closest record: the median distance of rows, over that of held-out rows."""
    table, sides = given.data.spec.table, (given.samples.samples, given.data.train.samples)
    if table.partly_labelled:  # a copy of a row without a label is one with any
        sides = (np.delete(side, table.label_place, axis=1) for side in sides)
    found = copies(*sides)
    try:
        test = memorisation_test(given.data)
    except NotComputable as reason:
        return {"copied": found, "closest_record": reason}, {}
    median = float(np.median(test.train(given.samples.features(given.data.neighbour_space))[0]))
    values = {"copied": found, "closest_record": NotComputable("Most held-out rows are copies")}
    if test.median > 0:
        values["closest_record"] = median / test.median
    return values, {"median_distance": median, "median_of_held_out": test.median}


def _resample(given: Comparison, weights: np.ndarray) -> Resampled:
    test = memorisation_test(given.data)
    if not test.median > 0:
        return {}
    distances = np.sort(test.train(given.samples.features(given.data.neighbour_space))[0])
    # Rows are exchangeable, so the weights need not be sorted with them.
    places = (np.cumsum(weights, axis=1) <= weights.sum(axis=1, keepdims=True) / 2).sum(axis=1)
    return {"closest_record": distances[np.minimum(places, len(distances) - 1)] / test.median}


COPIED_ROWS = Metric(
    figures={
        "copied": Figure("lower", "copied share", group="copies", share=True, capped=True),
        "closest_record": Figure("one", "distance to closest record", group="copies"),
    },
    compute=_compute,
    resample=_resample,
    applies=lambda data: data.spec.table is not None,
    real=training_count,
    veto=excess_veto(
        "copied",
        "A share of {share} of the samples are training rows, value by value "
        "(held-out rows: {floor}).",
        usual=0.0,
    ),
)
