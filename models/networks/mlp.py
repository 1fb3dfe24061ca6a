"""Multi-layer perceptrons, for vectors and small images.

Reference: Goodfellow et al., 2014, arXiv:1406.2661; maxout Goodfellow et al., 2013,
arXiv:1302.4389.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import annotated_types
import keras

from ganapp.models.layers import BlockActivation
from ganapp.models.networks.blocks import HIDDEN_UNITS, NORMALISATIONS, Rate, Width, apply_dropout
from ganapp.models.networks.inputs import DiscriminatorInputs, GeneratorInputs, Shapes, folded_shape

Pieces = Annotated[int, annotated_types.Ge(2)]


def mlp_generator(
    inputs: Shapes,
    shape: tuple[int, ...],
    *,
    condition: str = "concatenation",
    residual: str = "",
    class_start: int | None = None,
    units: tuple[Width, ...] = (256, 256, 256),
    normalisation: Literal["none", "batch", "layer"] = "none",
    activation: Literal["leaky_relu", "relu", "maxout"] = "leaky_relu",
    pieces: Pieces = 2,
    head: tuple[tuple[str, int], ...] = (),
) -> keras.Model:
    """Maps latents and what stands beside them to examples through dense layers.

    Args:
        inputs, condition, residual, class_start: as of `GeneratorInputs`.
        shape: of one example. Images and clips end in tanh, others are unbounded.
        units: width of each hidden layer.
        normalisation: after each hidden layer's products, before the activation.
        activation: of the hidden layers.
        pieces: linear functions a maxout unit takes the largest of; other activations have none.
        head: activation and width of each part of a vector, see `BlockActivation`.
    """
    given = GeneratorInputs(inputs, condition, class_start, residual)
    x, normalise = given.flat, given.normaliser(normalisation)
    for width in units:
        x = HIDDEN_UNITS[activation](x, width, normalise, pieces)
    x = keras.layers.Dense(math.prod(shape), kernel_initializer="lecun_normal", dtype="float32")(x)
    if residual:
        x = keras.layers.Reshape(folded_shape(shape), dtype="float32")(x)
        return given.network(given.images(x, shape))
    x = keras.layers.Reshape(shape, dtype="float32")(x)
    if len(shape) >= 3:
        x = keras.layers.Activation("tanh", dtype="float32")(x)
    if head:
        x = BlockActivation(blocks=head, dtype="float32", name="head")(x)
    return given.network(x)


def mlp_discriminator(
    inputs: Shapes,
    *,
    condition: str = "concatenation",
    class_start: int | None = None,
    heads: Mapping[str, int] | None = None,
    latents: Sequence[str] = (),
    units: tuple[Width, ...] = (256, 256, 256),
    normalisation: Literal["none", "batch", "layer"] = "none",
    activation: Literal["leaky_relu", "relu", "maxout"] = "leaky_relu",
    pieces: Pieces = 2,
    dropout: Rate = 0.0,
    minibatch: Literal["none", "discrimination", "standard_deviation"] = "none",
) -> keras.Model:
    """Maps examples to raw scores `(batch, 1)` through dense layers.

    Args:
        inputs, condition, class_start, heads, latents: as of `DiscriminatorInputs`.
        units, normalisation, activation, pieces: as of the generator.
        dropout: probability that the output of a hidden unit is dropped.
        minibatch: what the last features say of the rest of the minibatch, see `MINIBATCH`.
    """
    given = DiscriminatorInputs(inputs, condition, class_start, heads, latents)
    x, normalise = keras.layers.Flatten()(given.x), NORMALISATIONS[normalisation]
    for width in units:
        x = apply_dropout(HIDDEN_UNITS[activation](x, width, normalise, pieces), dropout)
    return given.network(x, minibatch=minibatch)
