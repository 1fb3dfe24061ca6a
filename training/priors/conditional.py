"""Latents that say of which class an example shall be."""

import dataclasses

import keras
import numpy as np
import tensorflow as tf

from ganapp.training.priors.base import Prior, separate_seeds
from ganapp.training.priors.paths import straight
from ganapp.training.priors.uniforms import category_of


@dataclasses.dataclass(frozen=True, kw_only=True)
class Conditional(Prior):
    """Another prior's latents with a one-hot class behind them, drawn by the data's shares.

    The class is part of the latent, so whatever takes latents (the export, a walk, a saved
    signature) needs no second input. Interpolation goes straight from class to class; truncation
    keeps the class.

    Args:
        base: prior of the other coordinates.
        shares: probability of each class, at least two, each above 0, of sum 1.
    """

    base: Prior
    shares: tuple[float, ...]
    name = "conditional"
    reference = "Mirza and Osindero, 2014, arXiv:1411.1784"
    formula = "z = (z', e_y), y ~ Cat(shares)"

    def __post_init__(self) -> None:
        total = sum(self.shares)
        if len(self.shares) < 2 or min(self.shares) <= 0 or abs(total - 1) > 1e-6:
            raise ValueError(
                "`shares` must be at least two numbers above 0 of sum 1, so every class must have "
                f"examples. Received: shares={self.shares}"
            )

    @property
    def classes(self) -> int:
        return len(self.shares)

    @property
    def size(self) -> int:
        return self.base.size + self.classes

    @property
    def path(self) -> str:
        return self.base.path

    @property
    def noise_size(self) -> int:
        return self.base.noise_size + 1

    @property
    def continuous_mask(self):
        return np.append(self.base.continuous_mask, np.zeros(self.classes, bool))

    @property
    def generator_size(self) -> int:
        return self.base.generator_size + self.classes

    @property
    def truncates(self) -> bool:
        return self.base.truncates

    def prepare(self, generator):
        """What the base prior puts in front of the generator goes round the class."""
        start = keras.Input((self.base.generator_size,))
        way = self.base.prepare(keras.Model(start, keras.layers.Identity()(start)))
        if self.base.generator_size == self.base.size and not way.variables:
            return generator
        latents = keras.Input((self.size,))
        others, labels = latents[:, : self.base.size], latents[:, self.base.size :]
        joined = keras.layers.Concatenate()([way(others), labels])
        return keras.Model(latents, generator(joined), name=generator.name)

    def sample(self, count, seed):
        of_base, of_labels = separate_seeds(seed, 2)
        logits = tf.math.log(tf.constant([self.shares], tf.float32))
        labels = tf.random.stateless_categorical(logits, count, of_labels, tf.int32)[0]
        one_hot = tf.one_hot(labels, self.classes)
        return tf.concat([self.base.sample(count, of_base), one_hot], axis=-1)

    def from_uniform(self, noise):
        size = self.base.noise_size
        labels = category_of(noise[:, size:], self.shares)
        return tf.concat([self.base.from_uniform(noise[:, :size]), labels], axis=-1)

    def numpy_code(self, count):
        shares = ", ".join(f"{share:.6g}" for share in self.shares)
        return "\n".join(
            [
                self.base.numpy_code(count),
                f"shares = np.array([{shares}])  # of the classes",
                f"labels = random.choice({self.classes}, size={count}, p=shares / shares.sum())",
                f"z = np.concatenate([z, np.eye({self.classes})[labels]], axis=1)",
            ]
        )

    def log_density(self, latents):
        density = self.base.log_density(latents[:, : self.base.size])
        if density is None:
            return None
        labels = self.labels(latents)
        whole = tf.reduce_all((labels == 0) | (labels == 1), -1) & (tf.reduce_sum(labels, -1) == 1)
        shares = tf.reduce_sum(labels * tf.constant(self.shares, tf.float32), axis=-1)
        return density + tf.where(whole, tf.math.log(shares), -float("inf"))

    def interpolate(self, start, end, fraction):
        size = self.base.size
        others = self.base.interpolate(start[:, :size], end[:, :size], fraction)
        return tf.concat([others, straight(start[:, size:], end[:, size:], fraction)], axis=-1)

    def centre(self, latents):
        others = self.base.centre(latents[:, : self.base.size])
        return tf.concat([others, self.labels(latents)], axis=-1)

    def labels(self, latents):
        return latents[:, self.base.size :]

    def with_labels(self, latents, labels):
        known = tf.reduce_any(labels != 0, axis=-1, keepdims=True)
        wanted = tf.where(known, tf.cast(labels, latents.dtype), self.labels(latents))
        return tf.concat([latents[:, : self.base.size], wanted], axis=-1)
