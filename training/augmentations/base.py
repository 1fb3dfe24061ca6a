"""What an augmentation is, and the distributions that augmentations draw from."""

import dataclasses
from typing import ClassVar

import tensorflow as tf

from ganapp.training.extensions import Draw, Extension, State


@dataclasses.dataclass(frozen=True, kw_only=True)
class Augmentation(Extension):
    """A change of real and generated examples before the discriminator sees them."""

    # Whether it takes scores above 0 for real ones; see `Objective.score_sign_means_real`.
    by_score_sign: ClassVar[bool] = False

    def augment(self, examples: tf.Tensor, draw: Draw, step: tf.Tensor, state: State) -> tf.Tensor:
        """What the discriminator sees instead of real or generated examples; differentiable.

        Args:
            examples: float32 `(batch, *shape)` in model units; of packs, each by itself.
            draw: uniform numbers.
            step: completed generator updates, int64 scalar.
            state: what `make_state` gave.
        """
        raise NotImplementedError


def check_images(name: str, examples: tf.Tensor) -> None:
    """Refuses what is not a batch of images of known size."""
    if examples.shape.rank != 4 or None in examples.shape[1:]:
        raise ValueError(
            f"`{name}` augments images (batch, height, width, channels) and must be left out for "
            f"other data. Received: shape={tuple(examples.shape)}"
        )


def normal(uniform: tf.Tensor) -> tf.Tensor:
    """Standard normal numbers, at most 5.5 from 0, by the inverse of their law."""
    # The middle of a cell of uniform numbers: neither 0 nor 1, and as many below 0.5 as above.
    cell = 2.0**-24
    return tf.math.ndtri(tf.clip_by_value(uniform + cell, cell, 1.0 - cell))


def whole(uniform: tf.Tensor, count: int) -> tf.Tensor:
    """Whole numbers 0 to count - 1, equally likely: int32."""
    # A product just below `count` may round to it.
    return tf.minimum(tf.cast(tf.floor(uniform * count), tf.int32), count - 1)


def box_start(uniform: tf.Tensor, size: int, box: int) -> tf.Tensor:
    """The first of `box` places whose middle lies anywhere within `size` places: int32."""
    # The middle of an even number of places lies between two of them, or at an end.
    return whole(uniform, size + 1 - box % 2) - box // 2


def where_chosen(
    uniform: tf.Tensor, probability: tf.Tensor | float, values: tf.Tensor, neutral: float
) -> tf.Tensor:
    """`values`, each with a probability, else `neutral`; probability 0 is never, 1 is always."""
    return tf.where(uniform < probability, values, tf.cast(neutral, values.dtype))
