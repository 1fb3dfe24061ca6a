"""A generator of next frames that is fed its own, as one network.

Reference: Mathieu, Couprie and LeCun, 2016, arXiv:1511.05440.
"""

from collections.abc import Collection

import keras

from ganapp.models.tensors import EXAMPLE, LATENT, input_shapes

FRAMES = "frames"  # the observation: past frames along the channels, the oldest first


def step_name(latent: str, step: int) -> str:
    """The name of a latent of one step of a rollout, 1 for the first."""
    return f"{latent}_{step}"


def rolled_out(
    generator: keras.Model, steps: int, latents: Collection[str] = (LATENT,)
) -> keras.Model:
    """The frames that follow some past ones, each made of those before it.

    What is made is cut to [-1, 1], the range of real frames, before it is looked at or given out.

    Args:
        generator: of a frame `(height, width, channels)`, which observes `frames`.
        steps: how many frames.
        latents: the generator's inputs of noise, of which every step has its own.

    Returns:
        A network of the generator's inputs, with `z_1`, `z_2`, ... in place of `z`, that shares its
        weights, from `frames` to a clip `(steps, height, width, channels)`.
    """
    shapes = input_shapes(generator, LATENT)
    inputs = {name: keras.Input(shape, name=name) for name, shape in shapes.items()}
    for name in latents:
        shape = inputs.pop(name).shape[1:]
        for step in range(1, steps + 1):
            inputs[step_name(name, step)] = keras.Input(shape, name=step_name(name, step))
    seen, made = inputs[FRAMES], []
    for step in range(1, steps + 1):
        given = {name: inputs.get(step_name(name, step), inputs.get(name)) for name in shapes}
        x = generator(given | {FRAMES: seen})
        x = x[EXAMPLE] if isinstance(x, dict) else x
        made.append(keras.ops.clip(x, -1.0, 1.0))
        if step < steps:
            later = seen[..., x.shape[-1] :]
            join = keras.layers.Concatenate(dtype="float32")
            seen = join([later, made[-1]]) if later.shape[-1] else made[-1]
    return keras.Model(inputs, keras.ops.stack(made, axis=1), name="rollout")
