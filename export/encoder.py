"""Whether the artefacts of an exported encoder still are the encoder."""

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from ganapp.export import ExportError
from ganapp.export.bundle import EncoderBundle
from ganapp.export.formats.format import Format, largest_difference
from ganapp.export.layout import Json
from ganapp.export.worker import Worker


def encoded(
    encoder: EncoderBundle, inputs: Mapping[str, np.ndarray], batches: Sequence[int]
) -> np.ndarray:
    """The Keras encoder's latents side by side, computed on the processor, so many at a time."""
    ends = np.cumsum(batches)[:-1]
    with tf.device("CPU:0"):
        parts = zip(*(np.split(rows, ends) for rows in inputs.values()), strict=True)
        found = [encoder.generate(dict(zip(inputs, part, strict=True))).numpy() for part in parts]
    return np.concatenate(found)


def verify_encoder(
    encoder: EncoderBundle,
    form: Format,
    worker: Worker,
    inputs: Mapping[str, np.ndarray],
    expected: np.ndarray,
    batches: Sequence[int],
) -> Json:
    """Compares an encoder's artefact in a fresh process with the Keras encoder.

    Args:
        encoder: which.
        form: the format of the generator beside it, whose tolerance holds.
        worker: the process that has loaded it.
        inputs: of the encoder by name.
        expected: the Keras encoder's latents, float32 `(n, *shape)`.
        batches: how many rows it is given at a time.

    Returns:
        `difference` and `mean_difference`, absolute, and the `tolerance` of the former, which is
        the format's times the largest latent where that is above 1.

    Raises:
        ExportError: it does not run, or differs by more.
    """
    found, _ = worker.run(inputs, batches)
    title = worker.artefact.title
    if found is None or found.shape != expected.shape or found.dtype != np.float32:
        received = None if found is None else f"{found.dtype} {found.shape}"
        raise ExportError(
            f"The {title} artefact must return `{encoder.output_name}` float32 "
            f"{expected.shape}. Received: {received}"
        )
    difference = largest_difference(found, expected)
    tolerance = form.tolerance * max(1.0, float(np.abs(expected).max()))
    if not difference <= tolerance:
        raise ExportError(
            f"The {title} artefact differs from the Keras encoder by {difference:.3g}, "
            f"more than the tolerance {tolerance:.3g}."
        )
    mean = float(np.mean(np.abs(found.astype(np.float64) - expected)))
    return {"difference": difference, "mean_difference": mean, "tolerance": tolerance}
