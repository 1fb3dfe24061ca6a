"""The reconstruction error of an autoencoder as a score."""

import keras
import tensorflow as tf

ERRORS = {"squared": tf.square, "absolute": tf.abs}


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
