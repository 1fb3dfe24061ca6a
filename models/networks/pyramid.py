"""Levels of a Laplacian pyramid as one generator.

Reference: Denton, Chintala, Szlam and Fergus, 2015, "Deep generative image models using a Laplacian
pyramid of adversarial networks", arXiv:1506.05751.
"""

from collections.abc import Sequence

import keras

from ganapp.models.stages import STAGE
from ganapp.models.tensors import EXAMPLE, LABEL, LATENT, input_shapes

COARSE = "coarse"


def level_latent(level: int) -> str:
    """The name of the latent of a level, 0 for the finest."""
    return f"z_{level}"


def level_name(level: int) -> str:
    """The name of the generator of a level, as a layer of the whole."""
    return f"level_{level}"


def composed(levels: Sequence[keras.Model]) -> keras.Model:
    """A generator that paints the coarsest image, then each finer one upon it.

    Args:
        levels: generators from the finest to the coarsest; each but the last observes the next
            one's image as `coarse`.

    Returns:
        A network of the inputs `z_0`, `z_1`, ... (one a level), and `label` where a level takes it,
        that shares the levels' weights. Its stages are the images of the levels.
    """
    shapes = [input_shapes(network, LATENT) for network in levels]
    inputs = {
        level_latent(place): keras.Input(shape[LATENT], name=level_latent(place))
        for place, shape in enumerate(shapes)
    }
    labels = {shape[LABEL] for shape in shapes if LABEL in shape}
    if labels:
        inputs[LABEL] = keras.Input(*labels, name=LABEL)
    x = None
    for place in reversed(range(len(levels))):
        known = {LATENT: inputs[level_latent(place)], COARSE: x, LABEL: inputs.get(LABEL)}
        given = {name: known[name] for name in shapes[place]}
        network = levels[place]
        network.name = level_name(place)
        x = network(given if len(given) > 1 else given[LATENT])
        x = x[EXAMPLE] if isinstance(x, dict) else x
        x = keras.layers.Identity(name=f"{STAGE}{len(levels) - place}", dtype="float32")(x)
    return keras.Model(inputs, x, name="generator")
