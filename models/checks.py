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


def check_compilation(
    replicas: int, jit_compile: bool, generator_optimizer: Any, discriminator_optimizer: Any
) -> None:
    """Refuses settings of `compile` that would train wrongly.

    Raises:
        ValueError: if XLA is asked for on several replicas, or one optimizer is given twice.
    """
    if jit_compile and replicas > 1:
        raise ValueError(
            "`jit_compile` works on one device only: XLA under a distribution strategy leaks "
            f"or crashes in Keras 3. Received: jit_compile=True on {replicas} replicas"
        )
    if generator_optimizer is not None and generator_optimizer is discriminator_optimizer:
        raise ValueError(
            "`generator_optimizer` and `discriminator_optimizer` must be two instances: each "
            f"keeps moments of its own network. Received: {generator_optimizer!r} twice"
        )
