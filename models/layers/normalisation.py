"""Normalisation that gradient penalties can go through, and that classes can condition."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("ganapp")
class ExampleNormalization(keras.layers.Layer):
    """Normalises each example over all its axes, then scales and shifts each channel.

    Keras's own `LayerNormalization` and `GroupNormalization` call `tf.nn.moments`, which stops the
    gradient at the mean: right at first order, silently wrong (by a tenth and more) in the
    second-order gradients of R1 and its kin. Always computes in float32.

    Args:
        epsilon: added to the variance.

    Reference: Ba et al., 2016, arXiv:1607.06450; for critics Gulrajani et al., 2017,
    arXiv:1704.00028.
    """

    def __init__(self, *, epsilon: float = 1e-3, **options) -> None:
        super().__init__(**options)
        self.epsilon = epsilon

    def build(self, input_shape) -> None:
        channels = (input_shape[-1],)
        self.gamma, self.beta = (
            self.add_weight(name=name, shape=channels, initializer=start, autocast=False)
            for name, start in (("gamma", "ones"), ("beta", "zeros"))
        )

    def call(self, inputs):
        x = tf.cast(inputs, self.variable_dtype)
        axes = list(range(1, x.shape.rank))
        centred = x - tf.reduce_mean(x, axes, keepdims=True)
        variance = tf.reduce_mean(centred**2, axes, keepdims=True)
        scaled = centred * tf.math.rsqrt(variance + self.epsilon) * self.gamma + self.beta
        return tf.cast(scaled, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return super().get_config() | {"epsilon": self.epsilon}


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
        self.gamma, self.beta = (
            self.add_weight(name=name, shape=(classes, channels), initializer=start, autocast=False)
            for name, start in (("gamma", "ones"), ("beta", "zeros"))
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
