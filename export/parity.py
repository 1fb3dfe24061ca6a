"""Proof that an artefact, reloaded in a fresh process, still is the generator."""

import dataclasses
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from export.bundle import Bundle
from export.check import TRUNCATIONS
from export.errors import ExportError
from export.formats import Format

CHUNKS = (1, 3, 64, 64, 64, 60)  # 256 latents in uneven batches
TRUNCATED = {f"truncated {amount}": amount for amount in TRUNCATIONS}  # as `check.py` names them
LATENT_SEED = (0x5A12, 0)
CHECK = Path(__file__).with_name("check.py")
TIMEOUT_SECONDS = 900
GREY_LEVELS = 1.0  # rounding to uint8 turns a difference of 1e-7 into one level


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verification:
    """What a fresh process found out about one artefact.

    Args:
        difference: largest absolute difference to the Keras generator, in model units.
        tolerance: what was allowed.
        sample_difference: the same for the signatures that draw, `sample` and `sample_truncated`,
            in user units (grey levels for images); `None` when the format has none.
        load_seconds: import of the runtime and loading of the artefact.
        latency_ms: median milliseconds per call on the processor, by batch size.
        tensorflow_imported: whether the process had to import TensorFlow.
    """

    difference: float
    tolerance: float
    sample_difference: float | None
    load_seconds: float
    latency_ms: dict[str, float]
    tensorflow_imported: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reference:
    """The Keras generator's own answer.

    Args:
        latents: float32 `(n, size)`.
        samples: float32 `(n, *shape)`, computed in float32.
        precision_difference: largest absolute difference between computing in float32 and in
            the precision the generator was trained in; 0.0 when that is float32.
    """

    latents: np.ndarray
    samples: np.ndarray
    precision_difference: float


def keras_samples(bundle: Bundle, latents: np.ndarray) -> np.ndarray:
    """The generator's samples, float32 `(n, *shape)`, computed on the processor.

    On a GPU the products may run in TF32, which differs by about 1e-3.
    """
    with tf.device("CPU:0"):
        parts = np.split(latents, range(64, len(latents), 64))
        outputs = [tf.cast(bundle.generator(z, training=False), tf.float32) for z in parts]
        return np.concatenate([output.numpy() for output in outputs])


def draw_latents(bundle: Bundle) -> np.ndarray:
    """The latents every artefact is compared on, float32 `(256, size)`."""
    return np.asarray(bundle.prior.sample(sum(CHUNKS), tf.constant(LATENT_SEED)), "float32")


def run_check(form: Format, path: Path, latents: np.ndarray) -> tuple[dict, dict]:
    """Runs `export/check.py` on an artefact.

    Args:
        form: format of the artefact.
        path: the artefact.
        latents: float32 `(256, size)`.

    Returns:
        (arrays by name: `output/<tensor>`, `first/...`, `again/...`, `other/...`,
        `truncated <amount>/...`; measurements).

    Raises:
        ExportError: the process failed or took too long.
    """
    with tempfile.TemporaryDirectory(prefix="export-check-") as directory:
        np.savez(Path(directory, "latents.npz"), z=latents, chunks=np.asarray(CHUNKS))
        # -P keeps this folder off the module path: the process has only what a consumer has.
        command = [sys.executable, "-P", str(CHECK), form.name, str(path), directory]
        try:
            subprocess.run(
                command, check=True, capture_output=True, text=True, timeout=TIMEOUT_SECONDS
            )
        except subprocess.CalledProcessError as error:
            last = (error.stderr.strip().splitlines() or [f"exit status {error.returncode}"])[-1]
            failure = ExportError(f"The {form.title} artefact failed in a fresh process: {last}")
            failure.add_note(error.stderr)
            raise failure from error
        except subprocess.TimeoutExpired as error:
            raise ExportError(
                f"The {form.title} artefact was not checked within {TIMEOUT_SECONDS} seconds."
            ) from error
        with np.load(Path(directory, "outputs.npz")) as outputs:
            arrays = {name: outputs[name] for name in outputs.files}
        return arrays, json.loads(Path(directory, "measured.json").read_text())


def largest_difference(values: np.ndarray, expected: np.ndarray, *, missing: bool = False) -> float:
    """Largest absolute difference; infinite where a value is not a number.

    With `missing` a NaN on both sides is no difference: tables say so that a value is missing.
    """
    values, expected = values.astype("float64"), expected.astype("float64")
    gaps = np.abs(values - expected)
    if missing:
        gaps[np.isnan(values) & np.isnan(expected)] = 0.0
    return float(np.max(np.where(np.isnan(gaps), np.inf, gaps), initial=0.0))


def verify(
    bundle: Bundle, form: Format, path: Path, reference: Reference, *, tolerance: float
) -> Verification:
    """Reloads an artefact in a fresh process and compares it with the generator.

    Args:
        bundle: what was exported, computing in float32.
        form: format of the artefact.
        path: the artefact.
        reference: what the generator answers.
        tolerance: largest allowed absolute difference, in model units.

    Raises:
        ExportError: the artefact does not run, or differs.
    """
    arrays, measured = run_check(form, path, reference.latents)
    output = arrays.get(f"output/{bundle.output_name}")
    if output is None or output.shape != reference.samples.shape or output.dtype != np.float32:
        received = {k: (v.shape, str(v.dtype)) for k, v in arrays.items() if "output/" in k}
        raise ExportError(
            f"The {form.title} artefact must return `{bundle.output_name}` float32 "
            f"{reference.samples.shape}. Received: {received}"
        )
    difference = largest_difference(output, reference.samples)
    if not difference <= tolerance:
        raise ExportError(
            f"The {form.title} artefact differs from the Keras generator by {difference:.3g}, "
            f"more than the tolerance {tolerance:.3g}."
        )
    return Verification(
        difference=difference,
        tolerance=tolerance,
        sample_difference=verify_draws(bundle, form, arrays, tolerance) if form.samples else None,
        **measured,
    )


def verify_draws(bundle: Bundle, form: Format, arrays: dict, tolerance: float) -> float:
    """Checks the signatures that draw; returns their largest difference in user units.

    Raises:
        ExportError: one seed gave two results, two seeds gave one, latents are not truncated as
            the prior does it, or samples are wrong.
    """
    prefix = f"The `sample` signature of the {form.title} artefact"
    latents = arrays["first/latents"]
    pairs = [(arrays[f"first/{k}"], arrays[f"again/{k}"]) for k in _DRAWN]
    if any(largest_difference(*pair, missing=True) for pair in pairs):
        raise ExportError(f"{prefix} gave different samples for the same seed.")
    if np.array_equal(latents, arrays["other/latents"]):
        raise ExportError(f"{prefix} gave the same latents for different seeds.")
    difference = verify_samples(bundle, prefix, arrays["first/samples"], latents, tolerance)
    return max([difference, *verify_truncated(bundle, form, arrays, tolerance)])


def verify_truncated(
    bundle: Bundle, form: Format, arrays: dict, tolerance: float
) -> Iterator[float]:
    """Checks the `sample_truncated` signature; yields its largest differences in user units.

    Raises:
        ExportError: it is missing or should be, or its latents or samples are wrong.
    """
    prefix = f"The `sample_truncated` signature of the {form.title} artefact"
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
