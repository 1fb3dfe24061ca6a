"""Networks that look at an image at several scales, each half of the next finer one.

Reference: Mathieu, Couprie and LeCun, 2016, "Deep multi-scale video prediction beyond mean square
error", arXiv:1511.05440.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import keras

from ganapp.models.networks.blocks import (
    NORMALISATIONS,
    Normaliser,
    Rate,
    Width,
    Widths,
    activate,
    apply_dropout,
    check_images,
)
from ganapp.models.networks.inputs import (
    DiscriminatorInputs,
    GeneratorInputs,
    Shape,
    Shapes,
    Tensor,
    folded_shape,
    unfold,
)
from ganapp.models.stages import STAGE
from ganapp.models.tensors import BOTTLENECK, EXAMPLE, SCORES


def scale_name(sides: Shape) -> str:
    """The name of the output that is the example at a coarser scale."""
    return f"{EXAMPLE}_{sides[0]}x{sides[1]}"


def multi_scale_generator(
    inputs: Shapes,
    shape: tuple[int, ...],
    *,
    condition: str = "concatenation",
    residual: str = "",
    scales: Width = 3,
    channels: Widths = (32, 64, 32),
    kernel: Width = 3,
    normalisation: Literal["none", "batch", "layer"] = "none",
) -> keras.Model:
    """Maps what it is given to images, from the coarsest scale to the finest.

    At each scale a stack of convolutions of its own sees what the network is given, averaged to
    that scale, and the prediction of the next coarser scale with its pixels doubled; what it makes
    is added to that prediction. The latent and other vectors are spread over the map.

    Args:
        inputs, condition, residual: as of `GeneratorInputs`. With a residual it is the difference
            to that observation that goes from scale to scale.
        shape: (height, width, channels) of an image, or (time, height, width, channels) of a clip,
            whose frames are made together.
        scales: how many; each halves the sides of the one before it, rounded up.
        channels: of the maps of a stack, one convolution each; one to the image follows.
        kernel: side of every kernel.
        normalisation: after each hidden convolution.

    Returns:
        A network whose outputs are `x` and, named by `scale_name`, the prediction at each coarser
        scale, which terms on pairs compare with the row's own, averaged. They are its stages too.

    Raises:
        ValueError: the examples are no images, or too small for so many scales.
    """
    check_images(shape, "multi_scale")
    *sides, colours = folded_shape(shape)
    _check_scales(scales, sides)
    given = GeneratorInputs(inputs, condition, residual=residual)
    normalise = given.normaliser(normalisation)
    seen = _halvings(given.map(sides), scales)
    under = _halvings(given.under(sides, colours), scales) if residual else [None] * scales
    carried, outputs = None, {}
    for scale in reversed(range(scales)):
        x = seen[scale]
        if carried is not None:
            carried = _doubled(carried, x.shape[1:3])
            x = keras.layers.Concatenate()([x, carried])
        made = _stack(x, channels, kernel, colours, normalise)
        total = made if carried is None else keras.layers.Add(dtype="float32")([carried, made])
        if residual:
            carried, image = total, keras.layers.Add(dtype="float32")([under[scale], total])
        else:
            carried = image = keras.layers.Activation("tanh", dtype="float32")(total)
        of_scale = tuple(image.shape[1:3])
        image = unfold(image, (*shape[:-3], *of_scale, shape[-1]))
        stage = keras.layers.Identity(name=f"{STAGE}{scales - scale}", dtype="float32")
        outputs[scale_name(of_scale) if scale else EXAMPLE] = stage(image)
    return given.network(outputs.pop(EXAMPLE), **outputs)


def multi_scale_discriminator(
    inputs: Shapes,
    *,
    condition: str = "concatenation",
    class_start: int | None = None,
    heads: Mapping[str, int] | None = None,
    latents: Sequence[str] = (),
    scales: Width = 3,
    channels: Widths = (32, 64),
    hidden: Width = 64,
    normalisation: Literal["none", "batch", "layer"] = "none",
    dropout: Rate = 0.0,
) -> keras.Model:
    """Maps images, and what is observed beside them, to a raw score for each scale.

    Scores are `(batch, scales)`, the finest first: as losses are means over scores, each scale is
    a discriminator of its own, as in the paper, under any objective. Every scale sees the example
    itself, averaged to it (Wang et al., 2018, arXiv:1711.11585), so that augmentations and
    gradient penalties hold for all of them; the paper's sees the generator's output of that scale.

    Args:
        inputs, condition, class_start, heads, latents: as of `DiscriminatorInputs`.
        scales: how many; each halves the sides of the one before it, rounded up.
        channels: of the map after each halving by a 4x4 convolution, at every scale.
        hidden: units between the last map and the score of a scale.
        normalisation: after each convolution but the first.
        dropout: probability that a hidden unit is dropped.

    Raises:
        ValueError: the examples are no images, or too small for so many scales.
    """
    check_images(inputs[EXAMPLE], "multi_scale")
    given = DiscriminatorInputs(inputs, condition, class_start, heads, latents)
    _check_scales(scales, given.x.shape[1:3])
    features, norm = [], NORMALISATIONS[normalisation]
    for x in _halvings(given.x, scales):
        for place, maps in enumerate(channels):
            x = keras.layers.Conv2D(maps, 4, strides=2, padding="same")(x)
            x = activate(x, *([norm] if place else []))
        x = keras.layers.Dense(hidden, kernel_initializer="he_normal")(keras.layers.Flatten()(x))
        features.append(apply_dropout(activate(x), dropout))
    together = _joined(features, BOTTLENECK)  # in one layer, which terms on features look at
    linear = {"kernel_initializer": "lecun_normal", "dtype": "float32"}
    scores = [
        keras.layers.Dense(1, name=f"{SCORES}_{scale}", **linear)(
            together[:, scale * hidden : (scale + 1) * hidden]
        )
        for scale in range(scales)
    ]
    return given.network(together, _joined(scores, SCORES))


def _check_scales(scales: int, sides: Shape) -> None:
    smallest = min(sides)
    for _ in range(scales - 1):
        if smallest < 3:
            raise ValueError(
                "`scales` must leave at least 2 pixels a side at the coarsest of them. "
                f"Received: scales={scales} for images of {sides[0]} x {sides[1]}"
            )
        smallest = -(-smallest // 2)


def _halvings(x: Tensor, scales: int) -> list[Tensor]:
    """A map, and its means of 2 x 2 pixels again and again; blocks at the end may be smaller."""
    found = [x]
    while len(found) < scales:
        pool = keras.layers.AveragePooling2D(2, padding="same", dtype="float32")
        found.append(pool(found[-1]))
    return found


def _doubled(x: Tensor, sides: Shape) -> Tensor:
    """A coarser map with its pixels repeated, without what is beyond the finer one's sides."""
    x = keras.layers.UpSampling2D(2, interpolation="nearest", dtype="float32")(x)
    spare = [(0, large - side) for large, side in zip(x.shape[1:3], sides, strict=True)]
    return keras.layers.Cropping2D(spare, dtype="float32")(x) if any(sum(spare, ())) else x


def _stack(x: Tensor, channels: Widths, kernel: int, colours: int, normalise: Normaliser) -> Tensor:
    for width in channels:
        layer = keras.layers.Conv2D(width, kernel, padding="same", kernel_initializer="he_normal")
        x = activate(layer(x), normalise)
    return keras.layers.Conv2D(colours, kernel, padding="same", dtype="float32")(x)


def _joined(tensors: list[Tensor], name: str) -> Tensor:
    if len(tensors) == 1:
        return keras.layers.Identity(name=name, dtype="float32")(tensors[0])
    return keras.layers.Concatenate(name=name, dtype="float32")(tensors)
