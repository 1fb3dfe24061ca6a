"""The discriminator and the examples of the Dirac-GAN, as objectives and penalties see them."""

import math
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from ganapp.training.terms import Tensors

NODES = 12  # of the Gauss-Hermite rule: exact for polynomials of degree 23
ROWS = 8  # without noise: equal examples, but for the positions of interpolating penalties


class DiracCritic:
    """f(x) = psi x + offset as penalties see a discriminator; psi is its network's only weight."""

    def __init__(self, offset: float) -> None:
        inputs = keras.Input((1,))
        scores = keras.layers.Dense(1, use_bias=False, name="scores", dtype="float32")(inputs)
        self.network, self.offset = keras.Model(inputs, scores), offset
        self.networks = {"discriminator": self.network}

    def __call__(self, tensors: Tensors) -> Tensors:
        """Raw scores `(batch, 1)` of examples `(batch, 1)`, and the examples as features."""
        x = tensors["x"]
        return {"scores": self.network(x, training=True) + self.offset, "features": x}

    def gradient(self, tensors: Tensors) -> tf.Tensor:
        """psi for every example, `(batch, 1)`."""
        return tf.ones_like(tensors["x"]) * self.network.layers[-1].kernel.value


def examples(noise: float) -> tuple[tf.Tensor, tf.Tensor, np.ndarray]:
    """Real examples around 0, generated ones less theta, `(n, 1)` each, and their weights `(n,)`.

    With noise all pairs of the nodes of both sides, so that losses of pairs are integrated, too.
    """
    if not noise:
        zeros = tf.zeros((ROWS, 1))
        return zeros, zeros, np.full(ROWS, 1 / ROWS, np.float32)
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    weights = weights / weights.sum()
    pairs = np.stack(np.meshgrid(nodes, nodes, indexing="ij"), axis=-1).reshape(-1, 2) * noise
    real, fake = tf.constant(pairs[:, :1], tf.float32), tf.constant(pairs[:, 1:], tf.float32)
    return real, fake, np.outer(weights, weights).ravel().astype(np.float32)


def mean(values: tf.Tensor, weights: np.ndarray) -> tf.Tensor:
    """Weighted mean of one value per example, `(n,)` or `(n, 1)`: a scalar."""
    values = tf.reshape(values, [-1])
    # A penalty on the weights alone has a single value.
    return tf.reduce_mean(values) if values.shape[0] == 1 else tf.tensordot(values, weights, 1)


def draws(rows: int) -> Callable[..., tf.Tensor]:
    """`draw(*shape)`: numbers spread evenly over [0, 1), others at every call, always the same."""
    calls = 0

    def draw(*shape: int) -> tf.Tensor:
        nonlocal calls
        calls += 1
        size = rows * math.prod(shape)
        golden = (math.sqrt(5) - 1) / 2
        numbers = (np.arange(size) + 0.5) / size + calls * golden
        return tf.constant((numbers % 1.0).reshape(rows, *shape), tf.float32)

    return draw
