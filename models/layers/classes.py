"""The entries of an example that say its class."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("ganapp")
class ClassColumn(keras.layers.Layer):
    """Puts the class that was asked for into the entries of an example that stand for it.

    Called with `[examples, labels]`: `(batch, d)` and one-hot `(batch, classes)`, or a mixture of
    classes. The example says then what was asked for, whatever the network made there; everywhere
    else it is the network's, and so are the gradients.

    Args:
        start: place of the first of the entries, one for each class.
    """

    def __init__(self, *, start: int, **options) -> None:
        super().__init__(**options)
        self.start = start

    def build(self, input_shape) -> None:
        (_, width), (_, classes) = input_shape
        if not 0 <= self.start <= width - classes:
            raise ValueError(
                f"`start` must leave {classes} of {width} entries for the class. "
                f"Received: start={self.start}"
            )

    def call(self, inputs):
        examples, labels = inputs
        end = self.start + labels.shape[-1]
        labels = tf.cast(labels, examples.dtype)
        return tf.concat([examples[:, : self.start], labels, examples[:, end:]], axis=1)

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        return super().get_config() | {"start": self.start}


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
