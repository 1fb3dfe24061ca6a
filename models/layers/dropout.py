"""Dropout whose masks a resumed run draws again, and that N replicas share out as one."""

import random

import keras
import tensorflow as tf

from ganapp.models.layers.replicas import own_rows, replicas

KEYS = 2**60  # beyond every seed of `ganapp.models.noise`


@keras.saving.register_keras_serializable("ganapp")
class StatelessDropout(keras.layers.Layer):
    """Sets a fraction of the inputs to 0 in training and scales up the others.

    Keras's own `Dropout` draws the same mask on every replica, and no checkpoint holds the state
    of its generator. Here a mask is a pure function of two integers that are a weight of the
    layer: a key, and how many masks were drawn before. Each training call gives another mask.

    Args:
        rate: probability that an input is dropped, at least 0 and below 1.
        seed: of the key; drawn from Python's generator (`keras.utils.set_random_seed`) when `None`.

    Reference: Srivastava et al., 2014, "Dropout", JMLR 15.
    """

    def __init__(self, rate: float, *, seed: int | None = None, **options) -> None:
        super().__init__(**options)
        if not 0 <= rate < 1:
            raise ValueError(f"`rate` must be at least 0 and below 1. Received: rate={rate}")
        self.rate = rate
        self.seed = random.randrange(2**31) if seed is None else seed
        self.draws = self.add_weight(
            name="draws",
            shape=(2,),
            dtype="int64",
            # Set here and not by a first call, so that every worker gets the chief's key.
            initializer=lambda shape, dtype=None: tf.constant([KEYS + self.seed, 0], tf.int64),
            trainable=False,
        )

    def call(self, inputs, training: bool = False):
        if not training or self.rate == 0:
            return inputs
        seed = tf.identity(self.draws.value)
        # Every replica assigns its own copy, to the same value.
        self.draws.assign(seed + tf.constant([0, 1], tf.int64))
        count = tf.shape(inputs)[0]
        shape = tf.concat([[count * replicas()], tf.shape(inputs)[1:]], axis=0)
        uniform = own_rows(tf.random.stateless_uniform(shape, seed), count)
        return tf.where(uniform < self.rate, tf.zeros_like(inputs), inputs / (1 - self.rate))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return super().get_config() | {"rate": self.rate, "seed": self.seed}
