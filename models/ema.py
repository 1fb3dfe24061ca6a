"""Exponential moving average of the generator's weights.

Reference: Yazici et al., 2019, arXiv:1806.04498; half-life in images and warm-up as in
Karras et al., 2020, arXiv:2006.06676.
"""

import keras
import tensorflow as tf

from ganapp.models.serialization import first_paragraph
from ganapp.models.tensors import all_layers


def copy_network(network: keras.Model) -> keras.Model:
    """A second, untrainable network of the same architecture with the same weights."""
    try:
        copy = _clone(network)
        copy.set_weights(network.get_weights())
    except (NotImplementedError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(
            "The moving average needs a copy of `generator`, and Keras cannot copy this one: build "
            "it as a functional or sequential model, give its class a complete `get_config`, or "
            f"pass `ema_half_life=None`. Received: generator={network.name!r} "
            f"({first_paragraph(error)})"
        ) from error
    copy.trainable = False
    return copy


def _clone(network: keras.Model) -> keras.Model:
    lambdas = [x for x in all_layers(network) if isinstance(x, keras.layers.Lambda)]
    if not lambdas:
        return keras.models.clone_model(network)

    # Keras copies a layer by its configuration, and takes a function in one for code of unknown
    # origin. Such a layer has no weights, so the copy can have the very same one.
    def clone(layer: keras.Layer) -> keras.Layer:
        if isinstance(layer, keras.layers.Lambda):
            return layer
        return layer.__class__.from_config(layer.get_config())

    return keras.models.clone_model(network, clone_function=clone, recursive=True)


def decay_at(step: tf.Tensor, batch_size: tf.Tensor, half_life: float, warm_up: float) -> tf.Tensor:
    """Weight of the old average at one update.

    Args:
        step: updates done before this one, int64 scalar.
        batch_size: images in the global batch, int32 scalar.
        half_life: images after which a weight's share has halved.
        warm_up: the half-life never exceeds this fraction of the images seen; 0 for no warm-up.
    """
    batch_size = tf.cast(batch_size, tf.float32)
    if warm_up > 0:
        seen = tf.cast(step + 1, tf.float32) * batch_size
        half_life = tf.minimum(half_life, warm_up * seen)
    return 0.5 ** (batch_size / half_life)


def update_average(average: keras.Model, network: keras.Model, decay: tf.Tensor) -> None:
    """Moves every variable of `average` towards `network`, moving statistics included."""
    for mean, value in zip(average.variables, network.variables, strict=True):
        if tf.as_dtype(mean.dtype).is_floating:
            mean.assign(value + (mean - value) * tf.cast(decay, mean.dtype))
        else:
            mean.assign(value)
