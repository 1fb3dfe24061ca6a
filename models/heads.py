"""What a discriminator gives: scores of examples with labels, features, class logits."""

import keras
import tensorflow as tf

SCORES, FEATURES, LOGITS = "scores", "features", "class_logits"


def takes_labels(network: keras.Model) -> bool:
    """Whether a network takes `[examples, label]` rather than examples alone."""
    return len(getattr(network, "inputs", None) or []) > 1


def judged(
    network: keras.Model, examples: tf.Tensor, labels: tf.Tensor | None, *, training: bool
) -> tf.Tensor:
    """A network's float32 output.

    Args:
        network: the discriminator or a part of it.
        examples: `(batch, *shape)`.
        labels: one-hot `(batch, classes)`, if the network takes labels; `None` and rows of zeros
            stand for examples whose class is not known.
        training: of Keras.
    """
    if not takes_labels(network):
        return tf.cast(network(examples, training=training), tf.float32)
    if labels is None:
        labels = tf.zeros((tf.shape(examples)[0], network.inputs[1].shape[1]))
    inputs = [tf.convert_to_tensor(examples), tf.cast(labels, tf.float32)]
    return tf.cast(network(inputs, training=training), tf.float32)


def features_of(network: keras.Model) -> keras.Model:
    """The part of a discriminator that ends in its features; it shares all weights.

    The output of the layer named `features` if there is one, else the input of the layer named
    `scores`, else that of the last layer. It takes what the network takes.

    Raises:
        ValueError: the network has no graph to cut.
    """
    layers = getattr(network, "layers", [])
    try:
        named = [layer.output for layer in layers if layer.name == FEATURES]
        # A constraint gives layers longer names.
        heads = [layer.input for layer in layers if layer.name.startswith(SCORES)]
        return _part(network, (named or heads or [layers[-1].input])[0])
    except (AttributeError, ValueError, IndexError, TypeError) as error:
        raise ValueError(
            "Features need a functional or sequential discriminator, whose last layer's input they "
            f"are. Received: {type(network).__name__}"
        ) from error


def class_logits_of(network: keras.Model) -> keras.Model:
    """The part of a discriminator that ends in its class logits; it shares all weights.

    Raises:
        ValueError: it has no class head.
    """
    found = [x for x in getattr(network, "layers", []) if x.name.startswith(LOGITS)]
    if not found:
        raise ValueError(
            "The discriminator must have a class head (`models.conditions.with_class_head`) for "
            f"an auxiliary classifier. Received: {network.name!r} without one"
        )
    return _part(network, found[0].output)


def _part(network: keras.Model, output: keras.KerasTensor) -> keras.Model:
    inputs = network.inputs
    return keras.Model(inputs if len(inputs) > 1 else inputs[0], output)
