"""The list of what is measured: each entry says when it applies and how it is computed.

A new figure is a function and an entry in `MEASURES`; nothing else asks what kind of data it is.
"""

import dataclasses

import numpy as np

from ganapp.training.evaluation import further_resampling, resampling
from ganapp.training.evaluation.checks import NotComputable
from ganapp.training.evaluation.class_measures import CLASS_MEASURES
from ganapp.training.evaluation.clip_measures import CLIP_MEASURES
from ganapp.training.evaluation.distances import frechet_distance, kernel_distance
from ganapp.training.evaluation.evidence import Batch, Evidence
from ganapp.training.evaluation.further_measures import FURTHER_MEASURES
from ganapp.training.evaluation.lost_tails import LOST_TAILS
from ganapp.training.evaluation.measure import (
    DISTANCES,
    LABELS,
    MOST_NEIGHBOURS,
    NEIGHBOURS,
    Details,
    Measure,
    Values,
    of_held_out,
    of_none,
    of_training,
)
from ganapp.training.evaluation.modes import count_modes
from ganapp.training.evaluation.neighbours import neighbour_figures
from ganapp.training.evaluation.stacks import expected_figures
from ganapp.training.evaluation.table_measures import closeness, column_figures, usefulness


def _neighbours(evidence: Evidence, batch: Batch, reference: Batch) -> tuple[Values, Details]:
    space = evidence.neighbour_space
    found = neighbour_figures(reference.balls(space), batch.balls(space))
    return dataclasses.asdict(found), {}


def _frechet(evidence: Evidence, batch: Batch, reference: Batch) -> tuple[Values, Details]:
    space = evidence.distance_space
    first, second = reference.moments(space), batch.moments(space)
    details = {"dimension": len(first.mean), "fewest": min(len(reference), len(batch))}
    return {"frechet_distance": frechet_distance(first, second)}, details


def _kernel(evidence: Evidence, batch: Batch, reference: Batch) -> tuple[Values, Details]:
    space = evidence.distance_space
    found = kernel_distance(reference.features(space), batch.features(space), seed=evidence.seed)
    details = {"standard_error": found.standard_error}
    if found.interval is not None:
        details["interval"] = list(found.interval)
    return {"kernel_distance": found.value}, details


def _classes(evidence: Evidence, batch: Batch, reference: Batch) -> tuple[Values, Details]:
    judge = evidence.classifier
    found = judge.figures(batch.features(evidence.label_space))
    names = [evidence.class_name(label) for label in judge.classes]
    values = {
        "classes_found": found.found,
        "smallest_class_share": found.smallest_share,
        "largest_class_share": found.largest_share,
        "class_kl": found.kl,
    }
    return values, {
        "classifier_accuracy": evidence.classifier_accuracy,
        "names": names,
        "histogram": found.histogram.tolist(),
        "training_histogram": judge.training_histogram.tolist(),
    }


def _memorised(evidence: Evidence, batch: Batch, reference: Batch) -> tuple[Values, Details]:
    test = evidence.memorisation_test
    found = dataclasses.asdict(test(batch.features(evidence.plain_space)))
    return {"memorised": found.pop("share")}, {"threshold": test.threshold, **found}


def _modes(evidence: Evidence, batch: Batch, reference: Batch) -> tuple[Values, Details]:
    features = batch.features(evidence.plain_space)
    found = count_modes(features, centres=evidence.modes.centres, sigma=evidence.modes.sigma)
    too_few = NotComputable("No mode has two high-quality samples")
    none_good = NotComputable("No sample is of high quality")
    values = {
        "modes": found.modes,
        "fair_modes": found.fair_modes,
        "high_quality": found.high_quality,
        "reverse_kl": none_good if found.reverse_kl is None else found.reverse_kl,
        "sigma_ratio": too_few if found.sigma_ratio is None else found.sigma_ratio,
    }
    ratios = [float(ratio) if np.isfinite(ratio) else None for ratio in found.sigma_ratios]
    return values, {
        "true_modes": len(found.histogram),
        "histogram": found.histogram.tolist(),
        "sigma_ratios": ratios,
    }


def _stacks(evidence: Evidence, batch: Batch, reference: Batch) -> tuple[Values, Details]:
    judge = evidence.stack_judge
    classes = judge.classes(batch.samples)
    found = judge.figures(classes)
    modes, each = len(found.histogram), len(judge.classifier.classes)
    expected_modes, expected_kl = expected_figures(len(batch), modes)
    return {"modes": found.found, "mode_kl": found.kl}, {
        "classifier_accuracy": judge.accuracy,
        "true_modes": modes,
        "expected_modes": expected_modes,
        "expected_kl": expected_kl,
        "channel_histograms": [np.bincount(c, minlength=each).tolist() for c in classes.T],
    }


def _has_modes(evidence: Evidence) -> bool:
    return evidence.modes is not None


def _has_singles(evidence: Evidence) -> bool:
    return evidence.singles is not None


def _is_table(evidence: Evidence) -> bool:
    return evidence.spec.table is not None


def _counts_modes(evidence: Evidence) -> bool:
    return _has_modes(evidence) or _has_singles(evidence)


def _has_classes(evidence: Evidence) -> bool:
    labelled = bool(evidence.spec.classes) or evidence.train_labels is not None
    return labelled and not _counts_modes(evidence)  # the modes of such data are their classes


def _can_memorise(evidence: Evidence) -> bool:
    return evidence.spec.examples is not None or not _counts_modes(evidence)


MEASURES: tuple[Measure, ...] = (
    Measure(
        better=dict.fromkeys(("precision", "recall", "density", "coverage"), "higher"),
        space=NEIGHBOURS,
        compute=_neighbours,
        most=MOST_NEIGHBOURS,
        resample=resampling.neighbours,
    ),
    Measure(
        better={"frechet_distance": "lower"},
        space=DISTANCES,
        compute=_frechet,
        resample=resampling.frechet,
    ),
    Measure(
        better={"kernel_distance": "lower"},
        space=DISTANCES,
        compute=_kernel,
        most=MOST_NEIGHBOURS,  # no more are drawn for the subsets
    ),
    Measure(
        better={
            "classes_found": "higher",
            "smallest_class_share": "higher",
            "largest_class_share": "lower",
            "class_kl": "lower",
        },
        applies=_has_classes,
        space=LABELS,
        compute=_classes,
        real=lambda evidence, reference: evidence.train.labelled,
        resample=resampling.classes,
    ),
    Measure(
        better={"memorised": "lower"},
        applies=_can_memorise,
        compute=_memorised,
        real=of_training,
        most=MOST_NEIGHBOURS,
        resample=resampling.memorised,
    ),
    Measure(
        better={
            "modes": "higher",
            "fair_modes": "higher",
            "high_quality": "higher",
            "reverse_kl": "lower",
            "sigma_ratio": "one",
        },
        applies=_has_modes,
        compute=_modes,
        real=of_none,
        resample=further_resampling.modes,
    ),
    Measure(
        better={"modes": "higher", "mode_kl": "lower"},
        applies=_has_singles,
        compute=_stacks,
        real=lambda evidence, reference: len(evidence.singles.train),
        resample=further_resampling.stacks,
    ),
    Measure(
        better={"marginals": "lower", "associations": "lower"},
        applies=_is_table,
        compute=column_figures,
        resample=further_resampling.columns,
    ),
    Measure(
        better={"tstr": "higher"},
        applies=lambda evidence: _is_table(evidence) and bool(evidence.spec.table.label),
        compute=usefulness,
        costly=True,
        real=of_held_out,
        perfect=lambda evidence: evidence.train,  # which learns from what it was trained on
    ),
    Measure(
        better={"copied": "lower", "closest_record": "one"},
        applies=_is_table,
        compute=closeness,
        real=of_training,
        resample=further_resampling.closeness,
    ),
    LOST_TAILS,
    *CLIP_MEASURES,
    *CLASS_MEASURES,
    *FURTHER_MEASURES,
)
