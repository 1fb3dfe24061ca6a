"""The Fréchet distance of two sets of features.

Reference: Heusel et al., 2017 (Frechet Inception distance, arXiv:1706.08500).
"""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from ganapp.training.evaluation.checks import same_width
from ganapp.training.evaluation.features.spaces import FeatureSpace, FeatureStatistics
from ganapp.training.evaluation.metric import (
    DISTANCES,
    Comparison,
    Computed,
    Figure,
    Metric,
    ReportData,
    Resampled,
    SampleSet,
)

WIDEST = 256  # dimensions: resamples of wider covariances take seconds each


@dataclasses.dataclass(frozen=True, kw_only=True)
class Moments:
    """Mean `(d,)`, trace of the covariance, and the covariance's symmetric root `(d, d)`."""

    mean: np.ndarray
    trace: float
    root: np.ndarray


def gaussian_moments(mean: ArrayLike, covariance: ArrayLike) -> Moments:
    """Moments of a Gaussian with known `mean (d,)` and positive semi-definite `covariance`."""
    covariance = np.asarray(covariance, dtype=np.float64)
    values, vectors = np.linalg.eigh(covariance)
    roots = np.sqrt(np.clip(values, 0.0, None))  # rounding makes null directions slightly negative
    return Moments(
        mean=np.asarray(mean, dtype=np.float64),
        trace=float(np.trace(covariance)),
        root=(vectors * roots) @ vectors.T,
    )


def statistics_moments(statistics: FeatureStatistics) -> Moments:
    """Moments of features that were never held all at once."""
    return gaussian_moments(statistics.mean, statistics.covariance())


def frechet_distance(first: Moments, second: Moments) -> float:
    """Squared Frechet (2-Wasserstein) distance of two Gaussians; 0 or more, lower is better.

    |m1 - m2|^2 + tr(C1) + tr(C2) - 2 tr((C1 C2)^(1/2)). The last trace is the sum of the singular
    values of C1^(1/2) C2^(1/2): real and finite for singular covariances too, where a general
    matrix root may be complex or fail.
    """
    same_width(first.root, second.root)
    overlap = np.linalg.svd(first.root @ second.root, compute_uv=False).sum()
    shift = np.square(first.mean - second.mean).sum()
    return float(max(0.0, shift + first.trace + second.trace - 2.0 * overlap))


def sample_moments(samples: SampleSet, space: FeatureSpace) -> Moments:
    """The moments of a set of samples in the given space, computed once."""
    return samples.cache.once(
        ("moments", space.name), lambda: statistics_moments(samples.statistics(space))
    )


def _compute(given: Comparison) -> Computed:
    first, second = (
        sample_moments(side, given.data.distance_space) for side in (given.reference, given.samples)
    )
    details = {
        "dimension": len(first.mean),
        "fewest": min(len(given.reference), len(given.samples)),
    }
    return {"frechet_distance": frechet_distance(first, second)}, details


def _resample(given: Comparison, weights: np.ndarray) -> Resampled:
    features = given.samples.features(given.data.distance_space)
    count, width = features.shape
    if width > WIDEST or count < 2:
        return {}
    real, values = sample_moments(given.reference, given.data.distance_space), []
    for row in weights:
        mean = row @ features / count
        centred = features - mean
        covariance = (centred * row[:, None]).T @ centred / (count - 1)
        values.append(frechet_distance(real, gaussian_moments(mean, covariance)))
    return {"frechet_distance": np.array(values)}


def _note(report: ReportData) -> list[str]:
    details = report["details"].get("frechet_distance", {})
    counts = {
        "value": details.get("fewest"),
        "matched, floor": report["counts"].get("matched") or None,
    }
    fewer = {
        name: count
        for name, count in counts.items()
        if count is not None and count <= details.get("dimension", 0)
    }
    if not fewer:
        return []
    some = ", ".join(f"{count:,} ({name})" for name, count in fewer.items())
    return [
        f"Fréchet distance: the {details['dimension']:,} dimensions of its space are more than the "
        f"samples, {some}; its covariances are singular, which adds to the distance: compare "
        "equal counts only."
    ]


FRECHET_DISTANCE = Metric(
    figures={
        "frechet_distance": Figure("lower", "Fréchet distance", group="distance", essential=True)
    },
    compute=_compute,
    resample=_resample,
    space=DISTANCES,
    note=_note,
)
