"""Computing a generator in float32, whatever precision it was trained in."""

import contextlib
from collections.abc import Iterator

import keras

SHORT = ("float16", "bfloat16")


@contextlib.contextmanager
def computing_in_float32(generator: keras.Model) -> Iterator[bool]:
    """Lets every layer compute in float32 inside the block and restores its policy afterwards.

    Under mixed precision the weights are float32 already and only the arithmetic is shorter.
    LiteRT has no bfloat16 kernels, and processors without them are slower with it, so artefacts
    compute in float32. The policies are switched in place, not on a copy rebuilt from
    `get_config`, because a copy would need every custom layer to be registered by name.

    Args:
        generator: the model; layers that compute in float32 already are not touched.

    Yields:
        whether any layer had to be switched.
    """
    layers = list(generator._flatten_layers())
    policies = [(x, x.dtype_policy) for x in layers if x.compute_dtype != "float32"]
    # A nested Sequential or Functional also casts to the dtype its symbolic inputs were made with.
    inputs = [(x, x._dtype) for layer in layers for x in _inputs(layer) if x.dtype in SHORT]
    try:
        for layer, _ in policies:
            layer.dtype_policy = "float32"
        for symbolic, _ in inputs:
            symbolic._dtype = "float32"
        yield bool(policies or inputs)
    finally:
        for layer, policy in policies:
            layer.dtype_policy = policy
        for symbolic, dtype in inputs:
            symbolic._dtype = dtype


def _inputs(layer: keras.layers.Layer) -> list:
    """What fixes the input dtype of a model or an input layer; empty for other layers."""
    if isinstance(layer, keras.layers.InputLayer):
        return [layer]
    if isinstance(layer, keras.Sequential):  # its graph is a Functional that is no sub-layer
        layer = getattr(layer, "_functional", None)
    return list(layer.inputs) if isinstance(layer, keras.Model) and layer.inputs else []
