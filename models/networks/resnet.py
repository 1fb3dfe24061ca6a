"""Residual networks, for images of any height, width and channel count.

Reference: Miyato et al., 2018, arXiv:1802.05957; Huang et al., 2024, arXiv:2501.05441;
self-attention Zhang et al., 2019, arXiv:1805.08318.
"""

import math
from collections.abc import Mapping
from typing import Literal

import keras

from ganapp.models.networks.blocks import (
    NORMALISATIONS,
    Normaliser,
    Rate,
    Width,
    Widths,
    check_images,
    coarsest_map,
    cropped,
    dropped,
)
from ganapp.models.networks.inputs import (
    DiscriminatorInputs,
    GeneratorInputs,
    Shapes,
    folded_shape,
    unfolded,
)
from ganapp.models.networks.residual import BLOCKS, self_attention
from ganapp.models.tensors import EXAMPLE

# What the paper of each kind of block normalises by in a (generator, discriminator).
PAPER = {"sngan": ("batch", "none"), "r3gan": ("none", "none")}


def resnet_generator(
    inputs: Shapes,
    shape: tuple[int, ...],
    *,
    condition: str = "concatenation",
    channels: Widths = (128, 64),
    block: Literal["sngan", "r3gan"] = "r3gan",
    depth: Width = 1,
    normalisation: Literal["paper", "none", "batch", "layer"] = "paper",
    attention: bool = False,
) -> keras.Model:
    """Maps what it is given to images in [-1, 1]: dense, then one doubling per entry of `channels`.

    The first map is the image's size divided by 2^len(channels), rounded up; what the doublings
    make too much is cropped evenly.

    Args:
        inputs: shape of each input by name, see `ganapp.models.networks.inputs`.
        shape: (height, width, channels) of an image, or (time, height, width, channels) of a clip,
            whose frames are made together.
        condition: how the class enters, where it does.
        channels: of the map after each doubling, coarse to fine.
        block: two convolutions that resample (`"sngan"`), or a bottleneck with grouped
            convolutions (`"r3gan"`).
        depth: residual blocks at each resolution.
        normalisation: before each activation; `"paper"` is `"batch"` for `"sngan"`, else none.
        attention: self-attention after the middle doubling.
    """
    check_images(shape, "resnet")
    height, width, colours = folded_shape(shape)
    coarsest = coarsest_map(height, width, len(channels))
    given = GeneratorInputs(inputs, condition)
    normalisation = PAPER[block][0] if normalisation == "paper" else normalisation
    blocks = _blocks(block, given.normaliser(normalisation), depth, len(channels))
    observed = given.observed_maps(coarsest, (height, width), channels)
    start = (*coarsest, channels[0])
    x = keras.layers.Reshape(start)(keras.layers.Dense(math.prod(start))(given.vector))
    x = blocks.coarsest(observed.beside(x))
    for place, maps in enumerate(channels):
        x = blocks.up(x, maps)
        if attention and place == _middle(channels):
            x = self_attention(x)
        x = observed.beside(x)
    x = cropped(blocks.to_image(x, colours), height, width)
    x = keras.layers.Activation("tanh", dtype="float32")(x)
    return given.network(unfolded(x, shape))


def resnet_discriminator(
    inputs: Shapes,
    *,
    condition: str = "concatenation",
    class_start: int | None = None,
    heads: Mapping[str, int] | None = None,
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
        inputs: shape of each input by name, see `ganapp.models.networks.inputs`.
        condition: how the class enters, where it does.
        class_start: see `ganapp.models.networks.inputs.DiscriminatorInputs`.
        heads: likewise.
        channels: of the map after each halving, fine to coarse.
        block: as of the generator.
        depth: residual blocks at each resolution.
        normalisation: before each activation; `"paper"` is none.
        attention: self-attention after the middle halving.
        dropout: probability that an entry of the map after a halving is dropped.
        minibatch: what the last features say of the rest of the minibatch, see
            `ganapp.models.layers`.
    """
    check_images(inputs[EXAMPLE], "resnet")
    given = DiscriminatorInputs(inputs, condition, class_start, heads)
    normalisation = PAPER[block][1] if normalisation == "paper" else normalisation
    blocks = _blocks(block, NORMALISATIONS[normalisation], depth, len(channels))
    x = given.x
    for place, maps in enumerate(channels):
        x = (blocks.down if place else blocks.first)(x, maps)
        if attention and place == _middle(channels):
            x = self_attention(x)
        x = dropped(x, dropout)
    return given.network(blocks.features(x), minibatch=minibatch)


def _blocks(block: str, normalise: Normaliser, depth: int, resamplings: int):
    return BLOCKS[block](normalise=normalise, depth=depth, resolutions=resamplings + 1)


def _middle(channels: tuple[int, ...]) -> int:
    return (len(channels) - 1) // 2
