"""Layers of style-based generators: modulated convolutions, equalised weights, mixed styles.

Reference: Karras et al., 2019, arXiv:1812.04948; Karras et al., 2020, arXiv:1912.04958.
"""

import keras
import tensorflow as tf

from ganapp.models.layers.convolution import convolve_doubled
from ganapp.models.layers.minibatch import DrawingLayer
from ganapp.models.replicas import gather_rows, own_rows


@keras.saving.register_keras_serializable("ganapp")
class EqualizedDense(keras.layers.Layer):
    """A dense layer whose weights all have the scale 1, and are multiplied where they are used.

    With Adam, whose steps do not depend on the scale of a gradient, all layers then learn at the
    same relative speed: `rate` times that of the optimizer. What is used is

        kernel * gain * rate / sqrt(inputs)   and   bias * rate,

    with a kernel that starts as N(0, 1 / rate^2), so that outputs start with the variance
    `gain`^2 for inputs of unit variance at any rate.

    Args:
        units: outputs.
        rate: learning-rate multiplier, above 0.
        gain: of the outputs' standard deviation.
        bias: that is used at first.

    Reference: Karras et al., 2018, arXiv:1710.10196, and the mapping of arXiv:1812.04948.
    """

    def __init__(
        self, units: int, *, rate: float = 1.0, gain: float = 1.0, bias: float = 0.0, **options
    ) -> None:
        super().__init__(**options)
        if rate <= 0:
            raise ValueError(f"`rate` must be above 0. Received: rate={rate}")
        self.units, self.rate, self.gain, self.start = units, rate, gain, bias

    def build(self, input_shape) -> None:
        inputs = input_shape[-1]
        self.scale = self.gain * self.rate / inputs**0.5
        initial = keras.initializers.RandomNormal(stddev=1.0 / self.rate)
        self.kernel = self.add_weight(
            name="kernel", shape=(inputs, self.units), initializer=initial
        )
        initial = keras.initializers.Constant(self.start / self.rate)
        self.bias = self.add_weight(name="bias", shape=(self.units,), initializer=initial)

    def call(self, inputs):
        return tf.matmul(inputs, self.kernel * self.scale) + self.bias * self.rate

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        own = {"units": self.units, "rate": self.rate, "gain": self.gain, "bias": self.start}
        return super().get_config() | own


@keras.saving.register_keras_serializable("ganapp")
class ModulatedConv2D(keras.layers.Layer):
    """A convolution whose weights are scaled for each example, as its style says.

    Called with `[x, styles]`: maps `(batch, height, width, c)` and `(batch, c)`. Example by example
    it is the convolution with w'_ijk = s_i w_ijk (input channel i, output channel j, pixel k), and
    demodulated with w''_ijk = w'_ijk / sqrt(sum_ik w'_ijk^2 + epsilon): outputs have the standard
    deviation `gain` for independent inputs of unit variance. Computed without weights of any
    example, by linearity: x is scaled by s, convolved, and scaled by the demodulation, which every
    runtime has. Weights have the scale 1 and are multiplied as those of `EqualizedDense`.

    Args:
        filters: channels of the output.
        kernel_size: of the square kernel.
        demodulate: whether the styles' effect on the scale of outputs is taken back.
        upsample: double both sides by repeating pixels first, as `UpsamplingConv2D` does.
        gain: of the outputs' standard deviation.

    Reference: Karras et al., 2020, arXiv:1912.04958, section 2.2.
    """

    EPSILON = 1e-8

    def __init__(
        self,
        filters: int,
        kernel_size: int = 3,
        *,
        demodulate: bool = True,
        upsample: bool = False,
        gain: float = 1.0,
        **options,
    ) -> None:
        super().__init__(**options)
        if upsample and kernel_size != 3:
            raise ValueError(
                f"`upsample` goes with kernels of 3 x 3. Received: kernel_size={kernel_size}"
            )
        self.filters, self.kernel_size, self.gain = filters, kernel_size, gain
        self.demodulate, self.upsample = demodulate, upsample
        self.upsampling = keras.layers.UpSampling2D(
            2, interpolation="nearest", dtype=self.dtype_policy
        )

    def build(self, input_shape) -> None:
        (*_, channels), (_, styles) = input_shape
        if channels != styles:
            raise ValueError(
                "`ModulatedConv2D` takes a style for each channel. "
                f"Received: {channels} channels and {styles} styles"
            )
        self.scale = 1.0 / (channels * self.kernel_size**2) ** 0.5
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.kernel_size, self.kernel_size, channels, self.filters),
            initializer=keras.initializers.RandomNormal(stddev=1.0),
            autocast=False,  # sums of squares are taken of it
        )
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")

    def call(self, inputs, training=False):
        x, styles = inputs
        kernel = self.kernel * self.scale
        scales = self._demodulation(kernel, styles) if self.demodulate else self.gain
        x, kernel = x * styles[:, tf.newaxis, tf.newaxis], tf.cast(kernel, x.dtype)
        if self.upsample and training:
            x = convolve_doubled(x, kernel)
        else:
            x = tf.nn.conv2d(self.upsampling(x) if self.upsample else x, kernel, 1, "SAME")
        return x * tf.cast(scales, x.dtype) + self.bias

    def _demodulation(self, kernel: tf.Tensor, styles: tf.Tensor) -> tf.Tensor:
        """The factor of each output channel of each example: `(batch, 1, 1, filters)`."""
        squares = tf.reduce_sum(kernel**2, axis=(0, 1))
        squares = tf.matmul(tf.cast(styles, kernel.dtype) ** 2, squares)
        return (self.gain * tf.math.rsqrt(squares + self.EPSILON))[:, tf.newaxis, tf.newaxis]

    def compute_output_shape(self, input_shape):
        (batch, *sides, _), _ = input_shape
        return (batch, *((2 if self.upsample else 1) * side for side in sides), self.filters)

    def get_config(self):
        names = ("filters", "kernel_size", "demodulate", "upsample", "gain")
        return super().get_config() | {name: getattr(self, name) for name in names}


@keras.saving.register_keras_serializable("ganapp")
class LearnedMap(keras.layers.Layer):
    """A map that is learned, the same for every row of what the layer is called with.

    Args:
        shape: (height, width, channels) of it.
    """

    def __init__(self, shape: tuple[int, int, int], **options) -> None:
        super().__init__(**options)
        self.map_shape = tuple(shape)

    def build(self, input_shape) -> None:
        self.map = self.add_weight(
            name="map",
            shape=self.map_shape,
            initializer=keras.initializers.RandomNormal(stddev=1.0),
        )

    def call(self, inputs):
        return tf.tile(tf.convert_to_tensor(self.map)[tf.newaxis], [tf.shape(inputs)[0], 1, 1, 1])

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *self.map_shape)

    def get_config(self):
        return super().get_config() | {"shape": self.map_shape}


@keras.saving.register_keras_serializable("ganapp")
class NextRows(keras.layers.Layer):
    """In training each row's place is taken by the next row of the global batch."""

    def call(self, inputs, training=False):
        if not training:
            return inputs
        return own_rows(tf.roll(gather_rows(inputs), -1, axis=0), tf.shape(inputs)[0])

    def compute_output_shape(self, input_shape):
        return input_shape


@keras.saving.register_keras_serializable("ganapp")
class StyleMixing(DrawingLayer):
    """A w for each layer of a generator, which in training may come from two latents.

    Called with `[w, other]`, both `(batch, d)`; gives `(batch, layers, d)`. In training some rows
    take `other` from a layer on that is drawn for each of them, uniformly; all others, and every
    row outside of training, have w in all layers.

    Args:
        layers: how many.
        rate: probability that a row is mixed, from 0 to 1.
        seed: as of `DrawingLayer`.

    Reference: Karras et al., 2019, arXiv:1812.04948, section 3.1.
    """

    def __init__(self, layers: int, rate: float, *, seed: int | None = None, **options) -> None:
        super().__init__(seed=seed, **options)
        if layers < 2 or not 0 <= rate <= 1:
            raise ValueError(
                "`layers` must be at least 2 and `rate` from 0 to 1. "
                f"Received: layers={layers}, rate={rate}"
            )
        self.layers, self.rate = layers, rate

    def call(self, inputs, training=False):
        w, other = (each[:, tf.newaxis] for each in inputs)
        if not training:
            return tf.tile(w, [1, self.layers, 1])
        mixed, place = tf.unstack(self.uniform(tf.shape(w)[0], 2), axis=1)
        first = 1.0 + tf.floor(place * (self.layers - 1))  # layer 0 is always of w itself
        first = tf.where(mixed < self.rate, first, float(self.layers))
        own = tf.range(self.layers, dtype=first.dtype) < first[:, tf.newaxis]
        return tf.where(own[..., tf.newaxis], w, other)

    def compute_output_shape(self, input_shape):
        (batch, width), _ = input_shape
        return (batch, self.layers, width)

    def get_config(self):
        return super().get_config() | {"layers": self.layers, "rate": self.rate}
