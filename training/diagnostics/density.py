"""The density of a generator, estimated from its samples.

An adaptive Gaussian kernel estimate (Abramson, 1982, "On bandwidth variation in kernel estimates",
the square root law): each sample is a Gaussian whose width goes like one over the root of a pilot
estimate there, and both widths are those of the best leave-one-out likelihood. A rule of thumb
(Scott, Silverman) is 15 times too wide on the ring of eight modes. One width for all has to serve
both modes and stray samples: with 5 % of those the optimal discriminator from 2,000 samples of a
ring was off by .15 on average; with adaptive widths by .05, as much as without stray samples.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar

from ganapp.training.evaluation.checks import NotComputable, as_features, same_width

SENSITIVITY = 0.5  # of the width to the pilot's density: Abramson's square root
LEAST = 20  # samples; a likelihood of fewer cannot choose a width
CHOOSING = 1000  # samples that choose the width: the cost grows with the square
NARROWEST, WIDEST = 1e-4, 2.0  # limits of the width, in standard deviations of the samples
BLOCK = 2_000_000  # pairs of points at a time: 16 MB an array


class KernelDensity:
    """A log-density from samples: `estimate(points)`.

    Evaluate it at other points than the samples: there it is too high by the kernel of each on
    itself.

    Args:
        samples: `(n, d)` in user units, at least 20 and not all the same; d should be 1 or 2.
        bandwidth: width of the kernels, in standard deviations of the samples along each axis, at
            a sample of typical density; chosen by leave-one-out likelihood when not given.
            Samples that coincide (a collapsed generator) drive it to its lower limit of 1e-4.
        seed: of the samples that choose the width when there are more than 1,000.

    Raises:
        NotComputable: too few samples, or samples that do not differ along some axis.
        ValueError: no finite matrix, or `bandwidth` is not above 0.
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
    """The width whose logarithm has the least loss.

    A likelihood of widths has one maximum in practice, but is flat far from it, so a coarse search
    comes first.

    Args:
        loss: of the logarithm of a width.
        narrowest: width, above 0.
        widest: width.
        points: of the coarse search.
        tolerance: of the logarithm.
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
