"""Gaussian densities: one, one on principal components, a mixture, and one around each example."""

import copy
import dataclasses
import warnings
from typing import TYPE_CHECKING

import numpy as np

from ganapp.training.baselines.base import (
    Baseline,
    Fitted,
    FittedDensity,
    RealData,
    Units,
    check_count,
    check_differ,
)
from ganapp.training.data.spec import DataSpec
from ganapp.training.diagnostics.optimal_discriminator import search_width
from ganapp.training.evaluation.features.spaces import PrincipalComponents, features_of
from ganapp.training.rows_on_disk import rows_of, take_rows

if TYPE_CHECKING:
    from sklearn.mixture import GaussianMixture

MOST_DIMENSIONS = 4_096  # of a full covariance: its eigenvectors take half a minute then
# Of the mean variance: directions in which the data do not differ must have a density, too.
LEAST_VARIANCE = 1e-9
# Of the mean variance: keeps components that collapse on few examples invertible.
REGULARISATION = 1e-6
# More examples hardly move the parameters of so few Gaussians, but each costs its time in the fit.
MOST_EXAMPLES = 10_000
USUAL_COMPONENTS = 10
DRAWN = 1_000  # samples whose pixels are float64 at once
# Of those that choose the width: the cost grows with the product of both.
MOST_CENTRES, MOST_HELD_BACK = 4_000, 1_000
LEAST_EXAMPLES = 10
NARROWEST, WIDEST = 1e-4, 10.0  # limits of the width in features, which have about unit size


class FittedGaussian(FittedDensity):
    """A Gaussian with `variances (k,)` along orthonormal rows `directions (k, d)`, and the variance
    `rest` along every other direction.
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
        values = np.maximum(values, 0.0) + units.rounding_variance
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
    variance of what the components leave out. The components are capped by dimension and count.
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
        kept = model.explained_variance_ + units.rounding_variance
        least = LEAST_VARIANCE * kept.mean()
        total = features.var(axis=0, ddof=1).sum() - model.explained_variance_.sum()
        others = features.shape[1] - count
        rest = max(total / others, 0.0) + units.rounding_variance if others else 0.0
        return FittedGaussian(
            units,
            name=f"Gaussian on {count} principal components",
            mean=features.mean(axis=0),
            directions=model.components_,
            variances=np.maximum(kept, least),
            rest=max(rest, least) if others else 0.0,
        )


class MixtureBaseline(Fitted):
    """A full-covariance Gaussian mixture on principal components of the training data.

    Principal components keep the fit well conditioned when there are more pixels than examples, or
    pixels that never change. At most 10,000 training examples `(n, *shape)` in user units are used,
    drawn if there are more. The number of Gaussians, at least 1, is capped by `n`, that of
    components by dimension and count.

    Raises:
        ValueError: fewer than 2 different training examples.
    """

    def __init__(
        self,
        spec: DataSpec,
        train: np.ndarray,
        *,
        mixture_components: int = USUAL_COMPONENTS,
        components: int = 32,
        seed: int = 0,
    ) -> None:
        self.spec = spec
        if len(train) > MOST_EXAMPLES:
            generator = np.random.default_rng(seed)
            train = take_rows(train, generator.choice(len(train), MOST_EXAMPLES, replace=False))
        self._units = Units(spec)
        self._space = PrincipalComponents(self._units.base, train, components=components, seed=seed)
        self._mixture = fit_mixture(features_of(self._space, train), mixture_components, seed)
        self.components = self._mixture.n_components
        self.name = f"{self.components}-component Gaussian mixture"

    def sample(self, count, seed=0):
        check_count(count)
        scores = draw_samples(self._mixture, count, seed)
        parts = (scores[i : i + DRAWN] for i in range(0, count, DRAWN))
        return rows_of((self._units.to_samples(self._space.inverse(p)) for p in parts), count)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mixture(Baseline):
    """A full-covariance Gaussian mixture on principal components.

    Args:
        mixture_components: Gaussians; as many as known modes when not given, 10 where none are.
        components: principal components.
    """

    name = "mixture"
    reference = "Dempster et al., 1977, J. Royal Statistical Society B 39(1)"
    formula = "PCA(x) ~ sum_k w_k N(m_k, S_k)"
    mixture_components: int | None = None
    components: int = 32

    def __post_init__(self) -> None:
        self.refuse("components", "at least 1", self.components >= 1)
        given = self.mixture_components
        self.refuse("mixture_components", "at least 1", given is None or given >= 1)

    def fit(self, data: RealData, *, seed: int = 0) -> MixtureBaseline:
        modes = USUAL_COMPONENTS if data.modes is None else len(data.modes.centres)
        return MixtureBaseline(
            data.spec,
            data.train,
            mixture_components=self.mixture_components or modes,
            components=self.components,
            seed=seed,
        )


class FittedKernels(FittedDensity):
    """scikit-learn's estimate with a chosen width, the standard deviation in features."""

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
            held_back = units.to_features(units.dequantise(data.train[order[:kept]], seed))
            bandwidth = best_bandwidth(features[order[kept:]], held_back)
        return FittedKernels(units, features, bandwidth)


def fit_mixture(scores: np.ndarray, components: int, seed: int) -> "GaussianMixture":
    """A mixture of full-covariance Gaussians, at most as many as there are `scores (n, d)`."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    mixture = GaussianMixture(
        min(components, len(scores)),
        covariance_type="full",
        reg_covar=REGULARISATION * float(scores.var(axis=0).mean()),
        max_iter=200,
        random_state=seed,
    )
    with warnings.catch_warnings():
        # An unfinished fit is still a mixture, and the report shows how good a one.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return mixture.fit(scores)


def draw_samples(mixture: "GaussianMixture", count: int, seed: int) -> np.ndarray:
    """`(count, d)` draws in random order; a pure function of the seed."""
    scores, _ = copy.copy(mixture).set_params(random_state=seed).sample(count)
    # scikit-learn returns one component after the other; the first samples must be as good a
    # sample of the whole as any.
    return np.random.default_rng(seed).permutation(scores)


def best_bandwidth(centres: np.ndarray, held_back: np.ndarray) -> float:
    """The width of kernels on some points (the first 4,000) under which others (1,000) are
    likeliest.
    """
    from scipy.special import logsumexp
    from sklearn.metrics import euclidean_distances

    centres, held_back = centres[:MOST_CENTRES], held_back[:MOST_HELD_BACK]
    # Worked out once, whatever the width.
    squares = euclidean_distances(held_back, centres, squared=True)
    dimension = centres.shape[1]

    def loss(log_width: float) -> float:
        exponents = squares * (-0.5 * np.exp(-2 * log_width))
        return float(dimension * log_width - logsumexp(exponents, axis=1).mean())

    return search_width(loss, NARROWEST, WIDEST, points=25, tolerance=0.01)
