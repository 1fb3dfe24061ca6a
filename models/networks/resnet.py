"""Residual networks, for images of any height, width and channel count.

Reference: Miyato et al., 2018, arXiv:1802.05957; Huang et al., 2024, arXiv:2501.05441;
self-attention Zhang et al., 2019, arXiv:1805.08318.

Upsampling is nearest and downsampling is averaging, whose second-order gradients are right; those
of bilinear resizing, which the papers of R3GAN and StyleGAN use, are not in TensorFlow.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Literal

import keras

from ganapp.models.layers import Gain, GroupedConv2D, UpsamplingConv2D
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

GROUP_WIDTH = 16  # channels in a group of a grouped convolution, as in R3GAN
# What the paper of each kind of block normalises by in a (generator, discriminator).
PAPER = {"sngan": ("batch", "none"), "r3gan": ("none", "none")}


def resnet_generator(
    inputs: Shapes,
    shape: tuple[int, ...],
    *,
    condition: str = "concatenation",
    residual: str = "",
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
        inputs, condition, residual: as of `GeneratorInputs`.
        shape: (height, width, channels) of an image, or (time, height, width, channels) of a clip,
            whose frames are made together.
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
    given = GeneratorInputs(inputs, condition, residual=residual)
    normalisation = PAPER[block][0] if normalisation == "paper" else normalisation
    blocks = BLOCKS[block](given.normaliser(normalisation), depth, len(channels) + 1)
    beside = given.observed_maps(coarsest, (height, width), channels)
    start = (*coarsest, channels[0])
    x = keras.layers.Reshape(start)(keras.layers.Dense(math.prod(start))(given.vector))
    x = blocks.coarsest(beside(x))
    for place, maps in enumerate(channels):
        x = blocks.up(x, maps)
        if attention and place == _middle(channels):
            x = self_attention(x)
        x = beside(x)
    x = crop(blocks.to_image(x, colours), height, width)
    return given.network(given.images(x, shape))


def resnet_discriminator(
    inputs: Shapes,
    *,
    condition: str = "concatenation",
    class_start: int | None = None,
    heads: Mapping[str, int] | None = None,
    latents: Sequence[str] = (),
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
        inputs, condition, class_start, heads, latents: as of `DiscriminatorInputs`.
        channels: of the map after each halving, fine to coarse.
        block, depth: as of the generator.
        normalisation: before each activation; `"paper"` is none.
        attention: self-attention after the middle halving.
        dropout: probability that an entry of the map after a halving is dropped.
        minibatch: what the last features say of the rest of the minibatch, see `MINIBATCH`.
    """
    check_images(inputs[EXAMPLE], "resnet")
    given = DiscriminatorInputs(inputs, condition, class_start, heads, latents)
    normalisation = PAPER[block][1] if normalisation == "paper" else normalisation
    blocks = BLOCKS[block](NORMALISATIONS[normalisation], depth, len(channels) + 1)
    x = given.x
    for place, maps in enumerate(channels):
        x = (blocks.down if place else blocks.first)(x, maps)
        if attention and place == _middle(channels):
            x = self_attention(x)
        x = apply_dropout(x, dropout)
    return given.network(blocks.features(x), minibatch=minibatch)


def _middle(channels: tuple[int, ...]) -> int:
    return (len(channels) - 1) // 2


def _double(x: keras.KerasTensor) -> keras.KerasTensor:
    return keras.layers.UpSampling2D(2, interpolation="nearest")(x)


def _halve(x: keras.KerasTensor) -> keras.KerasTensor:
    return keras.layers.AveragePooling2D(2, padding="same")(x)


@dataclasses.dataclass(frozen=True)
class SNGANBlocks:
    """Blocks of two convolutions, normalised and rectified before each, that resample inside.

    Of the `depth` blocks at each resolution the first one resamples.

    Reference: Miyato et al., 2018, arXiv:1802.05957, after Gulrajani et al., 2017,
    arXiv:1704.00028.
    """

    normalise: Normaliser
    depth: int
    resolutions: int

    def coarsest(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """A generator's smallest map, made ready for the first doubling."""
        return x

    def up(self, x: keras.KerasTensor, width: int) -> keras.KerasTensor:
        """Doubles both sides."""
        # The 1x1 convolution and the doubling commute; the convolution first is a fourth the work.
        shortcut = _double(self._convolve(x, width, 1))
        branch = self._branch(self._activate(x), width, UpsamplingConv2D)
        x = keras.layers.Add()([shortcut, branch])
        return self._deepen(x)

    def to_image(self, x: keras.KerasTensor, colours: int) -> keras.KerasTensor:
        """The last map as an image of unbounded values."""
        return keras.layers.Conv2D(colours, 3, padding="same")(self._activate(x))

    def first(self, images: keras.KerasTensor, width: int) -> keras.KerasTensor:
        """Halves both sides of images, which are not to be rectified."""
        return self._down(images, images, width)

    def down(self, x: keras.KerasTensor, width: int) -> keras.KerasTensor:
        """Halves both sides."""
        return self._down(x, self._activate(x), width)

    def features(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """What is scored of the smallest map, `(batch, d)`: here its sum over the pixels."""
        # Layers throughout, because constraints copy a network layer by layer.
        mean = keras.layers.GlobalAveragePooling2D()(self._activate(x))
        return keras.layers.Rescaling(float(x.shape[1] * x.shape[2]))(mean)

    def _down(self, x, activation, width):
        # Both summands are averaged, so their sum is: one pooling instead of two.
        branch = self._branch(activation, width)
        x = _halve(keras.layers.Add()([self._convolve(x, width, 1), branch]))
        return self._deepen(x)

    def _deepen(self, x):
        for _ in range(self.depth - 1):
            x = keras.layers.Add()([x, self._branch(self._activate(x), x.shape[-1])])
        return x

    def _branch(self, activation, width, kind=keras.layers.Conv2D):
        x = self._convolve(activation, width, 3, gain=2.0, kind=kind)
        return self._convolve(self._activate(x), width, 3, gain=2.0)

    def _activate(self, x):
        return activate(x, self.normalise, "relu")

    @staticmethod
    def _convolve(x, width, size, gain=1.0, kind=keras.layers.Conv2D):
        initial = keras.initializers.VarianceScaling(gain, "fan_avg", "uniform")
        options = {"kernel_size": size, "padding": "same", "kernel_initializer": initial}
        return kind(width, **options)(x)


@dataclasses.dataclass(frozen=True)
class R3GANBlocks:
    """Bottlenecks with a 3x3 convolution in groups; resampling stands between them.

    A block is 1x1 to twice the width, 3x3 in groups, 1x1 back, and begins as the identity: its last
    convolution is zero, and the others are the smaller the more blocks there are (Fixup).

    The methods are those of `SNGANBlocks`.

    Reference: Huang et al., 2024, arXiv:2501.05441; Zhang et al., 2019, arXiv:1901.09321.
    """

    normalise: Normaliser
    depth: int
    resolutions: int

    def coarsest(self, x: keras.KerasTensor) -> keras.KerasTensor:
        return self._blocks(x)

    def up(self, x: keras.KerasTensor, width: int) -> keras.KerasTensor:
        return self._blocks(_double(self._widen(x, width)))

    def to_image(self, x: keras.KerasTensor, colours: int) -> keras.KerasTensor:
        return self._linear(x, colours)

    def first(self, images: keras.KerasTensor, width: int) -> keras.KerasTensor:
        return self.down(self._linear(images, width), width)

    def down(self, x: keras.KerasTensor, width: int) -> keras.KerasTensor:
        return self._widen(_halve(self._blocks(x)), width)

    def features(self, x: keras.KerasTensor) -> keras.KerasTensor:
        # The paper scores a weighted sum over the pixels of each channel. A score of all pixels is
        # the same function, and needs no convolution by channel.
        return keras.layers.Flatten()(self._blocks(x))

    def _blocks(self, x):
        for _ in range(self.depth):
            x = self._block(x)
        return x

    def _block(self, x):
        channels, inner = x.shape[-1], 2 * x.shape[-1]
        # He et al. (2015) for a slope of 0.2; two of three convolutions share the factor of Fixup.
        scale = 2.0 / (1.0 + 0.2**2) / (self.depth * self.resolutions) ** 0.5
        initial = keras.initializers.VarianceScaling(scale, "fan_in", "untruncated_normal")
        branch = keras.layers.Conv2D(inner, 1, kernel_initializer=initial)(x)
        branch = activate(branch, self.normalise)
        # Initializers draw by their seed: one of its own for each layer.
        initial = keras.initializers.VarianceScaling(scale, "fan_in", "untruncated_normal")
        branch = GroupedConv2D(inner, 3, groups=_groups(inner), kernel_initializer=initial)(branch)
        branch = activate(branch, self.normalise)
        last = keras.layers.Conv2D(channels, 1, use_bias=False, kernel_initializer="zeros")
        return keras.layers.Add()([x, last(branch)])

    def _widen(self, x, width):
        return x if x.shape[-1] == width else self._linear(x, width)

    @staticmethod
    def _linear(x, width):
        return keras.layers.Conv2D(width, 1, use_bias=False, kernel_initializer="lecun_normal")(x)


def _groups(channels: int) -> int:
    """The largest number of equal groups of at least `GROUP_WIDTH` channels; else one."""
    numbers = range(1, channels // GROUP_WIDTH + 1)
    return max((n for n in numbers if channels % n == 0), default=1)


BLOCKS = {"sngan": SNGANBlocks, "r3gan": R3GANBlocks}


def self_attention(x: keras.KerasTensor) -> keras.KerasTensor:
    """Adds to each pixel what it takes from all others; nothing at first (gain 0).

    Its memory is (height x width)^2 an example. As in the paper's code, but without its max
    pooling of keys and values. A map of one pixel, which has no others, stays as it is.

    Reference: Zhang et al., 2019, arXiv:1805.08318.
    """
    height, width, channels = x.shape[1:]
    if height * width == 1:
        return x

    def pixels(maps: int) -> keras.KerasTensor:
        projected = keras.layers.Conv2D(maps, 1, use_bias=False)(x)
        return keras.layers.Reshape((height * width, maps))(projected)

    narrow, wide = max(1, channels // 8), max(1, channels // 2)
    query, key, value = pixels(narrow), pixels(narrow), pixels(wide)
    taken = keras.layers.Attention()([query, value, key])
    taken = keras.layers.Reshape((height, width, wide))(taken)
    taken = keras.layers.Conv2D(channels, 1, use_bias=False)(taken)
    return keras.layers.Add()([x, Gain()(taken)])
