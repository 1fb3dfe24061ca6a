"""Constraints on the discriminator's weights: inert, the GAN assigns what they compute.

Spectral normalisation is a reparametrisation here: the raw weight is trained, W / sigma is used.
`keras.layers.SpectralNormalization` writes W / sigma back into the weight at every call and lets
no gradient through sigma, which is another algorithm.
"""

import dataclasses
from typing import ClassVar

import keras
import numpy as np
import tensorflow as tf

from ganapp.models.serialization import Serializable
from ganapp.models.tensors import all_layers
from ganapp.training.registry import Registry

Assignments = list[tuple[keras.Variable, tf.Tensor]]

TRANSPOSED_LAYERS = (
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
)
LINEAR_LAYERS = (
    keras.layers.Dense,
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
    *TRANSPOSED_LAYERS,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Constraint(Serializable):
    """A constraint that leaves everything as it is; the base of the others."""

    name: ClassVar[str] = ""
    reference: ClassVar[str] = ""
    formula: ClassVar[str] = ""
    # It bounds the slopes by itself, so that a penalty on them has nothing left to do.
    replaces_gradient_penalties: ClassVar[bool] = False

    def prepare(self, discriminator: keras.Model) -> keras.Model:
        """The network to train instead of `discriminator`; called once, before the optimizer."""
        return discriminator

    def before_update(self, discriminator: keras.Model) -> Assignments:
        """(variable, new value) pairs to assign before each discriminator update."""
        return []

    def after_update(self, discriminator: keras.Model) -> Assignments:
        """(variable, new value) pairs to assign after each discriminator update."""
        return []


@dataclasses.dataclass(frozen=True, kw_only=True)
class Unconstrained(Constraint):
    """No constraint."""

    name = "none"


@dataclasses.dataclass(frozen=True, kw_only=True)
class WeightClip(Constraint):
    """Clips every weight of the critic to [-limit, limit] after each update.

    Args:
        limit: largest absolute value of a weight, above 0.
    """

    limit: float = 0.01
    name = "weight_clip"
    reference = "Arjovsky et al., 2017, arXiv:1701.07875"
    replaces_gradient_penalties = True
    formula = "w <- max(-limit, min(limit, w)) after each update"

    def __post_init__(self) -> None:
        if self.limit <= 0:
            raise ValueError(f"`limit` must be above 0. Received: limit={self.limit}")

    def after_update(self, discriminator):
        return [
            (variable, tf.clip_by_value(variable.value, -self.limit, self.limit))
            for variable in discriminator.trainable_variables
        ]


@keras.saving.register_keras_serializable("ganapp")
class SpectralNormalization(keras.layers.Wrapper):
    """Divides the kernel of a linear layer by an estimate of its largest singular value.

    The layer is linear in its kernel, so its output without the bias is divided instead: the same
    function and the same gradients, sigma's included. The singular vector `u` is state; it moves
    only by `next_u`, once per discriminator update, however often the layer is called within one.

    Args:
        layer: a `Dense`, convolution or transposed convolution without activation.

    Reference: Miyato et al., 2018, arXiv:1802.05957.
    """

    def build(self, input_shape=None):
        super().build(input_shape)
        # Transposed convolutions keep their output channels in the last axis but one.
        self.output_axis = -2 if isinstance(self.layer, TRANSPOSED_LAYERS) else -1
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
        return self._singular_vectors(self._matrix(), self.u.value)[1]

    def _matrix(self) -> tf.Tensor:
        """The kernel as `(inputs, outputs)`, in the precision of the variables."""
        kernel = tf.cast(self.layer.kernel.value, self.u.dtype)
        if self.output_axis == -2:
            kernel = tf.linalg.matrix_transpose(kernel)
        return tf.reshape(kernel, (-1, self.u.shape[1]))

    @staticmethod
    def _singular_vectors(matrix: tf.Tensor, u: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        right = tf.math.l2_normalize(tf.matmul(u, matrix, transpose_b=True), epsilon=1e-12)
        return right, tf.math.l2_normalize(tf.matmul(right, matrix), epsilon=1e-12)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpectralNorm(Constraint):
    """Spectral normalisation of every linear layer of the discriminator."""

    name = "spectral_norm"
    reference = "Miyato et al., 2018, arXiv:1802.05957"
    formula = "W / sigma(W), sigma the largest singular value"

    def prepare(self, discriminator):
        """A copy with every linear layer wrapped and the same raw weights.

        But for kernels of zeros, such as end a block of R3GAN: W / sigma does not exist there, so
        they start with a random direction.
        """
        if _normalised_layers(discriminator):
            return discriminator
        _check_layers(discriminator)
        pairs = []

        def wrap(layer: keras.layers.Layer) -> keras.layers.Layer:
            if isinstance(layer, keras.layers.Lambda):  # its configuration would hold code
                return layer
            copy = layer.__class__.from_config(layer.get_config())
            pairs.append((layer, copy))
            if not isinstance(layer, LINEAR_LAYERS):
                return copy
            return SpectralNormalization(
                copy, name=f"{layer.name}_normalised", dtype=layer.dtype_policy
            )

        try:
            network = keras.models.clone_model(discriminator, clone_function=wrap, recursive=True)
        except (ValueError, NotImplementedError) as error:
            raise ValueError(
                "Spectral normalisation wraps the layers of a functional or sequential "
                f"discriminator. Received: {type(discriminator).__name__}"
            ) from error
        for original, copy in pairs:
            copy.set_weights(original.get_weights())
            if isinstance(copy, LINEAR_LAYERS) and not np.any(copy.get_weights()[0]):
                copy.kernel.assign(keras.initializers.GlorotUniform()(copy.kernel.shape))
        return network

    def before_update(self, discriminator):
        return [(layer.u, layer.next_u()) for layer in _normalised_layers(discriminator)]


def _check_layers(discriminator: keras.Model) -> None:
    for layer in all_layers(discriminator):
        if not isinstance(layer, LINEAR_LAYERS) and any(
            "kernel" in weight.name for weight in _own_weights(layer)
        ):
            raise ValueError(
                "Spectral normalisation knows Dense, convolution and transposed convolution "
                "layers; another layer with a kernel would stay unconstrained. Received: layer "
                f"{layer.name!r} of type {type(layer).__name__}"
            )
        if isinstance(layer, LINEAR_LAYERS) and layer.activation is not keras.activations.linear:
            raise ValueError(
                "Spectral normalisation needs the activation in a layer of its own. Received: "
                f"layer {layer.name!r} with activation={layer.activation.__name__!r}"
            )


def _own_weights(layer: keras.layers.Layer) -> list[keras.Variable]:
    inner = {id(w) for each in all_layers(layer) if each is not layer for w in each.weights}
    return [weight for weight in layer.weights if id(weight) not in inner]


def _normalised_layers(network: keras.Model) -> list[SpectralNormalization]:
    return [x for x in all_layers(network) if isinstance(x, SpectralNormalization)]


CONSTRAINTS = Registry("constraint", [Unconstrained, WeightClip, SpectralNorm], base=Constraint)
