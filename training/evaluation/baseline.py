"""The baseline a GAN must beat: a Gaussian mixture fitted on the same training data."""

import copy
import warnings

import numpy as np

from training.data.spec import DataSpec
from training.evaluation.features import PrincipalComponents, plain_space

# Of the mean variance: keeps components that collapse on few examples invertible.
REGULARISATION = 1e-6
# More examples hardly move the parameters of so few Gaussians, but each costs its time in the fit.
MOST_EXAMPLES = 10_000


class MixtureBaseline:
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
        mixture_components: int = 10,
        components: int = 32,
        seed: int = 0,
    ) -> None:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture

        if mixture_components < 1:
            raise ValueError(
                "`mixture_components` must be at least 1. "
                f"Received: mixture_components={mixture_components}"
            )
        self.spec = spec
        if len(train) > MOST_EXAMPLES:
            train = np.random.default_rng(seed).choice(train, MOST_EXAMPLES, replace=False)
        self._space = PrincipalComponents(
            plain_space(spec), train, components=components, seed=seed
        )
        scores = self._space(train)
        self.components = min(mixture_components, len(scores))
        self._mixture = GaussianMixture(
            self.components,
            covariance_type="full",
            reg_covar=REGULARISATION * float(scores.var(axis=0).mean()),
            max_iter=200,
            random_state=seed,
        )
        with warnings.catch_warnings():
            # An unfinished fit is still a mixture, and the report shows how good a one.
            warnings.simplefilter("ignore", ConvergenceWarning)
            self._mixture.fit(scores)

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
        if count < 1:
            raise ValueError(f"`count` must be at least 1. Received: count={count}")
        mixture = copy.copy(self._mixture).set_params(random_state=seed)
        scores, _ = mixture.sample(count)
        # scikit-learn returns one component after the other; the first samples must be as good a
        # sample of the whole as any.
        scores = np.random.default_rng(seed).permutation(scores)
        values = self._space.inverse(scores)
        if self.spec.kind == "image":
            levels = np.rint((np.clip(values, -1.0, 1.0) + 1.0) * 127.5).astype(np.uint8)
            return levels.reshape(count, *self.spec.shape)
        return self._space.base.inverse(values).astype(np.float32)
