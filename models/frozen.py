"""Layers of a network that a training leaves as they are, named by patterns."""

import fnmatch
import re
from collections.abc import Iterator, Sequence

import keras

from ganapp.models.tensors import all_layers

NUMBERED = re.compile(r"_\d+$")  # Keras numbers names in the order in which layers are made


def named_weights(network: keras.Model) -> Iterator[tuple[str, keras.Variable]]:
    """Every weight by the path of its layer, whose names are numbered anew in their order."""
    numbers: dict[str, dict[str, int]] = {}
    for weight in network.weights:
        layer, _, name = weight.path.rpartition("/")
        base = "/".join(NUMBERED.sub("", part) for part in layer.split("/"))
        alike = numbers.setdefault(base, {})
        place = alike.setdefault(layer, len(alike))
        yield f"{base}{f'_{place}' if place else ''}/{name}", weight


def freeze(network: keras.Model, patterns: Sequence[str], *, setting: str) -> None:
    """Makes the layers untrainable whose names fit one of the patterns.

    Names are those of `named_weights`: `dense`, `conv2d_transpose`, `conv2d_transpose_1`.

    Args:
        network: which.
        patterns: with `*` and `?`, as of files.
        setting: that has them, for errors.

    Raises:
        ValueError: no layer fits a pattern.
    """
    owners = {}
    for layer in sorted(all_layers(network), key=lambda each: -len(each.weights)):
        owners |= {id(weight): layer for weight in layer.weights}  # the innermost comes last
    layers: dict[str, keras.Layer] = {}
    for path, weight in named_weights(network):
        layers[path.rpartition("/")[0]] = owners[id(weight)]
    for pattern in patterns:
        found = [name for name in layers if fnmatch.fnmatchcase(name, pattern)]
        if not found:
            raise ValueError(
                f"`{setting}` must name layers that are there, by patterns such as 'conv2d*': "
                f"{', '.join(layers)}. Received: {pattern!r}"
            )
        for name in found:
            layers[name].trainable = False


def frozen_weights(network: keras.Model) -> dict[str, keras.Variable]:
    """The weights of layers that are not trained, by name."""
    frozen = {id(w) for layer in all_layers(network) if not layer.trainable for w in layer.weights}
    return {name: weight for name, weight in named_weights(network) if id(weight) in frozen}
