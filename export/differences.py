"""Differences between what artefacts answer and what is expected. Needs no TensorFlow."""

import numpy as np

from ganapp.export import ExportError

GREY_LEVELS = 1.0  # rounding to uint8 turns a difference of 1e-7 into one level


def largest_difference(values: np.ndarray, expected: np.ndarray, *, missing: bool = False) -> float:
    """Largest absolute difference; infinite where a value is not a number.

    With `missing` a NaN on both sides is no difference: tables say so that a value is missing.
    """
    values, expected = values.astype("float64"), expected.astype("float64")
    gaps = np.abs(values - expected)
    if missing:
        gaps[np.isnan(values) & np.isnan(expected)] = 0.0
    return float(np.max(np.where(np.isnan(gaps), np.inf, gaps), initial=0.0))


def mean_difference(values: np.ndarray, expected: np.ndarray) -> float:
    """Mean absolute difference; NaN where a value is not a number."""
    return float(np.mean(np.abs(values.astype("float64") - expected.astype("float64"))))


def check_close(
    prefix: str,
    source: str,
    samples: np.ndarray,
    expected: np.ndarray,
    tolerance: float,
    levels: float = GREY_LEVELS,
) -> float:
    """Checks samples in the user's units against others.

    Args:
        prefix: what gave them, for the sentence.
        source: what gave those that are expected.
        samples: `(n, *user shape)`.
        expected: likewise.
        tolerance: largest allowed absolute difference of floats where the largest value is at most
            1; relative to that value above, for the user's units may be thousands.
        levels: largest allowed difference of uint8 values.

    Returns:
        the largest difference.

    Raises:
        ExportError: another shape or type, or they differ.
    """
    if samples.shape != expected.shape or samples.dtype != expected.dtype:
        raise ExportError(
            f"{prefix} must return `samples` {expected.dtype} {expected.shape}. "
            f"Received: {samples.dtype} {samples.shape}"
        )
    difference = largest_difference(samples, expected, missing=True)
    size = max(1.0, float(np.nanmax(np.abs(expected.astype("float64")), initial=0.0)))
    allowed = levels if expected.dtype == np.uint8 else tolerance * size
    if not difference <= allowed:
        raise ExportError(
            f"{prefix} differs from {source} by {difference:.3g} in the user's units, more than "
            f"the tolerance {allowed:.3g}."
        )
    return difference
