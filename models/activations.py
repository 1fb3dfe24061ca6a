"""The activation that a network ends in, and the values that it can take."""

import math

import keras
import numpy as np
import tensorflow as tf

from ganapp.models.tensors import EXAMPLE, SCORES, apply

PROBES, SCALE = 64, 100.0
RANGES = {
    "sigmoid": (0.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "hard_tanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
    "log_sigmoid": (-math.inf, 0.0),
    "log_softmax": (-math.inf, 0.0),
    "relu": (0.0, math.inf),
    "relu6": (0.0, 6.0),
    "softplus": (0.0, math.inf),
}
# A score squashed by one of these can no longer be any number. (What a rectifier cuts off is lost,
# too, but some energies are made so.)
BOUNDED = frozenset(RANGES) - {"relu", "relu6", "softplus"}
# Layers that move values about, or choose or average some of them.
PASSING = (
    keras.layers.Flatten,
    keras.layers.Reshape,
    keras.layers.Permute,
    keras.layers.Identity,
    keras.layers.Dropout,
    keras.layers.GlobalAveragePooling1D,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalMaxPooling2D,
    keras.layers.Cropping2D,
)


def final_activation(network: keras.Model) -> str | None:
    """The name of the activation that the scores or the example of `network` come from.

    `None` where there is none, it is unknown, or the network is a subclass without a graph.
    """
    outputs = getattr(network, "outputs", None)
    if not outputs:
        return None
    structure = getattr(network, "output", None) if len(outputs) > 1 else None
    if isinstance(structure, dict):
        return _activation_of(structure.get(SCORES, structure.get(EXAMPLE, outputs[0])))
    return _activation_of(outputs[0])


def looks_squashed(discriminator: keras.Model, shape: tuple[int, ...]) -> bool:
    """Whether a discriminator without a graph seems to end in a sigmoid or softmax.

    Raw scores of examples as large as this leave [0, 1] far behind.

    Args:
        discriminator: takes examples alone.
        shape: of one of them (or of one pack).
    """
    examples = SCALE * tf.random.stateless_normal((PROBES, *shape), seed=(0, 0))
    scores = apply(discriminator, {EXAMPLE: examples}, takes=EXAMPLE, gives=SCORES)[SCORES]
    scores = np.asarray(scores)
    # A last layer that starts with zeros gives nothing but zeros.
    return bool(scores.min() >= 0 and scores.max() <= 1 and np.ptp(scores) > 0)


def _activation_of(tensor: keras.KerasTensor) -> str | None:
    operation = tensor._keras_history.operation  # Keras has no public way from a tensor to it
    if isinstance(operation, keras.Model):
        return final_activation(operation)
    name = _name(getattr(operation, "layer", operation))  # a wrapper has the layer within
    if name in RANGES:
        return name
    moves_only = isinstance(operation, PASSING) or (
        isinstance(operation, keras.layers.Activation) and name == "linear"
    )
    return _activation_of(operation.input) if moves_only else None


def _name(operation: keras.Operation) -> str:
    """Of a layer its activation, of a function (`keras.ops.tanh`, `Lambda(tf.tanh)`) itself."""
    function = getattr(operation, "activation", None) or getattr(operation, "function", None)
    if callable(function):
        return getattr(function, "__name__", type(function).__name__).lower()
    return {"relu6": "relu6", "logsoftmax": "log_softmax"}.get(
        type(operation).__name__.lower(), type(operation).__name__.lower()
    )
