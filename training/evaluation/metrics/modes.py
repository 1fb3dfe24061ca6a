"""Counting the modes of a known mixture of equal round Gaussians.

Reference: the protocol of Metz et al., 2016 (arXiv:1611.02163), Srivastava et al., 2017
(VEEGAN, arXiv:1705.07761) and Lin et al., 2018 (PacGAN, arXiv:1712.04086).
"""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial import KDTree
from scipy.stats import chi2

from ganapp.training.evaluation.checks import NotComputable, as_feature_pair
from ganapp.training.evaluation.metric import (
    Comparison,
    Computed,
    Figure,
    Metric,
    Resampled,
    no_count,
)

HIGH_QUALITY_RADIUS = 3.0  # in sigma
FAIR_PART = 0.2


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModeFigures:
    """The result of `count_modes`.

    `modes`: with at least one high-quality sample. `fair_modes`: with at least 20 % of their fair
    share, which is one m-th of *all* samples. `high_quality`: share of samples within 3 sigma of
    their nearest centre. `reverse_kl`: KL(high-quality histogram || uniform) in nats, `None`
    without a high-quality sample. `sigma_ratio`: 1 when the modes are as wide as the true ones,
    below 1 when they are too narrow; `None` when no mode has two high-quality samples.
    `histogram` `(m,)`: high-quality samples per mode. `sigma_ratios` `(m,)`: per mode, NaN where
    there are fewer than two.
    """

    modes: int
    fair_modes: int
    high_quality: float
    reverse_kl: float | None
    sigma_ratio: float | None
    histogram: np.ndarray
    sigma_ratios: np.ndarray


def truncated_sigma(dimension: int = 2) -> float:
    """Standard deviation per coordinate of a unit Gaussian cut off at 3 sigma from its centre.

    .974 in the plane. E[x_i^2 ; |x| < r] is the chi-squared distribution function with d + 2
    degrees of freedom at r^2.
    """
    limit = HIGH_QUALITY_RADIUS**2
    return float(np.sqrt(chi2.cdf(limit, dimension + 2) / chi2.cdf(limit, dimension)))


def count_modes(samples: ArrayLike, *, centres: ArrayLike, sigma: float) -> ModeFigures:
    """Counts the modes that samples of a mixture of known, equally heavy modes show.

    The sigma ratio divides the spread of a mode's high-quality samples about their own mean by
    what a true mode has after the same cut at 3 sigma, so a perfect sampler scores 1. Over modes
    it is the root of the mean squared ratio.

    Args:
        samples: `(n, d)` in user units; 2,500 to compare with published tables.
        centres: `(m, d)`.
        sigma: standard deviation of each mode per coordinate, above 0.

    Raises:
        ValueError: shapes do not fit, or `sigma` is not above 0.
    """
    samples, centres = as_feature_pair(samples=samples, centres=centres)
    if not sigma > 0:
        raise ValueError(f"`sigma` must be above 0. Received: sigma={sigma}")
    distances, nearest = KDTree(centres).query(samples)
    good = distances <= HIGH_QUALITY_RADIUS * sigma
    histogram = np.bincount(nearest[good], minlength=len(centres))
    ratios = _sigma_ratios(samples[good], nearest[good], histogram) / sigma
    known = ratios[np.isfinite(ratios)]
    return ModeFigures(
        modes=int(np.count_nonzero(histogram)),
        fair_modes=int(np.count_nonzero(histogram >= FAIR_PART * len(samples) / len(centres))),
        high_quality=float(good.mean()),
        reverse_kl=_divergence_from_uniform(histogram),
        sigma_ratio=float(np.sqrt(np.mean(known**2))) if len(known) else None,
        histogram=histogram,
        sigma_ratios=ratios,
    )


def _sigma_ratios(points: np.ndarray, modes: np.ndarray, histogram: np.ndarray) -> np.ndarray:
    """Per mode: root of the unbiased variance per coordinate, over the truncated unit sigma."""
    ratios = np.full(len(histogram), np.nan)
    for mode in np.flatnonzero(histogram >= 2):
        variance = points[modes == mode].var(axis=0, ddof=1).mean()
        ratios[mode] = np.sqrt(variance) / truncated_sigma(points.shape[1])
    return ratios


def _divergence_from_uniform(histogram: np.ndarray) -> float | None:
    if not histogram.any():
        return None
    shares = histogram[histogram > 0] / histogram.sum()
    return float(max(0.0, np.sum(shares * np.log(shares * len(histogram)))))


def _compute(given: Comparison) -> Computed:
    features, known = given.samples.features(given.data.plain_space), given.data.modes
    found = count_modes(features, centres=known.centres, sigma=known.sigma)
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


def _resample(given: Comparison, weights: np.ndarray) -> Resampled:
    """All but `modes`: a resample never finds a mode that the samples have not."""
    features, known = given.samples.features(given.data.plain_space), given.data.modes
    several = [
        count_modes(np.repeat(features, row, axis=0), centres=known.centres, sigma=known.sigma)
        for row in weights
    ]
    return {
        key: np.array([getattr(each, key) for each in several], float)  # None is NaN
        for key in ("fair_modes", "high_quality", "reverse_kl", "sigma_ratio")
    }


MODES = Metric(
    figures={
        "modes": Figure("higher", group="modes"),
        "fair_modes": Figure("higher", group="modes"),
        "high_quality": Figure("higher", "high-quality share", group="shape of modes", share=True),
        "reverse_kl": Figure("lower", "reverse KL", group="modes"),
        "sigma_ratio": Figure("one", group="shape of modes"),
    },
    compute=_compute,
    resample=_resample,
    applies=lambda data: data.modes is not None,
    real=no_count,
)
