"""Minimising a loss by Adam, as a pure function of data and seed."""

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

STEPS_A_CALL = 100  # of TensorFlow; between two of them Ctrl-C is heard
DRAWS = 2**43  # added to the seed: keys of their own beside data and latents


def minimise(
    loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    variables: Sequence[keras.Variable],
    examples: np.ndarray,
    *,
    steps: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
) -> None:
    """Takes `steps` steps of Adam, with a learning rate that falls to 0 like a cosine.

    Args:
        loss: of examples `(batch_size, *shape)` and an int64 key `(2,)` for whatever it draws: a
            scalar.
        variables: what is changed.
        examples: `(n, *shape)`; a batch is drawn from them with replacement.
        steps: how many.
        batch_size: examples a step.
        learning_rate: at the start.
        seed: of batches and keys.
    """
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(learning_rate, steps))
    optimizer.build(variables)
    with tf.device("CPU:0"):
        data = tf.constant(examples)

    @tf.autograph.experimental.do_not_convert
    def one(step: tf.Tensor) -> None:
        key = tf.stack([tf.constant(DRAWS + seed, tf.int64), step])
        # A key of its own for the batch: the step is never negative.
        index = tf.random.stateless_uniform(
            (batch_size,), -1 - key, minval=0, maxval=len(examples), dtype=tf.int32
        )
        with tf.GradientTape() as tape:
            value = loss(tf.gather(data, index), key)
        values = [variable.value for variable in variables]
        optimizer.apply(tape.gradient(value, values), variables)

    @tf.function
    def several(first: tf.Tensor, count: tf.Tensor) -> None:
        for step in tf.range(first, first + count):
            one(step)

    for first in range(0, steps, STEPS_A_CALL):
        count = min(STEPS_A_CALL, steps - first)
        several(tf.constant(first, tf.int64), tf.constant(count, tf.int64))
