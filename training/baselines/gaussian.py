"""One Gaussian: of all coordinates, or of principal components with noise around them."""

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

MOST_DIMENSIONS = 4_096  # of a full covariance: its eigenvectors take half a minute then
# Of the mean variance: directions in which the data do not differ must have a density, too.
LEAST_VARIANCE = 1e-9


class FittedGaussian(FittedDensity):
    """A Gaussian with some variances along given directions and one along all others.

    Args:
        units: of the features.
        name: as printed in a report.
        mean: float64 `(d,)`.
        directions: orthonormal rows `(k, d)`.
        variances: along them `(k,)`, above 0.
        rest: variance along every other direction, above 0 where there are such.
    """

    def __init__(
        self,
        units: Units,
        *,
        name: str,
        mean: np.ndarray,
        directions: np.ndarray,
        variances: np.ndarray,
        rest: float = 0.0,
    ) -> None:
        super().__init__(units)
        self.name, self._mean, self._rest = name, mean, rest
        self._directions, self._variances = directions, variances

    def sample(self, count, seed=0):
        check_count(count)
        random = np.random.default_rng(seed)
        along = random.normal(size=(count, len(self._variances))) * np.sqrt(self._variances)
        values = self._mean + along @ self._directions
        if self._rest > 0:
            noise = random.normal(size=values.shape)
            noise -= (noise @ self._directions.T) @ self._directions
            values += np.sqrt(self._rest) * noise
        return self.units.to_samples(values)

    def log_density_of_features(self, features):
        centred = features - self._mean
        along = centred @ self._directions.T
        squares = np.sum(np.square(along) / self._variances, axis=1)
        logarithms = np.log(self._variances).sum()
        others = features.shape[1] - len(self._variances)
        if others:
            beside = np.square(centred).sum(axis=1) - np.square(along).sum(axis=1)
            squares += np.maximum(beside, 0.0) / self._rest
            logarithms += others * np.log(self._rest)
        return -0.5 * (squares + logarithms + features.shape[1] * np.log(2 * np.pi))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gaussian(Baseline):
    """One Gaussian with the mean and the full covariance of the training data."""

    name = "gaussian"
    reference = "the maximum likelihood of two moments"
    formula = "x ~ N(m, S)"

    def fit(self, data: RealData, *, seed: int = 0) -> FittedGaussian:
        units = Units(data.spec)
        check_differ(data.train)
        if units.dimensions > MOST_DIMENSIONS:
            raise ValueError(
                f"The baseline 'gaussian' must have at most {MOST_DIMENSIONS:,} dimensions; "
                f"'pca_gaussian' takes any. Received: {units.dimensions:,}"
            )
        features = units.to_features(data.train)
        covariance = np.atleast_2d(np.cov(features, rowvar=False))
        values, vectors = np.linalg.eigh(covariance)
        values = np.maximum(values, 0.0) + units.grain
        return FittedGaussian(
            units,
            name="Gaussian",
            mean=features.mean(axis=0),
            directions=vectors.T,
            variances=np.maximum(values, LEAST_VARIANCE * values.mean()),
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class PcaGaussian(Baseline):
    """A Gaussian on principal components, with the same small noise along all other directions.

    Probabilistic principal components: the best Gaussian of its kind, whose noise has the mean
    variance of what the components leave out.

    Args:
        components: principal components; capped by dimension and count.
    """

    name = "pca_gaussian"
    reference = "Tipping and Bishop, 1999, J. Royal Statistical Society B 61(3)"
    formula = "x = W z + m + s e,  z ~ N(0, I),  e ~ N(0, I)"
    components: int = 32

    def __post_init__(self) -> None:
        self.refuse("components", "at least 1", self.components >= 1)

    def fit(self, data: RealData, *, seed: int = 0) -> FittedGaussian:
        from sklearn.decomposition import PCA

        units = Units(data.spec)
        check_differ(data.train)
        features = units.to_features(data.train)
        count = min(self.components, features.shape[1], len(features) - 1)
        model = PCA(n_components=count, random_state=seed).fit(features)
        kept = model.explained_variance_ + units.grain
        least = LEAST_VARIANCE * kept.mean()
        total = features.var(axis=0, ddof=1).sum() - model.explained_variance_.sum()
        others = features.shape[1] - count
        rest = max(total / others, 0.0) + units.grain if others else 0.0
        return FittedGaussian(
            units,
            name=f"Gaussian on {count} principal components",
            mean=features.mean(axis=0),
            directions=model.components_,
            variances=np.maximum(kept, least),
            rest=max(rest, least) if others else 0.0,
        )
