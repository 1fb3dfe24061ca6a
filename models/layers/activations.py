"""Activations by parts of a vector, learned ones, and a learned gain."""

import itertools

import keras
import tensorflow as tf

ACTIVATIONS = {"tanh": tf.tanh, "softmax": tf.nn.softmax}


@keras.saving.register_keras_serializable("ganapp")
class BlockActivation(keras.layers.Layer):
    """Applies its own activation to each part of a vector: `(batch, d)` to the same.

    A softmax block stays soft, so that an artefact needs no noise of its own. Neighbours that are
    alike share one operation.

    Args:
        blocks: (`"tanh"` or `"softmax"`, width) of each part, from left to right. Of tanh, which
            acts on each entry by itself, the width is of the whole part.

    Reference: the generator of Xu et al., 2019, arXiv:1907.00503, without its Gumbel noise.
    """

    def __init__(self, *, blocks: tuple[tuple[str, int], ...], **options) -> None:
        super().__init__(**options)
        self.blocks = tuple((str(name), int(width)) for name, width in blocks)
        unknown = [name for name, _ in self.blocks if name not in ACTIVATIONS]
        if unknown or not self.blocks:
            raise ValueError(
                f"`blocks` must name {tuple(ACTIVATIONS)} and a width each. Received: {blocks!r}"
            )

    def build(self, input_shape) -> None:
        total = sum(width for _, width in self.blocks)
        if input_shape[-1] != total:
            raise ValueError(
                f"`blocks` must be as wide as what they act on, {input_shape[-1]}. "
                f"Received: {total}"
            )

    def call(self, inputs):
        runs = [(block, len(list(run))) for block, run in itertools.groupby(self.blocks)]
        parts = tf.split(inputs, [width * count for (_, width), count in runs], axis=1)
        done = [
            tf.reshape(ACTIVATIONS[name](tf.reshape(part, (-1, count, width))), (-1, count * width))
            for ((name, width), count), part in zip(runs, parts, strict=True)
        ]
        return tf.concat(done, axis=1)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return super().get_config() | {"blocks": self.blocks}


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
