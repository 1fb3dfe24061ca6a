"""Spectral normalisation as a reparametrisation: the raw weight is trained, W / sigma is used.

`keras.layers.SpectralNormalization` writes W / sigma back into the weight at every call and lets
no gradient through sigma, which is another algorithm.
"""

import dataclasses

import keras
import tensorflow as tf

from training.constraints.base import Constraint


@keras.saving.register_keras_serializable("ganapp")
class SpectralNormalization(keras.layers.Wrapper):
    """Divides the kernel of a linear layer by an estimate of its largest singular value.

    The layer is linear in its kernel, so its output without the bias is divided instead of the
    kernel: the same function and the same gradients, sigma's included. The singular vector `u`
    is state; it moves only when told to (`next_u`), once per discriminator update, however often
    the layer is called within one.

    Args:
        layer: a `Dense`, convolution or transposed convolution without activation.

    Reference: Miyato et al., 2018, arXiv:1802.05957.
    """

    def build(self, input_shape=None):
        super().build(input_shape)
        # Transposed convolutions keep their output channels in the last axis but one.
        transposed = isinstance(
            self.layer, keras.layers.Conv1DTranspose | keras.layers.Conv2DTranspose
        )
        self.output_axis = -2 if transposed else -1
        self.u = self.add_weight(
            name="u",
            shape=(1, self.layer.kernel.shape[self.output_axis]),
            initializer="random_normal",
            trainable=False,
            autocast=False,
        )

    def call(self, inputs):
        outputs = self.layer(inputs)
        sigma = tf.cast(self.sigma(), outputs.dtype)
        if not self.layer.use_bias:
            return outputs / sigma
        bias = tf.cast(self.layer.bias, outputs.dtype)
        return (outputs - bias) / sigma + bias

    def sigma(self) -> tf.Tensor:
        """Estimate of the largest singular value, differentiable by the kernel: scalar."""
        matrix = self._matrix()
        right, left = self._singular_vectors(matrix, self.u.value)
        return tf.reduce_sum(tf.matmul(tf.stop_gradient(right), matrix) * tf.stop_gradient(left))

    def next_u(self) -> tf.Tensor:
        """`u` after one power iteration."""
        return self._singular_vectors(self._matrix(), self.u.value)[1]

    def _matrix(self) -> tf.Tensor:
        """The kernel as float32 `(inputs, outputs)`."""
        kernel = tf.cast(self.layer.kernel.value, tf.float32)
        if self.output_axis == -2:
            kernel = tf.linalg.matrix_transpose(kernel)
        return tf.reshape(kernel, (-1, self.u.shape[1]))

    @staticmethod
    def _singular_vectors(matrix: tf.Tensor, u: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        right = tf.math.l2_normalize(tf.matmul(u, matrix, transpose_b=True), epsilon=1e-12)
        return right, tf.math.l2_normalize(tf.matmul(right, matrix), epsilon=1e-12)


LINEAR_LAYERS = (
    keras.layers.Dense,
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
)


def _wrapped(layer: keras.layers.Layer) -> keras.layers.Layer:
    if not isinstance(layer, LINEAR_LAYERS):
        return layer.__class__.from_config(layer.get_config())
    if layer.activation is not keras.activations.linear:
        raise ValueError(
            "Spectral normalisation needs the activation in a layer of its own. Received: layer "
            f"{layer.name!r} with activation={layer.activation.__name__!r}"
        )
    copy = layer.__class__.from_config(layer.get_config())
    return SpectralNormalization(copy, name=f"{layer.name}_normalised")


def _layers_within(network: keras.Model) -> list[SpectralNormalization]:
    return [x for x in network._flatten_layers() if isinstance(x, SpectralNormalization)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpectralNorm(Constraint):
    """Spectral normalisation of every linear layer of the discriminator."""

    name = "spectral_norm"
    reference = "Miyato et al., 2018, arXiv:1802.05957"

    def prepare(self, discriminator):
        """A copy with every linear layer wrapped and the same raw weights.

        Raises:
            ValueError: if the network is not functional or sequential, or a linear layer has an
                activation of its own.
        """
        if _layers_within(discriminator):
            return discriminator
        try:
            copy = keras.models.clone_model(discriminator, clone_function=_wrapped)
        except NotImplementedError as error:
            raise ValueError(
                "Spectral normalisation wraps the layers of a functional or sequential "
                f"discriminator. Received: {type(discriminator).__name__}"
            ) from error
        for wrapper in _layers_within(copy):
            original = wrapper.layer.name
            wrapper.layer.set_weights(discriminator.get_layer(original).get_weights())
        return copy

    def before_update(self, discriminator):
        return [(layer.u, layer.next_u()) for layer in _layers_within(discriminator)]
