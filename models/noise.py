"""Stateless noise: every draw is a pure function of (seed, stream, step, index).

A resumed run therefore redraws what the lost one drew, and N replicas draw together exactly
what one device would: each takes its slice of the global draw.
"""

import enum
from collections.abc import Callable
from typing import TypeVar

import tensorflow as tf

from ganapp.models.replicas import own_rows, replica_count


class Stream(enum.IntEnum):
    """Independent sources of noise. The numbers are part of every run's identity."""

    DISCRIMINATOR = 1
    GENERATOR = 2
    DISCRIMINATOR_TERMS = 3
    TEST = 4
    SAMPLE = 5
    DISCRIMINATOR_AUGMENTATION = 6
    GENERATOR_AUGMENTATION = 7
    GENERATOR_TERMS = 8
    ENCODER = 9


# A fixed stride from seed to seed, so that a new stream changes no old run.
STREAMS = 256
# More draws than one step ever makes from one stream: discriminator updates x terms x draws each.
DRAWS_PER_STEP = 2**20
DRAWS_OF_A_TERM = 2**8
Drawn = TypeVar("Drawn", tf.Tensor, dict[str, tf.Tensor])


def stateless_seed(
    seed: int, stream: Stream, step: int | tf.Tensor, index: int | tf.Tensor = 0
) -> tf.Tensor:
    """The seed of one draw, int64 `(2,)`, for `tf.random.stateless_*`.

    Args:
        seed: of the run, 0 to 2**40.
        stream: which source of noise.
        step: training step.
        index: which draw of this stream within the step, below `DRAWS_PER_STEP`.
    """
    draw = tf.cast(step, tf.int64) * DRAWS_PER_STEP + tf.cast(index, tf.int64)
    return tf.stack([tf.constant(seed * STREAMS + stream, tf.int64), draw])


def replica_slice(draw: Callable[[int | tf.Tensor], Drawn], count: int | tf.Tensor) -> Drawn:
    """This replica's `count` rows of a global draw, of a tensor or of tensors by name."""
    whole = draw(count * replica_count())
    return tf.nest.map_structure(lambda each: own_rows(each, count), whole)


class Draws:
    """Uniform numbers for one term of one update; every call gives others.

    Args:
        seed: of the run.
        stream: which source of noise.
        step: training step.
        place: which term of the step; each has room for `DRAWS_OF_A_TERM` calls.
        rows: of this replica's batch.
    """

    def __init__(
        self, seed: int, stream: Stream, step: tf.Tensor, place: int, rows: int | tf.Tensor
    ) -> None:
        self._seed, self._stream, self._step, self._rows = seed, stream, step, rows
        self._next, self._end = place * DRAWS_OF_A_TERM, (place + 1) * DRAWS_OF_A_TERM

    def __call__(self, *shape: int) -> tf.Tensor:
        """Uniform numbers in [0, 1): float32 `(rows, *shape)`."""
        if self._next == self._end:
            raise RuntimeError(f"A term may draw {DRAWS_OF_A_TERM} times in a step.")
        seed = stateless_seed(self._seed, self._stream, self._step, self._next)
        self._next += 1
        return replica_slice(
            lambda count: tf.random.stateless_uniform((count, *shape), seed), self._rows
        )
