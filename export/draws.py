"""Proof that what an artefact draws is what the prior and the generator give."""

from collections.abc import Iterator

import numpy as np

from export.bundle import Bundle
from export.check_draws import TRUNCATIONS
from export.differences import keras_samples, largest_difference
from export.errors import ExportError

TRUNCATED = {f"truncated {amount}": amount for amount in TRUNCATIONS}  # as `check_draws` names them
GREY_LEVELS = 1.0  # rounding to uint8 turns a difference of 1e-7 into one level


def verify_draws(bundle: Bundle, title: str, arrays: dict, tolerance: float) -> float:
    """Checks the signatures that draw; returns their largest difference in user units.

    Raises:
        ExportError: one seed gave two results, two seeds gave one, latents are not truncated as
            the prior does it, or samples are wrong.
    """
    prefix = f"The `sample` signature of the {title} artefact"
    latents = arrays["first/latents"]
    pairs = [(arrays[f"first/{k}"], arrays[f"again/{k}"]) for k in _DRAWN]
    if any(largest_difference(*pair, missing=True) for pair in pairs):
        raise ExportError(f"{prefix} gave different samples for the same seed.")
    if np.array_equal(latents, arrays["other/latents"]):
        raise ExportError(f"{prefix} gave the same latents for different seeds.")
    difference = verify_samples(bundle, prefix, arrays["first/samples"], latents, tolerance)
    return max([difference, *verify_truncated(bundle, title, arrays, tolerance)])


def verify_truncated(bundle: Bundle, title: str, arrays: dict, tolerance: float) -> Iterator[float]:
    """Checks the `sample_truncated` signature; yields its largest differences in user units.

    Raises:
        ExportError: it is missing or should be, or its latents or samples are wrong.
    """
    prefix = f"The `sample_truncated` signature of the {title} artefact"
    amounts = [name for name in TRUNCATED if f"{name}/latents" in arrays]
    if len(amounts) != (len(TRUNCATED) if bundle.prior.truncates else 0):
        verb = "is missing" if bundle.prior.truncates else "must not exist"
        raise ExportError(f"{prefix} {verb} for the prior {bundle.prior.name!r}.")
    for name in amounts:
        latents = arrays[f"{name}/latents"]
        expected = np.asarray(bundle.prior.truncate(arrays["first/latents"], TRUNCATED[name]))
        difference = largest_difference(latents, expected)
        if not difference <= tolerance:
            raise ExportError(
                f"{prefix} differs from the prior's truncation to {TRUNCATED[name]} by "
                f"{difference:.3g}, more than the tolerance {tolerance:.3g}."
            )
        yield verify_samples(bundle, prefix, arrays[f"{name}/samples"], latents, tolerance)


def verify_samples(
    bundle: Bundle, prefix: str, samples: np.ndarray, latents: np.ndarray, tolerance: float
) -> float:
    """Checks drawn samples against the generator's of the same latents.

    Args:
        bundle: what was exported.
        prefix: what drew them, for the sentence.
        samples: in user units, `(n, *shape)`.
        latents: float32 `(n, size)`.
        tolerance: largest allowed absolute difference, in model units.

    Returns:
        the largest difference in user units.

    Raises:
        ExportError: another shape or type, or they differ.
    """
    expected = np.asarray(bundle.to_user_units(keras_samples(bundle, latents)))
    if samples.shape != expected.shape or samples.dtype != expected.dtype:
        raise ExportError(
            f"{prefix} must return `samples` {expected.dtype} {expected.shape}. "
            f"Received: {samples.dtype} {samples.shape}"
        )
    difference = largest_difference(samples, expected, missing=True)
    # Vectors are in the user's units, which may be thousands: there the tolerance is relative.
    size = max(1.0, float(np.nanmax(np.abs(expected), initial=0.0)))
    allowed = GREY_LEVELS if expected.dtype == np.uint8 else tolerance * size
    if not difference <= allowed:
        raise ExportError(
            f"{prefix} differs from the Keras generator by {difference:.3g} in the user's units, "
            f"more than the tolerance {allowed:.3g}."
        )
    return difference


_DRAWN = ("samples", "latents")
