"""Latent priors: which distribution the generator is fed with, and of which dimension.

A prior samples *statelessly*: what it draws is a function of the seed alone, so a resumed run
redraws what the lost one drew, and replicas can each take a slice of one global draw.
"""

import dataclasses
import math

import tensorflow as tf

from training.registry import Registry


@dataclasses.dataclass(frozen=True, kw_only=True)
class Prior:
    """A distribution of latents.

    Args:
        size: dimension of one latent vector, at least 1.
    """

    size: int = 64
    name = ""

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"`size` must be at least 1. Received: size={self.size}")

    def sample(self, count: int | tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Draws latents.

        Args:
            count: how many; an int or an int32 scalar tensor.
            seed: int32 `(2,)`; the same seed gives the same latents everywhere.

        Returns:
            float32 `(count, size)`.
        """
        raise NotImplementedError

    def log_density(self, latents: tf.Tensor) -> tf.Tensor:
        """Log-density of each latent: float32 `(batch,)`, in nats."""
        raise NotImplementedError

    def interpolate(self, start: tf.Tensor, end: tf.Tensor, fraction: float) -> tf.Tensor:
        """The point at `fraction` (0 to 1) of the way from `start` to `end`, both `(n, size)`."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Normal(Prior):
    """Standard normal in `size` dimensions."""

    name = "normal"

    def sample(self, count, seed):
        return tf.random.stateless_normal((count, self.size), seed)

    def log_density(self, latents):
        return -0.5 * tf.reduce_sum(latents**2 + math.log(2 * math.pi), axis=-1)

    def interpolate(self, start, end, fraction):
        """Spherical interpolation of the direction, linear in the norm (Shoemake, 1985).

        A straight line between two normal latents passes through lengths that the prior all but
        never draws; the arc does not (White, 2016, arXiv:1609.04468).
        """
        norms = [tf.norm(z, axis=-1, keepdims=True) for z in (start, end)]
        units = [tf.math.divide_no_nan(z, n) for z, n in zip((start, end), norms, strict=True)]
        cosine = tf.clip_by_value(tf.reduce_sum(units[0] * units[1], -1, keepdims=True), -1.0, 1.0)
        angle = tf.acos(cosine)
        sine = tf.sin(angle)
        arc = tf.where(
            sine > 1e-4,  # nearly parallel: the arc is the chord, and 0/0 is avoided
            tf.math.divide_no_nan(
                tf.sin((1 - fraction) * angle) * units[0] + tf.sin(fraction * angle) * units[1],
                sine,
            ),
            (1 - fraction) * units[0] + fraction * units[1],
        )
        return arc * ((1 - fraction) * norms[0] + fraction * norms[1])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Uniform(Prior):
    """Uniform on the cube [-1, 1]^size."""

    name = "uniform"

    def sample(self, count, seed):
        return tf.random.stateless_uniform((count, self.size), seed, minval=-1.0, maxval=1.0)

    def log_density(self, latents):
        inside = tf.reduce_all(tf.abs(latents) <= 1.0, axis=-1)
        return tf.where(inside, -self.size * math.log(2.0), -math.inf)

    def interpolate(self, start, end, fraction):
        return (1 - fraction) * start + fraction * end


PRIORS = Registry("prior", [Normal, Uniform])
