"""One number that scales a whole branch of a network."""

import keras


@keras.saving.register_keras_serializable("ganapp")
class Gain(keras.layers.Layer):
    """Multiplies its input by one learned scalar, which starts at 0: the branch fades in.

    Reference: the gamma of Zhang et al., 2019, arXiv:1805.08318.
    """

    def build(self, input_shape) -> None:
        self.gamma = self.add_weight(name="gamma", shape=(), initializer="zeros")

    def call(self, inputs):
        return inputs * self.gamma

    def compute_output_shape(self, input_shape):
        return input_shape
