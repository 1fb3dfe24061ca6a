"""Layers that know the rows of the global batch: dropout, and comparisons of the examples.

Where a discriminator compares the examples of a minibatch, a generator that makes the same one
again and again is seen for what it is. A score's gradient by one example then contains what that
example does to the scores of the others, which gradient penalties do not want.
"""

import random

import keras
import tensorflow as tf

from ganapp.models.replicas import gather_rows, own_rows, replica_count

KEYS = 2**60  # of dropout, beyond every seed of `ganapp.models.noise`


@keras.saving.register_keras_serializable("ganapp")
class MinibatchDiscrimination(keras.layers.Layer):
    """A soft count, for each kernel, of the other examples close to an example in the global batch.

    Takes features that a `Dense` (the paper's tensor T) has projected, which constraints on linear
    layers thus reach. Kernel k of example i gives sum over j != i of exp(-|M_i,k - M_j,k|_1), in
    float32. Outside of training the sum is scaled to as many others as there were in training.

    Args:
        kernels: how many similarities an example gets. The projection has `kernels * dimensions`
            features.

    Reference: Salimans et al., 2016, arXiv:1606.03498.
    """

    def __init__(self, *, kernels: int, **options) -> None:
        super().__init__(**options)
        self.kernels = kernels

    def build(self, input_shape) -> None:
        if len(input_shape) != 2 or input_shape[-1] % self.kernels:
            raise ValueError(
                "`MinibatchDiscrimination` takes (batch, features) with a multiple of `kernels` "
                f"features. Received: input_shape={input_shape}, kernels={self.kernels}"
            )
        self.others = self.add_weight(
            name="others", shape=(), initializer="zeros", trainable=False, autocast=False
        )

    def call(self, inputs, training: bool = False):
        own = tf.cast(inputs, self.variable_dtype)
        own = tf.reshape(own, (-1, self.kernels, own.shape[1] // self.kernels))
        everyone = gather_rows(own)
        differences = own[:, tf.newaxis] - everyone[tf.newaxis]
        similarities = tf.exp(-tf.reduce_sum(tf.abs(differences), axis=-1))
        # An example is at distance 0 from itself, for a constant 1 without gradient.
        sums = tf.reduce_sum(similarities, axis=1) - 1.0
        others = tf.cast(tf.shape(everyone)[0] - 1, sums.dtype)
        if training:
            self.others.assign(others)  # every replica its own copy, to the same value
        else:
            trained = tf.convert_to_tensor(self.others.value)
            sums *= tf.where(trained > 0, tf.math.divide_no_nan(trained, others), 1.0)
        return tf.cast(sums, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.kernels)

    def get_config(self):
        return super().get_config() | {"kernels": self.kernels}


@keras.saving.register_keras_serializable("ganapp")
class MinibatchStandardDeviation(keras.layers.Layer):
    """Appends the mean standard deviation over the minibatch: one more feature or channel.

    It is taken of every entry over a group of examples and averaged over the entries, in float32.

    Args:
        group: examples in a group; `None` for the whole global batch. A batch it does not divide
            is split into the largest smaller groups of equal size.
        epsilon: added to the variance, whose square root has no gradient at 0.

    Reference: Karras et al., 2018, arXiv:1710.10196; groups as in its code and in Karras et al.,
    2020, arXiv:1912.04958: group g holds rows g, g + groups, g + 2 groups and so on.
    """

    def __init__(self, *, group: int | None = None, epsilon: float = 1e-8, **options) -> None:
        super().__init__(**options)
        if group is not None and group < 2:
            raise ValueError(
                "`group` must be at least 2, or None for the whole batch: one example does not "
                f"vary. Received: group={group}"
            )
        self.group, self.epsilon = group, epsilon

    def call(self, inputs):
        count = tf.shape(inputs)[0]
        batch = gather_rows(tf.cast(inputs, self.variable_dtype))
        rows = tf.shape(batch)[0]
        groups = rows // self._members(rows)
        grouped = tf.reshape(batch, tf.concat([[-1, groups], tf.shape(batch)[1:]], axis=0))
        centred = grouped - tf.reduce_mean(grouped, axis=0)
        deviation = tf.sqrt(tf.reduce_mean(centred**2, axis=0) + self.epsilon)
        value = tf.reduce_mean(tf.reshape(deviation, (groups, -1)), axis=1)
        value = own_rows(tf.tile(value, [rows // groups]), count)
        value = tf.reshape(value, [-1] + [1] * (inputs.shape.rank - 1))
        value = tf.cast(value, inputs.dtype)
        added = tf.broadcast_to(value, tf.concat([tf.shape(inputs)[:-1], [1]], axis=0))
        return tf.concat([inputs, added], axis=-1)

    def _members(self, rows: tf.Tensor) -> tf.Tensor:
        """Examples in a group of a batch of `rows`."""
        if self.group is None:
            return rows
        sizes = tf.range(1, self.group + 1)
        return tf.reduce_max(tf.where(rows % sizes == 0, sizes, 1))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] + 1)

    def get_config(self):
        return super().get_config() | {"group": self.group, "epsilon": self.epsilon}


class DrawingLayer(keras.layers.Layer):
    """A layer that draws in training: other numbers at each call and for each row everywhere.

    Keras's own random layers draw the same numbers on every replica, and no checkpoint holds the
    state of their generators. Here numbers are a pure function of two integers that are a weight
    of the layer: a key, and how often it has drawn before.

    Args:
        seed: of the key; drawn from Python's generator (`keras.utils.set_random_seed`) when `None`.
    """

    def __init__(self, *, seed: int | None = None, **options) -> None:
        super().__init__(**options)
        self.seed = random.randrange(2**31) if seed is None else seed
        self.draws = self.add_weight(
            name="draws",
            shape=(2,),
            dtype="int64",
            # Set here and not by a first call, so that every worker gets the chief's key.
            initializer=lambda shape, dtype=None: tf.constant([KEYS + self.seed, 0], tf.int64),
            trainable=False,
        )

    def uniform(self, count: tf.Tensor, *shape: int | tf.Tensor) -> tf.Tensor:
        """This replica's uniform numbers in [0, 1): float32 `(count, *shape)`."""
        seed = tf.identity(self.draws.value)
        # Every replica assigns its own copy, to the same value.
        self.draws.assign(seed + tf.constant([0, 1], tf.int64))
        whole = tf.stack([count * replica_count(), *shape])
        return own_rows(tf.random.stateless_uniform(whole, seed), count)

    def get_config(self):
        return super().get_config() | {"seed": self.seed}


@keras.saving.register_keras_serializable("ganapp")
class StatelessDropout(DrawingLayer):
    """Sets a fraction of the inputs to 0 in training and scales up the others.

    Each training call draws another mask.

    Args:
        rate: probability that an input is dropped, at least 0 and below 1.
        seed: as of `DrawingLayer`.

    Reference: Srivastava et al., 2014, "Dropout", JMLR 15.
    """

    def __init__(self, rate: float, *, seed: int | None = None, **options) -> None:
        super().__init__(seed=seed, **options)
        if not 0 <= rate < 1:
            raise ValueError(f"`rate` must be at least 0 and below 1. Received: rate={rate}")
        self.rate = rate

    def call(self, inputs, training: bool = False):
        if not training or self.rate == 0:
            return inputs
        count, *shape = tf.unstack(tf.shape(inputs))
        uniform = self.uniform(count, *shape)
        return tf.where(uniform < self.rate, tf.zeros_like(inputs), inputs / (1 - self.rate))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return super().get_config() | {"rate": self.rate}
