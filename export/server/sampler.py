"""Drawing latents and putting samples into the user's units, as the exported graphs do it."""

import threading

import numpy as np

from ganapp.export.layout import LATENTS
from ganapp.export.server.engines.litert import Resident
from ganapp.export.server.noise import uniform
from ganapp.export.server.spec import BrokenVersion, ServingSpec

AS_DRAWN = -1  # the class that leaves latents as they were drawn


class Sampler:
    """`sample` of a version without its generator; may be called from several threads.

    Args:
        spec: the version folder.

    Raises:
        BrokenVersion: `latents.tflite` or `units.tflite` is damaged or takes other inputs than
            serving.json says, or the units are of no known kind.
    """

    def __init__(self, spec: ServingSpec) -> None:
        self.spec = spec
        self._lock = threading.Lock()
        self._latents = _runner(spec, LATENTS)
        expected = {"noise"}
        expected |= {"class"} if spec.latent.classes else set()
        expected |= {"truncation"} if spec.latent.truncates else set()
        if (given := set(self._latents.get_input_details())) != expected:
            raise BrokenVersion(
                f"`{LATENTS}` must have the inputs {sorted(expected)}. Received: {sorted(given)}"
            )
        self._inputs = expected
        self.to_user_units = _units(spec)

    def latents(
        self, count: int, seed: int, class_: int = AS_DRAWN, truncation: float = 1.0
    ) -> np.ndarray:
        """Draws latents; the first rows are the same for every `count`.

        Args:
            count: how many, at least 1.
            seed: an int32.
            class_: index of the class they ask for; -1 as drawn. Without effect where there are no
                classes.
            truncation: 1 as drawn, 0 the likeliest. Without effect where the prior does not
                truncate.

        Returns:
            float32 `(count, size)`.
        """
        values = {
            "noise": uniform(count, self.spec.latent.noise_size, seed),
            "class": np.array(class_, np.int32),
            "truncation": np.array(truncation, np.float32),
        }
        with self._lock:
            (latents,) = self._latents(**{name: values[name] for name in self._inputs}).values()
        return latents


class Levels:
    """Images: model units from -1 to 1 -> uint8 levels 0 to 255."""

    def __call__(self, x: np.ndarray) -> np.ndarray:
        levels = np.round((x + np.float32(1)) * np.float32(127.5))
        return np.clip(levels, 0, 255).astype(np.uint8)


class Affine:
    """Vectors: standardised -> the user's units, float32.

    Args:
        mean: number or one per coordinate.
        scale: likewise.
    """

    def __init__(self, mean: object, scale: object) -> None:
        self._mean, self._scale = np.asarray(mean, np.float32), np.asarray(scale, np.float32)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return x * self._scale + self._mean


class Graph:
    """Tables: model units -> the user's through a LiteRT file; may be called from several threads.

    Args:
        resident: an interpreter of it.
    """

    def __init__(self, resident: Resident) -> None:
        self._resident, self._lock = resident, threading.Lock()

    def __call__(self, x: np.ndarray) -> np.ndarray:
        with self._lock:
            return self._resident.run(x)


def _units(spec: ServingSpec) -> Levels | Affine | Graph:
    units = dict(spec.units)
    if units.get("levels"):
        return Levels()
    if set(units) == {"mean", "scale"}:
        return Affine(units["mean"], units["scale"])
    if set(units) == {"graph"}:
        try:
            return Graph(Resident(spec.loadable(units["graph"]), 1))
        except (ValueError, RuntimeError) as error:
            raise BrokenVersion(f"`{units['graph']}` could not be loaded: {error}") from error
    raise BrokenVersion(f"`units` must be levels, mean and scale, or a graph. Received: {units}")


def _runner(spec: ServingSpec, path: str):  # a SignatureRunner, imported late
    from ai_edge_litert.interpreter import Interpreter

    content = spec.loadable(path)
    try:
        interpreter = Interpreter(model_content=content)
        return interpreter.get_signature_runner("serving_default")
    except (ValueError, RuntimeError) as error:
        raise BrokenVersion(f"`{path}` could not be loaded by LiteRT: {error}") from error
