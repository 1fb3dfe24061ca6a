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
        return _samples_of(bundle, _drawn(bundle, count, seed))

    return sample


def truncated_function(bundle: Bundle) -> tf.types.experimental.PolymorphicFunction:
    """As `sample_function`, with latents moved towards the likeliest.

    A signature of its own and no third input of `sample` with a default: TensorFlow 2.21 writes
    such a default into the SavedModel, sessions honour it, and signatures that Python loads refuse
    to be called without the input.

    Args:
        bundle: what to export; its prior must truncate.

    Returns:
        function of `count` and `seed`, int32 scalars, and `truncation`, a float32 scalar from 0
        (the likeliest latents) to 1 (what `sample` draws) -> what `sample` returns.
    """
    scalars = [tf.TensorSpec((), tf.int32, name=name) for name in ("count", "seed")]
    scalars.append(tf.TensorSpec((), tf.float32, name="truncation"))

    @tf.function(input_signature=scalars)
    def sample_truncated(count, seed, truncation):
        in_range = (truncation >= 0.0) & (truncation <= 1.0)
        tf.debugging.Assert(in_range, ["`truncation` must lie between 0 and 1:", truncation])
        latents = bundle.prior.truncate(_drawn(bundle, count, seed), truncation)
        return _samples_of(bundle, latents)

    return sample_truncated


def _drawn(bundle: Bundle, count: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    tf.debugging.assert_positive(count, message="`count` must be at least 1.")
    return bundle.prior.sample(count, tf.stack([SAMPLE_STREAM, seed]))


def _samples_of(bundle: Bundle, latents: tf.Tensor) -> dict[str, tf.Tensor]:
    samples = tf.cast(bundle.generator(latents, training=False), tf.float32)
    return {"samples": bundle.to_user_units(samples), "latents": latents}


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

    A prior that truncates gets `sample_truncated` too. For another it would do what `sample` does
    and let people believe in an effect.

    Args:
        bundle: what to export, computing in float32 (see `export.precision`).
        path: directory to create.

    Raises:
        ExportError: a graph holds something a SavedModel cannot, or the disk refused.
    """
    module = trackable(bundle)
    signatures = {"serving_default": generator_function(bundle), "sample": sample_function(bundle)}
    if bundle.prior.truncates:
        signatures["sample_truncated"] = truncated_function(bundle)
    try:
        with native_stderr():
            tf.saved_model.save(module, str(path), signatures=signatures)
    except (AssertionError, TypeError, ValueError, tf.errors.OpError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ExportError(f"The generator could not be saved as a SavedModel: {reason}") from error
