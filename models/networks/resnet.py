"""Residual networks, for images of any height, width and channel count.

Reference: Miyato et al., 2018, arXiv:1802.05957; Huang et al., 2024, arXiv:2501.05441;
self-attention Zhang et al., 2019, arXiv:1805.08318.
"""

import math
from typing import Literal

import keras

from ganapp.models.networks.blocks import (
    Rate,
    Width,
    Widths,
    coarsest_map,
    cropped,
    dropped,
    image_shape,
    raw_scores,
)
from ganapp.models.networks.residual import BLOCKS, self_attention

# What the paper of each kind of block normalises by in a (generator, discriminator).
PAPER = {"sngan": ("batch", "none"), "r3gan": ("none", "none")}


def resnet_generator(
    latent_size: int,
    shape: tuple[int, ...],
    *,
    channels: Widths = (128, 64),
    block: Literal["sngan", "r3gan"] = "r3gan",
    depth: Width = 1,
    normalisation: Literal["paper", "none", "batch", "layer"] = "paper",
    attention: bool = False,
) -> keras.Model:
    """Maps latents to images in [-1, 1]: a dense layer, then one doubling per entry of `channels`.

    The first map is the image's size divided by 2^len(channels), rounded up; what the doublings
    make too much is cropped evenly.

    Args:
        latent_size: dimension of a latent.
        shape: (height, width, channels) of an image.
        channels: of the map after each doubling, coarse to fine.
        block: two convolutions that resample (`"sngan"`), or a bottleneck with grouped
            convolutions (`"r3gan"`).
        depth: residual blocks at each resolution.
        normalisation: before each activation; `"paper"` is `"batch"` for `"sngan"`, else none.
        attention: self-attention after the middle doubling.
    """
    height, width, colours = image_shape(shape, "resnet")
    start = (*coarsest_map(height, width, len(channels)), channels[0])
    blocks = _blocks(block, normalisation, depth, len(channels), of="generator")
    z = keras.Input((latent_size,), name="z")
    x = keras.layers.Reshape(start)(keras.layers.Dense(math.prod(start))(z))
    x = blocks.coarsest(x)
    for place, maps in enumerate(channels):
        x = blocks.up(x, maps)
        if attention and place == _middle(channels):
            x = self_attention(x)
    x = cropped(blocks.to_image(x, colours), height, width)
    x = keras.layers.Activation("tanh", dtype="float32")(x)
    return keras.Model(z, x, name="generator")


def resnet_discriminator(
    shape: tuple[int, ...],
    *,
    channels: Widths = (64, 128),
    block: Literal["sngan", "r3gan"] = "r3gan",
    depth: Width = 1,
    normalisation: Literal["paper", "none", "batch", "layer"] = "paper",
    attention: bool = False,
    dropout: Rate = 0.0,
    minibatch: Literal["none", "discrimination", "standard_deviation"] = "none",
) -> keras.Model:
    """Maps images to raw scores `(batch, 1)`: one halving per entry of `channels`.

    Args:
        shape: (height, width, channels) of an image.
        channels: of the map after each halving, fine to coarse.
        block: as of the generator.
        depth: residual blocks at each resolution.
        normalisation: before each activation; `"paper"` is none.
        attention: self-attention after the middle halving.
        dropout: probability that an entry of the map after a halving is dropped.
        minibatch: what the last features say of the rest of the minibatch, see
            `ganapp.models.layers`.
    """
    images = keras.Input(image_shape(shape, "resnet"), name="examples")
    blocks = _blocks(block, normalisation, depth, len(channels), of="discriminator")
    x = images
    for place, maps in enumerate(channels):
        x = (blocks.down if place else blocks.first)(x, maps)
        if attention and place == _middle(channels):
            x = self_attention(x)
        x = dropped(x, dropout)
    scores = raw_scores(blocks.features(x), minibatch)
    return keras.Model(images, scores, name="discriminator")


def _blocks(block: str, normalisation: str, depth: int, resamplings: int, *, of: str):
    if normalisation == "paper":
        normalisation = dict(zip(("generator", "discriminator"), PAPER[block], strict=True))[of]
    return BLOCKS[block](normalisation=normalisation, depth=depth, resolutions=resamplings + 1)


def _middle(channels: tuple[int, ...]) -> int:
    return (len(channels) - 1) // 2
