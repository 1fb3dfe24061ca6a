"""The entries of an example that say its class, and the error of its reconstruction."""

import keras
import tensorflow as tf

ERRORS = {"squared": tf.square, "absolute": tf.abs}


class ClassEntries(keras.layers.Layer):
    """Replaces the entries of an example that stand for its class.

    Called with `[examples, labels]`: `(batch, d)` and one-hot `(batch, classes)`.

    Args:
        start: place of the first of the entries, one for each class.
    """

    def __init__(self, *, start: int, **options) -> None:
        super().__init__(**options)
        self.start = start

    def entries(self, own: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """What comes in the place of the example's own entries, both `(batch, classes)`."""
        raise NotImplementedError

    def call(self, inputs):
        examples, labels = inputs
        end = self.start + labels.shape[-1]
        column = self.entries(examples[:, self.start : end], labels)
        return tf.concat([examples[:, : self.start], column, examples[:, end:]], axis=1)

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        return super().get_config() | {"start": self.start}


@keras.saving.register_keras_serializable("ganapp")
class ClassColumn(ClassEntries):
    """The class that was asked for, or a mixture of classes, whatever the network made there.

    Everywhere else the example is the network's, and so are the gradients.
    """

    def build(self, input_shape) -> None:
        (_, width), (_, classes) = input_shape
        if not 0 <= self.start <= width - classes:
            raise ValueError(
                f"`start` must leave {classes} of {width} entries for the class. "
                f"Received: start={self.start}"
            )

    def entries(self, own, labels):
        return tf.cast(labels, own.dtype)


@keras.saving.register_keras_serializable("ganapp")
class ClassMask(ClassEntries):
    """Zeros for examples whose class is not known, which have a label of zeros."""

    def entries(self, own, labels):
        return tf.cast(tf.reduce_any(labels != 0, axis=1, keepdims=True), own.dtype) * own


@keras.saving.register_keras_serializable("ganapp")
class ReconstructionScore(keras.layers.Layer):
    """Minus the mean error of each example's reconstruction: `(batch, 1)`, at most 0.

    The error is the energy of the papers; a score is higher for what looks more real. Takes
    [examples, reconstructions].

    Args:
        error: of an entry, `"squared"` (EBGAN) or `"absolute"` (BEGAN).

    Reference: Zhao et al., 2017, arXiv:1609.03126; Berthelot et al., 2017, arXiv:1703.10717.
    """

    def __init__(self, *, error: str, **options) -> None:
        super().__init__(**options)
        if error not in ERRORS:
            raise ValueError(f"`error` must be one of {tuple(ERRORS)}. Received: error={error!r}")
        self.error = error

    def call(self, inputs):
        examples, reconstructions = (tf.cast(x, self.compute_dtype) for x in inputs)
        errors = ERRORS[self.error](examples - reconstructions)
        return -tf.reduce_mean(errors, axis=list(range(1, errors.shape.rank)))[:, tf.newaxis]

    def compute_output_shape(self, input_shape):
        return (input_shape[0][0], 1)

    def get_config(self):
        return super().get_config() | {"error": self.error}
