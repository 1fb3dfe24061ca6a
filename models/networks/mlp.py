"""Multi-layer perceptrons, for vectors and small images."""

import math
from typing import Annotated, Literal

import annotated_types
import keras

from models.networks.blocks import activated, raw_scores

Width = Annotated[int, annotated_types.Ge(1)]


def mlp_generator(
    latent_size: int,
    shape: tuple[int, ...],
    *,
    units: tuple[Width, ...] = (256, 256, 256),
    normalisation: Literal["none", "batch", "layer"] = "none",
    activation: Literal["leaky_relu", "relu"] = "leaky_relu",
) -> keras.Model:
    """Maps latents to examples through dense layers.

    Args:
        latent_size: dimension of a latent.
        shape: of one example. Images (three axes) end in tanh, vectors are unbounded.
        units: width of each hidden layer.
        normalisation: after each hidden layer.
        activation: of the hidden layers.
    """
    z = keras.Input((latent_size,), name="z")
    x = z
    # He et al. (2015): keeps the scale of activations through rectified layers.
    for width in units:
        x = activated(
            keras.layers.Dense(width, kernel_initializer="he_normal")(x), normalisation, activation
        )
    x = keras.layers.Dense(math.prod(shape), kernel_initializer="lecun_normal", dtype="float32")(x)
    x = keras.layers.Reshape(shape, dtype="float32")(x)
    if len(shape) == 3:
        x = keras.layers.Activation("tanh", dtype="float32")(x)
    return keras.Model(z, x, name="generator")


def mlp_discriminator(
    shape: tuple[int, ...],
    *,
    units: tuple[Width, ...] = (256, 256, 256),
    normalisation: Literal["none", "batch", "layer"] = "none",
    activation: Literal["leaky_relu", "relu"] = "leaky_relu",
) -> keras.Model:
    """Maps examples to raw scores `(batch, 1)` through dense layers; arguments as above."""
    inputs = keras.Input(shape, name="examples")
    x = keras.layers.Flatten()(inputs)
    for width in units:
        x = activated(
            keras.layers.Dense(width, kernel_initializer="he_normal")(x), normalisation, activation
        )
    return keras.Model(inputs, raw_scores(x), name="discriminator")
