"""Runs one artefact in a process of its own, as somebody who was given the file would.

`python -P check.py` reads one JSON object a line from its input and answers each with one:

- `{"load": RUNTIME, "path": ..., "output": NAME, "modules": [...]}`, first
- `{"run": IN.npz, "to": OUT.npz}`: latents `z` float32 `(n, size)` in batches of `chunks`
- `{"draw": OUT.npz}`: what its signatures draw
- `{"time": BATCH, "size": SIZE, "seconds": S}`: milliseconds of single calls

It imports what a consumer of the artefact would have and nothing of ours (but for the layers of a
`.keras` file that are ours, see `modules`), so what it computes does not depend on the process
that exported.
"""

import importlib
import importlib.util
import json
import os
import sys
import time
from pathlib import Path
from types import ModuleType

import numpy as np

MOST_CALLS = 50  # of one batch size in one round


class SavedModelArtefact:
    """A SavedModel as plain TensorFlow loads it."""

    def __init__(self, path: str, output: str) -> None:
        import tensorflow as tf

        self.tf = tf
        self.path, self.model = path, tf.saved_model.load(path)
        self.function = self.model.signatures["serving_default"]

    def __call__(self, z: np.ndarray) -> dict[str, np.ndarray]:
        return {k: v.numpy() for k, v in self.function(z=self.tf.constant(z)).items()}

    def draws(self) -> dict[str, np.ndarray]:
        """What the signatures that draw give, see `check_draws.py`."""
        return beside("check_draws").draws(self.model, self.path)


class KerasArtefact:
    """A `.keras` file as plain Keras loads it."""

    def __init__(self, path: str, output: str) -> None:
        import keras

        self.model, self.output = keras.saving.load_model(path, compile=False), output

    def __call__(self, z: np.ndarray) -> dict[str, np.ndarray]:
        return {self.output: self.model.predict_on_batch(z)}


class LiteRTArtefact:
    """A LiteRT file in the stand-alone interpreter, which brings no TensorFlow."""

    def __init__(self, path: str, output: str) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self.interpreter = Interpreter(model_path=path, num_threads=os.cpu_count())
        self.runner = self.interpreter.get_signature_runner("serving_default")
        [details] = self.runner.get_input_details().values()
        self.batch = int(details["shape_signature"][0])  # -1 where it is free

    def __call__(self, z: np.ndarray) -> dict[str, np.ndarray]:
        if self.batch < 1:
            return self.runner(z=z)
        whole = np.resize(z, (-(-len(z) // self.batch) * self.batch, z.shape[1]))
        parts = [self.runner(z=part) for part in np.split(whole, len(whole) // self.batch)]
        return {k: np.concatenate([part[k] for part in parts])[: len(z)] for k in parts[0]}


class OnnxArtefact:
    """An ONNX file in onnxruntime, which brings no TensorFlow."""

    def __init__(self, path: str, output: str) -> None:
        import onnxruntime

        self.session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        self.outputs = [each.name for each in self.session.get_outputs()]

    def __call__(self, z: np.ndarray) -> dict[str, np.ndarray]:
        return dict(zip(self.outputs, self.session.run(self.outputs, {"z": z}), strict=True))


RUNTIMES = {
    "saved_model": SavedModelArtefact,
    "keras": KerasArtefact,
    "litert": LiteRTArtefact,
    "onnx": OnnxArtefact,
}


class Session:
    """One artefact and what it is asked."""

    def load(self, request: dict) -> dict:
        """Imports the runtime and loads the artefact."""
        self.before = resident()
        if request["modules"]:  # layers that Keras does not have
            for module in request["modules"]:
                importlib.import_module(module)
        start = time.perf_counter()
        self.artefact = RUNTIMES[request["load"]](request["path"], request["output"])
        return {"load_seconds": time.perf_counter() - start}

    def run(self, request: dict) -> dict:
        """Runs it on latents, in batches of different sizes: none may be frozen into the graph."""
        with np.load(request["run"]) as given:
            parts = np.split(given["z"], np.cumsum(given["chunks"])[:-1])
        answers = [self.artefact(part) for part in parts]
        outputs = {k: np.concatenate([answer[k] for answer in answers]) for k in answers[0]}
        np.savez(request["to"], **{f"output/{k}": v for k, v in outputs.items()})
        return {
            "memory_bytes": max(0, resident() - self.before),
            "tensorflow_imported": "tensorflow" in sys.modules,
        }

    def draw(self, request: dict) -> dict:
        """What its signatures draw by themselves."""
        np.savez(request["draw"], **self.artefact.draws())
        return {}

    def time(self, request: dict) -> dict:
        """Milliseconds of calls that follow each other, after one that does not count."""
        z = np.random.default_rng(0).normal(size=(request["time"], request["size"]))
        z, times = z.astype("float32"), []
        self.artefact(z)
        while not times or (sum(times) < request["seconds"] and len(times) < MOST_CALLS):
            start = time.perf_counter()
            self.artefact(z)
            times.append(time.perf_counter() - start)
        return {"milliseconds": [1e3 * seconds for seconds in times]}


def beside(name: str) -> ModuleType:
    """The module in a file of this folder, which is kept off the module path."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def resident() -> int:
    """Bytes of memory that the process has now; 0 where the system does not say."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def main() -> None:
    """Answers until its input ends."""
    # Whatever else is printed goes to stderr, so that answers stay alone.
    with os.fdopen(os.dup(1), "w", buffering=1) as answers:
        os.dup2(2, 1)
        session = Session()
        for line in sys.stdin:
            request = json.loads(line)
            answers.write(json.dumps(getattr(session, next(iter(request)))(request)) + "\n")


if __name__ == "__main__":
    # Set before TensorFlow is imported. The processor is the reference: a GPU's TF32 would not
    # agree to 1e-4, and the exporting process may hold all of its memory.
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    main()
