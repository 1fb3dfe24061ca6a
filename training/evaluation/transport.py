"""Distances that compare all pairs: exact optimal transport and the energy distance.

References:
    Villani, 2009, "Optimal transport", and Flamary et al., 2021, "POT" (JMLR 22), the solver;
    Szekely and Rizzo, 2013, "Energy statistics: a class of statistics based on distances".
"""

import numpy as np
from numpy.typing import ArrayLike

from ganapp.training.evaluation.checks import as_feature_pair

BLOCK_MEBIBYTES = 64


def exact_wasserstein(first: ArrayLike, second: ArrayLike) -> float:
    """The 1-Wasserstein distance of two samples under the Euclidean metric; lower is better.

    It solves the transport problem exactly, in time between n^2 and n^3: for small samples. Even of
    equal distributions it is well above 0 in many dimensions, about n^(-1/d); compare it with
    the floor at the same counts.

    Args:
        first: `(n, d)`.
        second: `(m, d)`.

    Raises:
        ValueError: different dimensions, or values that are not finite.
    """
    import ot
    from scipy.spatial.distance import cdist

    first, second = as_feature_pair(first=first, second=second)
    # Shorter than it need be, the default number of iterations ends with a warning at 1,000 points.
    costs = cdist(first, second)
    scale = float(costs.max())
    if scale == 0:
        return 0.0
    cost = ot.emd2([], [], costs / scale, numItermax=5_000_000)
    return scale * max(0.0, float(cost))


def energy_distance(first: ArrayLike, second: ArrayLike) -> float:
    """2 E|X - Y| - E|X - X'| - E|Y - Y'| of two samples, each point paired with itself, too.

    0 or more (rounding aside), 0 only for equal samples; lower is better. Equal distributions have
    about (1/n + 1/m) E|X - X'|: compare it with the floor at the same counts.

    Args:
        first: `(n, d)`.
        second: `(m, d)`.

    Raises:
        ValueError: different dimensions, or values that are not finite.
    """
    first, second = as_feature_pair(first=first, second=second)
    centre = second.mean(axis=0)  # small norms lose fewer digits to cancellation
    first, second = first - centre, second - centre
    across = mean_distance(first, second)
    return max(0.0, 2.0 * across - mean_distance(first, first) - mean_distance(second, second))


def mean_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Mean Euclidean distance of every row `(n, d)` to every other's `(m, d)`, itself too."""
    from sklearn.metrics import pairwise_distances_chunked

    parts = pairwise_distances_chunked(first, second, working_memory=BLOCK_MEBIBYTES)
    total = sum(float(part.sum(dtype=np.float64)) for part in parts)
    return total / (len(first) * len(second))
