"""Multi-layer perceptrons, for vectors and small images.

Reference: Goodfellow et al., 2014, arXiv:1406.2661; maxout Goodfellow et al., 2013,
arXiv:1302.4389.
"""

import math
from typing import Annotated, Literal

import annotated_types
import keras

from ganapp.models.layers import BlockActivation
from ganapp.models.networks.blocks import HIDDEN_UNITS, Rate, Width, dropped, raw_scores

Pieces = Annotated[int, annotated_types.Ge(2)]


def mlp_generator(
    latent_size: int,
    shape: tuple[int, ...],
    *,
    units: tuple[Width, ...] = (256, 256, 256),
    normalisation: Literal["none", "batch", "layer"] = "none",
    activation: Literal["leaky_relu", "relu", "maxout"] = "leaky_relu",
    pieces: Pieces = 2,
    head: tuple[tuple[str, int], ...] = (),
) -> keras.Model:
    """Maps latents to examples through dense layers.

    Args:
        latent_size: dimension of a latent.
        shape: of one example. Images (three axes) end in tanh, vectors are unbounded.
        units: width of each hidden layer.
        normalisation: after each hidden layer's products, before the activation.
        activation: of the hidden layers.
        pieces: linear functions a maxout unit takes the largest of; other activations have none.
        head: activation and width of each part of a vector, see `BlockActivation`.
    """
    z = keras.Input((latent_size,), name="z")
    x = z
    for width in units:
        x = HIDDEN_UNITS[activation](x, width, normalisation, pieces)
    x = keras.layers.Dense(math.prod(shape), kernel_initializer="lecun_normal", dtype="float32")(x)
    x = keras.layers.Reshape(shape, dtype="float32")(x)
    if len(shape) == 3:
        x = keras.layers.Activation("tanh", dtype="float32")(x)
    if head:
        x = BlockActivation(blocks=head, dtype="float32", name="head")(x)
    return keras.Model(z, x, name="generator")


def mlp_discriminator(
    shape: tuple[int, ...],
    *,
    units: tuple[Width, ...] = (256, 256, 256),
    normalisation: Literal["none", "batch", "layer"] = "none",
    activation: Literal["leaky_relu", "relu", "maxout"] = "leaky_relu",
    pieces: Pieces = 2,
    dropout: Rate = 0.0,
    minibatch: Literal["none", "discrimination", "standard_deviation"] = "none",
) -> keras.Model:
    """Maps examples to raw scores `(batch, 1)` through dense layers.

    Args:
        shape: of one example.
        units: width of each hidden layer.
        normalisation: as of the generator.
        activation: as of the generator.
        pieces: as of the generator.
        dropout: probability that the output of a hidden unit is dropped.
        minibatch: what the last features say of the rest of the minibatch, see
            `ganapp.models.layers`.
    """
    inputs = keras.Input(shape, name="examples")
    x = keras.layers.Flatten()(inputs)
    for width in units:
        x = dropped(HIDDEN_UNITS[activation](x, width, normalisation, pieces), dropout)
    return keras.Model(inputs, raw_scores(x, minibatch), name="discriminator")
