"""Networks that read an example: encoders, readers of codes."""

from collections.abc import Callable, Mapping

import keras

from ganapp.models.networks.inputs import Shapes
from ganapp.models.tensors import SCORES, output_tensors


def reader(
    build: Callable[..., keras.Model], inputs: Shapes, outputs: Mapping[str, int], **options: object
) -> keras.Model:
    """A network from examples to vectors by name: a discriminator's body with other heads.

    Args:
        build: a builder of discriminators.
        inputs: shape of each input by name, `x` among them.
        outputs: size of each vector by name; each is linear in the features.
        options: of the builder.

    Returns:
        A network that gives a dict of `(batch, size)`, float32.
    """
    body = build(inputs, heads=dict(outputs), **options)
    said = output_tensors(body, SCORES)
    return keras.Model(body.input, {name: said[name] for name in outputs}, name="reader")
