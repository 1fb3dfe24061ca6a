"""Checks that two networks and a prior make a GAN."""

from typing import Any

import keras


def check_networks(generator: keras.Model, discriminator: keras.Model, prior: Any) -> None:
    """Refuses networks that do not fit each other.

    Raises:
        ValueError: if the networks share variables or their shapes do not follow one another.
    """
    shared = {id(v) for v in generator.variables} & {id(v) for v in discriminator.variables}
    if shared:
        raise ValueError(
            "`generator` and `discriminator` must not share variables: each would undo the "
            f"other's update. Received: {len(shared)} shared variables"
        )
    made, taken = generator.output_shape[1:], discriminator.input_shape[1:]
    if made != taken:
        raise ValueError(
            "`discriminator` must take what `generator` makes. "
            f"Received: generator output {made}, discriminator input {taken}"
        )
    if generator.input_shape[1:] != (prior.size,):
        raise ValueError(
            "`generator` must take latents of the prior's size. Received: generator input "
            f"{generator.input_shape[1:]}, prior size {prior.size}"
        )
