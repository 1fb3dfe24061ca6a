"""Learning rates and penalty weights over training, as data."""

import dataclasses
from collections.abc import Callable
from typing import Literal

import keras
import tensorflow as tf

from ganapp.training.registry import Registry


@dataclasses.dataclass(frozen=True, kw_only=True)
class Anneal:
    """A value that moves from `start` to `end` over the whole training.

    Args:
        start: value at the first update, above 0 for an exponential shape.
        end: value after the last update.
        shape: `"linear"`, `"cosine"` or `"exponential"` (equal ratios in equal times).
    """

    start: float
    end: float
    shape: Literal["linear", "cosine", "exponential"] = "cosine"

    def over(self, updates: int) -> keras.optimizers.schedules.LearningRateSchedule:
        """The Keras schedule that ends after `updates` updates."""
        return SHAPES[self.shape](self.start, self.end, updates)


class ExponentialDecayToEnd(keras.optimizers.schedules.ExponentialDecay):
    """Keras's exponential decay, which stays at its end as the other shapes do."""

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        return super().__call__(keras.ops.minimum(step, self.decay_steps))


schedules = keras.optimizers.schedules
# (start, end, updates) -> the schedule.
SHAPES = Registry(
    "schedule shape",
    [
        ("linear", lambda a, b, n: schedules.PolynomialDecay(a, n, end_learning_rate=b)),
        ("cosine", lambda a, b, n: schedules.CosineDecay(a, n, alpha=b / a)),
        ("exponential", lambda a, b, n: ExponentialDecayToEnd(a, n, decay_rate=b / a)),
    ],
)


def resolve(
    value: float | Anneal, updates: int
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """A constant as it is, an anneal as the Keras schedule over `updates` updates."""
    return value.over(updates) if isinstance(value, Anneal) else value


def value_at(value: float | Callable[[tf.Tensor], tf.Tensor], step: tf.Tensor) -> float | tf.Tensor:
    """A constant as it is, a schedule's value at one step."""
    return value(step) if callable(value) else value
