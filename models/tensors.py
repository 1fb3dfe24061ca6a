"""Named tensors: what travels between data, priors and networks, and the only place that calls one.

| name | what | who makes it |
|---|---|---|
| `x` | the example, in model units | the data (real), the generator (generated) |
| `z` | the latent, `(batch, size)` | the prior |
| `label` | the class, one-hot `(batch, classes)`; zeros for an unknown one | the data, or drawn |
| any other | an observation that an example belongs to | the data |
| `scores`, `features`, `class_logits`, ... | what a discriminator says | the discriminator |
"""

from collections.abc import Iterable, Sequence

import keras
import tensorflow as tf

Tensors = dict[str, tf.Tensor]
EXAMPLE, LATENT, LABEL, SCORES = "x", "z", "label", "scores"
FEATURES, LOGITS = "features", "class_logits"
# The layer of a network of ours that gives its features, where the scores are of something else.
BOTTLENECK = "bottleneck"


def all_layers(network: keras.layers.Layer) -> list[keras.layers.Layer]:
    """A network and every layer within it, at any depth."""
    return list(network._flatten_layers())  # Keras has no public way: `layers` stops at the first


def input_names(network: keras.Model, default: str) -> tuple[str, ...]:
    """The names of a network's inputs, in the network's order.

    A functional network names its inputs by the keys of a dict or by `keras.Input(name=...)`; a
    subclassed one of several inputs has an attribute `input_names` and takes a dict. The input of
    any other network is its only one and is called `default`.
    """
    if named := getattr(network, "input_names", None):
        return tuple(named)
    structure = _input_structure(network)
    if isinstance(structure, dict):
        return tuple(structure)
    if isinstance(structure, list | tuple) and len(structure) > 1:
        return tuple(tensor.name for tensor in structure)
    return (default,)


def input_shapes(network: keras.Model, default: str) -> dict[str, tuple[int | None, ...] | None]:
    """Shape of one row of each input by name; `None` where the network does not say.

    A subclassed one of several inputs says it once it has been called.
    """
    names = input_names(network, default)
    structure = _input_structure(network)
    if structure is None:
        called = (network.get_build_config() or {}).get("input_shape")
        called = called if isinstance(called, dict) else {}
        return {name: tuple(called[name][1:]) if name in called else None for name in names}
    tensors = structure.values() if isinstance(structure, dict) else tf.nest.flatten(structure)
    return {name: tuple(each.shape[1:]) for name, each in zip(names, tensors, strict=True)}


def apply(
    network: keras.Model,
    tensors: Tensors,
    *,
    takes: str = LATENT,
    gives: str = EXAMPLE,
    training: bool = False,
) -> Tensors:
    """Calls a network with exactly the inputs that it names; Keras takes others in silence.

    Args:
        network: any Keras model.
        tensors: at least its inputs by name; the others are not for it.
        takes: name of the input of a network that does not name its only one.
        gives: name of the output of a network that does not name its only one.
        training: of Keras.

    Returns:
        Its outputs by name, float32.

    Raises:
        ValueError: an input is missing.
    """
    names = input_names(network, takes)
    check_there(network.name, names, tensors)
    given = {name: tf.convert_to_tensor(tensors[name]) for name in names}
    outputs = network(_as_taken(network, given), training=training)
    return {name: tf.cast(each, tf.float32) for name, each in _named(network, outputs, gives)}


def check_there(network: str, names: Iterable[str], tensors: Iterable[str]) -> None:
    """Refuses tensors among which one is missing that a network takes."""
    missing = [name for name in names if name not in tensors]
    if missing:
        raise ValueError(
            f"The network {network!r} takes {', '.join(map(repr, names))}, but there is no "
            f"{', '.join(map(repr, missing))}. There are: {', '.join(sorted(tensors))}"
        )


def _input_structure(network: keras.Model) -> object:
    """The inputs that a functional network was made with; `None` for any other network."""
    if isinstance(network, keras.Sequential) or not getattr(network, "inputs", None):
        return None
    try:
        return network.input
    except (AttributeError, ValueError):  # a subclass whose `inputs` are something else
        return None


def _as_taken(network: keras.Model, given: Tensors) -> object:
    structure = _input_structure(network)
    if structure is None:
        return given if hasattr(network, "input_names") else next(iter(given.values()))
    if isinstance(structure, dict):
        return given
    values = list(given.values())
    return values if isinstance(structure, list | tuple) else values[0]


def _named(network: keras.Model, outputs: object, gives: str) -> Iterable[tuple[str, tf.Tensor]]:
    if isinstance(outputs, dict):
        return outputs.items()
    if isinstance(outputs, list | tuple):
        if len(outputs) == 1:
            return [(gives, outputs[0])]
        names = getattr(network, "output_names", None)
        if not names:
            raise ValueError(
                f"The network {network.name!r} must name its outputs: let it return a dict. "
                f"Received: {len(outputs)} outputs without names"
            )
        return zip(names, outputs, strict=True)
    return [(gives, outputs)]


def output_tensors(network: keras.Model, gives: str) -> dict[str, keras.KerasTensor]:
    """The symbolic outputs of a functional or sequential network by name."""
    sequential = isinstance(network, keras.Sequential)
    structure = network.outputs[0] if sequential else network.output
    return dict(_named(network, structure, gives))


def with_outputs(discriminator: keras.Model, names: Sequence[str]) -> keras.Model:
    """The same discriminator with further outputs; it shares all weights.

    Features of a network that does not name any are the output of its layer `features` if there is
    one, else the input of its layer `scores`, else that of the last layer.

    Raises:
        ValueError: the network has no graph, or does not say one of them.
    """
    if not names:
        return discriminator
    try:
        outputs = output_tensors(discriminator, SCORES)
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
