"""A Gaussian mixture fitted on the same training data: the baseline that every run is told of."""

import copy
import dataclasses
import warnings
from typing import Any

import numpy as np

from ganapp.training.baselines.base import Baseline, Fitted, RealData, Units, check_count
from ganapp.training.data.spec import DataSpec
from ganapp.training.evaluation.features.spaces import PrincipalComponents, features_of
from ganapp.training.rows_on_disk import rows_of, taken

# Of the mean variance: keeps components that collapse on few examples invertible.
REGULARISATION = 1e-6
# More examples hardly move the parameters of so few Gaussians, but each costs its time in the fit.
MOST_EXAMPLES = 10_000
USUAL_COMPONENTS = 10
DRAWN = 1_000  # samples whose pixels are float64 at once


class MixtureBaseline(Fitted):
    """A full-covariance Gaussian mixture on principal components of the training data.

    Principal components keep the fit well conditioned when there are more pixels than examples,
    or pixels that never change. At most 10,000 training examples are used, drawn if there are more.

    Args:
        spec: the source's description.
        train: training examples `(n, *shape)` in user units.
        mixture_components: Gaussians, at least 1; capped by `n`.
        components: principal components; capped by dimension and count.
        seed: of the fit.

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
        if mixture_components < 1:
            raise ValueError(
                "`mixture_components` must be at least 1. "
                f"Received: mixture_components={mixture_components}"
            )
        self.spec = spec
        if len(train) > MOST_EXAMPLES:
            generator = np.random.default_rng(seed)
            train = taken(train, generator.choice(len(train), MOST_EXAMPLES, replace=False))
        self._units = Units(spec)
        self._space = PrincipalComponents(self._units.base, train, components=components, seed=seed)
        self._mixture = fitted_mixture(features_of(self._space, train), mixture_components, seed)
        self.components = self._mixture.n_components

    @property
    def name(self) -> str:
        """As printed in a report."""
        return f"{self.components}-component Gaussian mixture"

    def sample(self, count: int, seed: int = 0) -> np.ndarray:
        """Draws `count` samples in user units, in random order; a pure function of the seed.

        Returns:
            uint8 `(count, height, width, channels)`, clipped and rounded like any generated
            image, or float32 `(count, d)`.
        """
        check_count(count)
        scores = drawn_from(self._mixture, count, seed)
        parts = (scores[i : i + DRAWN] for i in range(0, count, DRAWN))
        return rows_of((self._units.to_samples(self._space.inverse(p)) for p in parts), count)


def fitted_mixture(scores: np.ndarray, components: int, seed: int) -> Any:
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


def drawn_from(mixture: Any, count: int, seed: int) -> np.ndarray:
    """`(count, d)` draws in random order; a pure function of the seed."""
    scores, _ = copy.copy(mixture).set_params(random_state=seed).sample(count)
    # scikit-learn returns one component after the other; the first samples must be as good a
    # sample of the whole as any.
    return np.random.default_rng(seed).permutation(scores)


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
