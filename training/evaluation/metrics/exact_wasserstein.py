"""The 1-Wasserstein distance by exact optimal transport.

Reference: Villani, 2009, "Optimal transport"; Flamary et al., 2021, "POT" (JMLR 22), the solver.
"""

from numpy.typing import ArrayLike

from ganapp.training.evaluation.checks import as_feature_pair
from ganapp.training.evaluation.metric import DISTANCES, Comparison, Computed, Figure, Metric

MOST_TRANSPORTED = 1000  # exact transport takes a second then, eight times as long for twice


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


def _compute(given: Comparison) -> Computed:
    sides = given.features(given.data.distance_space)
    return {"exact_wasserstein": exact_wasserstein(*sides)}, {}


EXACT_WASSERSTEIN = Metric(
    figures={"exact_wasserstein": Figure("lower", "Wasserstein distance, exact")},
    compute=_compute,
    space=DISTANCES,
    most=MOST_TRANSPORTED,
    when="request",
)
