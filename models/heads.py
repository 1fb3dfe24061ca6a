"""Parts of a discriminator that end in its features or its class logits."""

import keras

from ganapp.models.tensors import EXAMPLE, LABEL, SCORES, input_names

FEATURES, LOGITS = "features", "class_logits"


def takes_labels(network: keras.Model) -> bool:
    """Whether a discriminator takes the label beside the examples."""
    return LABEL in input_names(network, EXAMPLE)


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
            "The discriminator must have a class head "
            "(`ganapp.models.conditions.with_class_head`) for "
            f"an auxiliary classifier. Received: {network.name!r} without one"
        )
    return _part(network, found[0].output)


def _part(network: keras.Model, output: keras.KerasTensor) -> keras.Model:
    named = len(input_names(network, EXAMPLE)) > 1
    return keras.Model(network.input if named else network.inputs[0], output)
