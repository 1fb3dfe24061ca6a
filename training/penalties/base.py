"""What a penalty on the discriminator is, and the norms and lines that many of them share."""

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

import tensorflow as tf

from ganapp.training.schedules import Anneal, value_at

Draw = Callable[..., tf.Tensor]  # draw(*shape) -> uniform [0, 1) of shape (batch, *shape)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Penalty:
    """A term of the discriminator's loss; further keyword-only fields are a member's options.

    Args:
        weight: its factor: a number, or a function of the step (a Keras schedule).
        interval: apply it at every interval-th discriminator update only, with the weight
            multiplied by as much ("lazy", Karras et al., 2019, arXiv:1912.04958); at least 1.
    """

    weight: float | Callable[[Any], Any] = 1.0
    interval: int = 1
    name: ClassVar[str] = ""
    reference: ClassVar[str] = ""
    formula: ClassVar[str] = ""  # the weighted term
    # Whether it takes the gradient of each example's score by that example, which does not exist
    # where the discriminator looks at several examples together.
    per_example_gradient: ClassVar[bool] = False
    images_only: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if isinstance(self.weight, Anneal):
            raise ValueError(
                "`weight` must be a number or a function of the step: write "
                f"`anneal.over(updates)`. Received: weight={self.weight}"
            )
        if self.interval < 1:
            raise ValueError(
                "`interval` must be at least 1, which applies the penalty at every update. "
                f"Received: interval={self.interval}"
            )

    def weight_at(self, step: tf.Tensor) -> Any:
        """The factor at one training step."""
        return value_at(self.weight, step)

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Refuses examples `(*shape)` that it cannot work on; before anything is trained.

        Raises:
            ValueError: naming the field.
        """

    def per_example(self, critic: Any, real: tf.Tensor, fake: tf.Tensor, draw: Draw) -> tf.Tensor:
        """The penalty of each example, before the weight.

        Args:
            critic: `critic(x)` gives raw scores, `critic.gradient(x)` their gradient by `x`,
                `critic.network` is the discriminator.
            real: float32 `(batch, *shape)`.
            fake: float32, same shape.
            draw: `draw()` gives uniform numbers in [0, 1) `(batch,)`, `draw(*shape)` gives
                `(batch, *shape)`; each call gives others.

        Returns:
            float32 `(batch,)`, not negative; `(1,)` from a function of the weights alone.
        """
        raise NotImplementedError


def squared_norm(gradient: tf.Tensor) -> tf.Tensor:
    """Squared Euclidean norm of each example's gradient: `(batch, *shape)` to `(batch,)`."""
    return tf.reduce_sum(gradient**2, axis=list(range(1, gradient.shape.rank)))


def norm(gradient: tf.Tensor) -> tf.Tensor:
    """Euclidean norm of each example's gradient: `(batch, *shape)` to `(batch,)`."""
    # The norm's own gradient is infinite at 0; the square root never sees an exact zero.
    return tf.sqrt(squared_norm(gradient) + 1e-12)


def between(start: tf.Tensor, end: tf.Tensor, draw: Draw) -> tf.Tensor:
    """A uniformly drawn point on the segment of each pair: `(batch, *shape)`."""
    # One position per example: were there one per coordinate, the points would fill boxes.
    position = tf.reshape(tf.cast(draw(), start.dtype), [-1] + [1] * (start.shape.rank - 1))
    return start + position * (end - start)
