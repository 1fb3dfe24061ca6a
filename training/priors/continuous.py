"""Priors with a density in every direction, or on a sphere, and one centre."""

import dataclasses
import math
import statistics

import tensorflow as tf

from ganapp.training.priors.base import SizedPrior, checked_numbers
from ganapp.training.priors.inverse_normal import centred, normal_from_uniform, normal_of
from ganapp.training.priors.paths import arc, straight

LOG_SQRT_TWO_PI = 0.5 * math.log(2 * math.pi)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Normal(SizedPrior):
    """Standard normal in `size` dimensions. Truncation shrinks towards 0."""

    name = "normal"
    path = "arc"
    formula = "z ~ N(0, I)"

    def sample(self, count, seed):
        return tf.random.stateless_normal((count, self.size), seed)

    def from_uniform(self, noise):
        return normal_from_uniform(noise)

    def numpy_code(self, count):
        return f"z = random.normal(size=({count}, {self.size}))"

    def log_density(self, latents):
        return -tf.reduce_sum(0.5 * latents**2 + LOG_SQRT_TWO_PI, axis=-1)

    def interpolate(self, start, end, fraction):
        return arc(start, end, fraction)

    def centre(self, latents):
        return tf.zeros_like(latents)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TruncatedNormal(SizedPrior):
    """Standard normal with every coordinate cut off at `bound`. Truncation shrinks towards 0.

    Args:
        bound: largest absolute value of a coordinate, in standard deviations of the normal before
            the cut, above 0.
    """

    bound: float = 2.0
    name = "truncated_normal"
    path = "arc"
    reference = "Brock et al., 2019, arXiv:1809.11096"
    formula = "z ~ N(0, I) given |z_i| <= bound"

    def __post_init__(self) -> None:
        super().__post_init__()
        checked_numbers(bound=self.bound)

    def sample(self, count, seed):
        """By the inverse of the distribution function: rejection would not be one draw a seed."""
        uniform = tf.random.stateless_uniform((count, self.size), seed)
        lowest = statistics.NormalDist().cdf(-self.bound)
        normal = tf.math.ndtri(lowest + uniform * (1 - 2 * lowest))
        return tf.clip_by_value(normal, -self.bound, self.bound)  # rounding, and ndtri(0) = -inf

    def from_uniform(self, noise):
        inside = math.erf(self.bound / math.sqrt(2))  # share of a normal that is not cut off
        return tf.clip_by_value(normal_of(inside * centred(noise)), -self.bound, self.bound)

    def numpy_code(self, count):
        return "\n".join(
            [
                "from statistics import NormalDist",
                f"lowest = NormalDist().cdf(-{self.bound})  # where coordinates are cut off",
                f"uniform = random.uniform(lowest, 1 - lowest, size=({count}, {self.size}))",
                "z = np.vectorize(NormalDist().inv_cdf)(uniform)",
            ]
        )

    def log_density(self, latents):
        inside = tf.reduce_all(tf.abs(latents) <= self.bound, axis=-1)
        log_mass = math.log(math.erf(self.bound / math.sqrt(2)))  # of a coordinate before the cut
        density = -tf.reduce_sum(0.5 * latents**2 + LOG_SQRT_TWO_PI + log_mass, axis=-1)
        return tf.where(inside, density, -math.inf)

    def interpolate(self, start, end, fraction):
        """The arc, cut off at `bound`, which it may pass between two corners."""
        return tf.clip_by_value(arc(start, end, fraction), -self.bound, self.bound)

    def centre(self, latents):
        return tf.zeros_like(latents)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Uniform(SizedPrior):
    """Uniform on the cube [-1, 1]^size. Truncation shrinks towards 0, so that corners are left."""

    name = "uniform"
    formula = "z_i ~ U(-1, 1)"

    def sample(self, count, seed):
        return tf.random.stateless_uniform((count, self.size), seed, minval=-1.0, maxval=1.0)

    def from_uniform(self, noise):
        return 2.0 * noise - 1.0

    def numpy_code(self, count):
        return f"z = random.uniform(-1, 1, size=({count}, {self.size}))"

    def log_density(self, latents):
        inside = tf.reduce_all(tf.abs(latents) <= 1.0, axis=-1)
        return tf.where(inside, -self.size * math.log(2.0), -math.inf)

    def interpolate(self, start, end, fraction):
        return straight(start, end, fraction)

    def centre(self, latents):
        return tf.zeros_like(latents)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sphere(SizedPrior):
    """Uniform on the sphere of radius sqrt(size) around 0, where a normal all but lives.

    Truncation changes nothing: every point is as likely as any other.

    Args:
        size: dimension of the space that the sphere lies in, at least 2.
    """

    name = "sphere"
    path = "arc"
    reference = "Karras et al., 2018, arXiv:1710.10196"
    formula = "z = sqrt(size) e / |e|, e ~ N(0, I)"

    def __post_init__(self) -> None:
        if self.size < 2:
            raise ValueError(
                "`size` must be at least 2, for a sphere in one dimension is two points. "
                f"Received: size={self.size}"
            )

    def sample(self, count, seed):
        normal = tf.random.stateless_normal((count, self.size), seed)
        length = tf.norm(normal, axis=-1, keepdims=True)
        return math.sqrt(self.size) * tf.math.divide_no_nan(normal, length)

    def from_uniform(self, noise):
        normal = normal_from_uniform(noise)
        squares = tf.reduce_sum(normal**2, axis=-1, keepdims=True)  # above 0: no cell is at 0
        return math.sqrt(self.size) * normal / tf.sqrt(squares)

    def numpy_code(self, count):
        return "\n".join(
            [
                f"z = random.normal(size=({count}, {self.size}))",
                f"z *= np.sqrt({self.size}) / np.linalg.norm(z, axis=1, keepdims=True)",
            ]
        )

    def log_density(self, latents):
        """By area on the sphere, hence the same everywhere; within 0.1 % of the radius."""
        half = self.size / 2
        log_area = math.log(2) + half * math.log(math.pi) - math.lgamma(half)
        log_area += (self.size - 1) / 2 * math.log(self.size)
        lengths = tf.norm(latents, axis=-1) / math.sqrt(self.size)
        return tf.where(tf.abs(lengths - 1) < 1e-3, -log_area, -math.inf)

    def interpolate(self, start, end, fraction):
        return arc(start, end, fraction)
