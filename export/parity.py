"""Proof that an artefact, reloaded in a fresh process, still is the generator."""

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from ganapp.export.bundle import Bundle
from ganapp.export.differences import keras_samples, largest_difference
from ganapp.export.draws import verify_draws
from ganapp.export.errors import ExportError
from ganapp.export.formats import EXACT, Format
from ganapp.export.losses import Figures, figures_of_keras, judged, loss
from ganapp.export.precision import computing_in_float32
from ganapp.export.workers import Worker

CHUNKS = (1, 3, 64, 64, 64, 60)  # 256 latents in uneven batches
LATENT_SEED = (0x5A12, 0)
JUDGED_BATCH = 50


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verification:
    """What a fresh process found out about one artefact.

    Args:
        difference: largest absolute difference to the Keras generator, in model units.
        mean_difference: mean absolute difference.
        tolerance: how large the largest may be.
        sample_difference: the same for the signatures that draw, in user units (grey levels for
            images); `None` when the format has none.
        figures: evaluation figures by key, of the same latents as the Keras generator's; empty
            when there is no judge.
        warning: what it lost in figures, a sentence; `None` if nothing.
        load_seconds: import of the runtime and loading of the artefact.
        memory_bytes: by how much the process grew by loading and running it.
        tensorflow_imported: whether the process had to import TensorFlow.
    """

    difference: float
    mean_difference: float
    tolerance: float
    sample_difference: float | None
    figures: dict[str, float]
    warning: str | None
    load_seconds: float
    memory_bytes: int
    tensorflow_imported: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reference:
    """The Keras generator's own answer.

    Args:
        latents: float32 `(n, size)`.
        samples: float32 `(n, *shape)`, computed in float32.
        precision_difference: largest absolute difference between computing in float32 and in
            the precision the generator was trained in; 0.0 when that is float32.
        figures: its evaluation figures, `None` when there is no judge.
    """

    latents: np.ndarray
    samples: np.ndarray
    precision_difference: float
    figures: Figures | None = None


def refer(bundle: Bundle) -> Reference:
    """What the generator answers in float32, and how far its trained precision is from that."""
    latents = draw_latents(bundle)
    with computing_in_float32(bundle.generator) as mixed:
        samples = keras_samples(bundle, latents, CHUNKS)
        figures = figures_of_keras(bundle)
    trained = keras_samples(bundle, latents, CHUNKS) if mixed else samples
    return Reference(
        latents=latents,
        samples=samples,
        precision_difference=largest_difference(trained, samples),
        figures=figures,
    )


def draw_latents(bundle: Bundle) -> np.ndarray:
    """The latents every artefact is compared on, float32 `(256, size)`."""
    return np.asarray(bundle.prior.sample(sum(CHUNKS), tf.constant(LATENT_SEED)), "float32")


def verify(bundle: Bundle, form: Format, worker: Worker, reference: Reference) -> Verification:
    """Compares an artefact in a fresh process with the generator.

    Args:
        bundle: what was exported, computing in float32.
        form: format of the artefact.
        worker: the process that has loaded it.
        reference: what the generator answers.

    Raises:
        ExportError: the artefact does not run, differs, or its figures are worse.
    """
    samples, measured = worker.run(reference.latents, CHUNKS)
    if samples is None or samples.shape != reference.samples.shape or samples.dtype != np.float32:
        received = None if samples is None else f"{samples.dtype} {samples.shape}"
        raise ExportError(
            f"The {form.title} artefact must return `{bundle.output_name}` float32 "
            f"{reference.samples.shape}. Received: {received}"
        )
    difference = largest_difference(samples, reference.samples)
    mean = mean_difference(samples, reference.samples)
    for kind, found, allowed in (
        ("", difference, form.tolerance),
        ("on average ", mean, form.mean_tolerance),
    ):
        if not found <= allowed:
            raise ExportError(
                f"The {form.title} artefact differs from the Keras generator {kind}by "
                f"{found:.3g}, more than the tolerance {allowed:.3g}."
            )
    drawn = verify_draws(bundle, form.title, worker.draws(), EXACT) if form.samples else None
    return Verification(
        difference=difference,
        mean_difference=mean,
        tolerance=form.tolerance,
        sample_difference=drawn,
        load_seconds=worker.load_seconds,
        **verify_figures(bundle, form, worker, reference.figures),
        **measured,
    )


def verify_figures(
    bundle: Bundle, form: Format, worker: Worker, keras: Figures | None
) -> dict[str, Any]:
    """`figures` of an artefact and a `warning` where it loses more than it should.

    Raises:
        ExportError: it loses more, and its format must not.
    """
    if keras is None:
        return {"figures": {}, "warning": None}
    batches = (JUDGED_BATCH,) * (len(keras.latents) // JUDGED_BATCH)
    samples, _ = worker.run(keras.latents, batches)
    figures = judged(bundle, samples)
    lost = loss(figures, keras)
    sentence = lost and f"The {form.title} artefact loses quality: {lost}."
    if lost and not form.may_lose:
        raise ExportError(sentence)
    return {"figures": figures, "warning": sentence}


def mean_difference(values: np.ndarray, expected: np.ndarray) -> float:
    """Mean absolute difference; NaN where a value is not a number."""
    return float(np.mean(np.abs(values.astype("float64") - expected.astype("float64"))))
