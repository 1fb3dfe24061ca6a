"""Sources that never end: points drawn on the fly from a known distribution."""

import abc
from typing import Annotated, Protocol

import annotated_types
import numpy as np
import tensorflow as tf

from ganapp.training.data.source import Source
from ganapp.training.data.spec import DataSpec

# Seeds of the draws that evaluation sees; training draws with the run's seed and the step.
TRAINING_VIEW, HELD_OUT_VIEW = 2**40, 2**41
TRAINING_DRAWS = 2**42  # added to the run's seed, so that data and latents share no key
Length = Annotated[float, annotated_types.Gt(0)]
Count = Annotated[int, annotated_types.Ge(1)]

VIEW = 10_000  # examples in a view unless asked for fewer


class Density(Protocol):
    """A known distribution of points.

    `width` is the length over which the density changes, in user units: cells of that side are
    small enough to integrate it.
    """

    width: float

    def log_density(self, points: np.ndarray) -> np.ndarray:
        """Log-density in nats and user units: `(n, d)` to float64 `(n,)`; -inf where it is 0."""
        ...


class DrawnSource(Source):
    """Draws as a function of (seed, step) and never repeats an example; subclasses say how.

    Args:
        name: as in the configuration.
        mean: exact mean of each coordinate `(d,)`.
        scale: exact standard deviation of each coordinate `(d,)`.
        description: one sentence for the model card.
        classes: names of the labels; empty when `_draw` gives none.
    """

    def __init__(
        self,
        name: str,
        *,
        mean: np.ndarray,
        scale: np.ndarray,
        description: str,
        classes: tuple[str, ...] = (),
    ) -> None:
        self.spec = DataSpec(
            name=name,
            kind="vector",
            shape=(len(mean),),
            examples=None,
            held_out=VIEW,
            classes=classes,
            mean=tuple(np.asarray(mean, np.float64).tolist()),
            scale=tuple(np.asarray(scale, np.float64).tolist()),
            description=description,
            licence="synthetic, none needed",
        )

    @abc.abstractmethod
    def _draw(self, count: int, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
        """`count` points in user units, float32 `(count, d)`, with int32 labels or `None`.

        Args:
            count: how many.
            seed: int64 `(2,)`, neither of them negative; see `keys`.
        """

    def rows(self, step, first, count, *, batch_size, seed):
        points, labels = self._draw(
            batch_size, tf.stack([tf.constant(TRAINING_DRAWS + seed, tf.int64), step])
        )
        # The slice's length is a Python number; the shape says so to whoever compiles it.
        points = tf.ensure_shape(points[first : first + count], (count, *self.spec.shape))
        points = self.spec.to_model_units(points)
        if labels is None:
            return points
        return points, tf.ensure_shape(labels[first : first + count], (count,))

    def training_examples(self, count=None):
        return self._view(count, TRAINING_VIEW)

    def held_out_examples(self, count=None):
        return self._view(count, HELD_OUT_VIEW)

    def _view(self, count: int | None, seed: int):
        points, labels = self._draw(VIEW, tf.constant([seed, 0], tf.int64))
        return points.numpy()[:count], None if labels is None else labels.numpy()[:count]


def keys(seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Three keys for three draws that must not know of each other, from one of two numbers >= 0."""
    return seed, -1 - seed, tf.stack([seed[0], -1 - seed[1]])
