"""The entries of an example that say of which class it is, hidden where nobody knows the class."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("ganapp")
class ClassMask(keras.layers.Layer):
    """Zeros in the entries of an example that stand for its class, where the class is not known.

    Called with `[examples, labels]`: `(batch, d)` and one-hot `(batch, classes)`, rows of zeros for
    examples whose class is not known.

    Args:
        start: place of the first of the entries, one for each class.
    """

    def __init__(self, *, start: int, **options) -> None:
        super().__init__(**options)
        self.start = start

    def call(self, inputs):
        examples, labels = inputs
        end = self.start + labels.shape[-1]
        known = tf.cast(tf.reduce_any(labels != 0, axis=1, keepdims=True), examples.dtype)
        column = known * examples[:, self.start : end]
        return tf.concat([examples[:, : self.start], column, examples[:, end:]], axis=1)

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        return super().get_config() | {"start": self.start}
