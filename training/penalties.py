"""Gradient penalties on the discriminator: pure functions, one value per example.

A penalty gets a callable critic that can also give the gradient of its scores, the real and fake
examples, and one uniform number per example for penalties that interpolate.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

import tensorflow as tf

from training.registry import Registry
from training.schedules import Anneal


def squared_norm(gradient: tf.Tensor) -> tf.Tensor:
    """Squared Euclidean norm of each example's gradient: `(batch, *shape)` to `(batch,)`."""
    return tf.reduce_sum(gradient**2, axis=list(range(1, gradient.shape.rank)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Penalty:
    """A term of the discriminator's loss.

    Args:
        weight: its factor: a number, or a function of the step (a Keras schedule).
    """

    weight: float | Callable[[Any], Any] = 1.0
    name: ClassVar[str] = ""
    reference: ClassVar[str] = ""

    def __post_init__(self) -> None:
        if isinstance(self.weight, Anneal):
            raise ValueError(
                "`weight` must be a number or a function of the step: write "
                f"`anneal.over(updates)`. Received: weight={self.weight}"
            )

    def weight_at(self, step: tf.Tensor) -> Any:
        """The factor at one training step."""
        return self.weight(step) if callable(self.weight) else self.weight

    def per_example(
        self, critic: Any, real: tf.Tensor, fake: tf.Tensor, uniform: tf.Tensor
    ) -> tf.Tensor:
        """The penalty of each example, before the weight.

        Args:
            critic: `critic(x)` gives raw scores, `critic.gradient(x)` their gradient by `x`.
            real: float32 `(batch, *shape)`.
            fake: float32, same shape.
            uniform: float32 `(batch,)` in [0, 1).

        Returns:
            float32 `(batch,)`, not negative.
        """
        raise NotImplementedError


@dataclasses.dataclass(frozen=True, kw_only=True)
class R1(Penalty):
    """Half the squared gradient norm on real examples, gamma / 2 E |grad D(x)|^2."""

    name = "r1"
    reference = "Mescheder et al., 2018, arXiv:1801.04406"

    def per_example(self, critic, real, fake, uniform):
        return 0.5 * squared_norm(critic.gradient(real))


@dataclasses.dataclass(frozen=True, kw_only=True)
class R2(Penalty):
    """Half the squared gradient norm on generated examples."""

    name = "r2"
    reference = "Mescheder et al., 2018, arXiv:1801.04406"

    def per_example(self, critic, real, fake, uniform):
        return 0.5 * squared_norm(critic.gradient(fake))


@dataclasses.dataclass(frozen=True, kw_only=True)
class GradientPenalty(Penalty):
    """Squared distance of the gradient norm from 1 between real and generated examples."""

    weight: float | Callable[[Any], Any] = 10.0
    name = "gradient_penalty"
    reference = "Gulrajani et al., 2017, arXiv:1704.00028"

    def per_example(self, critic, real, fake, uniform):
        # One position per example, uniform on the segment; a norm per example, not over the batch.
        position = tf.reshape(uniform, [-1] + [1] * (real.shape.rank - 1))
        between = real + position * (fake - real)
        # The norm's own gradient is infinite at 0; the square root never sees an exact zero.
        norm = tf.sqrt(squared_norm(critic.gradient(between)) + 1e-12)
        return (norm - 1.0) ** 2


PENALTIES = Registry("penalty", [R1, R2, GradientPenalty])
