"""Priors with coordinates that take a few values only."""

import dataclasses
import math
from typing import Literal

import numpy as np
import tensorflow as tf

from ganapp.training.priors.base import Prior, SizedPrior, separate_seeds
from ganapp.training.priors.continuous import Normal, Uniform
from ganapp.training.priors.uniforms import category_of
from ganapp.training.registry import Registry

CONTINUOUS = Registry("distribution of continuous coordinates", [Uniform, Normal])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bernoulli(SizedPrior):
    """Independent coordinates in {0, 1}.

    Truncation changes nothing: there is nothing between two values.

    Args:
        size: dimension of one latent vector, at least 1.
        probability: of a 1, between 0 and 1 and neither of them.
    """

    probability: float = 0.5
    name = "bernoulli"
    reference = "Brock et al., 2019, arXiv:1809.11096, appendix E"
    formula = "z_i = 1 with probability, else 0"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.probability < 1:
            raise ValueError(
                "`probability` must lie between 0 and 1 and be neither of them. "
                f"Received: probability={self.probability}"
            )

    def sample(self, count, seed):
        uniform = tf.random.stateless_uniform((count, self.size), seed)
        return self.from_uniform(uniform)

    def from_uniform(self, noise):
        return tf.cast(noise < self.probability, tf.float32)

    @property
    def continuous_mask(self):
        return np.zeros(self.size, bool)

    def numpy_code(self, count):
        return f"z = random.binomial(1, {self.probability}, size=({count}, {self.size}))"

    def log_density(self, latents):
        """Logarithm of the probability mass."""
        one, zero = math.log(self.probability), math.log1p(-self.probability)
        mass = tf.reduce_sum(latents * one + (1 - latents) * zero, axis=-1)
        return tf.where(_all_binary(latents), mass, -math.inf)

    def interpolate(self, start, end, fraction):
        """Coordinates that differ change one after another, in their order and at equal times."""
        differ = tf.cast(tf.not_equal(start, end), start.dtype)
        rank = tf.cumsum(differ, axis=-1, exclusive=True)
        number = tf.reduce_sum(differ, axis=-1, keepdims=True)
        # In the middle of its share of the way, so that no end depends on rounding.
        return tf.where(rank + 0.5 <= fraction * number, end, start)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Categorical(Prior):
    """Structured latents: one-hot blocks, one a category, then continuous coordinates.

    The dimension follows from the options: sum(categories) + continuous. Truncation shrinks the
    continuous coordinates towards 0 and keeps the categories.

    Args:
        categories: number of equally likely values of each categorical code, each at least 2.
        continuous: how many further coordinates, noise and codes together, at least 0.
        distribution: of these, `"uniform"` on [-1, 1] or standard `"normal"`.
    """

    categories: tuple[int, ...] = (10,)
    continuous: int = 64
    distribution: Literal["uniform", "normal"] = "uniform"
    name = "categorical"
    reference = "Chen et al., 2016, arXiv:1606.03657"
    formula = "z = (one-hot c_1, ..., one-hot c_n, e), c_i uniform, e ~ U(-1, 1) or N(0, I)"

    def __post_init__(self) -> None:
        if not self.categories or min(self.categories) < 2:
            raise ValueError(
                "`categories` must hold at least one number of values, each at least 2. "
                f"Received: categories={self.categories}"
            )
        if self.continuous < 0:
            raise ValueError(
                f"`continuous` must not be negative. Received: continuous={self.continuous}"
            )
        CONTINUOUS[self.distribution]  # raises one sentence

    @property
    def size(self) -> int:
        """Dimension of one latent vector."""
        return sum(self.categories) + self.continuous

    @property
    def remainder(self) -> Prior | None:
        """The prior of the continuous coordinates; `None` without any."""
        return CONTINUOUS[self.distribution](size=self.continuous) if self.continuous else None

    @property
    def noise_size(self) -> int:
        return len(self.categories) + self.continuous

    @property
    def continuous_mask(self):
        return np.arange(self.size) >= sum(self.categories)

    def split(self, latents: tf.Tensor) -> list[tf.Tensor]:
        """The one-hot blocks, then the continuous coordinates: each `(n, width)`."""
        return tf.split(latents, [*self.categories, self.continuous], axis=-1)

    def sample(self, count, seed):
        *for_codes, for_remainder = separate_seeds(seed, len(self.categories) + 1)
        parts = [
            tf.one_hot(tf.random.stateless_uniform((count,), s, maxval=n, dtype=tf.int32), n)
            for s, n in zip(for_codes, self.categories, strict=True)
        ]
        if self.remainder:
            parts.append(self.remainder.sample(count, for_remainder))
        return tf.concat(parts, axis=-1)

    def from_uniform(self, noise):
        parts = [
            category_of(noise[:, i : i + 1], [1 / n] * n) for i, n in enumerate(self.categories)
        ]
        if self.remainder:
            parts.append(self.remainder.from_uniform(noise[:, len(self.categories) :]))
        return tf.concat(parts, axis=-1)

    def numpy_code(self, count):
        numbers = tuple(self.categories)
        codes = f"codes = [np.eye(n)[random.integers(n, size={count})] for n in {numbers}]"
        if self.remainder is None:
            return f"{codes}\nz = np.concatenate(codes, axis=1)"
        parts = (codes, self.remainder.numpy_code(count), "z = np.concatenate([*codes, z], axis=1)")
        return "\n".join(parts)

    def log_density(self, latents):
        """Mass of the categories and density of the continuous coordinates together."""
        *codes, remainder = self.split(latents)
        density = self.remainder.log_density(remainder) if self.remainder else 0.0
        density -= sum(math.log(n) for n in self.categories)
        one_hot = [_all_binary(c) & (tf.reduce_sum(c, axis=-1) == 1) for c in codes]
        return tf.where(tf.reduce_all(one_hot, axis=0), density, -math.inf)

    def interpolate(self, start, end, fraction):
        """Categories change half way, all at once; the rest moves as its own prior does."""
        first, last = self.split(start), self.split(end)
        parts = [tf.where(fraction < 0.5, a, b) for a, b in zip(first, last, strict=True)][:-1]
        if self.remainder:
            parts.append(self.remainder.interpolate(first[-1], last[-1], fraction))
        return tf.concat(parts, axis=-1)

    @property
    def truncates(self) -> bool:
        """Whether there are continuous coordinates: a category has no centre."""
        return self.continuous > 0

    def centre(self, latents):
        *codes, remainder = self.split(latents)
        return tf.concat([*codes, tf.zeros_like(remainder)], axis=-1)


def _all_binary(values: tf.Tensor) -> tf.Tensor:
    """Whether every coordinate is 0 or 1: bool `(n,)`."""
    return tf.reduce_all((values == 0) | (values == 1), axis=-1)
