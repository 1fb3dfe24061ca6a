"""LiteRT: the generator as `.tflite` files that run without TensorFlow."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ganapp.export.bundle import Bundle
from ganapp.export.errors import ExportError
from ganapp.export.native import native_stderr
from ganapp.export.saved_model import generator_function, trackable
from ganapp.export.static_shapes import static_shapes

CALIBRATION_SEED = (0x5A13, 0)  # other latents than those that artefacts are compared on
CALIBRATION_BATCHES, CALIBRATION_BATCH = 16, 16


def write_litert(
    bundle: Bundle,
    path: Path,
    *,
    batch: int | None = None,
    quantise: Callable[[Any, Bundle, int | None], None] | None = None,
) -> None:
    """Writes a LiteRT file with the signature `serving_default`; float32 unless quantised.

    There is no `sample` signature: LiteRT refuses random ops, so noise is its input `z`.

    Args:
        bundle: what to export, computing in float32 (see `ganapp.export.precision`).
        path: file to create.
        batch: how many latents a call takes; any number when `None`.
        quantise: sets up the converter, see below; float32 when `None`.

    Raises:
        ExportError: the generator uses an operation LiteRT does not have.
    """
    try:
        with (
            native_stderr(),
            upsampling_as_one_operation(bundle.generator),
            static_shapes(bundle.generator),
        ):
            function = _with_batch(bundle, batch).get_concrete_function()
            converter = tf.lite.TFLiteConverter.from_concrete_functions(
                [function], trackable(bundle)
            )
            if quantise is not None:
                quantise(converter, bundle, batch)
            converted = converter.convert()
    except Exception as error:  # the converter's exceptions share no public base class
        raise ExportError(
            f"The generator could not be converted to LiteRT: {_reason(error)}"
        ) from error
    path.write_bytes(converted)


def to_float16(converter: Any, bundle: Bundle, batch: int | None) -> None:
    """Weights in float16, half the size; computed with in float32 on processors."""
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]


def to_dynamic_int8(converter: Any, bundle: Bundle, batch: int | None) -> None:
    """Weights in int8, a quarter of the size; activations are measured at every call."""
    converter.optimizations = [tf.lite.Optimize.DEFAULT]


def to_int8(converter: Any, bundle: Bundle, batch: int | None) -> None:
    """Weights and activations in int8, in ranges seen on latents of the prior.

    Input and output stay float32: their conversion costs nothing beside a convolution, and the
    file then takes what all the others take. An operation without an int8 kernel stays float32.
    """
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = functools.partial(calibration_latents, bundle, batch)
    converter.target_spec.supported_ops = [
        tf.lite.OpsSet.TFLITE_BUILTINS_INT8,
        tf.lite.OpsSet.TFLITE_BUILTINS,
    ]


def calibration_latents(bundle: Bundle, batch: int | None = None) -> Iterator[list[np.ndarray]]:
    """Batches of the prior's own latents, float32 `(batch, size)`."""
    count = batch or CALIBRATION_BATCH
    seed = tf.constant(CALIBRATION_SEED)
    latents = np.asarray(bundle.prior.sample(count * CALIBRATION_BATCHES, seed), "float32")
    for part in np.split(latents, CALIBRATION_BATCHES):
        yield [part]


@contextlib.contextmanager
def upsampling_as_one_operation(generator: keras.Model) -> Iterator[None]:
    """Lets nearest `UpSampling2D` layers resize with one operation inside the block.

    Keras repeats rows and columns by reshapes computed from the dynamic shape. The converter
    loses the static height and width on the way and, after two such layers, refuses the next
    convolution. Resizing by a whole factor copies the same values and keeps the shape.
    """
    layers = [
        layer
        for layer in getattr(generator, "_flatten_layers", tuple)()
        if isinstance(layer, keras.layers.UpSampling2D)
        and (layer.interpolation, layer.data_format) == ("nearest", "channels_last")
    ]
    try:
        for layer in layers:
            layer.call = functools.partial(_nearest, size=layer.size)
        yield
    finally:
        for layer in layers:
            layer.__dict__.pop("call", None)  # the method of the class shows again


def _with_batch(bundle: Bundle, batch: int | None) -> tf.types.experimental.PolymorphicFunction:
    """The generator's graph function for batches of one size."""
    function = generator_function(bundle)
    if batch is None:
        return function
    z = tf.TensorSpec((batch, bundle.prior.size), tf.float32, name="z")
    return tf.function(function.python_function, input_signature=[z])


def _nearest(inputs: tf.Tensor, *, size: tuple[int, int]) -> tf.Tensor:
    """Repeats every pixel of `(n, height, width, channels)` `size` times along each side."""
    sides = [side * factor for side, factor in zip(inputs.shape[1:3], size, strict=True)]
    return tf.image.resize(inputs, sides, method="nearest")


def _reason(error: Exception) -> str:
    """The lines of a converter error that name the operation, else its first line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("TF Select ops", "Custom ops"))]
    return "; ".join(telling or lines[:1] or [type(error).__name__])
