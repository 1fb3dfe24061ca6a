"""Autoencoders as discriminators: what they reconstruct well they believe to be real.

Reference: Zhao et al., 2017, "EBGAN", arXiv:1609.03126; Berthelot et al., 2017, "BEGAN",
arXiv:1703.10717.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import keras

from ganapp.models.layers import ReconstructionScore
from ganapp.models.networks.blocks import (
    Rate,
    Width,
    Widths,
    activate,
    apply_dropout,
    coarsest_map,
    crop,
)
from ganapp.models.networks.dcgan import DOWNSAMPLINGS, UPSAMPLINGS
from ganapp.models.networks.inputs import DiscriminatorInputs, Shapes
from ganapp.models.tensors import BOTTLENECK


def autoencoder_discriminator(
    inputs: Shapes,
    *,
    condition: str = "concatenation",
    class_start: int | None = None,
    heads: Mapping[str, int] | None = None,
    latents: Sequence[str] = (),
    widths: Widths = (64, 128),
    code: Width = 64,
    error: Literal["squared", "absolute"] = "squared",
    dropout: Rate = 0.0,
) -> keras.Model:
    """Maps examples to scores `(batch, 1)`, float32: minus the error of their reconstruction.

    The code is its `features`. Images and clips go through convolutions, everything else through
    dense layers; what joins the example is reconstructed with it.

    Args:
        inputs, condition, class_start, heads, latents: as of `DiscriminatorInputs`.
        widths: of the hidden layers from the example to the code, the decoder's in reverse: the
            channels of images after each halving of the sides, else units.
        code: dimension of the code.
        error: mean over an example's entries of the squared (EBGAN) or absolute (BEGAN) difference.
        dropout: probability that an output of the encoder's hidden layers is dropped.
    """
    given = DiscriminatorInputs(inputs, condition, class_start, heads, latents)
    shape = tuple(given.x.shape[1:])
    encode, decode = (_encode, _decode) if len(shape) == 3 else (_dense, _decode_dense)
    x = keras.layers.Dense(code)(encode(given.x, widths, dropout))
    # A layer of its own: constraints replace the dense layer by one with another name.
    x = keras.layers.Identity(name=BOTTLENECK)(x)
    score = ReconstructionScore(error=error, dtype="float32", name="scores")
    return given.network(x, score([given.x, decode(x, shape, widths)]))


# Minus a reconstruction error is never positive, and no logit.
autoencoder_discriminator.reconstructs = True


def _encode(x, widths, dropout):
    for width in widths:
        x = apply_dropout(activate(DOWNSAMPLINGS["strided"](x, width)), dropout)
    return keras.layers.Flatten()(x)


def _decode(x, shape, widths):
    start = (*coarsest_map(*shape[:2], len(widths)), widths[-1])
    x = keras.layers.Reshape(start)(activate(keras.layers.Dense(math.prod(start))(x)))
    for width in reversed(widths):
        x = activate(UPSAMPLINGS["nearest"](x, width))
    x = keras.layers.Conv2D(shape[2], 3, padding="same", dtype="float32")(x)
    return crop(x, *shape[:2])


def _dense(x, widths, dropout):
    x = keras.layers.Flatten()(x)
    for width in widths:
        x = keras.layers.Dense(width, kernel_initializer="he_normal")(x)
        x = apply_dropout(activate(x), dropout)
    return x


def _decode_dense(x, shape, widths):
    x = _dense(x, reversed(widths), 0.0)
    return keras.layers.Reshape(shape)(keras.layers.Dense(math.prod(shape), dtype="float32")(x))
