"""Style-based networks, for images of any height, width and channel count.

Reference: Karras et al., 2020, "Analyzing and improving the image quality of StyleGAN",
arXiv:1912.04958; mapping and mixing after Karras et al., 2019, arXiv:1812.04948.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Literal

import annotated_types
import keras

from ganapp.models.layers import (
    EqualizedDense,
    LearnedMap,
    ModulatedConv2D,
    NextRows,
    StyleMixing,
)
from ganapp.models.layers.resampling import LinearResizing
from ganapp.models.networks.blocks import (
    MINIBATCH,
    Rate,
    Width,
    Widths,
    activate,
    apply_dropout,
    check_images,
    coarsest_map,
    crop,
)
from ganapp.models.networks.dcgan import DOWNSAMPLINGS
from ganapp.models.networks.inputs import (
    DiscriminatorInputs,
    GeneratorInputs,
    Shapes,
    Tensor,
    folded_shape,
)
from ganapp.models.tensors import EXAMPLE, LATENT

Share = Annotated[float, annotated_types.Ge(0), annotated_types.Le(1)]
Multiplier = Annotated[float, annotated_types.Gt(0)]
GAIN = 2**0.5  # makes up for a leaky rectifier


def style_generator(
    inputs: Shapes,
    shape: tuple[int, ...],
    *,
    condition: str = "concatenation",
    residual: str = "",
    channels: Widths = (128, 64),
    depth: Width = 2,
    mapping_layers: Width = 2,
    mapping_units: Width = 64,
    mapping_rate: Multiplier = 0.01,
    mixing: Share = 0.0,
) -> keras.Model:
    """Maps what it is given to a style w, and a learned map to images in [-1, 1] by that style.

    The map is the image's size divided by 2^len(channels), rounded up. At each resolution
    convolutions are modulated by w and demodulated, and what a 1x1 convolution reads off is added
    to the image so far, whose sides are doubled by linear interpolation; what the doublings make
    too much is cropped evenly. There is no noise beside the latents: an image is a function of its
    named inputs. The latent is not normalised either, which is what the prior `sphere` is for:
    truncation would else have no effect on it.

    Args:
        inputs, condition, residual: as of `GeneratorInputs`; vectors and the class are joined to z
            before the mapping, observed maps join the map at each resolution.
        shape: (height, width, channels) of an image, or (time, height, width, channels) of a clip,
            whose frames are made together.
        channels: of the map after each doubling, coarse to fine; the learned map has as many as
            the first.
        depth: 3x3 convolutions at each resolution, the first of which doubles; the coarsest has
            one less, but one at least.
        mapping_layers: dense layers from z to w. The paper has 8, its successor for few images
            (Karras et al., 2020, arXiv:2006.06676) 2.
        mapping_units: of each of them, and entries of w.
        mapping_rate: their learning rate as a multiple of the optimizer's.
        mixing: probability that, in training, an image has the w of another z from some layer on
            (that of the next row of the global batch, with its own class and vectors).

    Raises:
        ValueError: the examples are no images, or there is no z to mix.
    """
    check_images(shape, "style")
    height, width, colours = folded_shape(shape)
    coarsest = coarsest_map(height, width, len(channels))
    given = GeneratorInputs(inputs, condition, residual=residual)
    given.normaliser("none")  # refuses a class that enters by normalisation
    convolutions = [max(1, depth - 1), *[depth] * len(channels)]
    styles = iter(
        _styles(given, sum(convolutions), mixing, [mapping_units] * mapping_layers, mapping_rate)
    )
    beside = given.observed_maps(coarsest, (height, width), channels)
    image, x = None, beside(LearnedMap((*coarsest, channels[0]))(given.vector))
    for place, (maps, count) in enumerate(zip([channels[0], *channels], convolutions, strict=True)):
        for layer in range(count):
            w = next(styles)
            x = _modulated(x, w, maps, upsample=place > 0 and layer == 0, gain=GAIN)
            x = activate(x)
        x = beside(x) if place else x
        read = _modulated(x, w, colours, kernel_size=1, demodulate=False)
        image = read if image is None else _add(_doubled(image), read)
    return given.network(given.images(crop(image, height, width), shape))


def style_discriminator(
    inputs: Shapes,
    *,
    condition: str = "concatenation",
    class_start: int | None = None,
    heads: Mapping[str, int] | None = None,
    latents: Sequence[str] = (),
    channels: Widths = (64, 128),
    downsampling: Literal["strided", "average"] = "average",
    dropout: Rate = 0.0,
    minibatch: Literal["none", "standard_deviation"] = "none",
) -> keras.Model:
    """Maps images to raw scores `(batch, 1)`: a residual block that halves per entry of `channels`.

    Its weights are those of plain layers, not equalised ones as in the paper: constraints and
    regularisers of weights are about these.

    Args:
        inputs, condition, class_start, heads, latents: as of `DiscriminatorInputs`.
        channels: of the map after each halving, fine to coarse.
        downsampling: as of `dcgan_discriminator`, in the second convolution of each block.
        dropout: probability that an entry of the map after a halving is dropped.
        minibatch: `"standard_deviation"` is the paper's, a map more before the last convolution.
            Scores then depend on other examples, which penalties on the gradient of each example's
            do not allow.
    """
    check_images(inputs[EXAMPLE], "style")
    given = DiscriminatorInputs(inputs, condition, class_start, heads, latents)
    x = activate(_convolution(channels[0], 1)(given.x))
    for maps in channels:
        branch = activate(_convolution(x.shape[-1], 3)(x))
        branch = activate(DOWNSAMPLINGS[downsampling](branch, maps))
        pooled = keras.layers.AveragePooling2D(2, padding="same")(x)
        shortcut = keras.layers.Conv2D(maps, 1, use_bias=False, kernel_initializer="lecun_normal")(
            pooled
        )
        x = keras.layers.Rescaling(2**-0.5)(keras.layers.Add()([shortcut, branch]))
        x = apply_dropout(x, dropout)
    x = activate(_convolution(channels[-1], 3)(MINIBATCH[minibatch](x)))
    dense = keras.layers.Dense(channels[-1], kernel_initializer="he_normal")
    return given.network(activate(dense(keras.layers.Flatten()(x))))


def _styles(
    given: GeneratorInputs, layers: int, mixing: float, units: list[int], rate: float
) -> list[Tensor]:
    """The w of each layer, `(batch, d)`."""
    dense = [EqualizedDense(width, rate=rate, gain=GAIN) for width in units]

    def mapped(vector: Tensor) -> Tensor:
        for layer in dense:
            vector = activate(layer(vector))
        return vector

    w = mapped(given.vector)
    if not mixing:
        return [w] * layers
    if LATENT not in given.tensors:
        raise ValueError(
            "`generator.mixing` is of the latent 'z', which this generator does not take. "
            f"Received: mixing={mixing} with {', '.join(map(repr, given.tensors))}"
        )
    other = mapped(given.with_latent(NextRows()(given.tensors[LATENT])))
    mixed = StyleMixing(layers, mixing)([w, other])
    return [mixed[:, layer] for layer in range(layers)]


def _modulated(x: Tensor, w: Tensor, maps: int, **options) -> Tensor:
    style = EqualizedDense(x.shape[-1], bias=1.0)(w)
    return ModulatedConv2D(maps, **options)([x, style])


def _doubled(image: Tensor) -> Tensor:
    return LinearResizing(2 * image.shape[1], 2 * image.shape[2], dtype="float32")(image)


def _add(image: Tensor, read: Tensor) -> Tensor:
    return keras.layers.Add(dtype="float32")([image, read])


def _convolution(maps: int, size: int) -> Callable[[Tensor], Tensor]:
    return keras.layers.Conv2D(maps, size, padding="same", kernel_initializer="he_normal")
