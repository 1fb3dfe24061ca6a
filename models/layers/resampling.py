"""Resizing by two matrix products: any size, and right gradients of every order."""

import keras
import numpy as np


@keras.saving.register_keras_serializable("ganapp")
class LinearResizing(keras.layers.Layer):
    """Resizes images by linear interpolation between the centres of pixels.

    What `keras.layers.Resizing` computes. Training computes it as a product with a constant matrix
    for each axis, because TensorFlow's own operation has a wrong second-order gradient, which
    penalties take; inference, and so every exported graph, with that operation, which every runtime
    has. Both differ by rounding alone.

    Args:
        height: of the result.
        width: of the result.
    """

    def __init__(self, height: int, width: int, **options) -> None:
        super().__init__(**options)
        self.height, self.width = height, width

    def call(self, images, training=False):
        """Maps `(batch, height, width, channels)` to the same of other sides."""
        if not training:
            return keras.ops.image.resize(
                images, (self.height, self.width), data_format="channels_last"
            )
        rows = linear_matrix(self.height, images.shape[1])
        columns = linear_matrix(self.width, images.shape[2])
        resized = keras.ops.einsum("ij,bjkc->bikc", _constant(rows, images), images)
        return keras.ops.einsum("lk,bikc->bilc", _constant(columns, images), resized)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.height, self.width, input_shape[3])

    def get_config(self):
        return super().get_config() | {"height": self.height, "width": self.width}


def linear_matrix(size: int, given: int) -> np.ndarray:
    """The weights float32 `(size, given)` of linear interpolation; each row has the sum 1.

    Pixel i of the result lies at (i + 1/2) * given / size - 1/2 of the given pixels; beyond the
    outermost centres the outermost pixels go on.
    """
    places = np.clip((np.arange(size) + 0.5) * given / size - 0.5, 0, given - 1)
    distances = np.abs(places[:, None] - np.arange(given))
    return np.maximum(0, 1 - distances).astype(np.float32)


def _constant(matrix, images):
    return keras.ops.cast(matrix, images.dtype)
