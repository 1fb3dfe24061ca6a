"""The Jensen-Shannon divergence of two known densities, by quadrature on a line or in the plane.

References:
    Goodfellow et al., 2014 (arXiv:1406.2661): the optimal value is -log 4 + 2 JSD;
    Huszar, 2015 (arXiv:1511.05101): the skewed Jensen-Shannon divergence.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from ganapp.training.evaluation.checks import NotComputable

MASS_TOLERANCE = 0.01  # of the mass of a density that the cells may miss

LogDensity = Callable[[np.ndarray], ArrayLike] | ArrayLike


@dataclasses.dataclass(frozen=True)
class Cells:
    """Points `(n, d)` at which densities are evaluated, and the area, above 0, that each stands
    for.

    `shape`: points along each axis, for pictures; the last axis varies fastest.
    """

    points: np.ndarray
    areas: np.ndarray
    shape: tuple[int, ...] = ()

    @property
    def extent(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest middle of a cell along each axis, `(d,)` each."""
        return self.points.min(axis=0), self.points.max(axis=0)


def regular_cells(
    low: float | Sequence[float], high: float | Sequence[float], counts: int | Sequence[int]
) -> Cells:
    """Equal cells of an interval or a box.

    The midpoint rule is all but exact for smooth densities that vanish at the border: for a
    Gaussian of sigma s and cells of side h its error falls like exp(-2 (pi s / h)^2), so a side of
    one sigma is enough.

    Args:
        low: lower end of every axis: a number for an interval, `(d,)` for a box.
        high: upper end, above `low`.
        counts: cells along each axis, at least 1.
    """
    lows, highs, numbers = (np.atleast_1d(value) for value in (low, high, counts))
    if not len(lows) == len(highs) == len(numbers) or not np.all(highs > lows):
        raise ValueError(
            "`low`, `high` and `counts` must hold one value per axis, `high` above `low`. "
            f"Received: low={low}, high={high}, counts={counts}"
        )
    if not np.all(numbers >= 1):
        raise ValueError(f"`counts` must be at least 1 everywhere. Received: counts={counts}")
    sides = (highs - lows) / numbers
    axes = [a + s * (np.arange(n) + 0.5) for a, s, n in zip(lows, sides, numbers, strict=True)]
    mesh = np.meshgrid(*axes, indexing="ij")
    points = np.stack([axis.ravel() for axis in mesh], axis=1)
    areas = np.full(len(points), np.prod(sides))
    return Cells(points, areas, tuple(int(n) for n in numbers))


def jensen_shannon(
    log_p: ArrayLike, log_q: ArrayLike, areas: ArrayLike, *, skew: float = 0.5
) -> float:
    """skew KL(P || M) + (1 - skew) KL(Q || M), M = skew P + (1 - skew) Q, in nats.

    The usual divergence at 1/2. Over `skew` it tends to KL(P || Q) as `skew`, the share of P in the
    middle, goes to 0, and over 1 - `skew` to KL(Q || P) as it goes to 1. Log-densities and areas
    are `(n,)`.
    """
    if not 0 < skew < 1:
        raise ValueError(f"`skew` must lie between 0 and 1, both excluded. Received: skew={skew}")
    log_p, log_q, areas = (np.asarray(each, dtype=np.float64) for each in (log_p, log_q, areas))
    if any(np.isnan(each).any() or np.isposinf(each).any() for each in (log_p, log_q, areas)):
        raise ValueError("Log-densities and areas must not be NaN or +inf. Received: such a value")
    middle = np.logaddexp(np.log(skew) + log_p, np.log1p(-skew) + log_q)
    both = skew * _integrand(log_p, middle) + (1 - skew) * _integrand(log_q, middle)
    return float(max(0.0, np.sum(both * areas)))


def integrated_jensen_shannon(log_p: LogDensity, log_q: LogDensity, cells: Cells) -> float:
    """The Jensen-Shannon divergence of two densities on the same cells, in nats.

    Log-densities in nats are callables `(n, d)` to `(n,)`, or their values at the cells.

    Raises:
        NotComputable: the cells miss, or count double, more than 1 % of a density's mass.
        ValueError: shapes do not fit, or a log-density is NaN or +inf.
    """
    log_p, log_q = (density_at(density, cells) for density in (log_p, log_q))
    for name, values in {"log_p": log_p, "log_q": log_q}.items():
        mass = float(np.sum(np.exp(values) * cells.areas))
        if abs(mass - 1) > MASS_TOLERANCE:
            raise NotComputable(
                f"The cells must catch the whole mass of `{name}`: take a wider or a finer grid. "
                f"Received: a mass of {mass:.4g} instead of 1"
            )
    return jensen_shannon(log_p, log_q, cells.areas)


def density_at(density: LogDensity, cells: Cells) -> np.ndarray:
    """Log-density at the cells' points, `(n,)`, from a callable or from the values themselves."""
    values = density(cells.points) if callable(density) else density
    values = np.asarray(values, dtype=np.float64)
    if values.shape != cells.areas.shape:
        raise ValueError(
            f"A log-density must have one value per cell, shape {cells.areas.shape}. "
            f"Received: shape={values.shape}"
        )
    return values


def _integrand(log_p: np.ndarray, log_q: np.ndarray) -> np.ndarray:
    """p log(p / q), 0 where p is 0."""
    p = np.exp(log_p)
    ratio = np.subtract(log_p, log_q, out=np.zeros_like(p), where=p > 0)
    return p * ratio
