"""Convolutional networks after DCGAN, for images of any height, width and channel count.

Reference: Radford et al., 2016, arXiv:1511.06434.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import keras

from ganapp.models.layers import UpsamplingConv2D
from ganapp.models.networks.blocks import (
    NORMALISATIONS,
    Normaliser,
    Rate,
    Width,
    Widths,
    activate,
    apply_dropout,
    check_images,
    coarsest_map,
    crop,
)
from ganapp.models.networks.inputs import (
    DiscriminatorInputs,
    GeneratorInputs,
    Shapes,
    folded_shape,
)
from ganapp.models.tensors import EXAMPLE


def _plain(x: keras.KerasTensor, channels: int) -> keras.KerasTensor:
    return keras.layers.Conv2D(channels, 3, padding="same")(x)


def _average(x: keras.KerasTensor, channels: int) -> keras.KerasTensor:
    return keras.layers.AveragePooling2D(2, padding="same")(_plain(x, channels))


def _refine(
    x: keras.KerasTensor, channels: int, convolutions: int, normalise: Normaliser
) -> keras.KerasTensor:
    for _ in range(convolutions):
        x = activate(_plain(x, channels), normalise)
    return x


# (x, channels) -> x. Nearest, not bilinear, whose second-order gradients TensorFlow has wrong.
UPSAMPLINGS: dict[str, Callable] = {
    "nearest": lambda x, channels: UpsamplingConv2D(channels)(x),
    "transposed": lambda x, channels: keras.layers.Conv2DTranspose(
        channels, 4, strides=2, padding="same"
    )(x),
}
DOWNSAMPLINGS: dict[str, Callable] = {
    "strided": lambda x, channels: keras.layers.Conv2D(channels, 4, strides=2, padding="same")(x),
    "average": _average,
}


def dcgan_generator(
    inputs: Shapes,
    shape: tuple[int, ...],
    *,
    condition: str = "concatenation",
    residual: str = "",
    channels: Widths = (128, 64),
    normalisation: Literal["none", "batch", "layer"] = "batch",
    upsampling: Literal["nearest", "transposed"] = "transposed",
    depth: Width = 1,
    output: Literal["convolution", "doubling"] = "convolution",
) -> keras.Model:
    """Maps what it is given to images in [-1, 1]: dense, then one doubling per entry of `channels`.

    The first map is the image's size divided by 2^len(channels), rounded up; what the doublings
    make too much is cropped evenly.

    Args:
        inputs, condition, residual: as of `GeneratorInputs`.
        shape: (height, width, channels) of an image, or (time, height, width, channels) of a clip,
            whose frames are made together.
        channels: of the map after each doubling, coarse to fine; before it with
            `output="doubling"`.
        normalisation: after the dense layer and each doubling.
        upsampling: `"nearest"` (repeat, then 3x3 convolution) or `"transposed"` (4x4, stride 2).
        depth: convolutions after each doubling to several maps, its own included; the others are
            3x3. The paper has 1.
        output: `"convolution"` (3x3, of the last map) or `"doubling"` (the last doubling makes the
            image, as in the paper: less work, as no map of many channels has the image's size).
    """
    check_images(shape, "dcgan")
    height, width, colours = folded_shape(shape)
    coarsest = coarsest_map(height, width, len(channels))
    given = GeneratorInputs(inputs, condition, residual=residual)
    normalise = given.normaliser(normalisation)
    beside = given.observed_maps(coarsest, (height, width), channels)
    start = (*coarsest, channels[0])
    x = keras.layers.Reshape(start)(keras.layers.Dense(math.prod(start))(given.vector))
    x = beside(activate(x, normalise))
    doubled = UPSAMPLINGS[upsampling]
    last, maps_after = (doubled, channels[1:]) if output == "doubling" else (_plain, channels)
    for maps in maps_after:
        x = activate(doubled(x, maps), normalise)
        x = beside(_refine(x, maps, depth - 1, normalise))
    return given.network(given.images(crop(last(x, colours), height, width), shape))


def dcgan_discriminator(
    inputs: Shapes,
    *,
    condition: str = "concatenation",
    class_start: int | None = None,
    heads: Mapping[str, int] | None = None,
    latents: Sequence[str] = (),
    channels: Widths = (64, 128),
    normalisation: Literal["none", "batch", "layer"] = "none",
    downsampling: Literal["strided", "average"] = "strided",
    depth: Width = 1,
    dropout: Rate = 0.0,
    minibatch: Literal["none", "discrimination", "standard_deviation"] = "none",
) -> keras.Model:
    """Maps images to raw scores `(batch, 1)`: one halving per entry of `channels`.

    Args:
        inputs, condition, class_start, heads, latents: as of `DiscriminatorInputs`.
        channels: of the map after each halving, fine to coarse.
        normalisation: after each convolution but the first, as in the paper.
        downsampling: `"strided"` (4x4 convolution, stride 2) or `"average"` (3x3, then pooling).
        depth: convolutions after each halving, its own included; the others are 3x3. The paper
            has 1.
        dropout: probability that an entry of a map is dropped.
        minibatch: what the last features say of the rest of the minibatch, see `MINIBATCH`.
    """
    check_images(inputs[EXAMPLE], "dcgan")
    given = DiscriminatorInputs(inputs, condition, class_start, heads, latents)
    x, normalise = given.x, NORMALISATIONS[normalisation]
    for place, maps in enumerate(channels):
        x = activate(DOWNSAMPLINGS[downsampling](x, maps), *([normalise] if place else []))
        x = apply_dropout(_refine(x, maps, depth - 1, normalise), dropout)
    return given.network(keras.layers.Flatten()(x), minibatch=minibatch)
