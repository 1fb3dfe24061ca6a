"""The learnt discriminator beside the optimal one, D* = p / (p + q).

Reference: Goodfellow et al., 2014, arXiv:1406.2661: for a fixed generator the value
E_p log D + E_q log(1 - D) is highest at D*, where it is -log 4 + 2 JSD(P, Q).

Real and generated points count for half each, however many there are of either.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq, minimize_scalar
from scipy.special import expit

from ganapp.training.evaluation.checks import (
    NotComputable,
    as_feature_pair,
    as_features,
    same_width,
)
from ganapp.training.objectives.base import Objective

SENSITIVITY = 0.5  # of the width to the pilot's density: Abramson's square root
LEAST = 20  # samples; a likelihood of fewer cannot choose a width
CHOOSING = 1000  # samples that choose the width: the cost grows with the square
NARROWEST, WIDEST = 1e-4, 2.0  # limits of the width, in standard deviations of the samples
BLOCK = 2_000_000  # pairs of points at a time: 16 MB an array


class KernelDensity:
    """A log-density from samples, `estimate(points)`: an adaptive Gaussian kernel estimate.

    By the square root law of Abramson, 1982, "On bandwidth variation in kernel estimates": each
    sample is a Gaussian whose width goes like one over the root of a pilot estimate there, and both
    widths are those of the best leave-one-out likelihood. A rule of thumb (Scott, Silverman) is 15
    times too wide on the ring of eight modes. One width for all has to serve both modes and stray
    samples: with 5 % of those the optimal discriminator from 2,000 samples of a ring was off by .15
    on average; with adaptive widths by .05, as much as without stray samples. Evaluate it at other
    points than the samples: there it is too high by the kernel of each on itself.

    Args:
        samples: `(n, d)` in user units, at least 20, that differ along every axis; d should be 1 or
            2.
        bandwidth: width of the kernels, in standard deviations of the samples along each axis, at a
            sample of typical density; that of the best likelihood when not given. Samples that
            coincide (a collapsed generator) drive it to its lower limit of 1e-4.
        seed: of the samples that choose the width when there are more than 1,000.
    """

    def __init__(
        self, samples: ArrayLike, *, bandwidth: float | None = None, seed: int = 0
    ) -> None:
        self.samples = as_features("samples", samples, least=LEAST)
        self.scale = self.samples.std(axis=0)
        if not (self.scale > 0).all():
            raise NotComputable(
                "`samples` must differ along every axis to have a density. "
                f"Received: standard deviations {self.scale.tolist()}"
            )
        if bandwidth is not None and not bandwidth > 0:
            raise ValueError(f"`bandwidth` must be above 0. Received: bandwidth={bandwidth}")
        self._mean = self.samples.mean(axis=0)  # small norms lose fewer digits to cancellation
        self._points = (self.samples - self._mean) / self.scale
        count, dimension = self._points.shape
        some, shrink = self._points, 1.0
        if count > CHOOSING:
            chosen = np.random.default_rng(seed).choice(count, CHOOSING, replace=False)
            # The best width of n samples falls like n^(-1 / (d + 4)).
            some = self._points[chosen]
            shrink = (CHOOSING / count) ** (1 / (dimension + 4))
        pilot = shrink * _best_width(some, np.ones(len(some)))
        self._factors = _local_factors(self._points, pilot)
        if bandwidth is None:
            factors = self._factors if count <= CHOOSING else self._factors[chosen]
            bandwidth = shrink * _best_width(some, factors)
        self.bandwidth = float(bandwidth)

    def __call__(self, points: ArrayLike) -> np.ndarray:
        """Log-density in nats and user units: `(m, d)` to float64 `(m,)`."""
        points = as_features("points", points)
        same_width(points, self.samples)
        values = _log_density((points - self._mean) / self.scale, self._points, self._widths)
        return values - np.log(self.scale).sum()

    def sample(self, count: int, *, seed: int = 0) -> np.ndarray:
        """Draws from the estimate: float64 `(count, d)` in user units."""
        random = np.random.default_rng(seed)
        chosen = random.integers(len(self._points), size=count)
        noise = random.normal(size=(count, self._points.shape[1])) * self._widths[chosen, None]
        return (self._points[chosen] + noise) * self.scale + self._mean

    def refit(self, *, seed: int = 0) -> "KernelDensity":
        """An estimate from as many draws of this one: how far apart the two are is how far this one
        is from what it estimates (the parametric bootstrap)."""
        return KernelDensity(self.sample(len(self._points), seed=seed), seed=seed)

    @property
    def _widths(self) -> np.ndarray:
        return self.bandwidth * self._factors


def _best_width(points: np.ndarray, factors: np.ndarray) -> float:
    """The width of the best leave-one-out likelihood, when it is multiplied by `factors`."""
    squares = _squared_distances(points, points)
    np.fill_diagonal(squares, np.inf)

    def loss(log_width: float) -> float:
        widths = np.exp(log_width) * factors
        return -float(_mixture(squares, widths, points.shape[1], left_out=True).mean())

    return search_width(loss, NARROWEST, WIDEST, points=15, tolerance=0.02)


def search_width(
    loss: Callable[[float], float],
    narrowest: float,
    widest: float,
    *,
    points: int,
    tolerance: float,
) -> float:
    """The width between two others whose logarithm has the least loss.

    A likelihood of widths has one maximum in practice, but is flat far from it, so a coarse search
    of so many points comes first. `tolerance` is that of the logarithm.
    """
    coarse = np.linspace(np.log(narrowest), np.log(widest), points)
    best = int(np.argmin([loss(value) for value in coarse]))
    around = coarse[max(best - 1, 0)], coarse[min(best + 1, points - 1)]
    found = minimize_scalar(loss, bounds=around, method="bounded", options={"xatol": tolerance})
    return float(np.exp(found.x))


def _local_factors(points: np.ndarray, width: float) -> np.ndarray:
    """(pilot density / its geometric mean)^(-1/2) at every point."""
    pilot = _log_density(points, points, np.full(len(points), width))
    return np.exp(-SENSITIVITY * (pilot - pilot.mean()))


def _log_density(points: np.ndarray, samples: np.ndarray, widths: np.ndarray) -> np.ndarray:
    rows = max(1, BLOCK // len(samples))
    parts = []
    for start in range(0, len(points), rows):
        squares = _squared_distances(points[start : start + rows], samples)
        parts.append(_mixture(squares, widths, points.shape[1]))
    return np.concatenate(parts)


def _squared_distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    squares = (first**2).sum(1)[:, None] - 2 * first @ second.T + (second**2).sum(1)
    return np.maximum(squares, 0.0, out=squares)


def _mixture(
    squares: np.ndarray, widths: np.ndarray, dimension: int, *, left_out: bool = False
) -> np.ndarray:
    """Log of the mean of Gaussians at squared distances `(m, n)`, each column with its width."""
    exponents = squares * (-0.5 / widths**2) - dimension * np.log(widths)
    peak = exponents.max(axis=1, keepdims=True)
    total = np.exp(exponents - peak, out=exponents).sum(axis=1)
    count = len(widths) - 1 if left_out else len(widths)
    return np.log(total) + peak[:, 0] - np.log(count) - 0.5 * dimension * np.log(2 * np.pi)


# Log-ratios are cut here, where D is within 5e-5 of certainty: out in the tails an estimated
# density is off by hundreds of nats, and one such point would be the whole figure.
CLIP = 10.0
BINS = 10  # of the calibration curve, equal parts of [0, 1]

Function = Callable[[np.ndarray], ArrayLike]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Calibration:
    """The share of real points where D is in a bin, which is D when D is calibrated.

    `edges` `(bins + 1,)` of D; `predicted` `(bins,)`: mean D in the bin; `observed` `(bins,)`: the
    weighted share of real points; both NaN in an empty bin; `counts` `(bins,)`: points.
    """

    edges: np.ndarray
    predicted: np.ndarray
    observed: np.ndarray
    counts: np.ndarray


@dataclasses.dataclass(frozen=True, kw_only=True)
class DiscriminatorFigures:
    """One discriminator against the optimal one; expectations are half over real points.

    `absolute_error`: E|D - D*|. `correlation` of D with D*, `None` when either is constant.
    `value`: E_p log D + E_q log(1 - D) in nats; `optimal_value`: that of D* on the same points;
    `value_gap_error`: the standard error of their difference. `log_ratio_error`: mean absolute
    difference of the log density ratios, each cut at +-10. `calibration_error`: expected absolute
    difference of predicted and observed, weighted by the points in a bin. `distance_to_half`:
    E|D - 1/2|, 0 at the equilibrium; `optimal_distance_to_half` that of D*. `clipped`: the share of
    points, half of them real, at which either log ratio was cut: its error is a lower bound.
    """

    absolute_error: float
    correlation: float | None
    value: float
    optimal_value: float
    value_gap_error: float
    log_ratio_error: float
    calibration_error: float
    calibration: Calibration
    distance_to_half: float
    optimal_distance_to_half: float
    clipped: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class OptimalComparison:
    """The result of `compare_with_optimal`.

    `learnt`: the figures of the learnt discriminator. `floor`: those of an exactly optimal one
    with the same counts and a density of the generator that is estimated in the same way.
    `jensen_shannon`: the divergence by D* on these points, in nats; it can come out a little below
    0. `real`, `fake`: points; `fitted`: samples behind the generator's density, `None` when exact.
    """

    learnt: DiscriminatorFigures
    floor: DiscriminatorFigures
    jensen_shannon: float
    real: int
    fake: int
    fitted: int | None


def compare_with_optimal(
    log_ratio: Function,
    *,
    log_p: Function,
    log_q: Function | KernelDensity,
    real: ArrayLike,
    fake: ArrayLike,
    seed: int = 0,
) -> OptimalComparison:
    """Compares a learnt discriminator with D* where both densities are known, or one is estimated.

    The floor of an estimate: take it for the truth, draw as many points and estimate again
    (`KernelDensity.refit`); then D* is known exactly and is compared like the learnt one.

    Args:
        log_ratio: the learnt log p / q, `(n, d)` to `(n,)`; see `log_ratio_of`.
        log_p: log-density of the data.
        log_q: of the generator, exact or estimated.
        real: points `(n, d)`, the same units.
        fake: points `(m, d)`, none of them among those an estimate was made of.
        seed: of the floor's draws.
    """
    real, fake = as_feature_pair(real=real, fake=fake)
    estimated = isinstance(log_q, KernelDensity)
    learnt = _figures_at(log_ratio, log_p, log_q, real, fake)
    if estimated:
        refitted, drawn = log_q.refit(seed=seed), log_q.sample(len(fake), seed=seed + 1)
    else:
        refitted, drawn = log_q, fake

    def exact(points: np.ndarray) -> np.ndarray:
        return _values(log_p, points) - _values(log_q, points)

    return OptimalComparison(
        learnt=learnt,
        floor=_figures_at(exact, log_p, refitted, real, drawn),
        jensen_shannon=float(learnt.optimal_value + np.log(4)) / 2,
        real=len(real),
        fake=len(fake),
        fitted=len(log_q.samples) if estimated else None,
    )


def discriminator_figures(
    log_ratio: ArrayLike, optimal_log_ratio: ArrayLike, is_real: ArrayLike
) -> DiscriminatorFigures:
    """The figures from log p / q, learnt and true, `(n,)` each, at points that are real or not.

    `is_real` is bool `(n,)` with both kinds.
    """
    is_real = np.asarray(is_real, dtype=bool)
    learnt, best = (_ratios(values, is_real) for values in (log_ratio, optimal_log_ratio))
    weights = _weights(is_real)
    cut = np.abs(np.stack([np.asarray(log_ratio), np.asarray(optimal_log_ratio)])) > CLIP
    d, optimal = expit(learnt), expit(best)
    curve = calibration(d, is_real)
    # log D at real points, log(1 - D) at the others.
    terms, best_terms = (
        -np.logaddexp(0.0, np.where(is_real, -ratio, ratio)) for ratio in (learnt, best)
    )
    gap = best_terms - terms
    variance = sum(gap[part].var() / part.sum() for part in (is_real, ~is_real))
    filled = curve.counts > 0
    heavy = np.bincount(_bin_of(d), weights, BINS)
    off = np.abs(curve.predicted - curve.observed)
    return DiscriminatorFigures(
        absolute_error=float(weights @ np.abs(d - optimal)),
        correlation=_correlation(d, optimal, weights),
        value=2 * float(weights @ terms),
        optimal_value=2 * float(weights @ best_terms),
        value_gap_error=float(np.sqrt(variance)),
        log_ratio_error=float(weights @ np.abs(learnt - best)),
        calibration_error=float(heavy[filled] @ off[filled]),
        calibration=curve,
        distance_to_half=float(weights @ np.abs(d - 0.5)),
        optimal_distance_to_half=float(weights @ np.abs(optimal - 0.5)),
        clipped=float(weights @ cut.any(axis=0)),
    )


def calibration(probabilities: ArrayLike, is_real: ArrayLike) -> Calibration:
    """The calibration curve of D, `(n,)` in [0, 1], at points that are real or not, bool `(n,)`."""
    d, is_real = np.asarray(probabilities, dtype=np.float64), np.asarray(is_real, dtype=bool)
    weights, place = _weights(is_real), _bin_of(d)
    total = np.bincount(place, weights, BINS)
    filled = total > 0

    def share(values: np.ndarray) -> np.ndarray:
        part = np.bincount(place, weights * values, BINS)
        return np.divide(part, total, out=np.full(BINS, np.nan), where=filled)

    return Calibration(
        edges=np.linspace(0, 1, BINS + 1),
        predicted=share(d),
        observed=share(is_real),
        counts=np.bincount(place, minlength=BINS),
    )


def log_ratio_of(objective: Objective, scores: Function) -> Function:
    """The learnt log p / q from raw scores of points, `(n,)` or `(n, 1)`, by the theory of the
    objective.

    Raises:
        NotComputable: the objective's scores are no function of the density ratio.
    """
    if objective.log_density_ratio(np.zeros(1, np.float32)) is None:
        raise NotComputable(
            "`objective` must give scores that are a function of p / q, as 'non_saturating' does, "
            f"to be compared with the optimal discriminator. Received: {objective.name!r}"
        )
    return lambda points: objective.log_density_ratio(np.asarray(scores(points)))


def with_best_offset(log_ratio: Function, *, real: ArrayLike, fake: ArrayLike) -> Function:
    """A log-ratio that is known up to a constant, with the constant that makes D fit best.

    The scores of relativistic pairing are log p / q plus any constant. The constant of the highest
    value is that where D, averaged over both kinds of points, is 1/2; take other points `(n, d)`
    than the ones to compare on.
    """
    on_real, on_fake = (_values(log_ratio, as_features("points", p)) for p in (real, fake))

    def excess(offset: float) -> float:
        return float(expit(on_real + offset).mean() + expit(on_fake + offset).mean()) - 1.0

    extreme = max(np.abs(on_real).max(), np.abs(on_fake).max()) + 1.0
    offset = brentq(excess, -extreme, extreme)
    return lambda points: _values(log_ratio, points) + offset


def _figures_at(log_ratio, log_p, log_q, real, fake) -> DiscriminatorFigures:
    points = np.concatenate([real, fake])
    best = _values(log_p, points) - _values(log_q, points)
    is_real = np.arange(len(points)) < len(real)
    return discriminator_figures(_values(log_ratio, points), best, is_real)


def _values(function: Function, points: np.ndarray) -> np.ndarray:
    values = np.asarray(function(points), dtype=np.float64)
    if values.size != len(points):
        raise ValueError(
            "A score or log-density must be one number per point. "
            f"Received: shape={values.shape} for {len(points)} points"
        )
    return values.reshape(-1)


def _ratios(values: ArrayLike, is_real: np.ndarray) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    if values.shape != is_real.shape or np.isnan(values).any():
        raise ValueError(
            f"Log-ratios must have the shape {is_real.shape} and no NaN. "
            f"Received: shape={values.shape}, {np.isnan(values).sum()} of them NaN"
        )
    return np.clip(values, -CLIP, CLIP)


def _weights(is_real: np.ndarray) -> np.ndarray:
    """Half for the real points together, half for the others."""
    count = np.count_nonzero(is_real)
    if count in (0, len(is_real)):
        raise NotComputable(
            "There must be real and generated points. "
            f"Received: {count} real and {len(is_real) - count} generated points"
        )
    return np.where(is_real, 0.5 / count, 0.5 / (len(is_real) - count))


def _bin_of(d: np.ndarray) -> np.ndarray:
    return np.minimum((d * BINS).astype(int), BINS - 1)


def _correlation(first: np.ndarray, second: np.ndarray, weights: np.ndarray) -> float | None:
    first, second = first - weights @ first, second - weights @ second
    scale = np.sqrt((weights @ first**2) * (weights @ second**2))
    # A constant leaves rounding errors behind; their correlation means nothing.
    return float(weights @ (first * second) / scale) if scale > 1e-12 else None
