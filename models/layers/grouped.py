"""Convolutions in groups that are fast on a processor."""

import functools

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("ganapp")
class GroupedConv2D(keras.layers.Conv2D):
    """A convolution whose output channels each see one group of the input channels.

    Keras compiles such convolutions with XLA on a processor, which took 55 times as long as a
    plain one and does not go with distribution strategies. TensorFlow's own operation has no
    gradient on some processors and in some precisions; there each group is convolved by itself.

    Args:
        filters: output channels, a multiple of `groups`.
        kernel_size: height and width of the kernel.
        groups: divides the input channels too.
        **options: as of `keras.layers.Conv2D`; only stride 1, `"same"` padding, no dilation.
    """

    def __init__(self, filters: int, kernel_size: int, *, groups: int, **options) -> None:
        super().__init__(filters, kernel_size, groups=groups, **({"padding": "same"} | options))
        given = (self.strides, self.dilation_rate, self.padding, self.data_format)
        if given != ((1, 1), (1, 1), "same", "channels_last"):
            raise ValueError(
                "`GroupedConv2D` has stride 1, no dilation, 'same' padding and channels last. "
                f"Received: strides, dilation_rate, padding, data_format = {given}"
            )

    def convolution_op(self, inputs, kernel):
        kernel = tf.cast(kernel, inputs.dtype)
        if self.groups == 1 or _has_gradient(inputs.dtype):
            return tf.nn.conv2d(inputs, kernel, 1, "SAME")
        parts = zip(
            tf.split(inputs, self.groups, axis=-1),
            tf.split(kernel, self.groups, axis=-1),
            strict=True,
        )
        return tf.concat([tf.nn.conv2d(x, k, 1, "SAME") for x, k in parts], axis=-1)


@functools.cache
def _has_gradient(dtype: tf.DType) -> bool:
    """Whether TensorFlow can differentiate a convolution in groups here; it is tried once."""
    # At once, even while a graph is being put together. No tape records there, so the operations
    # of the gradient are called by name.
    with tf.init_scope():
        images, kernel = tf.ones((1, 3, 3, 4), dtype), tf.ones((3, 3, 2, 4), dtype)
        options = {"strides": [1, 1, 1, 1], "padding": "SAME"}
        try:
            outputs = tf.nn.conv2d(images, kernel, 1, "SAME")
            tf.raw_ops.Conv2DBackpropInput(
                input_sizes=images.shape, filter=kernel, out_backprop=outputs, **options
            )
            tf.raw_ops.Conv2DBackpropFilter(
                input=images, filter_sizes=kernel.shape, out_backprop=outputs, **options
            )
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError):
            return False
    return True
