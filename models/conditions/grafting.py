"""A functional network on other inputs."""

from collections.abc import Callable

import keras


def copied(layer: keras.layers.Layer) -> keras.layers.Layer:
    """An untrained copy of a layer, with the same name."""
    return layer.__class__.from_config(layer.get_config())


def grafted(
    network: keras.Model,
    inputs: keras.KerasTensor,
    *,
    copy: Callable = copied,
    call: Callable = lambda layer, *arguments, **options: layer(*arguments, **options),
) -> keras.KerasTensor:
    """The output of an untrained copy of `network` on `inputs`, in one flat graph with them.

    Flat, so that what looks for layers by name or kind finds them. `keras.models.clone_model`
    does the same for inputs that are a model's own, but cuts off what computed them.

    Args:
        network: functional, with one output.
        inputs: of any model, as many as the network's.
        copy: of each layer.
        call: applies a copy to its inputs.
    """

    def operation(found):
        return copy(found) if isinstance(found, keras.layers.Layer) else found

    return network._run_through_graph(inputs, operation_fn=operation, call_fn=call)
