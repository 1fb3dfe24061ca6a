"""Proof that what an artefact draws is what the prior and the generator give."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ganapp.export.bundle import Bundle
from ganapp.export.check_draws import requests
from ganapp.export.differences import keras_samples, largest_difference
from ganapp.export.errors import ExportError
from ganapp.export.sampling import AS_DRAWN, WHOLE, asked, latents_of, uniform_noise

GREY_LEVELS = 1.0  # rounding to uint8 turns a difference of 1e-7 into one level
LATENT_TOLERANCE = 1e-5  # between runtimes, whose logarithms differ in the last digit


def verify_draws(bundle: Bundle, title: str, arrays: dict, tolerance: float) -> float:
    """Checks what `check_draws.py` drew.

    Args:
        bundle: what was exported, computing in float32.
        title: of the format, for the sentence.
        arrays: see `check_draws.draws`.
        tolerance: largest allowed absolute difference of samples, in model units.

    Returns:
        the largest difference of samples in user units.

    Raises:
        ExportError: one seed gave two results, two seeds gave one, latents are not what the prior
            makes of the same noise, a class was not obeyed, an input with a default could not be
            left out, or samples or pictures are wrong.
    """
    prefix = f"The `sample` signature of the {title} artefact"
    wanted = requests(set(asked(bundle)))
    _check_inputs(bundle, prefix, wanted, arrays)
    for other, sentence in _REPEATED.items():
        pairs = [(arrays[f"first/{k}"], arrays[f"{other}/{k}"]) for k in _DRAWN]
        if any(a.shape != b.shape or largest_difference(a, b, missing=True) for a, b in pairs):
            raise ExportError(f"{prefix} gave different samples {sentence}.")
    if np.array_equal(arrays["first/latents"], arrays["other/latents"]):
        raise ExportError(f"{prefix} gave the same latents for different seeds.")
    differences = list(_differences(bundle, prefix, wanted, arrays, tolerance))
    verify_pictures(bundle, title, arrays)
    return max(differences)


def expected_latents(bundle: Bundle, given: dict[str, Any]) -> np.ndarray:
    """What the prior makes of the noise of a request of `check_draws`: `(count, size)`."""
    noise = uniform_noise(bundle, given["count"], given["seed"])
    class_, truncation = given.get("class", AS_DRAWN), given.get("truncation", WHOLE)
    return np.asarray(latents_of(bundle, noise, class_, truncation))


def verify_latents(bundle: Bundle, prefix: str, latents: np.ndarray, given: dict) -> None:
    """Checks drawn latents against the prior's.

    Args:
        bundle: what was exported.
        prefix: what drew them, for the sentence.
        latents: float32 `(n, size)`.
        given: count, seed and what else was asked for.

    Raises:
        ExportError: they differ by more than 1e-5, or are of another class than was asked for.
    """
    expected = expected_latents(bundle, given)
    what = ", ".join(f"{name} {value}" for name, value in given.items())
    if latents.shape != expected.shape:
        raise ExportError(
            f"{prefix} must return `latents` {expected.shape} for {what}. Received: {latents.shape}"
        )
    difference = largest_difference(latents, expected)
    if not difference <= LATENT_TOLERANCE:
        raise ExportError(
            f"{prefix} differs from the prior's latents for {what} by {difference:.3g}, more than "
            f"the tolerance {LATENT_TOLERANCE:.3g}."
        )
    if given.get("class", AS_DRAWN) == AS_DRAWN:
        return
    labels = np.asarray(bundle.prior.labels(latents))
    if not np.array_equal(labels, np.eye(bundle.prior.classes)[[given["class"]] * len(latents)]):
        raise ExportError(f"{prefix} drew other classes than the one asked for, for {what}.")


def verify_pictures(bundle: Bundle, title: str, arrays: dict) -> None:
    """Checks that `sample_png` gives the very pixels of `sample`, where there are pictures.

    Raises:
        ExportError: it is missing or should be, or a pixel differs.
    """
    prefix = f"The `sample_png` signature of the {title} artefact"
    pictures = arrays.get("png/samples")
    if (pictures is not None) != bundle.encodes:
        verb = "is missing" if bundle.encodes else "must not exist"
        raise ExportError(f"{prefix} {verb} for samples of shape {bundle.shape}.")
    if pictures is not None and not np.array_equal(pictures, arrays["first/samples"]):
        raise ExportError(f"{prefix} gave other pixels than `sample` for the same seed.")


def _check_inputs(bundle: Bundle, prefix: str, wanted: dict, arrays: dict) -> None:
    """Refuses a signature with other inputs than the prior has a use for."""
    drawn = {name.removesuffix("/latents") for name in arrays if name.endswith("/latents")}
    missing, foreign = sorted(wanted.keys() - drawn), sorted(drawn - wanted.keys() - {"session"})
    for names, verb in ((missing, "must"), (foreign, "must not")):
        if names:
            raise ExportError(
                f"{prefix} {verb} take what draws {', '.join(map(repr, names))} from the prior "
                f"{bundle.prior.name!r}."
            )


def _differences(
    bundle: Bundle, prefix: str, wanted: dict, arrays: dict, tolerance: float
) -> Iterator[float]:
    """Checks latents and samples of every request; yields the latter's largest differences."""
    for name, given in wanted.items():
        latents = arrays[f"{name}/latents"]
        verify_latents(bundle, prefix, latents, given)
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
_REPEATED = {
    "again": "for the same seed",
    "session": "in a session that leaves the inputs with defaults out",
}
