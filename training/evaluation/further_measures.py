"""Figures of a report that are too slow, or too seldom asked for, to be looked at along the way.

Each is a function and an entry, as in `measures.py`.
"""

import dataclasses

import numpy as np

from ganapp.training.evaluation import further_resampling as resampling
from ganapp.training.evaluation.authenticity import authentic, duplicates
from ganapp.training.evaluation.checks import NotComputable, error_of_share
from ganapp.training.evaluation.class_score import class_score
from ganapp.training.evaluation.classifier import ClassifierSpace
from ganapp.training.evaluation.evidence import Batch, Evidence
from ganapp.training.evaluation.measure import (
    DISTANCES,
    LABELS,
    MOST_NEIGHBOURS,
    NEIGHBOURS,
    Details,
    Measure,
    Values,
    of_none,
    of_training,
)
from ganapp.training.evaluation.path_length import path_length
from ganapp.training.evaluation.sliced import LEAST_SIDE, pyramid_distances, sliced_wasserstein
from ganapp.training.evaluation.transport import energy_distance, exact_wasserstein
from ganapp.training.evaluation.two_sample import logistic_test, neighbour_test

MOST_TRANSPORTED = 1000  # exact transport takes a second then, eight times as long for twice
MOST_TESTED, MOST_PAIRED, MOST_PYRAMIDS, PATHS = 2000, 5000, 1000, 500
SCORE_PARTS = 10


def _sliced(evidence: Evidence, batch: Batch, reference: Batch) -> tuple[Values, Details]:
    sides = (part.features(evidence.plain_space) for part in (reference, batch))
    return {"sliced_wasserstein": sliced_wasserstein(*sides, seed=evidence.seed)}, {}


def _pyramid(evidence: Evidence, batch: Batch, reference: Batch) -> tuple[Values, Details]:
    levels = pyramid_distances(reference.samples, batch.samples, seed=evidence.seed)
    return {"pyramid_wasserstein": float(np.mean(list(levels.values())))}, {"levels": levels}


def _exact(evidence: Evidence, batch: Batch, reference: Batch) -> tuple[Values, Details]:
    sides = (part.features(evidence.distance_space) for part in (reference, batch))
    return {"exact_wasserstein": exact_wasserstein(*sides)}, {}


def _energy(evidence: Evidence, batch: Batch, reference: Batch) -> tuple[Values, Details]:
    sides = (part.features(evidence.distance_space) for part in (reference, batch))
    return {"energy_distance": energy_distance(*sides)}, {}


def _neighbour_test(evidence: Evidence, batch: Batch, reference: Batch) -> tuple[Values, Details]:
    sides = (part.features(evidence.neighbour_space) for part in (reference, batch))
    found = dataclasses.asdict(neighbour_test(*sides, seed=evidence.seed))
    return _told("neighbour_test", found)


def _logistic_test(evidence: Evidence, batch: Batch, reference: Batch) -> tuple[Values, Details]:
    sides = (part.features(evidence.distance_space) for part in (reference, batch))
    found = dataclasses.asdict(logistic_test(*sides, seed=evidence.seed))
    return _told("logistic_test", found)


def _told(key: str, found: dict[str, float]) -> tuple[Values, Details]:
    accuracy = found.pop("accuracy")
    return {key: accuracy}, found | {"standard_error": error_of_share(accuracy, found["judged"])}


def _authenticity(evidence: Evidence, batch: Batch, reference: Batch) -> tuple[Values, Details]:
    found = authentic(evidence.training_neighbours, batch.features(evidence.plain_space))
    return {"authenticity": float(found.mean())}, {}


def _resampled_authenticity(
    evidence: Evidence, batch: Batch, reference: Batch, weights: np.ndarray
) -> dict[str, np.ndarray]:
    found = authentic(evidence.training_neighbours, batch.features(evidence.plain_space))
    return {"authenticity": weights @ found / len(found)}


def _duplicates(evidence: Evidence, batch: Batch, reference: Batch) -> tuple[Values, Details]:
    space = evidence.plain_space
    found = dataclasses.asdict(
        duplicates(batch.features(space), reference.features(space), seed=evidence.seed)
    )
    return {"duplicates": found.pop("share")}, found


def _class_score(evidence: Evidence, batch: Batch, reference: Batch) -> tuple[Values, Details]:
    space = evidence.label_space
    shares = space.probabilities(batch.features(space))
    parts = [part for part in np.array_split(shares, SCORE_PARTS) if len(part) > 1]
    details = {"classes": len(space.classes)}
    if len(parts) == SCORE_PARTS:  # as the paper prints it: mean and spread over ten parts
        scores = [class_score(part) for part in parts]
        details["mean_of_parts"] = float(np.mean(scores))
        details["spread_of_parts"] = float(np.std(scores))
    return {"class_score": class_score(shares)}, details


def _resampled_class_score(
    evidence: Evidence, batch: Batch, reference: Batch, weights: np.ndarray
) -> dict[str, np.ndarray]:
    space = evidence.label_space
    shares = space.probabilities(batch.features(space))
    scores = [class_score(np.repeat(shares, row, axis=0)) for row in weights]
    return {"class_score": np.array(scores)}


def _path_length(evidence: Evidence, batch: Batch, reference: Batch) -> tuple[Values, Details]:
    if batch.paths is None:
        raise NotComputable("Samples without their generator have no paths")
    space = evidence.distance_space
    value, error = path_length(batch.paths, space, count=PATHS, seed=evidence.seed)
    return {"path_length": value}, {"standard_error": error}


def _is_image(evidence: Evidence) -> bool:
    return evidence.spec.kind == "image"


def _has_pyramid(evidence: Evidence) -> bool:
    return _is_image(evidence) and min(evidence.spec.shape[:2]) >= 2 * LEAST_SIDE


def _has_probabilities(evidence: Evidence) -> bool:
    return isinstance(evidence.label_space, ClassifierSpace)


def _has_examples(evidence: Evidence) -> bool:
    return evidence.spec.examples is not None  # what never repeats an example cannot be copied


FURTHER_MEASURES: tuple[Measure, ...] = (
    Measure(
        better={"class_score": "higher"},
        applies=_has_probabilities,
        space=LABELS,
        compute=_class_score,
        real=of_none,
        when="end",
        resample=_resampled_class_score,
    ),
    Measure(
        better={"sliced_wasserstein": "lower"},
        compute=_sliced,
        most=MOST_NEIGHBOURS,
        when="end",
        resample=resampling.sliced,
    ),
    Measure(
        better={"pyramid_wasserstein": "lower"},
        applies=_has_pyramid,
        compute=_pyramid,
        most=MOST_PYRAMIDS,
        when="request",
    ),
    Measure(
        better={"exact_wasserstein": "lower"},
        space=DISTANCES,
        compute=_exact,
        most=MOST_TRANSPORTED,
        when="request",
    ),
    Measure(
        better={"energy_distance": "lower"},
        space=DISTANCES,
        compute=_energy,
        most=MOST_PAIRED,
        when="end",
        resample=resampling.energy,
    ),
    Measure(
        better={"neighbour_test": "half"},
        space=NEIGHBOURS,
        compute=_neighbour_test,
        most=MOST_TESTED,
        when="end",
    ),
    Measure(
        better={"logistic_test": "half"},
        space=DISTANCES,
        compute=_logistic_test,
        most=MOST_TESTED,
        when="end",
    ),
    Measure(
        better={"authenticity": "higher"},
        applies=_has_examples,
        compute=_authenticity,
        real=of_training,
        most=MOST_NEIGHBOURS,
        when="end",
        resample=_resampled_authenticity,
    ),
    Measure(
        better={"duplicates": "lower"},
        applies=_has_examples,
        compute=_duplicates,
        most=MOST_NEIGHBOURS,
        when="end",
        resample=resampling.duplicated,
    ),
    Measure(
        better={"path_length": "lower"},
        space=DISTANCES,
        compute=_path_length,
        real=of_none,
        most=PATHS,
        when="end",
        needs="paths",
    ),
)
