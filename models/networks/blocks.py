"""Small pieces that the network families share."""

from collections.abc import Callable

import keras

from models.layers import ExampleNormalization

# A function per choice instead of a chain of ifs. Batch statistics are those of the global batch,
# so that N replicas normalise as one; "layer" on images is over height, width and channels.
NORMALISATIONS: dict[str, Callable[[keras.KerasTensor], keras.KerasTensor]] = {
    "none": lambda x: x,
    "batch": lambda x: keras.layers.BatchNormalization(synchronized=True)(x),
    "layer": lambda x: ExampleNormalization()(x),
}


ACTIVATIONS: dict[str, Callable[[], keras.layers.Layer]] = {
    "leaky_relu": lambda: keras.layers.LeakyReLU(negative_slope=0.2),  # the slope of DCGAN
    "relu": lambda: keras.layers.ReLU(),
}


def activated(
    x: keras.KerasTensor, normalisation: str, activation: str = "leaky_relu"
) -> keras.KerasTensor:
    """Normalises and applies the non-linearity."""
    return ACTIVATIONS[activation]()(NORMALISATIONS[normalisation](x))


def raw_scores(x: keras.KerasTensor) -> keras.KerasTensor:
    """One raw score an example, `(batch, 1)` in float32 whatever the precision before it."""
    # LeCun et al. (1998): scores start with the variance of what they sum. Keras's default starts
    # wider, which on 25 Gaussians cost two to three points of high-quality share.
    return keras.layers.Dense(1, kernel_initializer="lecun_normal", dtype="float32", name="scores")(
        x
    )
