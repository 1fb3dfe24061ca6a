"""What a version folder holds around its artefacts, so that it can be served as it is."""

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ganapp.export.bundle import Bundle
from ganapp.export.check_draws import requests
from ganapp.export.differences import keras_samples, largest_difference
from ganapp.export.directions import principal_directions
from ganapp.export.draws import verify_latents
from ganapp.export.errors import ExportError
from ganapp.export.layout import EXTRA, LATENTS, UNITS
from ganapp.export.sampling import asked, uniform_noise, write_latents, write_units
from ganapp.export.seal import write_serving
from ganapp.export.serving import serving_document
from ganapp.export.warmup import write_warmup

CHECK = Path(__file__).with_name("check_graphs.py")
TIMEOUT_SECONDS = 300
UNIT_TOLERANCE = 1e-5  # of a sample's largest value


def write_surroundings(
    bundle: Bundle, version_folder: Path, *, name: str, artefacts: Mapping[str, str]
) -> None:
    """Writes what a server needs besides the artefacts, verified in a fresh process.

    These are the graph that makes latents of noise, where needed one for the user's units, the
    directions of the generator, requests that warm a SavedModel up, and last serving.json, whose
    presence tells that the folder is whole. For files added later see `seal.seal`.

    Args:
        bundle: what was exported, computing in float32 (see `ganapp.export.precision`).
        version_folder: with the artefacts in it.
        name: of the model.
        artefacts: path inside the folder by format, `"."` for a SavedModel.

    Raises:
        ExportError: a graph cannot be converted or gives something else, or the disk refused.
    """
    (version_folder / EXTRA).mkdir(exist_ok=True)
    document = serving_document(
        bundle, name=name, artefacts=artefacts, directions=principal_directions(bundle)
    )
    write_latents(bundle, version_folder / LATENTS)
    verify_latents_graph(bundle, version_folder / LATENTS)
    if "graph" in document["units"]:
        write_units(bundle, version_folder / UNITS)
        verify_units_graph(bundle, version_folder / UNITS)
    else:
        verify_stated_units(bundle, document["units"])
    if "saved_model" in artefacts:
        write_warmup(bundle, version_folder, name)
    write_serving(document, version_folder)


def verify_latents_graph(bundle: Bundle, path: Path) -> None:
    """Checks that the graph gives the prior's latents, hence those of a SavedModel.

    Raises:
        ExportError: it does not run, or differs.
    """
    wanted = requests(set(asked(bundle)))
    inputs = {}
    for request, given in wanted.items():
        inputs[f"{request}/noise"] = uniform_noise(bundle, given["count"], given["seed"]).numpy()
        types = {"class": np.int32, "truncation": np.float32}
        inputs |= {f"{request}/{k}": types[k](v) for k, v in given.items() if k in types}
    outputs = run_graph(path, inputs)
    for request, given in wanted.items():
        verify_latents(bundle, "The graph of latents", outputs[f"{request}/latents"], given)


def verify_units_graph(bundle: Bundle, path: Path) -> None:
    """Checks that the graph gives the samples in the user's units.

    Raises:
        ExportError: it does not run, or differs.
    """
    samples = _samples(bundle)
    found = run_graph(path, {f"units/{bundle.output_name}": samples})["units/samples"]
    _verify_units(bundle, "The graph of units", samples, found)


def verify_stated_units(bundle: Bundle, units: Mapping[str, Any]) -> None:
    """Checks that what serving.json says of the units is what `to_user_units` does.

    Args:
        bundle: what was exported.
        units: `{"levels": True}` or `{"mean": ..., "scale": ...}`.

    Raises:
        ExportError: it differs.
    """
    samples = _samples(bundle)
    if units.get("levels"):
        levels = np.round((samples + np.float32(1)) * np.float32(127.5))
        found = np.clip(levels, 0, 255).astype(np.uint8)
    else:
        mean, scale = (np.asarray(units[name], np.float32) for name in ("mean", "scale"))
        found = samples * scale + mean
    _verify_units(bundle, "`transform`", samples, found)


def _samples(bundle: Bundle) -> np.ndarray:
    latents = bundle.prior.from_uniform(uniform_noise(bundle, 256, 0))
    return keras_samples(bundle, np.asarray(latents))


def _verify_units(bundle: Bundle, what: str, samples: np.ndarray, found: np.ndarray) -> None:
    expected = np.asarray(bundle.to_user_units(tf.constant(samples)))
    size = max(1.0, float(np.nanmax(np.abs(expected.astype("float64")), initial=0.0)))
    if found.shape != expected.shape or found.dtype != expected.dtype:
        raise ExportError(
            f"{what} must return `samples` {expected.dtype} {expected.shape}. "
            f"Received: {found.dtype} {found.shape}"
        )
    difference = largest_difference(found, expected, missing=True)
    if not difference <= UNIT_TOLERANCE * size:
        raise ExportError(
            f"{what} differs from `to_user_units` by {difference:.3g}, more than the "
            f"tolerance {UNIT_TOLERANCE * size:.3g}."
        )


def run_graph(path: Path, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Runs `export/check_graphs.py`.

    Args:
        path: a LiteRT file.
        inputs: `<request>/<input>` arrays.

    Returns:
        `<request>/<output>` arrays.

    Raises:
        ExportError: the process failed or took too long.
    """
    with tempfile.TemporaryDirectory(prefix="export-check-") as directory:
        np.savez(Path(directory, "inputs.npz"), **inputs)
        command = [sys.executable, "-P", str(CHECK), str(path), directory]
        try:
            subprocess.run(
                command, check=True, capture_output=True, text=True, timeout=TIMEOUT_SECONDS
            )
        except subprocess.CalledProcessError as error:
            last = (error.stderr.strip().splitlines() or [f"exit status {error.returncode}"])[-1]
            failure = ExportError(f"The graph {path.name} failed in a fresh process: {last}")
            failure.add_note(error.stderr)
            raise failure from error
        except subprocess.TimeoutExpired as error:
            raise ExportError(
                f"The graph {path.name} was not checked within {TIMEOUT_SECONDS} seconds."
            ) from error
        with np.load(Path(directory, "outputs.npz")) as outputs:
            return {key: outputs[key] for key in outputs.files}
