"""A mixture of normals with means that stay where they are."""

import dataclasses
import functools
import math

import numpy as np
import tensorflow as tf

from ganapp.training.priors.base import SizedPrior, checked_numbers, separate_seeds
from ganapp.training.priors.inverse_normal import normal_from_uniform
from ganapp.training.priors.paths import straight
from ganapp.training.priors.uniforms import category_of


@functools.lru_cache(maxsize=32)
def mixture_means(components: int, size: int, radius: float, seed: int) -> np.ndarray:
    """Means of a mixture, a function of the arguments alone: float32 `(components, size)`.

    Normal, with `radius` the root of their mean squared length, so that how far components lie
    apart does not depend on the dimension.
    """
    # Not TensorFlow's random numbers, which are others under XLA, nor numpy's new ones, which may
    # change with the version: the means are part of a run's identity.
    draw = np.random.RandomState(seed).normal(size=(components, size))
    means = (draw * radius / math.sqrt(size)).astype(np.float32)
    means.setflags(write=False)
    return means


def check_mixture(components: int, radius: float, sigma: float, seed: int) -> None:
    """Refuses what makes no mixture.

    Raises:
        ValueError: naming the option.
    """
    if components < 1:
        raise ValueError(f"`components` must be at least 1. Received: components={components}")
    checked_numbers(radius=radius, sigma=sigma)
    if not 0 <= seed < 2**32:
        raise ValueError(f"`seed` must lie between 0 and 2**32 - 1. Received: seed={seed}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class GaussianMixture(SizedPrior):
    """Equally likely round normals around fixed random means, for data that fall into groups.

    Truncation shrinks each latent towards the nearest mean. Interpolation is straight: it leaves
    one component for the other through what lies between them.

    Args:
        size: dimension of one latent vector, at least 1.
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

    def __post_init__(self) -> None:
        super().__post_init__()
        check_mixture(self.components, self.radius, self.sigma, self.seed)

    @property
    def noise_size(self) -> int:
        return self.size + 1

    @property
    def means(self) -> np.ndarray:
        """float32 `(components, size)`."""
        return mixture_means(self.components, self.size, self.radius, self.seed)

    def sample(self, count, seed):
        for_component, for_normal = separate_seeds(seed, 2)
        component = tf.random.stateless_uniform(
            (count,), for_component, maxval=self.components, dtype=tf.int32
        )
        normal = tf.random.stateless_normal((count, self.size), for_normal)
        return tf.gather(tf.constant(self.means), component) + self.sigma * normal

    def from_uniform(self, noise):
        component = category_of(noise[:, :1], [1 / self.components] * self.components)
        means = tf.matmul(component, tf.constant(self.means))
        return means + self.sigma * normal_from_uniform(noise[:, 1:])

    def numpy_code(self, count):
        draw = f"np.random.RandomState({self.seed}).normal(size=({self.components}, {self.size}))"
        return "\n".join(
            [
                f"means = {draw}",
                f"means *= {self.radius} / np.sqrt({self.size})",
                f"noise = {self.sigma} * random.normal(size=({count}, {self.size}))",
                f"z = means[random.integers({self.components}, size={count})] + noise",
            ]
        )

    def log_density(self, latents):
        exponents = -self._squared_distances(latents) / (2 * self.sigma**2)
        log_scale = 0.5 * self.size * math.log(2 * math.pi * self.sigma**2)
        return tf.reduce_logsumexp(exponents, axis=-1) - math.log(self.components) - log_scale

    def interpolate(self, start, end, fraction):
        return straight(start, end, fraction)

    def centre(self, latents):
        nearest = tf.argmin(self._squared_distances(latents), axis=-1)
        return tf.gather(tf.constant(self.means), nearest)

    def _squared_distances(self, latents: tf.Tensor) -> tf.Tensor:
        """To each mean: `(n, components)`."""
        return tf.reduce_sum((latents[:, None] - self.means) ** 2, axis=-1)
