"""Engines, which run a generator; their libraries are imported when one is opened."""

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from ganapp.export.layout import ENCODE, ENCODED
from ganapp.export.server.spec import SAVED_MODEL, Arrays, BrokenVersion, ServingSpec, file_inside


class Engine(Protocol):
    """Runs one generator; may be called from several threads at once."""

    def __init__(self, spec: ServingSpec, artefact: str, *, num_threads: int = 1) -> None: ...

    def generate(self, inputs: Arrays) -> np.ndarray:
        """Inputs by name, float32 `(n, ...)` -> samples float32 `(n, *shape)` in model units.

        What is made of a row does not depend on the other rows, up to what the class says.
        """

    def close(self) -> None:
        """Frees what it holds; not called while `generate` runs."""


def open_engine(name: str, spec: ServingSpec, *, num_threads: int = 1) -> Engine:
    """Loads the artefact of a version folder that has the engine's name.

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


def open_encoder(name: str, spec: ServingSpec, *, num_threads: int = 1) -> Engine | None:
    """Loads the encoder of a version folder that suits an engine; `None` where it has none.

    A quantised LiteRT generator has the encoder of the plain one. What the engine gives is all
    latents side by side.

    Raises:
        BrokenVersion: it is damaged, or the engine's library is not installed.
    """
    encoder, kind = spec.encoder, "litert" if name.startswith("litert") else name
    if encoder is None or kind not in encoder.artefacts:
        return None
    own = dataclasses.replace(
        spec,
        inputs=encoder.inputs,
        output_name=ENCODED,
        output_shape=(sum(each.shape[0] for each in encoder.outputs),),
        artefacts=encoder.artefacts,
    )
    if kind == "saved_model":
        outputs = [each.drawn_name for each in encoder.outputs]
        return SavedModelEngine(
            own, kind, num_threads=num_threads, signature=ENCODE, outputs=outputs
        )
    return ENGINES[kind](own, kind, num_threads=num_threads)


def check_engine(name: str) -> None:
    """Refuses (ValueError) a name that is no key of `ENGINES`."""
    if name not in ENGINES:
        raise ValueError(f"`engine` must be one of {', '.join(ENGINES)}. Received: engine={name!r}")


class LiteRTModel:
    """An interpreter that stays allocated for the batch it ran last; for one thread at a time.

    Resizing to another batch costs microseconds and the time of a call grows with its rows, so they
    are not padded: batches of 5 to 37 rows took no longer as they came than as powers of two. The
    file has these inputs, float32 `(n, ...)`, and one output; else `ValueError` or `RuntimeError`.
    """

    def __init__(self, content: bytes, inputs: Sequence[str], num_threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(model_content=content, num_threads=num_threads)
        outputs = self._interpreter.get_output_details()
        self._inputs = self._details_by_name(inputs)
        if self._inputs.keys() != set(inputs) or len(outputs) != 1:
            raise ValueError(
                f"it has the inputs {', '.join(self._inputs)} and {len(outputs)} outputs, "
                f"not {', '.join(inputs)} and one output"
            )
        self._output = outputs[0]
        # A file converted for a fixed batch says so; -1 where any number of rows goes.
        shapes = [each["shape_signature"] for each in self._inputs.values()]
        self._fixed_rows = max(int(shape[0]) for shape in shapes)
        self._rows: int | None = None

    def _details_by_name(self, names: Sequence[str]) -> dict[str, dict]:
        details = self._interpreter.get_input_details()
        if len(details) == len(names) == 1:
            return {names[0]: details[0]}
        if "serving_default" not in self._interpreter.get_signature_list():
            return {each["name"]: each for each in details}
        return self._interpreter.get_signature_runner("serving_default").get_input_details()

    def run(self, inputs: Arrays) -> np.ndarray:
        """Inputs by name, float32 `(n, ...)` -> float32 `(n, *shape)`."""
        if self._fixed_rows > 0:
            return run_in_blocks(self._run_batch, inputs, self._fixed_rows)
        return self._run_batch(inputs)

    def _run_batch(self, inputs: Arrays) -> np.ndarray:
        if self._rows != (rows := count_rows(inputs)):
            self._rows = None  # unknown, should one of these fail
            for name, details in self._inputs.items():
                self._interpreter.resize_tensor_input(details["index"], inputs[name].shape)
            self._interpreter.allocate_tensors()
            self._rows = rows
        for name, details in self._inputs.items():
            self._interpreter.set_tensor(details["index"], np.ascontiguousarray(inputs[name]))
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._output["index"])


class LiteRTEngine:
    """A pool of interpreters, as many as ever run at the same time; needs no TensorFlow.

    Measured with ai-edge-litert 2.3 (XNNPACK): a row's samples are the same bits in a batch of any
    size, for dense layers, transposed and plain convolutions and layer normalisation alike.
    """

    def __init__(self, spec: ServingSpec, artefact: str, *, num_threads: int = 1) -> None:
        path = spec.artefacts[artefact]
        names = [each.name for each in spec.inputs]
        self._arguments = (spec.loadable(path), names, num_threads)
        self._free: list[LiteRTModel] = []
        self._lock = threading.Lock()
        try:
            self._free.append(LiteRTModel(*self._arguments))
        except (ValueError, RuntimeError) as error:
            raise BrokenVersion(f"`{path}` could not be loaded by LiteRT: {error}") from error

    def generate(self, inputs: Arrays) -> np.ndarray:
        with self._lock:
            model = self._free.pop() if self._free else None
        model = model or LiteRTModel(*self._arguments)
        try:
            return model.run(inputs)
        finally:
            with self._lock:
                self._free.append(model)

    def close(self) -> None:
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
        taken = [each.name for each in self._session.get_inputs()]
        names = [each.name for each in spec.inputs]
        if len(taken) == len(names) == 1:
            names = taken
        if set(taken) != set(names):
            raise BrokenVersion(
                f"`{path}` must take {', '.join(names)}. Received: {', '.join(taken)}"
            )
        # Of the file, by that of serving.json.
        self._names = dict(zip((each.name for each in spec.inputs), names, strict=True))

    def generate(self, inputs: Arrays) -> np.ndarray:
        given = {self._names[name]: np.ascontiguousarray(x) for name, x in inputs.items()}
        return self._session.run(None, given)[0]

    def close(self) -> None:
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

    def __init__(
        self,
        spec: ServingSpec,
        artefact: str,
        *,
        num_threads: int = 1,
        signature: str = "serving_default",
        outputs: Sequence[str] = (),
    ) -> None:
        import tensorflow as tf

        relative = spec.artefacts[artefact]
        folder = file_inside(spec.folder, f"{relative}/{SAVED_MODEL}").parent
        _check_listed(spec, folder)
        with contextlib.suppress(RuntimeError):  # TensorFlow has started already, see above
            tf.config.threading.set_intra_op_parallelism_threads(num_threads)
        try:
            self._model = tf.saved_model.load(str(folder))
            self._function = self._model.signatures[signature]
        except (KeyError, OSError, ValueError, tf.errors.OpError) as error:
            reason = str(error).strip().splitlines()[0]
            raise BrokenVersion(
                f"`{relative}` is no SavedModel of a generator: {reason}"
            ) from error
        self._constant, self._outputs = tf.constant, outputs or [spec.output_name]

    def generate(self, inputs: Arrays) -> np.ndarray:
        return run_in_blocks(self._run_batch, inputs, self.BLOCK)

    def _run_batch(self, inputs: Arrays) -> np.ndarray:
        given = {name: self._constant(x) for name, x in inputs.items()}
        found = self._function(**given)
        parts = [found[name].numpy() for name in self._outputs]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    def close(self) -> None:
        del self._model, self._function


ENGINES: dict[str, type[Engine]] = {
    "litert": LiteRTEngine,
    "litert_float16": LiteRTEngine,
    "litert_dynamic": LiteRTEngine,
    "litert_int8": LiteRTEngine,
    "onnx": OnnxEngine,
    "saved_model": SavedModelEngine,
}


def count_rows(inputs: Arrays) -> int:
    return len(next(iter(inputs.values())))


def run_in_blocks(run: Callable[[Arrays], np.ndarray], inputs: Arrays, size: int) -> np.ndarray:
    """Calls `run` with batches of exactly `size` rows, the last filled up with zeros."""
    count, parts = count_rows(inputs), []
    for start in range(0, count, size):
        batch = {}
        for name, rows in inputs.items():
            batch[name] = np.zeros((size, *rows.shape[1:]), rows.dtype)
            batch[name][: count - start] = rows[start : start + size]
        parts.append(run(batch)[: count - start])
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


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
