"""Generators of latents `(z, one-hot class)` made of generators that know no classes.

Each function takes `build`, which makes a generator for latents of a given size, the size of z and
the number of classes, and returns a network for latents `(batch, size + classes)`.
"""

from collections.abc import Callable

import keras

from ganapp.models.conditions.grafting import copied, grafted
from ganapp.models.layers import ClassColumn, ConditionalBatchNormalization

Build = Callable[[int], keras.Model]
EMBEDDING = 32  # dimensions of a class; fewer when there are fewer classes


def generator_concatenated(build: Build, size: int, classes: int) -> keras.Model:
    """The class joins the latent as it is (Mirza and Osindero, 2014, arXiv:1411.1784)."""
    return build(size + classes)


def generator_embedded(build: Build, size: int, classes: int) -> keras.Model:
    """The class joins the latent as a learnt vector of at most 32 dimensions."""
    width = min(EMBEDDING, classes)
    latents = keras.Input((size + classes,), name="z")
    vectors = keras.layers.Dense(width, use_bias=False, name="class_embedding")(latents[:, size:])
    joined = keras.layers.Concatenate()([latents[:, :size], vectors])
    network = build(size + width)
    return keras.Model(latents, grafted(network, joined), name=network.name)


def batch_normalised(build: Build, size: int, classes: int) -> keras.Model:
    """Every batch normalisation scales and shifts by the class (arXiv:1802.05637).

    Raises:
        ValueError: if the generator has none.
    """
    network = build(size)
    if not any(isinstance(x, keras.layers.BatchNormalization) for x in network._flatten_layers()):
        raise ValueError(
            "`generator.condition` 'batch_norm' needs a generator with batch normalisation "
            "(`generator.normalisation = \"batch\"`); 'concatenation' and 'embedding' need none. "
            f"Received: {network.name!r} without any"
        )
    latents = keras.Input((size + classes,), name="z")
    labels = latents[:, size:]

    def conditional(layer):
        if not isinstance(layer, keras.layers.BatchNormalization):
            return copied(layer)
        return ConditionalBatchNormalization(
            momentum=layer.momentum,
            epsilon=layer.epsilon,
            name=layer.name,
            dtype=layer.dtype_policy,
        )

    def called(layer, *arguments, **options):
        if isinstance(layer, ConditionalBatchNormalization):
            return layer([*arguments, labels])
        return layer(*arguments, **options)

    output = grafted(network, latents[:, :size], copy=conditional, call=called)
    return keras.Model(latents, output, name=network.name)


def with_class_column(generator: keras.Model, start: int, classes: int) -> keras.Model:
    """The same examples, but where they say their class they say the one that was asked for.

    For rows of a table whose class is one of its columns: a row is of the class asked for by
    construction, in training, in samples and in artefacts alike.

    Args:
        generator: of latents `(z, one-hot class)` and examples `(batch, d)`.
        start: place of the first of the `classes` entries of an example that stand for its class.
        classes: how many.
    """
    latents, examples = generator.inputs[0], generator.outputs[0]
    column = ClassColumn(start=start, dtype="float32", name="class_column")
    return keras.Model(latents, column([examples, latents[:, -classes:]]), name=generator.name)
