"""Small encoders and decoders for the baselines that learn, of any shape of data.

Convolutions for images of at least 16 pixels a side, dense layers for everything else.
"""

from collections.abc import Iterator

import keras
import numpy as np

CONVOLVED_SIDE = 16  # pixels: smaller images are learnt as well, and faster, by dense layers
CHANNELS = (32, 64)  # each after halving the sides


def encoder(
    shape: tuple[int, ...], outputs: int, *, units: tuple[int, ...], seed: int
) -> keras.Model:
    """From examples `(n, *shape)` to `(n, outputs)`.

    Args:
        shape: of an example.
        outputs: numbers that come out, without an activation.
        units: of the dense layers before them; none make it a linear map.
        seed: of the weights; the same seed gives the same weights.
    """
    layers = _Layers(seed)
    values = inputs = keras.Input(shape)
    if units and _convolved(shape):
        for channels in CHANNELS:
            values = layers.convolution(channels, strides=2)(values)
    values = keras.layers.Flatten()(values)
    for width in units:
        values = layers.dense(width, "relu")(values)
    return keras.Model(inputs, layers.dense(outputs)(values))


def decoder(
    latent: int, shape: tuple[int, ...], *, units: tuple[int, ...], seed: int
) -> keras.Model:
    """From latents `(n, latent)` to examples `(n, *shape)`, not clipped.

    Args:
        latent: size of a latent.
        shape: of an example.
        units: of the dense layers, the last one first; none make it a linear map.
        seed: of the weights.
    """
    layers = _Layers(seed)
    values = inputs = keras.Input((latent,))
    for width in reversed(units):
        values = layers.dense(width, "relu")(values)
    if not (units and _convolved(shape)):
        values = layers.dense(int(np.prod(shape)))(values)
        return keras.Model(inputs, keras.layers.Reshape(shape)(values))
    height, width, channels = shape
    small = [-(-side // 2 ** len(CHANNELS)) for side in (height, width)]
    values = layers.dense(int(np.prod(small)) * CHANNELS[-1], "relu")(values)
    values = keras.layers.Reshape((*small, CHANNELS[-1]))(values)
    for narrower in reversed((channels, *CHANNELS[:-1])):
        values = keras.layers.UpSampling2D()(values)
        last = narrower is channels
        values = layers.convolution(narrower, activation=None if last else "relu")(values)
    # Sides that are no multiple of four came out a little too long.
    extra = [side * 2 ** len(CHANNELS) - wanted for side, wanted in zip(small, shape, strict=False)]
    return keras.Model(inputs, keras.layers.Cropping2D([(0, each) for each in extra])(values))


class _Layers:
    """Layers whose first weights are a function of a seed, whatever was drawn before."""

    def __init__(self, seed: int) -> None:
        self._seeds: Iterator[int] = iter(np.random.SeedSequence(seed).generate_state(64).tolist())

    def dense(self, units: int, activation: str | None = None) -> keras.layers.Layer:
        return keras.layers.Dense(units, activation, kernel_initializer=self._weights())

    def convolution(self, channels: int, strides: int = 1, activation: str | None = "relu"):
        return keras.layers.Conv2D(
            channels,
            3,
            strides,
            "same",
            activation=activation,
            kernel_initializer=self._weights(),
        )

    def _weights(self) -> keras.initializers.Initializer:
        return keras.initializers.GlorotUniform(seed=next(self._seeds))


def _convolved(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 and min(shape[:2]) >= CONVOLVED_SIDE
