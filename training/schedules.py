"""Learning rates and penalty weights over training, as data."""

import dataclasses
from collections.abc import Callable
from typing import Literal

import keras
import tensorflow as tf
from keras.optimizers.schedules import CosineDecay, PolynomialDecay

from ganapp.models.serialization import Serializable
from ganapp.training.registry import Registry


@dataclasses.dataclass(frozen=True, kw_only=True)
class Anneal(Serializable):
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


@keras.saving.register_keras_serializable("ganapp")
class ExponentialDecayToEnd(keras.optimizers.schedules.ExponentialDecay):
    """Keras's exponential decay, which stays at its end as the other shapes do."""

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        return super().__call__(keras.ops.minimum(step, self.decay_steps))


def _linear(start: float, end: float, updates: int) -> PolynomialDecay:
    return PolynomialDecay(start, updates, end_learning_rate=end)


def _cosine(start: float, end: float, updates: int) -> CosineDecay:
    return CosineDecay(start, updates, alpha=end / start)


def _exponential(start: float, end: float, updates: int) -> ExponentialDecayToEnd:
    return ExponentialDecayToEnd(start, updates, decay_rate=end / start)


SHAPES = Registry(
    "schedule shape",
    [("linear", _linear), ("cosine", _cosine), ("exponential", _exponential)],
)


def resolve(
    value: float | Anneal, updates: int
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """A constant as it is, an anneal as the Keras schedule over `updates` updates."""
    return value.over(updates) if isinstance(value, Anneal) else value


def value_at(value: float | Callable[[tf.Tensor], tf.Tensor], step: tf.Tensor) -> float | tf.Tensor:
    """A constant as it is, a schedule's value at one step."""
    return value(step) if callable(value) else value
