"""Runs one artefact in a process of its own: `python -P check.py FORMAT ARTEFACT DIRECTORY`.

Reads `latents.npz` (`z` float32 `(n, size)`, `chunks` int, sizes adding up to n) from DIRECTORY;
writes `outputs.npz` and `measured.json` there. It imports what a consumer of the artefact would
have and nothing of ours, so what it computes does not depend on the process that exported.
"""

import importlib.util
import json
import os
import statistics
import sys
import time
from pathlib import Path
from types import ModuleType

import numpy as np

BATCHES = (1, 64)
SECONDS_PER_BATCH = 1.0  # a slow generator is timed three times, a quick one up to fifty


class SavedModelArtefact:
    """A SavedModel as plain TensorFlow loads it."""

    def __init__(self, path: str) -> None:
        import tensorflow as tf

        self.tf = tf
        self.path, self.model = path, tf.saved_model.load(path)
        self.function = self.model.signatures["serving_default"]

    def __call__(self, z: np.ndarray) -> dict[str, np.ndarray]:
        return {k: v.numpy() for k, v in self.function(z=self.tf.constant(z)).items()}

    def draws(self) -> dict[str, np.ndarray]:
        """What the signatures that draw give, see `check_draws.py`."""
        return beside("check_draws").draws(self.model, self.path)


class LiteRTArtefact:
    """A LiteRT file in the stand-alone interpreter, which brings no TensorFlow."""

    def __init__(self, path: str) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self.interpreter = Interpreter(model_path=path)
        self.runner = self.interpreter.get_signature_runner("serving_default")

    def __call__(self, z: np.ndarray) -> dict[str, np.ndarray]:
        return self.runner(z=z)

    def draws(self) -> dict[str, np.ndarray]:
        """LiteRT draws nothing: its noise is an input."""
        return {}


ARTEFACTS = {"saved_model": SavedModelArtefact, "litert": LiteRTArtefact}


def beside(name: str) -> ModuleType:
    """The module in a file of this folder, which is kept off the module path."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def latency(artefact, latents: np.ndarray) -> float:
    """Median milliseconds of one call, after two calls that are not counted."""
    artefact(latents), artefact(latents)
    times: list[float] = []
    while len(times) < 3 or (sum(times) < SECONDS_PER_BATCH and len(times) < 50):
        start = time.perf_counter()
        artefact(latents)
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


def main(name: str, path: str, directory: str) -> None:
    """Loads the artefact `name` at `path`, runs it and writes what came out."""
    with np.load(Path(directory, "latents.npz")) as given:
        z, chunks = given["z"], given["chunks"]
    start = time.perf_counter()
    artefact = ARTEFACTS[name](path)
    load_seconds = time.perf_counter() - start
    # Chunks of different sizes, so that a batch size frozen into the graph cannot pass.
    parts = [artefact(part) for part in np.split(z, np.cumsum(chunks)[:-1])]
    outputs = {k: np.concatenate([part[k] for part in parts]) for k in parts[0]}
    np.savez(
        Path(directory, "outputs.npz"),
        **{f"output/{k}": v for k, v in outputs.items()},
        **artefact.draws(),
    )
    measured = {
        "load_seconds": load_seconds,
        "latency_ms": {
            str(batch): latency(artefact, np.resize(z, (batch, z.shape[1]))) for batch in BATCHES
        },
        "tensorflow_imported": "tensorflow" in sys.modules,
    }
    Path(directory, "measured.json").write_text(json.dumps(measured))


if __name__ == "__main__":
    # Set before TensorFlow is imported. The processor is the reference: a GPU's TF32 would not
    # agree to 1e-4, and the exporting process may hold all of its memory.
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    main(*sys.argv[1:])
