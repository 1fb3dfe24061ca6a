"""Convolutions that double, or that are split into groups, and are fast on a processor."""

import functools

import keras
import tensorflow as tf

SIDE = 3  # of the kernel


def convolve_doubled(inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """The 3x3 convolution of maps with repeated pixels, as one transposed convolution.

    Args:
        inputs: `(batch, height, width, channels)`.
        kernel: `(3, 3, channels, filters)`.

    Returns:
        `(batch, 2 * height, 2 * width, filters)`.
    """
    rows, columns = inputs.shape[1:3]
    shape = (tf.shape(inputs)[0], 2 * rows, 2 * columns, kernel.shape[-1])
    return tf.nn.conv2d_transpose(inputs, _doubling_kernel(kernel), shape, 2, "SAME")


def _doubling_kernel(kernel: tf.Tensor) -> tf.Tensor:
    """The 4x4 kernel `(4, 4, filters, channels)`: the 3x3 one summed over repeated pixels."""
    # Turned in one axis of nine: a slice with steps of -1 took a tenth of a training step.
    turned = tf.reverse(tf.reshape(kernel, (SIDE**2, -1)), (0,))
    kernel = tf.transpose(tf.reshape(turned, kernel.shape), (0, 1, 3, 2))
    for axis in (0, 1):
        around = [[int(place == axis), 0] for place in range(4)]
        kernel = tf.pad(kernel, around) + tf.pad(kernel, [pair[::-1] for pair in around])
    return kernel


@keras.saving.register_keras_serializable("ganapp")
class UpsamplingConv2D(keras.layers.Conv2D):
    """Doubles both sides by repeating pixels, then convolves 3x3: the same function, cheaper.

    With the weights added up that meet the same pixel, the two steps are one transposed convolution
    with a 4x4 kernel and stride 2, at 4/9 of the multiplications. Training computes that;
    inference, and so every exported graph, the two steps, which every runtime has fast. Both differ
    by rounding alone.

    Args:
        filters: channels of the output.
        options: further arguments of `keras.layers.Conv2D`, whose weights these are.
    """

    def __init__(self, filters: int, **options) -> None:
        options = {"kernel_size": SIDE, "padding": "same"} | options
        super().__init__(filters, **options)
        self.upsampling = keras.layers.UpSampling2D(2, interpolation="nearest")

    def call(self, inputs, training=False):
        if not training:
            return super().call(self.upsampling(inputs))
        outputs = convolve_doubled(inputs, tf.cast(self.kernel, self.compute_dtype))
        if self.use_bias:
            outputs = tf.nn.bias_add(outputs, tf.cast(self.bias, outputs.dtype))
        return self.activation(outputs)

    def compute_output_shape(self, input_shape):
        return super().compute_output_shape(self.upsampling.compute_output_shape(input_shape))

    def stock_layers(self) -> tuple[keras.layers.Layer, keras.layers.Layer]:
        """The two layers of Keras that this one stands for, the second without its weights."""
        options = self.get_config() | {"name": f"{self.name}_convolution"}
        size, name = self.upsampling.size, f"{self.name}_upsampling"
        upsampling = keras.layers.UpSampling2D(size, interpolation="nearest", name=name)
        return upsampling, keras.layers.Conv2D.from_config(options)


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
