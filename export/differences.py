"""How far apart the answers of an artefact and of the Keras generator are."""

import numpy as np
import tensorflow as tf

from export.bundle import Bundle


def keras_samples(bundle: Bundle, latents: np.ndarray) -> np.ndarray:
    """The generator's samples, float32 `(n, *shape)`, computed on the processor.

    On a GPU the products may run in TF32, which differs by about 1e-3.
    """
    with tf.device("CPU:0"):
        parts = np.split(latents, range(64, len(latents), 64))
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
