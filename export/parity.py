"""Proof that an artefact, reloaded in a fresh process, still is the generator."""

import dataclasses
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

from export.bundle import Bundle
from export.differences import largest_difference
from export.draws import verify_draws
from export.errors import ExportError
from export.formats import Format

CHUNKS = (1, 3, 64, 64, 64, 60)  # 256 latents in uneven batches
LATENT_SEED = (0x5A12, 0)
CHECK = Path(__file__).with_name("check.py")
TIMEOUT_SECONDS = 900


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
        sample_difference=verify_draws(bundle, form.title, arrays, tolerance)
        if form.samples
        else None,
        **measured,
    )
