"""A generator that paints in steps on a canvas.

Reference: Im, Kim, Jiang and Memisevic, 2016, "Generating images with recurrent adversarial
networks", arXiv:1602.05110.
"""

import math
from collections.abc import Callable
from typing import Literal

import keras

from ganapp.models.layers import UpsamplingConv2D
from ganapp.models.networks.blocks import (
    Normaliser,
    Width,
    Widths,
    activate,
    check_images,
    coarsest_map,
    crop,
)
from ganapp.models.networks.inputs import (
    GeneratorInputs,
    Shapes,
    Tensor,
    folded_shape,
    joining,
)
from ganapp.models.stages import STAGE

DOUBLINGS = {
    "nearest": UpsamplingConv2D,
    "transposed": lambda width: keras.layers.Conv2DTranspose(width, 4, strides=2, padding="same"),
}


def recurrent_generator(
    inputs: Shapes,
    shape: tuple[int, ...],
    *,
    condition: str = "concatenation",
    residual: str = "",
    steps: Width = 3,
    noise: Literal["shared", "fresh"] = "shared",
    sees: Literal["increment", "canvas"] = "increment",
    hidden: Width = 100,
    channels: Widths = (128, 64),
    normalisation: Literal["none", "batch", "layer"] = "batch",
    upsampling: Literal["nearest", "transposed"] = "nearest",
) -> keras.Model:
    """Maps what it is given to images in [-1, 1]: the sum of what it adds in each of its steps.

    Step t joins tanh(W z_t) with what an encoder says of the canvas so far, a decoder turns both
    into an increment of the canvas, and the image is the tanh of the sum. Decoder and encoder have
    the same weights in all steps, so the number of steps changes no parameter but those of batch
    normalisation, which has statistics of its own for each step: a first stroke and a last one
    are not alike.

    Args:
        inputs, condition, residual: as of `GeneratorInputs`; both enter in every step.
        shape: (height, width, channels) of an image, or (time, height, width, channels) of a clip,
            whose frames are painted together.
        steps: how often it paints.
        noise: the same z in every step (`"shared"`, as the authors' code has it), or a part of z
            each (`"fresh"`, as in the paper): the prior's size is then a multiple of the steps.
        sees: whether the encoder sees the last `"increment"` or the whole `"canvas"`.
        hidden: entries of what it says of the noise and of the canvas each.
        channels: of the decoder's map after each doubling, coarse to fine; of the encoder's
            in reverse.
        normalisation: after each hidden layer of the decoder.
        upsampling: `"nearest"` (repeat, then 3x3 convolution) or `"transposed"` (4x4, stride 2).

    Raises:
        ValueError: the examples are no images, or z cannot be cut into that many parts.
    """
    check_images(shape, "recurrent")
    height, width, colours = folded_shape(shape)
    coarsest = coarsest_map(height, width, len(channels))
    given = GeneratorInputs(inputs, condition, residual=residual)
    vectors = [given.vector] * steps if noise == "shared" else given.vectors(steps)
    maps = given.pyramid(coarsest, (height, width), channels)
    decode = _decoder(coarsest, channels, colours, DOUBLINGS[upsampling])
    encode = _encoder(channels, hidden)
    normalise = given.normaliser(normalisation)
    read = keras.layers.Dense(hidden, activation="tanh", name="noise")
    canvas = said = None
    for step, vector in enumerate(vectors, 1):
        heard = read(vector)
        if said is None:  # nothing is on the canvas; padded, for LiteRT loses a tensor of zeros
            joined = keras.ops.pad(heard, ((0, 0), (0, hidden)))
        else:
            joined = keras.layers.Concatenate()([heard, said])
        increment = crop(decode(joined, joining(maps), normalise), height, width)
        add = keras.layers.Add(dtype="float32")
        canvas = increment if canvas is None else add([canvas, increment])
        canvas = keras.layers.Identity(name=f"{STAGE}{step}", dtype="float32")(canvas)
        if step < steps:
            bounded = keras.layers.Activation("tanh", dtype="float32")
            said = encode(increment if sees == "increment" else bounded(canvas))
    return given.network(given.images(canvas, shape))


def _decoder(coarsest: tuple[int, int], channels: Widths, colours: int, doubling: Callable):
    """A function of the same layers at every call: `(vector, observed, normalise) -> increment`."""
    start = (*coarsest, channels[0])
    dense = keras.layers.Dense(math.prod(start), name="decoder_start")
    doublings = [doubling(width) for width in channels]
    last = keras.layers.Conv2D(colours, 3, padding="same", dtype="float32", name="increment")

    def decode(vector: Tensor, beside: Callable, normalise: Normaliser) -> Tensor:
        x = activate(keras.layers.Reshape(start)(dense(vector)), normalise)
        x = beside(x)
        for double in doublings:
            x = beside(activate(double(x), normalise))
        return last(x)

    return decode


def _encoder(channels: Widths, hidden: int):
    """A function of the same layers at every call: of an image `(batch, hidden)`."""
    halvings = [
        keras.layers.Conv2D(width, 4, strides=2, padding="same") for width in reversed(channels)
    ]
    dense = keras.layers.Dense(hidden, activation="tanh", name="canvas")

    def encode(x: Tensor) -> Tensor:
        for halve in halvings:
            x = activate(halve(x))
        return dense(keras.layers.Flatten()(x))

    return encode
