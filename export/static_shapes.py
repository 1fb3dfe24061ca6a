"""Graphs whose shapes LiteRT knows but for the batch, so that its fast kernels take all of them."""

import contextlib
import functools
from collections.abc import Iterator

import keras
import tensorflow as tf


@contextlib.contextmanager
def static_shapes(generator: keras.Model) -> Iterator[None]:
    """Lets `Reshape` and `Conv2DTranspose` compute without reading the batch's size in the block.

    Keras asks for the batch at run time to say what shape comes out. In a LiteRT file with a
    dynamic batch such a tensor of a shape splits the graph, and XNNPACK leaves transposed
    convolutions to slower kernels: a DCGAN of 28x28 takes 0.58 ms instead of 0.21, and 64 images
    37 ms instead of 15 (one thread). The weights are those of the layers; results differ by
    rounding.
    """
    layers = []
    for layer in getattr(generator, "_flatten_layers", tuple)():
        if type(layer) is keras.layers.Reshape:
            layers.append((layer, _reshaped))
        elif type(layer) is keras.layers.Conv2DTranspose and _is_plain(layer):
            layers.append((layer, _transposed))
    try:
        for layer, call in layers:
            layer.call = functools.partial(call, layer=layer)
        yield
    finally:
        for layer, _ in layers:
            layer.__dict__.pop("call", None)  # the method of the class shows again


def _reshaped(inputs: tf.Tensor, *, layer: keras.layers.Reshape) -> tf.Tensor:
    shape = layer.compute_output_shape((None, *inputs.shape[1:]))
    return tf.reshape(inputs, (-1, *shape[1:]))


def _is_plain(layer: keras.layers.Conv2DTranspose) -> bool:
    return (
        layer.data_format == "channels_last"
        and layer.strides[0] == layer.strides[1]
        and tuple(layer.dilation_rate) == (1, 1)
        and layer.output_padding is None
    )


def _transposed(inputs: tf.Tensor, *, layer: keras.layers.Conv2DTranspose) -> tf.Tensor:
    """A transposed convolution as a convolution with an output for each of stride x stride phases.

    Pixel `stride * i + phase` of the output sums `inputs[i - j] * kernel[stride * j + phase]` over
    j: a convolution of the inputs for each phase (Shi et al., 2016, arXiv:1609.07009), with as many
    multiplications. What `padding="same"` cuts off is cut off afterwards.
    """
    stride, sides = layer.strides[0], layer.kernel_size
    taps = [-(-side // stride) for side in sides]
    kernel = tf.cast(layer.kernel, inputs.dtype)  # (height, width, filters, channels)
    filled = [tap * stride - side for tap, side in zip(taps, sides, strict=True)]
    kernel = tf.pad(kernel, [[0, filled[0]], [0, filled[1]], [0, 0], [0, 0]])
    filters, channels = kernel.shape[2:]
    kernel = tf.reshape(kernel, (taps[0], stride, taps[1], stride, filters, channels))
    kernel = tf.transpose(kernel[::-1, :, ::-1], (0, 2, 5, 1, 3, 4))
    kernel = tf.reshape(kernel, (*taps, channels, stride * stride * filters))
    height, width = inputs.shape[1:3]
    around = [[0, 0], *([tap - 1, tap - 1] for tap in taps), [0, 0]]
    x = tf.nn.conv2d(tf.pad(inputs, around), kernel, 1, "VALID")
    x = tf.nn.depth_to_space(x, stride) if stride > 1 else x
    rows, columns = (
        _kept(length, side, stride, layer.padding)
        for length, side in zip((height, width), sides, strict=True)
    )
    x = x[:, rows, columns]
    if layer.use_bias:
        x = x + tf.cast(layer.bias, x.dtype)
    return x if layer.activation is None else layer.activation(x)


def _kept(length: int, side: int, stride: int, padding: str) -> slice:
    """The pixels of the full transposed convolution that TensorFlow returns."""
    if padding == "same":
        start = max(side - stride, 0) // 2
        return slice(start, start + length * stride)
    return slice(0, (length - 1) * stride + max(side, stride))
