"""Engines, which run a generator; their libraries are imported when one is opened."""

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np

from ganapp.export.server.spec import SAVED_MODEL, BrokenVersion, ServingSpec, file_inside


class Engine(Protocol):
    """Runs one generator; may be called from several threads at once."""

    def __init__(self, spec: ServingSpec, artefact: str, *, num_threads: int = 1) -> None: ...

    def generate(self, z: np.ndarray) -> np.ndarray:
        """Latents float32 `(n, size)` -> samples float32 `(n, *shape)` in model units.

        What is made of a row does not depend on the other rows, up to what the class says.
        """

    def close(self) -> None:
        """Frees what it holds; not called while `generate` runs."""


def open_engine(name: str, spec: ServingSpec, *, num_threads: int = 1) -> Engine:
    """Loads the artefact of a version folder.

    Args:
        name: of the engine, which is that of the artefact: a key of `ENGINES`.
        spec: the version folder.
        num_threads: threads within one call of `generate`.

    Raises:
        ValueError: there is no such engine.
        BrokenVersion: the folder has no such artefact, it is damaged, or the engine's library is
            not installed.
    """
    check_engine(name)
    if name not in spec.artefacts:
        there = ", ".join(spec.artefacts)
        raise BrokenVersion(
            f"`engine` {name!r} needs an artefact of that name, but version folder "
            f"{spec.folder.name} of {spec.name} has {there}: export that format or choose another."
        )
    return ENGINES[name](spec, name, num_threads=num_threads)


def check_engine(name: str) -> None:
    """Refuses a name that is no key of `ENGINES`.

    Raises:
        ValueError: if so.
    """
    if name not in ENGINES:
        raise ValueError(f"`engine` must be one of {', '.join(ENGINES)}. Received: engine={name!r}")


class LiteRTModel:
    """An interpreter that stays allocated for the batch it ran last; for one thread at a time.

    Resizing to another batch costs microseconds and the time of a call grows with its rows, so they
    are not padded: batches of 5 to 37 rows took no longer as they came than as powers of two.

    Args:
        content: of a `.tflite` file with one float32 or int8 input `(n, size)` and one output.
        num_threads: within one call.

    Raises:
        ValueError, RuntimeError: it is no such file.
    """

    def __init__(self, content: bytes, num_threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(model_content=content, num_threads=num_threads)
        inputs = self._interpreter.get_input_details()
        outputs = self._interpreter.get_output_details()
        if len(inputs) != 1 or len(outputs) != 1:
            raise ValueError(
                f"it has {len(inputs)} inputs and {len(outputs)} outputs, not one each"
            )
        self._input, self._output = inputs[0], outputs[0]
        # A file converted for a fixed batch says so; -1 where any number of rows goes.
        self._fixed_rows = int(self._input["shape_signature"][0])
        self._rows: int | None = None

    def run(self, z: np.ndarray) -> np.ndarray:
        """float32 `(n, size)` -> float32 `(n, *shape)`."""
        if self._fixed_rows > 0:
            return run_in_blocks(self._run_batch, z, self._fixed_rows)
        return self._run_batch(z)

    def _run_batch(self, z: np.ndarray) -> np.ndarray:
        if self._rows != len(z):
            self._rows = None  # unknown, should one of these fail
            self._interpreter.resize_tensor_input(self._input["index"], z.shape)
            self._interpreter.allocate_tensors()
            self._rows = len(z)
        self._interpreter.set_tensor(self._input["index"], _quantise(z, self._input))
        self._interpreter.invoke()
        return _dequantise(self._interpreter.get_tensor(self._output["index"]), self._output)


class LiteRTEngine:
    """A pool of interpreters, as many as ever run at the same time; needs no TensorFlow.

    Measured with ai-edge-litert 2.3 (XNNPACK): a row's samples are the same bits in a batch of any
    size, for dense layers, transposed and plain convolutions and layer normalisation alike.
    """

    def __init__(self, spec: ServingSpec, artefact: str, *, num_threads: int = 1) -> None:
        path = spec.artefacts[artefact]
        self._content, self._num_threads = spec.loadable(path), num_threads
        self._free: list[LiteRTModel] = []
        self._lock = threading.Lock()
        try:
            self._free.append(LiteRTModel(self._content, num_threads))
        except (ValueError, RuntimeError) as error:
            raise BrokenVersion(f"`{path}` could not be loaded by LiteRT: {error}") from error

    def generate(self, z: np.ndarray) -> np.ndarray:
        """See `Engine`."""
        with self._lock:
            model = self._free.pop() if self._free else None
        model = model or LiteRTModel(self._content, self._num_threads)
        try:
            return model.run(z)
        finally:
            with self._lock:
                self._free.append(model)

    def close(self) -> None:
        """See `Engine`."""
        self._free.clear()


class OnnxEngine:
    """One session of onnxruntime, which lets several threads run it."""

    def __init__(self, spec: ServingSpec, artefact: str, *, num_threads: int = 1) -> None:
        path = spec.artefacts[artefact]
        content = spec.loadable(path)
        try:
            import onnxruntime
        except ImportError as error:
            raise BrokenVersion(
                "`engine` 'onnx' needs onnxruntime: install it or choose 'litert'."
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = num_threads, 1
        options.log_severity_level = 3  # errors; warnings about the graph help no one who serves it
        try:
            # From memory: a file may name others with its weights, which are not followed then.
            self._session = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's exceptions share no public base class
            reason = str(error).splitlines()[0]
            raise BrokenVersion(f"`{path}` could not be loaded by onnxruntime: {reason}") from error
        self._input = self._session.get_inputs()[0].name

    def generate(self, z: np.ndarray) -> np.ndarray:
        """See `Engine`."""
        return self._session.run(None, {self._input: np.ascontiguousarray(z)})[0]

    def close(self) -> None:
        """See `Engine`."""
        del self._session


class SavedModelEngine:
    """`serving_default` of a SavedModel in TensorFlow, which takes seconds and hundreds of MB.

    TensorFlow runs whatever operations its graph has, those that read files among them: an export
    that is served so must be trusted. Its files must at least be those that serving.json lists.

    TensorFlow has one pool of threads for the whole process, so `num_threads` counts for the first
    model that is loaded.
    """

    # TensorFlow's convolutions divide their work by the size of the batch, and a row's samples
    # differ by 1e-7 between batches; in batches of one size they are the same bits. A batch of 16
    # takes twice as long as one of 1, and four of 16 a fifth longer than one of 64 (28x28 DCGAN).
    BLOCK = 16

    def __init__(self, spec: ServingSpec, artefact: str, *, num_threads: int = 1) -> None:
        import tensorflow as tf

        relative = spec.artefacts[artefact]
        folder = file_inside(spec.folder, f"{relative}/{SAVED_MODEL}").parent
        _check_listed(spec, folder)
        with contextlib.suppress(RuntimeError):  # TensorFlow has started already, see above
            tf.config.threading.set_intra_op_parallelism_threads(num_threads)
        try:
            self._model = tf.saved_model.load(str(folder))
            self._function = self._model.signatures["serving_default"]
        except (KeyError, OSError, ValueError, tf.errors.OpError) as error:
            reason = str(error).strip().splitlines()[0]
            raise BrokenVersion(
                f"`{relative}` is no SavedModel of a generator: {reason}"
            ) from error
        self._constant, self._output = tf.constant, spec.output_name

    def generate(self, z: np.ndarray) -> np.ndarray:
        """See `Engine`."""
        return run_in_blocks(self._run_batch, z, self.BLOCK)

    def _run_batch(self, z: np.ndarray) -> np.ndarray:
        return self._function(z=self._constant(z))[self._output].numpy()

    def close(self) -> None:
        """See `Engine`."""
        del self._model, self._function


ENGINES: dict[str, type[Engine]] = {
    "litert": LiteRTEngine,
    "litert_float16": LiteRTEngine,
    "litert_dynamic": LiteRTEngine,
    "litert_int8": LiteRTEngine,
    "onnx": OnnxEngine,
    "saved_model": SavedModelEngine,
}


def run_in_blocks(run: Callable[[np.ndarray], np.ndarray], z: np.ndarray, size: int) -> np.ndarray:
    """Calls `run` with batches of exactly `size` rows, the last filled up with zeros.

    Args:
        run: rows `(size, ...)` -> `(size, ...)`.
        z: rows `(n, ...)`, at least one.
        size: of a batch.

    Returns:
        what `run` makes of the n rows.
    """
    parts = []
    for start in range(0, len(z), size):
        rows = z[start : start + size]
        padding = np.zeros((size - len(rows), *z.shape[1:]), z.dtype)
        parts.append(run(np.concatenate([rows, padding]))[: len(rows)])
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _quantise(values: np.ndarray, details: dict) -> np.ndarray:
    if details["dtype"] == np.float32:
        return np.ascontiguousarray(values)
    scale, zero = details["quantization"]
    limits = np.iinfo(details["dtype"])
    levels = np.clip(np.round(values / scale + zero), limits.min, limits.max)
    return levels.astype(details["dtype"])


def _dequantise(levels: np.ndarray, details: dict) -> np.ndarray:
    scale, zero = details["quantization"]
    if not scale:  # not quantised
        return levels
    return ((levels.astype(np.float32) - zero) * scale).astype(np.float32)


def _check_listed(spec: ServingSpec, folder: Path) -> None:
    """Refuses a graph, variables or assets that no checksum is known of."""
    # Also the other names under which TensorFlow looks for a graph.
    loaded = list(folder.glob("saved_model.*"))
    for name in ("variables", "assets"):
        loaded += (folder / name).rglob("*")
    for path in sorted(loaded):
        relative = path.relative_to(spec.folder).as_posix()
        if (path.is_file() or path.is_symlink()) and relative not in spec.files:
            raise BrokenVersion(
                f"`files` must list all of the SavedModel. Received: {relative!r}, which is not in "
                "it; export the model again."
            )
