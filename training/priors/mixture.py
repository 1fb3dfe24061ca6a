"""Mixtures of normals: around fixed means, and around means that are trained."""

import dataclasses
import math

import keras
import numpy as np
import tensorflow as tf
from keras import ops as xp

from ganapp.training.priors.base import Prior, SizedPrior, check_positive, straight
from ganapp.training.priors.continuous import normal_latents, normal_noise_size
from ganapp.training.priors.discrete import Categorical, one_hot


# Not TensorFlow's random numbers, which are others under XLA, nor numpy's new ones, which may
# change with the version: the means are part of a run's identity.
def mixture_means(components, size, radius, seed):
    """Normal means whose root mean squared length is `radius`: (components, size)."""
    means = np.random.RandomState(seed).normal(size=(components, size))
    return (means * radius / np.sqrt(size)).astype("float32")


def component_and_noise(noise, components, dimension):
    """A component, one-hot, and standard normal numbers behind it."""
    normal = normal_latents(noise[:, 1:], dimension)
    return xp.concatenate([one_hot(noise[:, :1], components), normal], axis=1)


def mixture_latents(noise, size, components, radius, sigma, seed):
    """A mean that the first number of each row chooses, and normal numbers around it."""
    means = mixture_means(components, size, radius, seed)
    return one_hot(noise[:, :1], components) @ means + sigma * normal_latents(noise[:, 1:], size)


@dataclasses.dataclass(frozen=True, kw_only=True)
class GaussianMixture(SizedPrior):
    """Equally likely round normals around fixed random means, for data that fall into groups.

    Truncation shrinks each latent towards the nearest mean. Interpolation is straight.

    Args:
        components: how many normals, at least 1.
        radius: typical length of a mean (the root of the mean square), above 0.
        sigma: standard deviation of each normal in every coordinate, above 0.
        seed: of the means, which never change within a run, 0 to 2**32 - 1.
    """

    components: int = 10
    radius: float = 4.0
    sigma: float = 1.0
    seed: int = 0
    name = "gaussian_mixture"
    reference = "Ben-Yosef and Weinshall, 2018, arXiv:1808.10356"
    formula = "z ~ 1/components sum_k N(m_k, sigma^2 I), m_k ~ N(0, radius^2 / size I) once"
    definition = (normal_latents, one_hot, mixture_means, mixture_latents)

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_mixture(self.components, self.radius, self.sigma, self.seed)

    @property
    def noise_size(self) -> int:
        return 1 + normal_noise_size(self.size)

    @property
    def means(self) -> np.ndarray:
        return mixture_means(self.components, self.size, self.radius, self.seed)

    def log_density(self, latents):
        exponents = -self._squared_distances(latents) / (2 * self.sigma**2)
        log_scale = 0.5 * self.size * math.log(2 * math.pi * self.sigma**2)
        return tf.reduce_logsumexp(exponents, axis=-1) - math.log(self.components) - log_scale

    def centre(self, latents):
        nearest = tf.argmin(self._squared_distances(latents), axis=-1)
        return tf.gather(tf.constant(self.means), nearest)

    def _squared_distances(self, latents: tf.Tensor) -> tf.Tensor:
        """To each mean: `(n, components)`."""
        return tf.reduce_sum((latents[:, None] - self.means) ** 2, axis=-1)


@keras.saving.register_keras_serializable("ganapp")
class MixtureMeans(keras.layers.Layer):
    """Turns (component, noise) of a `LearnableMixture` into the mean + sigma x noise."""

    def __init__(
        self,
        *,
        components: int,
        dimension: int,
        radius: float,
        sigma: float,
        seed: int,
        **options,
    ) -> None:
        super().__init__(**options)
        self.components, self.dimension = components, dimension
        self.radius, self.sigma, self.seed = radius, sigma, seed

    def build(self, input_shape) -> None:
        start = mixture_means(self.components, self.dimension, self.radius, self.seed)
        self.means = self.add_weight(
            name="means",
            shape=start.shape,
            initializer=lambda shape, dtype=None: tf.constant(start, dtype),
        )

    def call(self, inputs):
        weights, noise = tf.split(inputs, [self.components, self.dimension], axis=-1)
        return tf.matmul(weights, tf.convert_to_tensor(self.means)) + self.sigma * noise

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.dimension)

    def get_config(self):
        keys = ("components", "dimension", "radius", "sigma", "seed")
        return super().get_config() | {key: getattr(self, key) for key in keys}


@dataclasses.dataclass(frozen=True, kw_only=True)
class LearnableMixture(Prior):
    """Equally likely round normals around means that are trained with the generator.

    What is drawn is a one-hot component followed by standard normal noise; the layer with the means
    (`first_layer`) makes of it the `dimension` numbers that the generator takes. Truncation shrinks
    the noise.

    Args:
        components: how many normals, at least 2.
        dimension: of the means and of the noise, at least 1.
        radius: typical length of a mean (the root of the mean square) at the start, above 0.
        sigma: standard deviation of each normal in every coordinate, above 0; not trained.
        seed: of the means at the start, 0 to 2**32 - 1.
    """

    components: int = 10
    dimension: int = 64
    radius: float = 4.0
    sigma: float = 1.0
    seed: int = 0
    name = "learnable_mixture"
    reference = "Gurumurthy et al., 2017, arXiv:1706.02071"
    formula = "z ~ 1/components sum_k N(m_k, sigma^2 I), every m_k trained"
    definition = (normal_latents, one_hot, component_and_noise)

    def __post_init__(self) -> None:
        if self.components < 2:
            raise ValueError(
                "`components` must be at least 2: the mean of a single one is a bias of the "
                f"generator. Received: components={self.components}"
            )
        _check_mixture(self.components, self.radius, self.sigma, self.seed)
        if self.dimension < 1:
            raise ValueError(
                f"`dimension` must be at least 1. Received: dimension={self.dimension}"
            )

    @property
    def size(self) -> int:
        return self.components + self.dimension

    @property
    def noise_size(self) -> int:
        return 1 + normal_noise_size(self.dimension)

    @property
    def continuous_mask(self):
        return self.draws.continuous_mask

    @property
    def draws(self) -> Categorical:
        return Categorical(
            categories=(self.components,), continuous=self.dimension, distribution="normal"
        )

    def first_layer(self) -> MixtureMeans:
        return MixtureMeans(**dataclasses.asdict(self), name="mixture_means")

    def log_density(self, latents):
        """Of component and noise, not of the latents behind the layer with the means."""
        return self.draws.log_density(latents)

    def interpolate(self, start, end, fraction):
        """Straight from component to component: behind the layer, from mean to mean."""
        (first, noise), (last, other) = self.draws.split(start), self.draws.split(end)
        noise = self.draws.remainder.interpolate(noise, other, fraction)
        return tf.concat([straight(first, last, fraction), noise], axis=-1)

    def centre(self, latents):
        return self.draws.centre(latents)


def _check_mixture(components: int, radius: float, sigma: float, seed: int) -> None:
    if components < 1:
        raise ValueError(f"`components` must be at least 1. Received: components={components}")
    check_positive(radius=radius, sigma=sigma)
    if not 0 <= seed < 2**32:
        raise ValueError(f"`seed` must lie between 0 and 2**32 - 1. Received: seed={seed}")
