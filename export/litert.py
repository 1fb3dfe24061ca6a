"""LiteRT: the generator as one `.tflite` file that runs without TensorFlow."""

import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path

import keras
import tensorflow as tf

from export.bundle import Bundle
from export.errors import ExportError
from export.native import native_stderr
from export.saved_model import generator_function, trackable
from export.static_shapes import static_shapes


def write_litert(bundle: Bundle, path: Path) -> None:
    """Writes a float32 LiteRT file with the signature `serving_default` and a dynamic batch.

    There is no `sample` signature: LiteRT refuses random ops, so noise is its input `z`.

    Args:
        bundle: what to export, computing in float32 (see `export.precision`).
        path: file to create.

    Raises:
        ExportError: the generator uses an operation LiteRT does not have.
    """
    try:
        with (
            native_stderr(),
            upsampling_as_one_operation(bundle.generator),
            static_shapes(bundle.generator),
        ):
            function = generator_function(bundle).get_concrete_function()
            converter = tf.lite.TFLiteConverter.from_concrete_functions(
                [function], trackable(bundle)
            )
            converted = converter.convert()
    except Exception as error:  # the converter's exceptions share no public base class
        raise ExportError(
            f"The generator could not be converted to LiteRT: {_reason(error)}"
        ) from error
    path.write_bytes(converted)


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


def _nearest(inputs: tf.Tensor, *, size: tuple[int, int]) -> tf.Tensor:
    """Repeats every pixel of `(n, height, width, channels)` `size` times along each side."""
    sides = [side * factor for side, factor in zip(inputs.shape[1:3], size, strict=True)]
    return tf.image.resize(inputs, sides, method="nearest")


def _reason(error: Exception) -> str:
    """The lines of a converter error that name the operation, else its first line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("TF Select ops", "Custom ops"))]
    return "; ".join(telling or lines[:1] or [type(error).__name__])
