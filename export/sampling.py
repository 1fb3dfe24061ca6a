"""From a seed to latents: the one way every artefact and every server draws.

Uniform noise is a function of (count, seed) that any runtime can compute (Philox 4x32-10, see
`tf.random.stateless_uniform`); what makes latents of it is plain arithmetic, which leaves as a
small LiteRT file for those who have no TensorFlow.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

import tensorflow as tf

from ganapp.export.bundle import Bundle
from ganapp.export.errors import ExportError
from ganapp.export.input_names import RESERVED, restore_reserved
from ganapp.export.native import native_stderr

# First half of the stateless seed; keeps artefact draws apart from those made in training.
SAMPLE_STREAM = 0x5A11
SIGNATURE = "serving_default"
ALGORITHM = "philox"
AS_DRAWN, WHOLE = -1, 1.0  # the class and the truncation that change nothing
PYTHON_NAMES = {name: argument for argument, name in RESERVED.items()}
SCALARS = {"count": tf.int32, "seed": tf.int32, "class": tf.int32, "truncation": tf.float32}


def asked(bundle: Bundle) -> dict[str, int | float]:
    """What may be asked of latents besides count and seed, and the value that asks for nothing."""
    classes = {"class": AS_DRAWN} if bundle.prior.classes else {}
    return classes | ({"truncation": WHOLE} if bundle.prior.truncates else {})


def scalar(name: str) -> tf.TensorSpec:
    """The input `name` of whatever draws, as Python takes it (see `ganapp.export.input_names`)."""
    return tf.TensorSpec((), SCALARS[name], name=PYTHON_NAMES.get(name, name))


def uniform_noise(bundle: Bundle, count: int | tf.Tensor, seed: int | tf.Tensor) -> tf.Tensor:
    """Uniform numbers in [0, 1), float32 `(count, prior.noise_size)`, a function of `seed`."""
    seeds = tf.stack([SAMPLE_STREAM, seed])
    return tf.random.stateless_uniform((count, bundle.prior.noise_size), seeds, alg=ALGORITHM)


def latents_of(
    bundle: Bundle,
    noise: tf.Tensor,
    class_: int | tf.Tensor = AS_DRAWN,
    truncation: float | tf.Tensor = WHOLE,
) -> tf.Tensor:
    """The prior's latents of uniform noise.

    Args:
        bundle: whose prior.
        noise: float32 `(n, prior.noise_size)` in [0, 1).
        class_: number of the class to ask for; -1 for those that the noise says.
        truncation: from 0 (the likeliest latents) to 1 (as they are).

    Returns:
        float32 `(n, prior.size)`.
    """
    prior = bundle.prior
    latents = prior.from_uniform(noise)
    if prior.classes:
        wanted = tf.cast(tf.equal(tf.range(prior.classes), class_), tf.float32)
        latents = prior.with_labels(latents, wanted[tf.newaxis])
    if prior.truncates:
        latents = prior.truncate(latents, truncation)
    return latents


def write_latents(bundle: Bundle, path: Path) -> None:
    """Writes `latents_of` as a LiteRT file; float32, never quantised: it is all of the diversity.

    Its signature `serving_default` takes `noise` and, where the prior has classes and truncates,
    the scalars `class` and `truncation`, and returns `latents`.

    Args:
        bundle: whose prior.
        path: file to create.

    Raises:
        ExportError: the prior uses an operation LiteRT does not have.
    """
    names = [PYTHON_NAMES.get(name, name) for name in asked(bundle)]
    noise = tf.TensorSpec((None, bundle.prior.noise_size), tf.float32, name="noise")

    def latents(noise, *values):
        drawn = latents_of(bundle, noise, **dict(zip(names, values, strict=True)))
        drawn.set_shape((None, bundle.prior.size))
        return {"latents": drawn}

    inputs = [noise, *map(scalar, asked(bundle))]
    _convert(latents, inputs, path, f"The prior {bundle.prior.name!r}")


def write_units(bundle: Bundle, path: Path) -> None:
    """Writes `bundle.to_user_units` as a LiteRT file.

    Its signature `serving_default` takes the generator's output under its name and returns
    `samples`.

    Args:
        bundle: what to export.
        path: file to create.

    Raises:
        ExportError: it uses an operation LiteRT does not have.
    """
    name = bundle.output_name
    given = tf.TensorSpec((None, *bundle.shape), tf.float32, name=name)

    def units(output):
        return {"samples": bundle.to_user_units(output)}

    _convert(units, [given], path, "`to_user_units`")


def _convert(
    python: Callable[..., dict], inputs: list[tf.TensorSpec], path: Path, what: str
) -> None:
    """Writes a Python function of tensors as a LiteRT file of built-in operations."""
    function = tf.function(python, input_signature=inputs, autograph=False)
    try:
        with native_stderr(), tempfile.TemporaryDirectory(prefix="export-graph-") as directory:
            tf.saved_model.save(tf.Module(), directory, signatures={SIGNATURE: function})
            restore_reserved(Path(directory))
            converter = tf.lite.TFLiteConverter.from_saved_model(
                directory, signature_keys=[SIGNATURE]
            )
            content = converter.convert()
    except Exception as error:  # the converter's exceptions share no public base class
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise ExportError(f"{what} could not be converted to LiteRT: {lines[0]}") from error
    path.write_bytes(content)
