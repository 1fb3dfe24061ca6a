"""SavedModel: the generator and its prior as TensorFlow graphs, loadable without our code."""

from pathlib import Path

import tensorflow as tf

from export.bundle import Bundle
from export.errors import ExportError
from export.native import native_stderr

# First half of the stateless seed; keeps artefact draws apart from those made in training.
SAMPLE_STREAM = 0x5A11


def generator_function(bundle: Bundle) -> tf.types.experimental.PolymorphicFunction:
    """A graph function of `z` with a named, float32 output in model units.

    Args:
        bundle: what to export; `bundle.output_name` names the output.

    Returns:
        function of `z` float32 `(n, prior.size)` -> `{"image" | "vector": float32 (n, *shape)}`.
    """

    @tf.function(input_signature=[tf.TensorSpec((None, bundle.prior.size), tf.float32, name="z")])
    def serving_default(z):
        samples = tf.cast(bundle.generator(z, training=False), tf.float32)
        samples.set_shape((None, *bundle.shape))  # not an operation: LiteRT has no EnsureShape
        return {bundle.output_name: samples}

    return serving_default


def sample_function(bundle: Bundle) -> tf.types.experimental.PolymorphicFunction:
    """A graph function that draws latents and returns samples in the user's units.

    Args:
        bundle: what to export.

    Returns:
        function of `count` and `seed`, int32 scalars, ->
        `{"samples": (count, *shape), "latents": float32 (count, prior.size)}`; a pure function
        of its arguments. Samples are uint8 images or float32 vectors.
    """
    scalars = [tf.TensorSpec((), tf.int32, name=name) for name in ("count", "seed")]

    @tf.function(input_signature=scalars)
    def sample(count, seed):
        tf.debugging.assert_positive(count, message="`count` must be at least 1.")
        latents = bundle.prior.sample(count, tf.stack([SAMPLE_STREAM, seed]))
        samples = tf.cast(bundle.generator(latents, training=False), tf.float32)
        return {"samples": bundle.to_user_units(samples), "latents": latents}

    return sample


def trackable(bundle: Bundle) -> tf.Module:
    """A module that owns the generator's `tf.Variable`s.

    A Keras variable is a wrapper TensorFlow cannot track. Without its `.value` in a trackable,
    a LiteRT conversion keeps the variables as uninitialised resources and computes garbage.
    """
    module = tf.Module()
    module.weights = [variable.value for variable in bundle.generator.variables]
    return module


def write_saved_model(bundle: Bundle, path: Path) -> None:
    """Writes a SavedModel with the signatures `serving_default` and `sample`.

    Args:
        bundle: what to export, computing in float32 (see `export.precision`).
        path: directory to create.

    Raises:
        ExportError: a graph holds something a SavedModel cannot, or the disk refused.
    """
    module = trackable(bundle)
    signatures = {"serving_default": generator_function(bundle), "sample": sample_function(bundle)}
    try:
        with native_stderr():
            tf.saved_model.save(module, str(path), signatures=signatures)
    except (AssertionError, TypeError, ValueError, tf.errors.OpError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ExportError(f"The generator could not be saved as a SavedModel: {reason}") from error
