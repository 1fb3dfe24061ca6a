"""Convolutional networks after DCGAN, for images of any height, width and channel count.

Reference: Radford et al., 2016, arXiv:1511.06434.
"""

import math
from collections.abc import Callable
from typing import Annotated, Literal

import annotated_types
import keras

from models.networks.blocks import activated, raw_scores

Width = Annotated[int, annotated_types.Ge(1)]
Widths = Annotated[tuple[Width, ...], annotated_types.MinLen(1)]


def _nearest(x: keras.KerasTensor, channels: int) -> keras.KerasTensor:
    # Nearest, not bilinear: resizing by bilinear has wrong second-order gradients in TensorFlow.
    x = keras.layers.UpSampling2D(2, interpolation="nearest")(x)
    return keras.layers.Conv2D(channels, 3, padding="same")(x)


def _transposed(x: keras.KerasTensor, channels: int) -> keras.KerasTensor:
    return keras.layers.Conv2DTranspose(channels, 4, strides=2, padding="same")(x)


def _strided(x: keras.KerasTensor, channels: int) -> keras.KerasTensor:
    return keras.layers.Conv2D(channels, 4, strides=2, padding="same")(x)


def _average(x: keras.KerasTensor, channels: int) -> keras.KerasTensor:
    x = keras.layers.Conv2D(channels, 3, padding="same")(x)
    return keras.layers.AveragePooling2D(2, padding="same")(x)


def _image(shape: tuple[int, ...]) -> tuple[int, ...]:
    if len(shape) != 3:
        raise ValueError(
            "The network 'dcgan' must have images of (height, width, channels); 'mlp' takes any "
            f"shape. Received: shape={shape}"
        )
    return shape


UPSAMPLINGS: dict[str, Callable] = {"nearest": _nearest, "transposed": _transposed}
DOWNSAMPLINGS: dict[str, Callable] = {"strided": _strided, "average": _average}


def dcgan_generator(
    latent_size: int,
    shape: tuple[int, ...],
    *,
    channels: Widths = (128, 64),
    normalisation: Literal["none", "batch", "layer"] = "batch",
    upsampling: Literal["nearest", "transposed"] = "transposed",
) -> keras.Model:
    """Maps latents to images in [-1, 1]: a dense layer, then one doubling per entry of `channels`.

    The first map is the image's size divided by 2^len(channels), rounded up; what the doublings
    make too much is cropped evenly.

    Args:
        latent_size: dimension of a latent.
        shape: (height, width, channels) of an image.
        channels: of the map after each doubling, coarse to fine.
        normalisation: after the dense layer and each doubling.
        upsampling: `"nearest"` (repeat, then 3x3 convolution) or `"transposed"` (4x4, stride 2).
    """
    height, width, colours = _image(shape)
    factor = 2 ** len(channels)
    start = (math.ceil(height / factor), math.ceil(width / factor), channels[0])
    z = keras.Input((latent_size,), name="z")
    x = keras.layers.Reshape(start)(keras.layers.Dense(math.prod(start))(z))
    x = activated(x, normalisation)
    for maps in channels:
        x = activated(UPSAMPLINGS[upsampling](x, maps), normalisation)
    x = keras.layers.Conv2D(colours, 3, padding="same")(x)
    spare = [(start[0] * factor - height), (start[1] * factor - width)]
    if any(spare):
        x = keras.layers.Cropping2D([(n // 2, n - n // 2) for n in spare])(x)
    x = keras.layers.Activation("tanh", dtype="float32")(x)
    return keras.Model(z, x, name="generator")


def dcgan_discriminator(
    shape: tuple[int, ...],
    *,
    channels: Widths = (64, 128),
    normalisation: Literal["none", "batch", "layer"] = "none",
    downsampling: Literal["strided", "average"] = "strided",
) -> keras.Model:
    """Maps images to raw scores `(batch, 1)`: one halving per entry of `channels`.

    Args:
        shape: (height, width, channels) of an image.
        channels: of the map after each halving, fine to coarse.
        normalisation: after each halving but the first, as in the paper.
        downsampling: `"strided"` (4x4 convolution, stride 2) or `"average"` (3x3, then pooling).
    """
    images = keras.Input(_image(shape), name="examples")
    x = images
    for place, maps in enumerate(channels):
        x = DOWNSAMPLINGS[downsampling](x, maps)
        x = activated(x, normalisation if place else "none")
    return keras.Model(images, raw_scores(keras.layers.Flatten()(x)), name="discriminator")
