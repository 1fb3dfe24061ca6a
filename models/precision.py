"""Optimizers made ready for a network, and mixed precision: what scales and what stays float32."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from ganapp.models.accumulation import accumulate_across_replicas


def computes_in(network: keras.Model, dtype: str) -> bool:
    """Whether every layer that has weights or arithmetic of its own computes in `dtype`.

    The layers are asked: the model's own policy is only what was current when it was put together.
    """
    return all(layer.compute_dtype == dtype for layer in network._flatten_layers(recursive=True))


def both_optimizers(
    generator_optimizer: Any, discriminator_optimizer: Any, objective: Any
) -> tuple:
    """The optimizers of the two networks, each an instance of its own.

    One that is given alone is used for both, for its rate beside the default of another would be
    nobody's choice.

    Raises:
        ValueError: if the one given cannot be meant for both.
    """
    if generator_optimizer is None and discriminator_optimizer is None:
        return objective.generator_optimizer.build(), objective.discriminator_optimizer.build()
    pair = generator_optimizer, discriminator_optimizer
    given = keras.optimizers.get(next(each for each in pair if each is not None))
    if None not in pair:
        return pair
    rate = getattr(given, "inner_optimizer", given).get_config().get("learning_rate")
    if objective.discriminator_steps > 1 and isinstance(rate, dict):
        raise ValueError(
            "A learning rate schedule counts updates, of which the discriminator makes "
            f"{objective.discriminator_steps} in each step: give both `generator_optimizer` and "
            f"`discriminator_optimizer`. Received: one {given.name!r} with a schedule"
        )
    copy = type(given).from_config(given.get_config())
    return (given, copy) if generator_optimizer is not None else (copy, given)


def prepared(optimizer: Any, networks: Sequence[keras.Model]) -> keras.optimizers.Optimizer:
    """The optimizer of networks: loss-scaled under float16, built, and leaving the sum to us.

    An optimizer left to build itself later would do so on both networks, or lose its moments when
    a checkpoint is restored into it.

    Raises:
        ValueError: if it has been built for other variables, or keeps an average of its own.
    """
    optimizer = keras.optimizers.get(optimizer)
    scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    layers = [layer for network in networks for layer in network._flatten_layers()]
    half = any(layer.compute_dtype == "float16" for layer in layers)
    if half and not scaled:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    if inner.use_ema:
        raise ValueError(
            "`use_ema` of an optimizer would overwrite the network at the end of every `fit`; the "
            "GAN keeps an average of its own (`ema_half_life`). Received: use_ema=True"
        )
    variables = [variable for network in networks for variable in network.trainable_variables]
    if inner.built and [id(v) for v in inner._trainable_variables] != [id(v) for v in variables]:
        raise ValueError(
            "Each optimizer keeps moments of one network's variables; make a new one. "
            f"Received: {inner.name!r}, which was built for other variables than those of "
            f"{networks[0].name!r}"
        )
    if not optimizer.built:
        optimizer.build(variables)
    if tf.distribute.get_strategy().num_replicas_in_sync > 1:
        inner._all_reduce_sum_gradients = _already_summed
    if tf.distribute.has_strategy() and inner.gradient_accumulation_steps:
        accumulate_across_replicas(inner)
    return optimizer


def _already_summed(gradients_and_variables: list) -> list:
    """Stands in for the optimizer's own sum over replicas; see `distributed.sum_over_replicas`."""
    return gradients_and_variables


@contextlib.contextmanager
def float32_compute(network: keras.Model) -> Iterator[None]:
    """Runs every layer of `network` in float32 while the context is open.

    Second-order gradients overflow in float16; the variables are float32 already, so only the
    arithmetic has to change.
    """
    layers = [layer for layer in network._flatten_layers() if layer.compute_dtype != "float32"]
    policies = [layer.dtype_policy for layer in layers]
    try:
        for layer in layers:
            layer.dtype_policy = keras.DTypePolicy("float32")
        yield
    finally:
        for layer, policy in zip(layers, policies, strict=True):
            layer.dtype_policy = policy
