"""The single Gaussian nearest to a density on a line, by the skewed Jensen-Shannon divergence.

What an ideal GAN whose generator is `mean + sigma z` would find, calculated without one: whether it
covers the modes or seeks one of them, and which other minima it may be caught in.

Reference: Huszar, 2015, arXiv:1511.05101.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize

from ganapp.training.diagnostics.divergences import Cells, LogDensity, density_at, jensen_shannon
from ganapp.training.evaluation.checks import NotComputable

LOST_MASS = 1e-6  # of a Gaussian; beyond it the cells do not show the Gaussian but a part of it
SAME = 1e-3  # ends that near, in units of sigma and in log sigma, are one minimum
PRECISION = {"xatol": 1e-8, "fatol": 1e-13, "maxiter": 4000, "maxfev": 4000}
LOG_ROOT_TWO_PI = 0.5 * np.log(2 * np.pi)

Start = tuple[float, float]


@dataclasses.dataclass(frozen=True, kw_only=True)
class GaussianFit:
    """One minimum of the divergence.

    Args:
        mean: in the density's units.
        sigma: standard deviation, likewise.
        divergence: from the density, in nats.
        starts: `(mean, sigma)` of the starts that led here.
    """

    mean: float
    sigma: float
    divergence: float
    starts: tuple[Start, ...]


def gaussian_fits(
    log_p: LogDensity, cells: Cells, *, skew: float, starts: Sequence[Start]
) -> list[GaussianFit]:
    """All minima of JS_skew(P || N(mean, sigma)) that descents from the starts find.

    Towards `skew` 0 the best one has P's mean and standard deviation, as KL(P || Q) asks; towards 1
    it is that of KL(Q || P), near one of the modes, and each mode may be a minimum of its own.

    Args:
        log_p: log-density of P in nats: a callable `(n, 1)` to `(n,)`, or its values at the cells.
        cells: of an interval that catches P and every Gaussian that may be the answer.
        skew: share of P in the middle of the divergence, in (0, 1).
        starts: `(mean, sigma)` of at least one Gaussian that the cells catch.

    Returns:
        The minima, the smallest divergence first.

    Raises:
        NotComputable: the cells miss a part of a start.
        ValueError: the cells are not on a line, no start, a sigma that is not above 0, or `skew`
            out of range.
    """
    starts = _checked_starts(starts, cells)
    values = density_at(log_p, cells)
    # Divided by its curvature at Q = P, the divergence has the same size for every skew; as it is,
    # that of a skew near 0 or 1 is so small that a search would call any start an end.
    unit = skew * (1.0 - skew)

    def objective(place: np.ndarray) -> float:
        log_q = gaussian_log_density(cells, place[0], np.exp(place[1]))
        if _lost_mass(log_q, cells) > LOST_MASS:
            return np.inf
        return jensen_shannon(values, log_q, cells.areas, skew=skew) / unit

    fits: list[GaussianFit] = []
    for start in starts:
        place = np.array([start[0], np.log(start[1])])
        for _ in range(2):  # again from its own end: a simplex can shrink before it is there
            found = minimize(objective, place, method="Nelder-Mead", options=PRECISION)
            place = found.x
        mean, sigma = float(place[0]), float(np.exp(place[1]))
        fit = GaussianFit(mean=mean, sigma=sigma, divergence=found.fun * unit, starts=(start,))
        fits = _merged(fits, fit)
    return sorted(fits, key=lambda fit: fit.divergence)


def gaussian_log_density(cells: Cells, mean: float, sigma: float) -> np.ndarray:
    """log N(mean, sigma) at the cells of a line, `(n,)`, in nats."""
    deviations = (cells.points[:, 0] - mean) / sigma
    return -0.5 * deviations**2 - np.log(sigma) - LOG_ROOT_TWO_PI


def _merged(fits: list[GaussianFit], new: GaussianFit) -> list[GaussianFit]:
    """The fits with a new one, which may be one of them reached from another start."""
    for place, old in enumerate(fits):
        near = abs(old.mean - new.mean) < SAME * old.sigma
        if near and abs(np.log(old.sigma / new.sigma)) < SAME:
            best = min(old, new, key=lambda fit: fit.divergence)
            both = dataclasses.replace(best, starts=(*old.starts, *new.starts))
            return [*fits[:place], both, *fits[place + 1 :]]
    return [*fits, new]


def _lost_mass(log_q: ArrayLike, cells: Cells) -> float:
    return abs(float(np.sum(np.exp(log_q) * cells.areas)) - 1.0)


def _checked_starts(starts: Sequence[Start], cells: Cells) -> list[Start]:
    if cells.points.shape[1] != 1:
        raise ValueError(
            "`cells` must be those of a line, `regular_cells(low, high, count)`. "
            f"Received: points of shape {cells.points.shape}"
        )
    pairs = [(float(mean), float(sigma)) for mean, sigma in starts]
    if not pairs or not all(sigma > 0 for _, sigma in pairs):
        raise ValueError(
            "`starts` must hold at least one (mean, sigma), each sigma above 0. "
            f"Received: starts={pairs}"
        )
    for mean, sigma in pairs:
        lost = _lost_mass(gaussian_log_density(cells, mean, sigma), cells)
        if lost > LOST_MASS:
            raise NotComputable(
                "The cells must catch the whole mass of every one of the `starts`: take a wider or "
                f"a finer grid. Received: ({mean:g}, {sigma:g}), of which {lost:.2g} is missing"
            )
    return pairs
