"""Maxout: a non-linearity that is learned."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("ganapp")
class Maxout(keras.layers.Layer):
    """The largest of every `pieces` neighbouring features: `(..., n * pieces)` to `(..., n)`.

    Args:
        pieces: linear functions that one unit chooses from, at least 1.

    Reference: Goodfellow et al., 2013, arXiv:1302.4389.
    """

    def __init__(self, *, pieces: int, **options) -> None:
        super().__init__(**options)
        self.pieces = pieces

    def build(self, input_shape) -> None:
        if input_shape[-1] % self.pieces:
            raise ValueError(
                "`Maxout` takes a multiple of `pieces` features. "
                f"Received: input_shape={input_shape}, pieces={self.pieces}"
            )

    def call(self, inputs):
        units = inputs.shape[-1] // self.pieces
        shape = tf.concat([tf.shape(inputs)[:-1], [units, self.pieces]], axis=0)
        return tf.reduce_max(tf.reshape(inputs, shape), axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] // self.pieces)

    def get_config(self):
        return super().get_config() | {"pieces": self.pieces}
