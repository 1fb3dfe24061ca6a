"""Checks that two networks and a prior make a GAN."""

from typing import Any

import keras
import tensorflow as tf

from models.heads import judged, takes_labels
from models.packing import packed_shape
from models.rules import Combination, refuse
from training.lookup import objective_called


def check_networks(
    generator: keras.Model, discriminator: keras.Model, prior: Any, packing: int = 1
) -> tuple[int, ...]:
    """Refuses networks that do not fit each other; builds those that are not built yet.

    Returns:
        Shape of one example.

    Raises:
        ValueError: if the networks share variables, or one does not take what the other makes.
    """
    if packing < 1:
        raise ValueError(f"`packing` must be at least 1. Received: packing={packing}")
    _check_inputs(generator, discriminator)
    _check_classes(discriminator, getattr(prior, "classes", 0), packing)
    examples = _called(
        generator,
        (1, prior.size),
        f"`generator` must take latents of the prior's size {prior.size}",
    )
    shape = tuple(examples.shape[1:])
    judged = packed_shape(shape, packing)
    together = f" in packs of {packing}" if packing > 1 else ""
    _called(
        discriminator,
        (1, *judged),
        f"`discriminator` must take what `generator` makes{together}, {judged}",
    )
    shared = {id(v) for v in generator.variables} & {id(v) for v in discriminator.variables}
    if shared:
        raise ValueError(
            "`generator` and `discriminator` must not share variables: each would undo the "
            f"other's update. Received: {len(shared)} shared variables"
        )
    return shape


def _check_inputs(generator: keras.Model, discriminator: keras.Model) -> None:
    inputs = getattr(generator, "inputs", None) or []
    if len(inputs) > 1:
        raise ValueError(
            "`generator` must take one input, the latents. A class is part of them: make the "
            "prior `training.priors.Conditional(base=..., shares=...)`, whose latents end in the "
            "class, one-hot, and split them inside the network. "
            f"Received: {generator.name!r} with the inputs {', '.join(x.name for x in inputs)}"
        )
    inputs = getattr(discriminator, "inputs", None) or []
    if len(inputs) > 2:
        raise ValueError(
            "`discriminator` must take examples, or [examples, one-hot labels]. Received: "
            f"{discriminator.name!r} with the inputs {', '.join(x.name for x in inputs)}"
        )


def check_trainable(network: keras.Model) -> None:
    """Refuses a network that would never change.

    Raises:
        ValueError: if none of its variables is trainable.
    """
    if not network.trainable_variables:
        raise ValueError(
            f"{network.name!r} has nothing to train. The GAN updates each of its two networks by "
            "itself and needs none of them frozen: leave out `trainable = False`. Received: "
            f"trainable={network.trainable} and {len(network.variables)} variables"
        )


def resolve_objective(objective: Any) -> Any:
    """The objective, or that of the name.

    Raises:
        ValueError: if it is no objective.
    """
    if isinstance(objective, str):
        return objective_called(objective)
    if isinstance(objective, type) or not hasattr(objective, "discriminator_loss"):
        raise ValueError(
            "`objective` must be an objective such as `training.objectives.Hinge()`, or the name "
            f"of one such as 'hinge'. Received: {objective!r}"
        )
    return objective


def _check_classes(discriminator: keras.Model, classes: int, packing: int) -> None:
    refuse(Combination(packing=packing, told_classes=f"{classes} classes" if classes else ""))
    taken = discriminator.inputs[1].shape[1] if takes_labels(discriminator) else classes
    if taken != classes:
        raise ValueError(
            "`discriminator` must take labels of as many classes as the prior has. Received: "
            f"{taken} and {classes}"
        )


def _called(network: keras.Model, shape: tuple[int, ...], expectation: str) -> tf.Tensor:
    # Called, because a subclassed network has no shapes to ask for before that.
    expected = getattr(network, "input_shape", None) if network.built else None
    if isinstance(expected, tuple) and expected[1:] != shape[1:]:
        raise ValueError(f"{expectation}. Received: a network for inputs of shape {expected[1:]}")
    try:
        return judged(network, tf.zeros(shape), None, training=False)
    except (ValueError, TypeError, tf.errors.InvalidArgumentError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(
            f"{expectation}. Received: {network.name!r}, which says: {reason}"
        ) from error


def check_recompilation(before: Any, after: Any) -> None:
    """Refuses another constraint than that of an earlier `compile`.

    Raises:
        ValueError: if the constraint, which has changed the network for good, is another now.
    """
    if before is not None and before.constraint != after.constraint:
        raise ValueError(
            "The constraint of an earlier `compile` stays in the discriminator; make a new GAN. "
            f"Received: {after.constraint.name!r} after {before.constraint.name!r}"
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
