"""SavedModel: the generator and its prior as TensorFlow graphs, loadable without our code."""

from collections.abc import Callable
from pathlib import Path

import tensorflow as tf

from ganapp.export.bundle import Bundle
from ganapp.export.errors import ExportError
from ganapp.export.input_names import restore_reserved
from ganapp.export.native import native_stderr
from ganapp.export.sampling import AS_DRAWN, WHOLE, asked, latents_of, scalar, uniform_noise

GraphFunction = tf.types.experimental.PolymorphicFunction


def generator_function(bundle: Bundle) -> GraphFunction:
    """A graph function of `z` with a named, float32 output in model units.

    Args:
        bundle: what to export; `bundle.output_name` names the output.

    Returns:
        function of `z` float32 `(n, prior.size)` -> `{"image" | "vector": float32 (n, *shape)}`.
    """

    @tf.function(
        input_signature=[tf.TensorSpec((None, bundle.prior.size), tf.float32, name="z")],
        autograph=False,
    )
    def serving_default(z):
        samples = tf.cast(bundle.generator(z, training=False), tf.float32)
        samples.set_shape((None, *bundle.shape))  # not an operation: LiteRT has no EnsureShape
        return {bundle.output_name: samples}

    return serving_default


def sample_function(bundle: Bundle) -> GraphFunction:
    """A graph function that draws latents and returns samples in the user's units.

    Args:
        bundle: what to export.

    Returns:
        function of `count` and `seed`, int32 scalars, where the latents have classes of `class`,
        an int32 scalar (-1: as they come), and where the prior truncates of `truncation`, a float32
        scalar from 0 (the likeliest latents) to 1 (as they are) ->
        `{"samples": (count, *user shape), "latents": float32 (count, prior.size)}`; a pure function
        of its arguments. Samples are uint8 images or float32 vectors.
    """
    return _drawing(bundle, lambda *given: _drawn(bundle, *given))


def png_function(bundle: Bundle) -> GraphFunction:
    """As `sample_function`, with each image as a PNG file: `{"image_bytes": string (count,)}`."""

    def encoded(*given):
        images = _drawn(bundle, *given)["samples"]
        files = tf.map_fn(tf.io.encode_png, images, fn_output_signature=tf.string)
        return {"image_bytes": files}

    return _drawing(bundle, encoded)


def signature_functions(bundle: Bundle) -> dict[str, GraphFunction]:
    """All that a SavedModel of this bundle can be asked for, by the name of the signature."""
    found = {"serving_default": generator_function(bundle), "sample": sample_function(bundle)}
    return found | ({"sample_png": png_function(bundle)} if bundle.encodes else {})


def _drawing(bundle: Bundle, draw: Callable[..., dict[str, tf.Tensor]]) -> GraphFunction:
    """`draw(count, seed, class, truncation)` with the inputs that this bundle has.

    The values that change nothing are defaults of the signature, which TensorFlow Serving and
    sessions honour. Signatures that Python loads do not: there all inputs must be given. TensorFlow
    takes defaults from the arguments of the Python function and only if they are tensors.
    """
    as_drawn, whole = tf.constant(AS_DRAWN), tf.constant(WHOLE)

    def with_both(count, seed, class_=as_drawn, truncation=whole):
        return draw(count, seed, class_, truncation)

    def with_class(count, seed, class_=as_drawn):
        return draw(count, seed, class_, WHOLE)

    def with_truncation(count, seed, truncation=whole):
        return draw(count, seed, AS_DRAWN, truncation)

    def with_neither(count, seed):
        return draw(count, seed, AS_DRAWN, WHOLE)

    kinds = {
        ("class", "truncation"): with_both,
        ("class",): with_class,
        ("truncation",): with_truncation,
        (): with_neither,
    }
    names = tuple(asked(bundle))
    inputs = [scalar(name) for name in ("count", "seed", *names)]
    return tf.function(kinds[names], input_signature=inputs, autograph=False)


def _drawn(bundle: Bundle, count, seed, class_, truncation) -> dict[str, tf.Tensor]:
    classes = bundle.prior.classes
    known = (class_ >= AS_DRAWN) & (class_ < classes)
    in_range = (truncation >= 0.0) & (truncation <= 1.0)
    checks = [tf.debugging.assert_positive(count, message="`count` must be at least 1.")]
    if classes:
        sentence = f"`class` must be -1 (as drawn) or a number from 0 to {classes - 1}:"
        checks.append(tf.debugging.Assert(known, [sentence, class_]))
    if bundle.prior.truncates:
        sentence = "`truncation` must lie between 0 and 1:"
        checks.append(tf.debugging.Assert(in_range, [sentence, truncation]))
    with tf.control_dependencies(checks):
        noise = uniform_noise(bundle, count, seed)
    latents = latents_of(bundle, noise, class_, truncation)
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
    """Writes a SavedModel with the signatures of `signature_functions`.

    Inputs that would do nothing are left out, for they would let people believe in an effect:
    `class` of latents without classes, `truncation` of a prior that does not truncate.

    Args:
        bundle: what to export, computing in float32 (see `ganapp.export.precision`).
        path: directory to create, or to write into: other files in it stay.

    Raises:
        ExportError: a graph holds something a SavedModel cannot, or the disk refused.
    """
    try:
        with native_stderr():
            signatures = signature_functions(bundle)
            tf.saved_model.save(trackable(bundle), str(path), signatures=signatures)
            restore_reserved(path)
    except (AssertionError, TypeError, ValueError, tf.errors.OpError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ExportError(f"The generator could not be saved as a SavedModel: {reason}") from error
