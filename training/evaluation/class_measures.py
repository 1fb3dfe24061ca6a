"""Figures of samples whose generator was asked for their classes."""

from ganapp.training.evaluation import further_resampling as resampling
from ganapp.training.evaluation.checks import NotComputable, error_of_share
from ganapp.training.evaluation.conditional import asked_accuracy, class_coverage, transfer_accuracy
from ganapp.training.evaluation.evidence import Batch, Evidence
from ganapp.training.evaluation.further_resampling import labels_of
from ganapp.training.evaluation.measure import (
    DISTANCES,
    LABELS,
    MOST_NEIGHBOURS,
    NEIGHBOURS,
    Details,
    Measure,
    Values,
)


def _asked(evidence: Evidence, batch: Batch, reference: Batch) -> tuple[Values, Details]:
    labels = labels_of(batch)
    told = evidence.classifier.labels(batch.features(evidence.label_space))
    known = labels >= 0
    if not known.any():
        raise NotComputable("The class of no sample is known")
    return {"asked_accuracy": asked_accuracy(told[known], labels[known])}, {}


def _coverage(evidence: Evidence, batch: Batch, reference: Batch) -> tuple[Values, Details]:
    space = evidence.neighbour_space
    found = class_coverage(
        reference.features(space),
        labels_of(reference),
        batch.features(space),
        labels_of(batch),
        neighbours=batch.neighbours,
    )
    values = {"class_coverage": found.mean, "smallest_class_coverage": found.smallest}
    names = [evidence.class_name(label) for label in found.classes]
    return values, {"classes": list(found.classes), "names": names, "each": list(found.each)}


def _transfer(evidence: Evidence, batch: Batch, reference: Batch) -> tuple[Values, Details]:
    if evidence.held_out is None:
        raise NotComputable("There is no held-out data to test a classifier on")
    space, tested = evidence.distance_space, evidence.held_out
    found = transfer_accuracy(
        batch.features(space),
        labels_of(batch),
        tested.features(space),
        labels_of(tested),
        seed=evidence.seed,
    )
    details = {"standard_error": error_of_share(found, tested.labelled), "tested": tested.labelled}
    return {"transfer_accuracy": found}, details


def _has_labels(evidence: Evidence) -> bool:
    return evidence.train_labels is not None


def _labels_beside(evidence: Evidence) -> bool:
    """Whether the examples do not say their class themselves, which a classifier would read."""
    return _has_labels(evidence) and evidence.spec.label_start is None


CLASS_MEASURES: tuple[Measure, ...] = (
    Measure(
        better={"asked_accuracy": "higher"},
        applies=_labels_beside,
        space=LABELS,
        compute=_asked,
        real=lambda evidence, reference: evidence.train.labelled,
        when="end",
        needs="labels",
        resample=resampling.asked,
    ),
    Measure(
        better={"class_coverage": "higher", "smallest_class_coverage": "higher"},
        applies=_has_labels,
        space=NEIGHBOURS,
        compute=_coverage,
        real=lambda evidence, reference: reference.labelled,
        most=MOST_NEIGHBOURS,
        when="end",
        needs="labels",
        resample=resampling.class_coverage,
    ),
    Measure(
        better={"transfer_accuracy": "higher"},
        applies=_labels_beside,
        space=DISTANCES,
        compute=_transfer,
        real=lambda evidence, reference: evidence.held_out.labelled if evidence.held_out else 0,
        most=MOST_NEIGHBOURS,
        when="end",
        needs="labels",
        perfect=lambda evidence: evidence.train,  # a classifier of real examples, on the same test
    ),
)
