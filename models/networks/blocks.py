"""Small pieces that the network families share."""

import math
from collections.abc import Callable
from typing import Annotated

import annotated_types
import keras

from ganapp.models.layers import (
    ExampleNormalization,
    Maxout,
    MinibatchDiscrimination,
    MinibatchStandardDeviation,
    StatelessDropout,
)

Width = Annotated[int, annotated_types.Ge(1)]
Widths = Annotated[tuple[Width, ...], annotated_types.MinLen(1)]
Rate = Annotated[float, annotated_types.Ge(0), annotated_types.Lt(1)]

# A function per choice instead of a chain of ifs. Batch statistics are those of the global batch,
# so that N replicas normalise as one; "layer" on images is over height, width and channels.
Normaliser = Callable[[keras.KerasTensor], keras.KerasTensor]
NORMALISATIONS: dict[str, Normaliser] = {
    "none": lambda x: x,
    "batch": lambda x: keras.layers.BatchNormalization(synchronized=True)(x),
    "layer": lambda x: ExampleNormalization()(x),
}
ACTIVATIONS: dict[str, Callable[[], keras.layers.Layer]] = {
    "leaky_relu": lambda: keras.layers.LeakyReLU(negative_slope=0.2),  # the slope of DCGAN
    "relu": lambda: keras.layers.ReLU(),
}


def activate(
    x: keras.KerasTensor,
    normalise: Normaliser = NORMALISATIONS["none"],
    activation: str = "leaky_relu",
) -> keras.KerasTensor:
    return ACTIVATIONS[activation]()(normalise(x))


def apply_dropout(x: keras.KerasTensor, rate: float) -> keras.KerasTensor:
    """Applies dropout; no layer at all at rate 0."""
    return StatelessDropout(rate)(x) if rate else x


def _rectified_units(activation: str) -> Callable:
    def units(x, width: int, normalise: Normaliser, pieces: int):
        # He et al. (2015): keeps the scale of activations through rectified layers.
        x = keras.layers.Dense(width, kernel_initializer="he_normal")(x)
        return activate(x, normalise, activation)

    return units


def _maxout_units(x, width: int, normalise: Normaliser, pieces: int):
    # Of two unit Gaussians the larger has mean square 1: nothing to make up for, unlike above.
    x = keras.layers.Dense(width * pieces, kernel_initializer="lecun_normal")(x)
    return Maxout(pieces=pieces)(normalise(x))


# (x, width, normalise, pieces) -> x through one hidden layer of that many units.
HIDDEN_UNITS: dict[str, Callable] = {
    **{name: _rectified_units(name) for name in ACTIVATIONS},
    "maxout": _maxout_units,
}


def check_images(shape: tuple[int, ...], network: str) -> None:
    """Refuses examples that are neither images nor clips."""
    if len(shape) not in (3, 4):
        raise ValueError(
            f"The network {network!r} must have images of (height, width, channels) or clips of "
            f"(time, height, width, channels); 'mlp' takes any shape. Received: shape={shape}"
        )


def coarsest_map(height: int, width: int, doublings: int) -> tuple[int, int]:
    """Sides of the smallest map that some doublings make at least (height, width) of."""
    return math.ceil(height / 2**doublings), math.ceil(width / 2**doublings)


def crop(x: keras.KerasTensor, height: int, width: int) -> keras.KerasTensor:
    """Cuts off evenly what a map has beyond (height, width)."""
    spare = [x.shape[1] - height, x.shape[2] - width]
    if not any(spare):
        return x
    return keras.layers.Cropping2D([(n // 2, n - n // 2) for n in spare])(x)


def _discrimination(features: keras.KerasTensor) -> keras.KerasTensor:
    kernels, dimensions = 16, 5  # as many dimensions as in the paper's code, which has more kernels
    projected = keras.layers.Dense(
        kernels * dimensions, use_bias=False, dtype="float32", name="minibatch_projection"
    )(features)
    similarities = MinibatchDiscrimination(kernels=kernels, dtype="float32")(projected)
    return keras.layers.Concatenate(dtype="float32")([features, similarities])


# What a discriminator may learn from the other examples of its minibatch: features in and out.
MINIBATCH: dict[str, Callable[[keras.KerasTensor], keras.KerasTensor]] = {
    "none": lambda features: features,
    "discrimination": _discrimination,
    "standard_deviation": lambda features: MinibatchStandardDeviation(dtype="float32")(features),
}
