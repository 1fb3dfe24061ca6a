"""The Inception score, with any classifier in Inception's place.

References:
    Salimans et al., 2016, "Improved techniques for training GANs" (arXiv:1606.03498);
    Barratt and Sharma, 2018, "A note on the Inception score" (arXiv:1801.01973), for its limits.
"""

import numpy as np
from numpy.typing import ArrayLike

from ganapp.training.evaluation.checks import NotComputable
from ganapp.training.evaluation.features.classifier import ClassifierSpace
from ganapp.training.evaluation.metric import (
    LABELS,
    Comparison,
    Computed,
    Details,
    Figure,
    Metric,
    ReportData,
    Resampled,
    no_count,
)

PARTS = 10


def class_score(probabilities: ArrayLike) -> float:
    """exp E KL(p(y|x) || p(y)): from 1 to the number of classes; higher is better.

    The highest is reached by samples that are each surely of one class, all classes equally often.
    It says nothing about diversity within a class, or about the data. Of rows `(n, c)` of sum 1, n
    at least 2.
    """
    values = np.asarray(probabilities, dtype=np.float64)
    if len(values) < 2:
        raise NotComputable(f"A class score needs at least 2 samples. Received: {len(values)}")
    values = values / values.sum(axis=1, keepdims=True)
    logs = np.log(values, out=np.zeros_like(values), where=values > 0)
    marginal = values.mean(axis=0)
    log_marginal = np.log(marginal, out=np.zeros_like(marginal), where=marginal > 0)
    return float(np.exp(max(0.0, np.mean(np.sum(values * (logs - log_marginal), axis=1)))))


def _compute(given: Comparison) -> Computed:
    space = given.data.label_space
    shares = space.probabilities(given.samples.features(space))
    parts = [part for part in np.array_split(shares, PARTS) if len(part) > 1]
    details: Details = {"classes": len(space.classes)}
    if len(parts) == PARTS:  # as the paper prints it: mean and spread over ten parts
        scores = [class_score(part) for part in parts]
        details["mean_of_parts"] = float(np.mean(scores))
        details["spread_of_parts"] = float(np.std(scores))
    return {"class_score": class_score(shares)}, details


def _resample(given: Comparison, weights: np.ndarray) -> Resampled:
    space = given.data.label_space
    shares = space.probabilities(given.samples.features(space))
    scores = [class_score(np.repeat(shares, row, axis=0)) for row in weights]
    return {"class_score": np.array(scores)}


def _note(report: ReportData) -> list[str]:
    score = report["details"].get("class_score", {})
    if "mean_of_parts" not in score:
        return []
    return [
        f"Class score over ten parts: {score['mean_of_parts']:.3f} ± "
        f"{score['spread_of_parts']:.3f}; the highest possible is {score['classes']}."
    ]


CLASS_SCORE = Metric(
    figures={"class_score": Figure("higher")},
    compute=_compute,
    resample=_resample,
    applies=lambda data: isinstance(data.label_space, ClassifierSpace),
    space=LABELS,
    real=no_count,
    when="end",
    note=_note,
)
