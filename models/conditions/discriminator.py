"""Discriminators of `(examples, label)` made of discriminators that know no classes.

Each function takes `build`, which makes a discriminator for examples of a given shape, that shape
and the number of classes, and returns a network with the inputs `[examples, label]`. A label is
one-hot `(batch, classes)`; all zeros stand for an example whose class is not known.
"""

import math
from collections.abc import Callable

import keras

from ganapp.models.conditions.grafting import grafted
from ganapp.models.layers import ClassMask
from ganapp.models.outputs import FEATURES, LOGITS, output_tensors, takes_labels, with_outputs
from ganapp.models.tensors import EXAMPLE, LABEL, SCORES

Build = Callable[[tuple[int, ...]], keras.Model]


def concatenated(build: Build, shape: tuple[int, ...], classes: int) -> keras.Model:
    """The class joins the example: a constant map for each class, or further coordinates.

    Reference: Mirza and Osindero, 2014, arXiv:1411.1784.
    """
    examples, label = _inputs(shape, classes)
    repeated = keras.layers.RepeatVector(math.prod(shape[:-1]))(label)
    maps = keras.layers.Reshape((*shape[:-1], classes))(repeated)
    return _joined(build, examples, label, maps)


def embedded(build: Build, shape: tuple[int, ...], classes: int) -> keras.Model:
    """The class joins the example as one more map (or coordinate) that is learnt for each class."""
    examples, label = _inputs(shape, classes)
    values = keras.layers.Dense(math.prod(shape[:-1]), use_bias=False, name="class_embedding")
    maps = keras.layers.Reshape((*shape[:-1], 1))(values(label))
    return _joined(build, examples, label, maps)


def projected(build: Build, shape: tuple[int, ...], classes: int) -> keras.Model:
    """The score gains the inner product of the features and the class's vector.

    Reference: Miyato and Koyama, 2018, arXiv:1802.05637.
    """
    examples, label = _inputs(shape, classes)
    network = build(shape)
    network = keras.Model(examples, grafted(network, examples), name=network.name)
    outputs = output_tensors(with_outputs(network, [FEATURES]))
    features = keras.layers.Flatten(dtype="float32")(outputs[FEATURES])
    vectors = keras.layers.Dense(
        features.shape[-1],
        use_bias=False,
        kernel_initializer="lecun_normal",
        dtype="float32",
        name="class_projection",
    )
    product = keras.layers.Dot(1, dtype="float32")([features, vectors(label)])
    scores = keras.layers.Add(dtype="float32")([outputs[SCORES], product])
    return keras.Model([examples, label], scores, name=network.name)


def with_class_head(discriminator: keras.Model, classes: int) -> keras.Model:
    """The same scores, with a classifier on the same features (Odena et al., 2017).

    The logits are the output `class_logits`, beside `scores`.
    """
    outputs = output_tensors(with_outputs(discriminator, [FEATURES]))
    features = keras.layers.Flatten(dtype="float32")(outputs.pop(FEATURES))
    outputs[LOGITS] = keras.layers.Dense(classes, dtype="float32", name=LOGITS)(features)
    inputs = discriminator.inputs
    return keras.Model(inputs if len(inputs) > 1 else inputs[0], outputs, name=discriminator.name)


def with_class_mask(discriminator: keras.Model, start: int, classes: int) -> keras.Model:
    """The same network, which does not see the class in an example where no label says it.

    For rows of a table whose class is one of its columns and of which some lack it. The generated
    row beside such a one says a class, the real one does not, and that alone would tell them apart:
    both are judged by their other columns, as a discriminator of images without a class does.

    Args:
        discriminator: of examples `(batch, d)`, with labels or without.
        start: place of the first of the `classes` entries of an example that stand for its class.
        classes: how many.

    Returns:
        A network of `[examples, label]`.
    """
    examples, label = _inputs(discriminator.inputs[0].shape[1:], classes)
    seen = ClassMask(start=start, dtype="float32", name="class_mask")([examples, label])
    inputs = [seen, label] if takes_labels(discriminator) else seen
    return keras.Model([examples, label], grafted(discriminator, inputs), name=discriminator.name)


def _inputs(shape: tuple[int, ...], classes: int) -> tuple:
    return keras.Input(shape, name=EXAMPLE), keras.Input((classes,), name=LABEL)


def _joined(build: Build, examples, label, maps) -> keras.Model:
    both = keras.layers.Concatenate()([examples, maps])
    network = build(tuple(both.shape[1:]))
    return keras.Model([examples, label], grafted(network, both), name=network.name)
