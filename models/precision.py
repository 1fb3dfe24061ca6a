"""Mixed precision: loss scaling for both optimizers, float32 where float16 overflows."""

import contextlib
from collections.abc import Iterator

import keras


def prepared(
    optimizer: keras.optimizers.Optimizer, network: keras.Model
) -> keras.optimizers.Optimizer:
    """The optimizer, loss-scaled if `network` computes in float16, built on its variables.

    An optimizer left to build itself later would do so on both networks, or lose its moments when
    a checkpoint is restored into it.
    """
    scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    if network.compute_dtype == "float16" and not scaled:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(network.trainable_variables)
    return optimizer


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
