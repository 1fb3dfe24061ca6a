"""LiteRT: the engine that starts at once and brings no TensorFlow."""

import threading

import numpy as np

from ganapp.export.server.engines.blocks import in_blocks
from ganapp.export.server.spec import BrokenVersion, ServingSpec


class Resident:
    """An interpreter that stays allocated for the batch it ran last; for one thread at a time.

    Resizing to another batch costs microseconds and the time of a call grows with its rows, so they
    are not padded: batches of 5 to 37 rows took no longer as they came than as powers of two.

    Args:
        content: of a `.tflite` file with one float32 or int8 input `(n, size)` and one output.
        num_threads: within one call.
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
        # A file converted for a fixed batch says so; `None` where any number of rows goes.
        fixed = int(self._input["shape_signature"][0])
        self._fixed = fixed if fixed > 0 else None
        self._rows: int | None = None

    def run(self, z: np.ndarray) -> np.ndarray:
        """float32 `(n, size)` -> float32 `(n, *shape)`."""
        if self._fixed is None:
            return self._exactly(z)
        return in_blocks(self._exactly, z, self._fixed)

    def _exactly(self, z: np.ndarray) -> np.ndarray:
        if self._rows != len(z):
            self._rows = None  # unknown, should one of these fail
            self._interpreter.resize_tensor_input(self._input["index"], z.shape)
            self._interpreter.allocate_tensors()
            self._rows = len(z)
        self._interpreter.set_tensor(self._input["index"], _quantised(z, self._input))
        self._interpreter.invoke()
        return _real(self._interpreter.get_tensor(self._output["index"]), self._output)


class LiteRTEngine:
    """A pool of interpreters, as many as ever run at the same time.

    Measured with ai-edge-litert 2.3 (XNNPACK): a row's samples are the same bits in a batch of any
    size, for dense layers, transposed and plain convolutions and layer normalisation alike.

    Args:
        spec: the version folder.
        artefact: key of `spec.artefacts`.
        num_threads: within one call.

    Raises:
        BrokenVersion: the file is not what LiteRT reads, or is damaged.
    """

    def __init__(self, spec: ServingSpec, artefact: str, *, num_threads: int = 1) -> None:
        path = spec.artefacts[artefact]
        self._content, self._num_threads = spec.loadable(path), num_threads
        self._free: list[Resident] = []
        self._lock = threading.Lock()
        try:
            self._free.append(Resident(self._content, num_threads))
        except (ValueError, RuntimeError) as error:
            raise BrokenVersion(f"`{path}` could not be loaded by LiteRT: {error}") from error

    def generate(self, z: np.ndarray) -> np.ndarray:
        """See `Engine`."""
        with self._lock:
            resident = self._free.pop() if self._free else None
        resident = resident or Resident(self._content, self._num_threads)
        try:
            return resident.run(z)
        finally:
            with self._lock:
                self._free.append(resident)

    def close(self) -> None:
        """See `Engine`."""
        self._free.clear()


def _quantised(real: np.ndarray, details: dict) -> np.ndarray:
    if details["dtype"] == np.float32:
        return np.ascontiguousarray(real)
    scale, zero = details["quantization"]
    limits = np.iinfo(details["dtype"])
    levels = np.clip(np.round(real / scale + zero), limits.min, limits.max)
    return levels.astype(details["dtype"])


def _real(levels: np.ndarray, details: dict) -> np.ndarray:
    scale, zero = details["quantization"]
    if not scale:  # not quantised
        return levels
    return ((levels.astype(np.float32) - zero) * scale).astype(np.float32)
