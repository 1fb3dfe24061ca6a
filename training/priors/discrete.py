"""Priors with coordinates that take a few values only."""

import dataclasses
import math
from collections.abc import Callable
from typing import Literal

import numpy as np
import tensorflow as tf
from keras import ops as xp

from ganapp.training.priors.base import Prior, SizedPrior
from ganapp.training.priors.continuous import Normal, Uniform
from ganapp.training.registry import Registry

CONTINUOUS = Registry("distribution of continuous coordinates", [Uniform, Normal])


def bernoulli_latents(noise, probability):
    """1 with `probability`, else 0."""
    return xp.where(noise < probability, 1.0, 0.0)


def one_hot(noise, count):
    """The one of `count` equal parts of [0, 1) in which the only number of each row lies."""
    return xp.where(xp.floor(noise * count) == xp.arange(count, dtype="float32"), 1.0, 0.0)


def category_latents(noise, categories):
    """One-hot blocks, each chosen by a number of its own."""
    blocks = [one_hot(noise[:, i : i + 1], count) for i, count in enumerate(categories)]
    return xp.concatenate(blocks, axis=1)


def categorical_latents(noise, categories, continuous, continuous_latents):
    """One-hot blocks, then the continuous coordinates."""
    rest = continuous_latents(noise[:, len(categories) :], continuous)
    return xp.concatenate([category_latents(noise, categories), rest], axis=1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bernoulli(SizedPrior):
    """Independent coordinates in {0, 1}.

    Truncation changes nothing: there is nothing between two values.

    Args:
        probability: of a 1, between 0 and 1 and neither of them.
    """

    probability: float = 0.5
    name = "bernoulli"
    reference = "Brock et al., 2019, arXiv:1809.11096, appendix E"
    formula = "z_i = 1 with probability, else 0"
    definition = (bernoulli_latents,)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.probability < 1:
            raise ValueError(
                "`probability` must lie between 0 and 1 and be neither of them. "
                f"Received: probability={self.probability}"
            )

    @property
    def continuous_mask(self):
        return np.zeros(self.size, bool)

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

    Truncation shrinks the continuous coordinates towards 0 and keeps the categories.

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
        return sum(self.categories) + self.continuous

    @property
    def remainder(self) -> Prior | None:
        return CONTINUOUS[self.distribution](size=self.continuous) if self.continuous else None

    @property
    def noise_size(self) -> int:
        return len(self.categories) + (self.remainder.noise_size if self.remainder else 0)

    @property
    def definition(self):
        blocks = (one_hot, category_latents)
        return (*blocks, self.continuous_latents, categorical_latents) if self.remainder else blocks

    @property
    def continuous_latents(self) -> Callable:
        return CONTINUOUS[self.distribution].definition[-1]

    @property
    def continuous_mask(self):
        return np.arange(self.size) >= sum(self.categories)

    def split(self, latents: tf.Tensor) -> list[tf.Tensor]:
        """The one-hot blocks, then the continuous coordinates: each `(n, width)`."""
        return tf.split(latents, [*self.categories, self.continuous], axis=-1)

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
