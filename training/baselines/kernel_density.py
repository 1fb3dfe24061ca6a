"""A Gaussian kernel on every training example, as wide as held-back examples like it best.

Reference: Parzen, 1962, Annals of Mathematical Statistics 33(3).
"""

import dataclasses

import numpy as np

from ganapp.training.baselines.base import (
    Baseline,
    FittedDensity,
    RealData,
    Units,
    check_count,
    check_differ,
)

# Of those that choose the width: the cost grows with the product of both.
MOST_CENTRES, MOST_HELD_BACK = 4_000, 1_000
LEAST_EXAMPLES = 10
NARROWEST, WIDEST = 1e-4, 10.0  # limits of the width in features, which have about unit size


class FittedKernels(FittedDensity):
    """scikit-learn's estimate with a chosen width.

    Args:
        units: of the features.
        features: float64 `(n, d)`.
        bandwidth: standard deviation of the kernels in features.
    """

    def __init__(self, units: Units, features: np.ndarray, bandwidth: float) -> None:
        from sklearn.neighbors import KernelDensity

        super().__init__(units)
        self.bandwidth = bandwidth
        self.name = f"kernel density of width {bandwidth:.3g}"
        self._model = KernelDensity(bandwidth=bandwidth).fit(features)

    def sample(self, count, seed=0):
        check_count(count)
        return self.units.to_samples(self._model.sample(count, random_state=seed))

    def log_density_of_features(self, features):
        return self._model.score_samples(features)


@dataclasses.dataclass(frozen=True, kw_only=True)
class KernelDensity(Baseline):
    """A Gaussian around every training example, as wide as held-back examples like it best.

    Args:
        bandwidth: of the kernels, in pixels of [-1, 1] or in standard deviations; that with the
            highest likelihood of held-back examples when not given.
        held_back: share of the training examples that choose it.
    """

    name = "kernel_density"
    reference = "Parzen, 1962, Annals of Mathematical Statistics 33(3)"
    formula = "p(x) = 1/n sum_i N(x; x_i, h^2 I)"
    bandwidth: float | None = None
    held_back: float = 0.2

    def __post_init__(self) -> None:
        self.refuse("bandwidth", "above 0", self.bandwidth is None or self.bandwidth > 0)
        self.refuse("held_back", "between 0 and 1, both excluded", 0 < self.held_back < 1)

    def fit(self, data: RealData, *, seed: int = 0) -> FittedKernels:
        units = Units(data.spec)
        check_differ(data.train)
        if len(data.train) < LEAST_EXAMPLES:
            raise ValueError(
                f"`train` must hold at least {LEAST_EXAMPLES} examples. "
                f"Received: {len(data.train)} examples"
            )
        features = units.to_features(data.train)
        bandwidth = self.bandwidth
        if bandwidth is None:
            order = np.random.default_rng(seed).permutation(len(features))
            kept = max(2, round(self.held_back * len(features)))
            judges = units.to_features(units.dequantised(data.train[order[:kept]], seed))
            bandwidth = best_bandwidth(features[order[kept:]], judges)
        return FittedKernels(units, features, bandwidth)


def best_bandwidth(centres: np.ndarray, judges: np.ndarray) -> float:
    """The width of kernels on some points under which others are likeliest.

    Args:
        centres: `(n, d)`; the first 4,000 are used.
        judges: `(m, d)`; the first 1,000 are used.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import logsumexp
    from sklearn.metrics import euclidean_distances

    centres, judges = centres[:MOST_CENTRES], judges[:MOST_HELD_BACK]
    # Worked out once, whatever the width.
    squares = euclidean_distances(judges, centres, squared=True)
    dimension = centres.shape[1]

    def loss(log_width: float) -> float:
        exponents = squares * (-0.5 * np.exp(-2 * log_width))
        return float(dimension * log_width - logsumexp(exponents, axis=1).mean())

    # A coarse look first: far from its maximum the likelihood is a plain.
    coarse = np.linspace(np.log(NARROWEST), np.log(WIDEST), 25)
    best = int(np.argmin([loss(value) for value in coarse]))
    around = coarse[max(best - 1, 0)], coarse[min(best + 1, len(coarse) - 1)]
    found = minimize_scalar(loss, bounds=around, method="bounded", options={"xatol": 0.01})
    return float(np.exp(found.x))
