"""Batch normalisation whose scale and shift depend on the class."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("ganapp")
class ConditionalBatchNormalization(keras.layers.Layer):
    """Normalises by the global batch, then scales and shifts each channel as its class says.

    Called with `[x, labels]`: maps or features `(batch, ..., channels)` and one-hot labels
    `(batch, classes)`, or a mixture of classes, whose scales and shifts are mixed alike.

    Args:
        momentum: of the moving statistics.
        epsilon: added to the variance.

    Reference: Dumoulin et al., 2017, arXiv:1610.07629; for GANs Miyato and Koyama, 2018,
    arXiv:1802.05637.
    """

    def __init__(self, *, momentum: float = 0.99, epsilon: float = 1e-3, **options) -> None:
        super().__init__(**options)
        self.momentum, self.epsilon = momentum, epsilon
        self.normalisation = keras.layers.BatchNormalization(
            momentum=momentum,
            epsilon=epsilon,
            center=False,
            scale=False,
            synchronized=True,
            dtype=self.dtype_policy,
            name="normalisation",
        )

    def build(self, input_shape) -> None:
        (*_, channels), (_, classes) = input_shape
        self.normalisation.build(input_shape[0])
        self.gamma = self.add_weight(
            name="gamma", shape=(classes, channels), initializer="ones", autocast=False
        )
        self.beta = self.add_weight(
            name="beta", shape=(classes, channels), initializer="zeros", autocast=False
        )

    def call(self, inputs, training=False):
        x, labels = inputs
        x = self.normalisation(x, training=training)
        labels = tf.cast(labels, self.variable_dtype)
        shape = [-1, *[1] * (x.shape.rank - 2), x.shape[-1]]
        gamma, beta = (
            tf.cast(tf.reshape(tf.matmul(labels, weights.value), shape), x.dtype)
            for weights in (self.gamma, self.beta)
        )
        return x * gamma + beta

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        return super().get_config() | {"momentum": self.momentum, "epsilon": self.epsilon}
