"""Metrics of samples whose class was requested: accuracy, coverage within classes, transfer.

Reference: train on synthetic, test on real: Esteban et al., 2017, arXiv:1706.02633; Ravuri and
Vinyals, 2019, arXiv:1905.10887.
"""

from collections.abc import Iterator

import numpy as np

from ganapp.training.evaluation.checks import NotComputable, error_of_share
from ganapp.training.evaluation.metric import (
    DISTANCES,
    LABELS,
    MOST_NEIGHBOURS,
    NEIGHBOURS,
    Comparison,
    Computed,
    EvaluationData,
    Figure,
    Metric,
    ReportData,
    Resampled,
    SampleSet,
)
from ganapp.training.evaluation.metrics.class_histogram import LabelClassifier, fitted_classifier
from ganapp.training.evaluation.metrics.precision_recall import (
    NeighbourBalls,
    balls_in_blocks,
    neighbour_figures,
)
from ganapp.training.messages import MOST


def class_balls(
    real: np.ndarray,
    real_labels: np.ndarray,
    samples: np.ndarray,
    requested: np.ndarray,
    *,
    neighbours: int = 5,
) -> Iterator[tuple[int, NeighbourBalls, NeighbourBalls]]:
    """Every class with the balls of its real examples and of its samples.

    Features `(n, d)` of real examples with their labels int `(n,)`, below 0 where not known, and
    those of samples `(m, d)` with the classes `(m,)` that were requested.

    Raises:
        NotComputable: a class has not more than k real examples or samples, or no label is known.
    """
    classes = np.unique(real_labels[real_labels >= 0])
    if not len(classes):
        raise NotComputable("No label of the real examples is known")
    for label in classes:
        of_real, of_samples = real[real_labels == label], samples[requested == label]
        if min(len(of_real), len(of_samples)) <= neighbours:
            raise NotComputable(
                f"Coverage of a class needs more than {neighbours} examples and samples of it; "
                f"class {label} has {len(of_real)} and {len(of_samples)}"
            )
        balls = (NeighbourBalls(some, neighbours=neighbours) for some in (of_real, of_samples))
        yield int(label), *balls


def class_coverage(*sides: np.ndarray, neighbours: int = 5) -> dict[int, float]:
    """Coverage (Naeem et al., 2020, arXiv:2002.09797) by class; arguments of `class_balls`."""
    return {
        label: neighbour_figures(*balls).coverage
        for label, *balls in class_balls(*sides, neighbours=neighbours)
    }


def transfer_accuracy(
    features: np.ndarray,
    labels: np.ndarray,
    real: np.ndarray,
    real_labels: np.ndarray,
    *,
    seed: int = 0,
) -> float:
    """Accuracy on real examples of a classifier that was trained on something else.

    It is trained on features `(n, d)` of samples (train on synthetic) or real examples, and tested
    on held-out real ones `(m, d)`; labels are below 0 where not known.

    Raises:
        NotComputable: the labels name a single class, or none of the real ones is known.
    """
    known, tested = labels >= 0, real_labels >= 0
    if not tested.any():
        raise NotComputable("No label of the held-out examples is known")
    classifier = LabelClassifier(features[known], labels[known], seed=seed)
    return classifier.accuracy(real[tested], real_labels[tested])


def labels_of(samples: SampleSet) -> np.ndarray:
    """The labels of a set; NotComputable if it has none."""
    if samples.labels is None:
        raise NotComputable("These samples were not asked to be of a class")
    return samples.labels


def _right(given: Comparison) -> tuple[np.ndarray, np.ndarray]:
    """Which samples' classes are known `(n,)`, and whether a classifier finds those `(k,)`."""
    labels = labels_of(given.samples)
    known = labels >= 0
    if not known.any():
        raise NotComputable("The class of no sample is known")
    features = given.samples.features(given.data.label_space)[known]
    return known, fitted_classifier(given.data).labels(features) == labels[known]


def _compute_accuracy(given: Comparison) -> Computed:
    return {"asked_accuracy": float(np.mean(_right(given)[1]))}, {}


def _resample_accuracy(given: Comparison, weights: np.ndarray) -> Resampled:
    known, right = _right(given)
    drawn = weights[:, known]
    return {"asked_accuracy": drawn @ right / drawn.sum(axis=1)}


def _labelled_features(given: Comparison) -> tuple[np.ndarray, ...]:
    sides = (given.reference, given.samples)
    space = given.data.neighbour_space
    return tuple(each for side in sides for each in (side.features(space), labels_of(side)))


def _compute_coverage(given: Comparison) -> Computed:
    found = class_coverage(*_labelled_features(given), neighbours=given.samples.neighbours)
    classes, each = list(found), list(found.values())
    values = {"class_coverage": float(np.mean(each)), "smallest_class_coverage": min(each)}
    names = [given.data.class_name(label) for label in classes]
    return values, {"classes": classes, "names": names, "each": each}


def _resample_coverage(given: Comparison, weights: np.ndarray) -> Resampled:
    sides, each = _labelled_features(given), []
    for label, *balls in class_balls(*sides, neighbours=given.samples.neighbours):
        drawn = weights[:, sides[-1] == label].astype(np.float32)
        reached = sum(
            drawn[:, rows] @ inside.astype(np.float32)
            for rows, inside, _ in balls_in_blocks(*balls)
        )
        each.append((reached > 0).mean(axis=1))
    return {
        "class_coverage": np.mean(each, axis=0),
        "smallest_class_coverage": np.min(each, axis=0),
    }


def _coverage_note(report: ReportData) -> list[str]:
    """The coverage of each class; of many classes, of those that are covered least."""
    covered = report["details"].get("class_coverage")
    if covered is None:
        return []
    names = covered.get("names", covered["classes"])  # reports of old have none
    each = list(zip(names, covered["each"], strict=True))
    which = "classes"
    if len(each) > MOST:
        which = f"the {MOST} of {len(each)} classes that are covered least"
        each = sorted(each, key=lambda one: one[1])[:MOST]
    shares = ", ".join(f"{label}: {share:.2f}" for label, share in each)
    return [f"Coverage within {which}: {shares}."]


def _compute_transfer(given: Comparison) -> Computed:
    if given.data.held_out is None:
        raise NotComputable("There is no held-out data to test a classifier on")
    space, tested = given.data.distance_space, given.data.held_out
    found = transfer_accuracy(
        given.samples.features(space),
        labels_of(given.samples),
        tested.features(space),
        labels_of(tested),
        seed=given.data.seed,
    )
    details = {"standard_error": error_of_share(found, tested.labelled), "tested": tested.labelled}
    return {"transfer_accuracy": found}, details


def _has_labels_beside(data: EvaluationData) -> bool:
    """Whether the examples do not say their class themselves, which a classifier would read."""
    return data.train.labels is not None and data.spec.label_start is None


ASKED_ACCURACY = Metric(
    figures={"asked_accuracy": Figure("higher", "asked-class accuracy")},
    compute=_compute_accuracy,
    resample=_resample_accuracy,
    applies=_has_labels_beside,
    space=LABELS,
    real=lambda data, reference: data.train.labelled,
    when="end",
    needs="labels",
)
CLASS_COVERAGE = Metric(
    figures={
        "class_coverage": Figure("higher", "coverage within classes"),
        "smallest_class_coverage": Figure("higher", "smallest class's coverage"),
    },
    compute=_compute_coverage,
    resample=_resample_coverage,
    applies=lambda data: data.train.labels is not None,
    space=NEIGHBOURS,
    real=lambda data, reference: reference.labelled,
    most=MOST_NEIGHBOURS,
    when="end",
    needs="labels",
    note=_coverage_note,
)
TRANSFER_ACCURACY = Metric(
    figures={"transfer_accuracy": Figure("higher", "train on samples, test on real")},
    compute=_compute_transfer,
    applies=_has_labels_beside,
    space=DISTANCES,
    real=lambda data, reference: data.held_out.labelled if data.held_out else 0,
    most=MOST_NEIGHBOURS,
    when="end",
    needs="labels",
    perfect=lambda data: data.train,  # a classifier of real examples, on the same test
)
