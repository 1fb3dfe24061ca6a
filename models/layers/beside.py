"""A second head that the first does not know of."""

import keras


@keras.saving.register_keras_serializable("ganapp")
class Beside(keras.layers.Layer):
    """Passes on the first of its inputs; the others are part of the network all the same."""

    def call(self, inputs):
        return inputs[0]

    def compute_output_shape(self, input_shape):
        return input_shape[0]
