"""Orthogonal regularisation of the discriminator's weights, whatever it is shown."""

import dataclasses

import keras
import tensorflow as tf

from ganapp.models.tensors import all_layers
from ganapp.training.constraints import LINEAR_LAYERS, TRANSPOSED_LAYERS
from ganapp.training.extensions import Scheduled
from ganapp.training.terms.base import Term


def kernel_matrices(network: keras.Model) -> list[tf.Tensor]:
    """The raw kernel of every linear layer, also in a wrapper, once: `(inputs, outputs)` each."""
    layers = {id(layer): layer for layer in all_layers(network)}.values()
    return [_matrix(layer) for layer in layers if isinstance(layer, LINEAR_LAYERS)]


def _matrix(layer: keras.layers.Layer) -> tf.Tensor:
    kernel = layer.kernel.value
    # They keep their output channels in the last axis but one.
    if isinstance(layer, TRANSPOSED_LAYERS):
        kernel = tf.linalg.matrix_transpose(kernel)
    return tf.reshape(kernel, (-1, kernel.shape[-1]))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Orthogonal(Term):
    """Squared inner products of different filters, |W^T W * (1 - I)|^2 summed over all layers.

    W holds a filter in each column. Filters are kept apart and, without the diagonal, free in
    their lengths. The paper's networks are regularised with the weight 1e-4. Under spectral
    normalisation it is the raw weights that count.
    """

    weight: Scheduled = 1e-4
    name = "orthogonal"
    reference = "Brock et al., 2019, arXiv:1809.11096"
    formula = "weight * sum over layers of |W^T W * (1 - I)|^2"

    def per_example(self, critic, real, fake, draw, state=None):
        """The same for every example: `(1,)`."""
        network = critic.networks["discriminator"]
        matrices = kernel_matrices(network)
        if not matrices:
            raise ValueError(
                "`orthogonal` needs a discriminator with Dense or convolution layers. "
                f"Received: {network.name!r} without any"
            )
        return tf.add_n([_overlap(matrix) for matrix in matrices])[None]


def _overlap(matrix: tf.Tensor) -> tf.Tensor:
    """Sum of squared inner products of all pairs of different columns: a scalar."""
    products = tf.matmul(matrix, matrix, transpose_a=True)
    return tf.reduce_sum(tf.linalg.set_diag(products, tf.zeros_like(products[0])) ** 2)
