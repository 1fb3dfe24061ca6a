"""The energy score of samples that are made for an observation, and their spread.

Reference: Gneiting and Raftery, 2007, "Strictly proper scoring rules, prediction, and estimation":
only the true distribution given the observation has the least expected score. A score of whole
samples cannot see whether each fits what was observed.
"""

import math

import numpy as np
from scipy.spatial.distance import pdist

from ganapp.training.baselines.conditional import PREDICTORS
from ganapp.training.evaluation.checks import NotComputable
from ganapp.training.evaluation.features.spaces import FeatureSpace
from ganapp.training.evaluation.metric import (
    PLAIN,
    Comparison,
    Computed,
    Figure,
    Metric,
    ReportData,
    number,
)

KEY, SPREAD = "conditional_energy_score", "conditional_spread"
DRAWS = 8  # examples for each observation
IGNORED = 0.05  # of the mean distance to the true example: a spread below that is none


def energy_scores(draws: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Energy score E|X - y| - 1/2 E|X - X'| of each observation, and the spread E|X - X'|.

    Both are unbiased: draws are paired with other draws only. A single draw stands for a predictor
    that always says the same, of spread 0.

    Args:
        draws: `(n, k, d)`.
        truth: the true examples `(n, d)`.

    Returns:
        Two float64 `(n,)`; lower scores are better.
    """
    draws, truth = np.float64(draws), np.float64(truth)
    misses = np.linalg.norm(draws - truth[:, None], axis=-1).mean(axis=1)
    spread = np.zeros(len(draws))
    if draws.shape[1] > 1:
        spread = np.array([pdist(each).mean() for each in draws])
    return misses - spread / 2, spread


def _compute(given: Comparison) -> Computed:
    conditional, seed = given.samples.conditional, given.data.seed
    if conditional is None:
        raise NotComputable("Several samples for one observation come from a generator alone")
    space, held_out = given.data.plain_space, conditional.held_out
    if len(conditional) < 2:
        raise NotComputable("Standard errors need at least 2 held-out observations")
    truth = space(held_out.examples)

    def scores(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return energy_scores(_features(space, draws), truth)

    own, spread = scores(conditional.draw(DRAWS, seed))
    references = {}
    for name, predictors in PREDICTORS.items():
        if name not in held_out.observations:
            continue
        for title, predict in predictors.items():
            drawn = predict(conditional.training, held_out.observations[name], DRAWS, seed)
            other, other_spread = scores(drawn)
            difference, error = _mean(other - own)
            references[title] = {
                "score": float(other.mean()),
                "spread": float(other_spread.mean()),
                "better_by": difference,
                "standard_error": error,
            }
    details = {
        "observations": len(conditional),
        "draws": DRAWS,
        "standard_error": _mean(own)[1],
        "spread_error": _mean(spread)[1],
        "distance_to_truth": float((own + spread / 2).mean()),
        "references": references,
    }
    return {KEY: float(own.mean()), SPREAD: float(spread.mean())}, details


def _features(space: FeatureSpace, draws: np.ndarray) -> np.ndarray:
    """Draws `(n, k, *shape)` in a space `(n, k, d)`."""
    found = space(draws.reshape(-1, *draws.shape[2:]))
    if not np.isfinite(found).all():
        raise NotComputable("The samples that are made for observations are not finite")
    return found.reshape(*draws.shape[:2], -1)


def _mean(values: np.ndarray) -> tuple[float, float]:
    """The mean and its standard error."""
    return float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values)))


def _note(report: ReportData) -> list[str]:
    details = report["details"].get(KEY)
    if details is None:
        return []
    value, spread = (report["figures"][key]["value"] for key in (KEY, SPREAD))
    lines = [
        f"Conditional energy score: {details['draws']} samples for each of "
        f"{details['observations']:,} held-out observations; {number(value)} with a standard error "
        f"of {number(details['standard_error'])}. Two samples for one observation are "
        f"{number(spread)} apart, a sample and the true example "
        f"{number(details['distance_to_truth'])}; of a perfect sampler both are equal."
    ]
    for name, found in details["references"].items():
        lines.append(f"{_beside(found)} the {name} ({number(found['score'])}).")
    return lines


def _beside(found: ReportData) -> str:
    """In how many standard errors the samples differ from a reference, on the same observations."""
    difference, error = found["better_by"], found["standard_error"]
    word = "better" if difference >= 0 else "worse"
    if not error:
        return f"The samples' energy score is {word} by {number(abs(difference))} than that of"
    errors = number(abs(difference) / error)
    return f"The samples' energy score is {word} by {errors} standard errors than that of"


def _veto(report: ReportData) -> str | None:
    """The noise is ignored where drawing is known to pay: a reference that draws is better."""
    details = report["details"].get(KEY)
    if details is None:
        return None
    spread, distance = report["figures"][SPREAD]["value"], details["distance_to_truth"]
    references = details["references"].values()
    still = [each["score"] for each in references if not each["spread"]]
    drawn = [each["score"] for each in references if each["spread"]]
    pays = bool(still and drawn) and min(drawn) < min(still)
    if spread >= IGNORED * distance or not pays:
        return None
    return (
        f"The noise is ignored: two samples for one observation are {number(spread)} apart, a "
        f"sample and the true example {number(distance)}."
    )


CONDITIONAL_ENERGY = Metric(
    figures={KEY: Figure("lower"), SPREAD: Figure("higher")},
    compute=_compute,
    applies=lambda data: bool(data.spec.conditions),
    space=PLAIN,
    real=lambda data, reference: len(data.held_out) if data.held_out else 0,
    when="end",
    needs="conditional",
    note=_note,
    veto=_veto,
)
