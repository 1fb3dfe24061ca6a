"""Priors with a density in every direction, or on a sphere, and one centre."""

import dataclasses
import math

import numpy as np
import tensorflow as tf
from keras import ops as xp

from ganapp.training.priors.base import SizedPrior, check_positive

LOG_SQRT_TWO_PI = 0.5 * math.log(2 * math.pi)
LARGEST = 1.0 - 2.0**-24  # the float32 next to 1
# Of sqrt(2) erfinv(x) / x in w = -log(1 - x^2), highest power first; either side of `TAIL`.
TAIL = 5.0
MIDDLE_SHIFT, TAIL_SHIFT = 2.5, 3.0
ROOT = 2.0**0.5
MIDDLE = (
    2.81022636e-08,
    3.43273939e-07,
    -3.5233877e-06,
    -4.39150654e-06,
    0.00021858087,
    -0.00125372503,
    -0.00417768164,
    0.246640727,
    1.50140941,
)
OUTSIDE = (
    -0.000200214257,
    0.000100950558,
    0.00134934322,
    -0.00367342844,
    0.00573950773,
    -0.0076224613,
    0.00943887047,
    1.00167406,
    2.83297682,
)


def uniform_latents(noise, size):
    """Uniform numbers in [-1, 1)."""
    return 2 * noise[:, :size] - 1


def normal_latents(noise, size):
    """Standard normal numbers: a radius and an angle make two (Box and Muller, 1958)."""
    half = (size + 1) // 2
    share, angle = noise[:, :half] + 2**-24, 2 * np.pi * noise[:, half:]
    # The series, because some runtimes' logarithms have few digits near 1.
    series = share + share**2 / 2 + share**3 / 3
    radius = xp.sqrt(2 * xp.where(share < 2**-7, series, -xp.log(1 - share)))
    return xp.concatenate([radius * xp.cos(angle), radius * xp.sin(angle)], axis=1)[:, :size]


def normal_noise_size(size: int) -> int:
    """How many uniform numbers `normal_latents` takes for `size` numbers: two for every two."""
    return size + size % 2


def normal_quantile(x):
    """The number below which a share (1 + x) / 2 of a standard normal lies.

    In arithmetic that every runtime has (LiteRT does not know `tf.math.ndtri`), and within 1e-6 of
    it for odd multiples of 2**-23 (Giles, 2012, "Approximating the erfinv function").
    """
    x = xp.clip(x, -LARGEST, LARGEST)
    w = -xp.log((1.0 - x) * (1.0 + x))
    middle = _polynomial(MIDDLE, w - MIDDLE_SHIFT)
    # Below the bound the branch is not taken; its root must still be a number.
    outside = _polynomial(OUTSIDE, xp.sqrt(xp.maximum(w, TAIL)) - TAIL_SHIFT)
    return x * xp.where(w < TAIL, middle, outside)


normal_quantile.numpy_source = '''\
from statistics import NormalDist

def normal_quantile(x):
    """The number below which a share (1 + x) / 2 of a standard normal lies."""
    return np.vectorize(NormalDist().inv_cdf)((1 + x) / 2)'''


def truncated_latents(noise, bound, inside):
    """The quantiles of a normal's middle, where a share `inside` of it lies."""
    centred = 2 * noise - (1 - 2**-23)  # the middle of each cell of width 2**-23, as far from 1
    return xp.clip(normal_quantile(inside * centred), -bound, bound)


def sphere_latents(noise, size):
    """A normal vector, brought to the length sqrt(size)."""
    normal = normal_latents(noise, size)
    return normal * xp.sqrt(size / xp.sum(normal**2, axis=1, keepdims=True))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Normal(SizedPrior):
    """Standard normal in `size` dimensions. Truncation shrinks towards 0."""

    name = "normal"
    path = "arc"
    formula = "z ~ N(0, I)"
    definition = (normal_latents,)

    @property
    def noise_size(self) -> int:
        return normal_noise_size(self.size)

    def log_density(self, latents):
        return -tf.reduce_sum(0.5 * latents**2 + LOG_SQRT_TWO_PI, axis=-1)

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
    definition = (normal_quantile, truncated_latents)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(bound=self.bound)

    @property
    def inside(self) -> float:
        return math.erf(self.bound / math.sqrt(2))

    def log_density(self, latents):
        inside = tf.reduce_all(tf.abs(latents) <= self.bound, axis=-1)
        per_coordinate = 0.5 * latents**2 + LOG_SQRT_TWO_PI + math.log(self.inside)
        return tf.where(inside, -tf.reduce_sum(per_coordinate, axis=-1), -math.inf)

    def interpolate(self, start, end, fraction):
        """The arc, cut off at `bound`, which it may pass between two corners."""
        return tf.clip_by_value(super().interpolate(start, end, fraction), -self.bound, self.bound)

    def centre(self, latents):
        return tf.zeros_like(latents)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Uniform(SizedPrior):
    """Uniform on the cube [-1, 1]^size. Truncation shrinks towards 0, so that corners are left."""

    name = "uniform"
    formula = "z_i ~ U(-1, 1)"
    definition = (uniform_latents,)

    def log_density(self, latents):
        inside = tf.reduce_all(tf.abs(latents) <= 1.0, axis=-1)
        return tf.where(inside, -self.size * math.log(2.0), -math.inf)

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
    definition = (normal_latents, sphere_latents)

    def __post_init__(self) -> None:
        if self.size < 2:
            raise ValueError(
                "`size` must be at least 2, for a sphere in one dimension is two points. "
                f"Received: size={self.size}"
            )

    @property
    def noise_size(self) -> int:
        return normal_noise_size(self.size)

    def log_density(self, latents):
        """By area on the sphere, hence the same everywhere; within 0.1 % of the radius."""
        half = self.size / 2
        log_area = math.log(2) + half * math.log(math.pi) - math.lgamma(half)
        log_area += (self.size - 1) / 2 * math.log(self.size)
        lengths = tf.norm(latents, axis=-1) / math.sqrt(self.size)
        return tf.where(tf.abs(lengths - 1) < 1e-3, -log_area, -math.inf)


def _polynomial(coefficients: tuple[float, ...], x: tf.Tensor) -> tf.Tensor:
    result = xp.full_like(x, ROOT * coefficients[0])
    for coefficient in coefficients[1:]:
        result = result * x + ROOT * coefficient
    return result
