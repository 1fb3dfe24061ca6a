"""Outputs of a discriminator beside its scores, by name and in one forward pass."""

from collections.abc import Sequence

import keras

from ganapp.models.tensors import EXAMPLE, FEATURES, LABEL, LOGITS, SCORES, input_names

# The layer of a network of ours that gives its features, where the scores are of something else.
BOTTLENECK = "bottleneck"


def takes_labels(network: keras.Model) -> bool:
    """Whether a discriminator takes the label beside the examples."""
    return LABEL in input_names(network, EXAMPLE)


def output_tensors(network: keras.Model, default: str = SCORES) -> dict[str, keras.KerasTensor]:
    """The symbolic outputs of a functional or sequential network by name."""
    structure = network.outputs[0] if isinstance(network, keras.Sequential) else network.output
    if isinstance(structure, dict):
        return dict(structure)
    if isinstance(structure, list | tuple) and len(structure) > 1:
        return dict(zip(network.output_names, structure, strict=True))
    return {default: network.outputs[0]}


def with_outputs(discriminator: keras.Model, names: Sequence[str]) -> keras.Model:
    """The same discriminator with further outputs; it shares all weights.

    Features of a network that does not name any are the output of its layer `features` if there is
    one, else the input of its layer `scores`, else that of the last layer.

    Args:
        discriminator: any; one that names all of these outputs is returned as it is.
        names: of the further outputs.

    Raises:
        ValueError: the network has no graph, or does not say one of them.
    """
    if not names:
        return discriminator
    try:
        outputs = output_tensors(discriminator)
        if FEATURES in names and FEATURES not in outputs:
            outputs[FEATURES] = _features(discriminator)
    except (AttributeError, ValueError, IndexError, TypeError) as error:
        raise ValueError(
            f"A discriminator that is neither functional nor sequential must return a dict with "
            f"{', '.join(map(repr, (SCORES, *names)))}. Received: {type(discriminator).__name__}"
        ) from error
    if LOGITS in names and LOGITS not in outputs:
        raise ValueError(
            "The discriminator must have a class head, an output 'class_logits' (the builders of "
            "`ganapp.models.networks` take `heads`), for an auxiliary classifier. "
            f"Received: {discriminator.name!r} without one"
        )
    if unknown := sorted(set(names) - outputs.keys()):
        raise ValueError(
            f"The discriminator must name an output {', '.join(map(repr, unknown))}. "
            f"Received: {discriminator.name!r} with {', '.join(map(repr, outputs))}"
        )
    several = len(input_names(discriminator, EXAMPLE)) > 1
    inputs = discriminator.input if several else discriminator.inputs[0]
    return keras.Model(inputs, outputs, name=discriminator.name)


def _features(network: keras.Model) -> keras.KerasTensor:
    own = [layer for layer in network.layers if not isinstance(layer, keras.layers.InputLayer)]
    named = [layer.output for layer in own if layer.name in (FEATURES, BOTTLENECK)]
    # A constraint gives layers longer names.
    heads = [layer.input for layer in network.layers if layer.name.startswith(SCORES)]
    return (named or heads or [network.layers[-1].input])[0]
