"""Engines: what runs a generator. One small file and one line here for each."""

import importlib
from typing import Protocol

import numpy as np

from ganapp.export.server.spec import BrokenVersion, ServingSpec

# By the name of the artefact in serving.json: module and class, imported when asked for, so that a
# server of LiteRT files imports neither TensorFlow nor onnxruntime.
ENGINES: dict[str, tuple[str, str]] = {
    "litert": ("ganapp.export.server.engines.litert", "LiteRTEngine"),
    "litert_float16": ("ganapp.export.server.engines.litert", "LiteRTEngine"),
    "litert_dynamic": ("ganapp.export.server.engines.litert", "LiteRTEngine"),
    "litert_int8": ("ganapp.export.server.engines.litert", "LiteRTEngine"),
    "onnx": ("ganapp.export.server.engines.onnx", "OnnxEngine"),
    "saved_model": ("ganapp.export.server.engines.saved_model", "SavedModelEngine"),
}


class Engine(Protocol):
    """Runs one generator; may be called from several threads at once."""

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
        BrokenVersion: the folder has no such artefact, or it is damaged.
    """
    if name not in ENGINES:
        raise ValueError(f"`engine` must be one of {', '.join(ENGINES)}. Received: engine={name!r}")
    if name not in spec.artefacts:
        there = ", ".join(spec.artefacts)
        raise BrokenVersion(
            f"`engine` {name!r} needs an artefact of that name, but version folder "
            f"{spec.folder.name} of {spec.name} has {there}: export that format or choose another."
        )
    module, attribute = ENGINES[name]
    return getattr(importlib.import_module(module), attribute)(spec, name, num_threads=num_threads)
