"""How far apart the answers of an artefact and of the Keras generator are."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from ganapp.export.bundle import Bundle


def keras_samples(
    bundle: Bundle, latents: np.ndarray, batches: Sequence[int] | None = None
) -> np.ndarray:
    """The generator's samples, float32 `(n, *shape)`, computed on the processor.

    On a GPU the products may run in TF32, which differs by about 1e-3.

    Args:
        bundle: what is exported.
        latents: float32 `(n, size)`.
        batches: how many rows are computed together, one after another; by default 64. oneDNN
            sums in another order for another number of rows, so an artefact is compared with the
            generator at the same numbers.
    """
    ends = np.cumsum(batches)[:-1] if batches else range(64, len(latents), 64)
    with tf.device("CPU:0"):
        parts = np.split(latents, ends)
        outputs = [tf.cast(bundle.generator(z, training=False), tf.float32) for z in parts]
        return np.concatenate([output.numpy() for output in outputs])


def largest_difference(values: np.ndarray, expected: np.ndarray, *, missing: bool = False) -> float:
    """Largest absolute difference; infinite where a value is not a number.

    With `missing` a NaN on both sides is no difference: tables say so that a value is missing.
    """
    values, expected = values.astype("float64"), expected.astype("float64")
    gaps = np.abs(values - expected)
    if missing:
        gaps[np.isnan(values) & np.isnan(expected)] = 0.0
    return float(np.max(np.where(np.isnan(gaps), np.inf, gaps), initial=0.0))
