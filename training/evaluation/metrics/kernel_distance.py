"""The kernel distance of two sets of features: the squared maximum mean discrepancy.

Reference: Binkowski et al., 2018 (kernel Inception distance, arXiv:1801.01401).
"""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits

from ganapp.training.evaluation.checks import as_feature_pair
from ganapp.training.evaluation.metric import (
    DISTANCES,
    MOST_NEIGHBOURS,
    Comparison,
    Computed,
    Details,
    Figure,
    Metric,
    ReportData,
    number,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class KernelDistance:
    """Mean over subsets of the unbiased squared MMD, its standard error and a 95 % interval.

    The value may be slightly negative: it is unbiased, and the truth may be zero. Subsets overlap,
    so the standard error is a lower bound. The interval comes from disjoint blocks, which do not;
    `None` where there are too few samples for it.
    """

    value: float
    standard_error: float
    interval: tuple[float, float] | None


def squared_mmd(first: np.ndarray, second: np.ndarray) -> float:
    """Unbiased squared maximum mean discrepancy under the kernel (x.y / d + 1)^3.

    Both float64 `(n, d)` and `(m, d)`, of at least 2 rows.
    """
    dimension = first.shape[1]

    def sum_of_kernel(x: np.ndarray, y: np.ndarray) -> float:
        base = x @ y.T
        base /= dimension
        base += 1.0
        return float(np.vdot(base * base, base))

    def mean_of_pairs(x: np.ndarray) -> float:
        itself = np.sum((np.square(x).sum(axis=1) / dimension + 1.0) ** 3)
        return (sum_of_kernel(x, x) - itself) / (len(x) * (len(x) - 1))

    across = sum_of_kernel(first, second) / (len(first) * len(second))
    return float(mean_of_pairs(first) + mean_of_pairs(second) - 2.0 * across)


def kernel_distance(
    first: ArrayLike, second: ArrayLike, *, subsets: int = 20, subset_size: int = 500, seed: int = 0
) -> KernelDistance:
    """Mean of `squared_mmd` of `(n, d)` and `(m, d)` over at least 2 random subsets; lower is
    better.

    A subset holds `subset_size` points of each set, at least 2, drawn without replacement; at most
    half of the smaller set, so that the subsets differ and their spread means something.
    NotComputable for fewer than 4 rows in a set.
    """
    first, second = as_feature_pair(first=first, second=second, least=4)
    generator = np.random.default_rng(seed)
    size = min(subset_size, len(first) // 2, len(second) // 2)
    # The products are so small that threads which wait for a busy core cost more than they save:
    # measured beside another load, five times the time.
    with threadpool_limits(1, user_api="blas"):
        estimates = [
            squared_mmd(
                _exact(first[generator.choice(len(first), size, replace=False)]),
                _exact(second[generator.choice(len(second), size, replace=False)]),
            )
            for _ in range(subsets)
        ]
    # Of a diverged generator the sixth power is finite, but its square is not: scale before it.
    scale = max(map(abs, estimates)) or 1.0
    spread = scale * np.std(np.divide(estimates, scale), ddof=1)
    return KernelDistance(
        value=float(np.mean(estimates)),
        standard_error=float(spread / np.sqrt(subsets)),
        interval=kernel_interval(first, second, seed=seed),
    )


def kernel_interval(
    first: np.ndarray, second: np.ndarray, *, blocks: int = 10, seed: int = 0
) -> tuple[float, float] | None:
    """A 95 % interval of the squared MMD: Student's t over disjoint blocks of both sets.

    The blocks, of at most 1,000 of either set, share no sample, so their estimates are independent
    and unbiased, each of them (B-tests: Zaremba et al., 2013, arXiv:1307.1954). There are fewer
    while a block would have less than 4 samples; `None` if there are fewer than 3.
    """
    from scipy.stats import t

    smaller = min(len(first), len(second))
    blocks = min(blocks, smaller // 4)
    if blocks < 3:
        return None
    size = min(smaller // blocks, 1000)
    generator = np.random.default_rng(seed)
    orders = [generator.permutation(len(part))[: blocks * size] for part in (first, second)]
    pairs = zip(*(order.reshape(blocks, size) for order in orders), strict=True)
    with threadpool_limits(1, user_api="blas"):
        found = [squared_mmd(_exact(first[ours]), _exact(second[theirs])) for ours, theirs in pairs]
    scale = max(map(abs, found)) or 1.0  # as above: squares of huge estimates overflow
    error = scale * np.std(np.divide(found, scale), ddof=1) / np.sqrt(blocks)
    reach = float(t.ppf(0.975, blocks - 1) * error)
    return float(np.mean(found)) - reach, float(np.mean(found)) + reach


def _exact(features: np.ndarray) -> np.ndarray:
    """A small part of a large set in float64: third powers need its digits."""
    return features.astype(np.float64, copy=False)


def _compute(given: Comparison) -> Computed:
    sides = given.features(given.data.distance_space)
    found = kernel_distance(*sides, seed=given.data.seed)
    details: Details = {"standard_error": found.standard_error}
    if found.interval is not None:
        details["interval"] = list(found.interval)
    return {"kernel_distance": found.value}, details


def _note(report: ReportData) -> list[str]:
    details = report["details"].get("kernel_distance", {})
    if "standard_error" not in details:
        return []
    line = f"Standard error of the kernel distance: {number(details['standard_error'])}"
    if "interval" in details:
        low, high = map(number, details["interval"])
        line += f"; 95 % interval from disjoint blocks: {low} to {high}"
    return [f"{line}."]


KERNEL_DISTANCE = Metric(
    figures={"kernel_distance": Figure("lower", group="distance")},
    compute=_compute,
    space=DISTANCES,
    most=MOST_NEIGHBOURS,  # no more are drawn for the subsets
    note=_note,
)
