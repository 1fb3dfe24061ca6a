"""Figures of tables as a judge asks for them."""

import numpy as np

from ganapp.training.evaluation.checks import NotComputable, error_of_share
from ganapp.training.evaluation.evidence import Batch, Evidence
from ganapp.training.evaluation.measure import Details, Values
from ganapp.training.evaluation.tables import (
    TREES,
    accuracy_elsewhere,
    association_error,
    copies,
    marginals,
)


def column_figures(evidence: Evidence, batch: Batch, reference: Batch) -> tuple[Values, Details]:
    """Columns one by one, and in pairs."""
    table = evidence.spec.table
    by_column = marginals(table, batch.samples, reference.samples)
    try:
        error = association_error(table, batch.samples, reference.samples)
    except NotComputable as reason:
        error = reason
    values = {"marginals": float(by_column.mean()), "associations": error}
    return values, {"columns": dict(zip(table.names, by_column.tolist(), strict=True))}


def usefulness(evidence: Evidence, batch: Batch, reference: Batch) -> tuple[Values, Details]:
    """Train on these rows, test on held-out real ones.

    What training on the real rows reaches is the floor of this figure.
    """
    if evidence.held_out is None:
        raise NotComputable("Testing on real rows needs `held_out`, and none was given")
    found = accuracy_elsewhere(
        evidence.neighbour_space,
        evidence.spec.table,
        batch.samples,
        evidence.held_out.samples,
        seed=evidence.seed,
    )
    place = evidence.spec.table.label_place
    tested = int(np.count_nonzero(~np.isnan(evidence.held_out.samples[:, place])))
    details = {"classifier": f"random forest of {TREES} trees", "right": round(found * tested)}
    details["standard_error"] = error_of_share(found, tested)
    return {"tstr": found}, details | {"tested": tested, "label": evidence.spec.table.label}


def closeness(evidence: Evidence, batch: Batch, reference: Batch) -> tuple[Values, Details]:
    """How far the training rows are: median over the rows, over that of held-out rows."""
    table, sides = evidence.spec.table, (batch.samples, evidence.train.samples)
    if table.partly_labelled:  # a copy of a row without a label is one with any
        sides = (np.delete(side, table.label_place, axis=1) for side in sides)
    found = copies(*sides)
    try:
        test = evidence.memorisation_test
    except NotComputable as reason:
        return {"copied": found, "closest_record": reason}, {}
    median = float(np.median(test.train(batch.features(evidence.neighbour_space))[0]))
    values = {"copied": found, "closest_record": NotComputable("Most held-out rows are copies")}
    if test.median > 0:
        values["closest_record"] = median / test.median
    return values, {"median_distance": median, "median_of_held_out": test.median}
