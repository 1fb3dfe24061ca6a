"""Doubling and convolving in one operation."""

import keras
import tensorflow as tf

SIDE = 3  # of the kernel


@keras.saving.register_keras_serializable("ganapp")
class UpsamplingConv2D(keras.layers.Conv2D):
    """Doubles both sides by repeating pixels, then convolves 3x3: the same function, cheaper.

    Of the nine products of each output pixel most fall on repeated pixels. Adding the weights
    that meet the same pixel first leaves four: the two steps are one transposed convolution with a
    4x4 kernel and stride 2, at 4/9 of the multiplications. Training computes that; inference, and
    so every exported graph, computes the two steps as Keras does, which every runtime has fast.
    Both differ by rounding alone.

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
        rows, columns = inputs.shape[1:3]
        shape = (tf.shape(inputs)[0], 2 * rows, 2 * columns, self.filters)
        outputs = tf.nn.conv2d_transpose(inputs, self._doubling_kernel(), shape, 2, "SAME")
        if self.use_bias:
            outputs = tf.nn.bias_add(outputs, tf.cast(self.bias, outputs.dtype))
        return self.activation(outputs)

    def _doubling_kernel(self) -> tf.Tensor:
        """The 4x4 kernel `(4, 4, filters, channels)`: the 3x3 one summed over repeated pixels."""
        kernel = tf.cast(self.kernel, self.compute_dtype)
        # Turned in one axis of nine: a slice with steps of -1 took a tenth of a training step.
        turned = tf.reverse(tf.reshape(kernel, (SIDE**2, -1)), (0,))
        kernel = tf.transpose(tf.reshape(turned, kernel.shape), (0, 1, 3, 2))
        for axis in (0, 1):
            around = [[int(place == axis), 0] for place in range(4)]
            kernel = tf.pad(kernel, around) + tf.pad(kernel, [pair[::-1] for pair in around])
        return kernel

    def compute_output_shape(self, input_shape):
        return super().compute_output_shape(self.upsampling.compute_output_shape(input_shape))

    def stock_layers(self) -> tuple[keras.layers.Layer, keras.layers.Layer]:
        """The two layers of Keras that this one stands for, the second without its weights."""
        options = self.get_config() | {"name": f"{self.name}_convolution"}
        size, name = self.upsampling.size, f"{self.name}_upsampling"
        upsampling = keras.layers.UpSampling2D(size, interpolation="nearest", name=name)
        return upsampling, keras.layers.Conv2D.from_config(options)
