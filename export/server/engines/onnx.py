"""ONNX: the generator in onnxruntime."""

import numpy as np

from ganapp.export.server.spec import BrokenVersion, ServingSpec


class OnnxEngine:
    """One session, which onnxruntime lets several threads run.

    Args:
        spec: the version folder.
        artefact: key of `spec.artefacts`.
        num_threads: within one call.

    Raises:
        BrokenVersion: the file is not what onnxruntime reads, is damaged, or onnxruntime is not
            installed.
    """

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
