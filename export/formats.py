"""The registry of formats: adding one is a writer here and a runtime in `ganapp.export.check`."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from pathlib import Path

from ganapp.export.bundle import Bundle
from ganapp.export.errors import ExportError
from ganapp.export.keras_file import write_keras
from ganapp.export.litert import to_dynamic_int8, to_float16, to_int8, write_litert
from ganapp.export.onnx import write_onnx
from ganapp.export.saved_model import write_saved_model

ALL = "all"
EXACT = 1e-4  # float32 in another order of summation: 4e-6 measured on digits, 1e-4 when deep


@dataclasses.dataclass(frozen=True, kw_only=True)
class Format:
    """One kind of artefact.

    Args:
        name: as asked for, e.g. `"litert"`.
        title: as printed, e.g. `"LiteRT"`.
        path: file inside the folder of the version; `"."` for the folder itself.
        runtime: what runs it, one of `ganapp.export.check.RUNTIMES`.
        write: writes the artefact of a bundle to a path.
        tolerance: largest allowed absolute difference to the Keras generator, in model units.
        mean_tolerance: largest allowed mean absolute difference: a few values on the edge of a
            stroke may differ much where all the others do not.
        samples: whether the artefact also draws latents (has a `sample` signature).
        fixes_batch: whether `write` takes `batch`, how many latents a call takes.
        optional: whether an export of all formats goes on without it where it is impossible.
        may_lose: whether it is written, with a warning, although its figures are worse.
    """

    name: str
    title: str
    path: str
    runtime: str
    write: Callable[..., None]
    tolerance: float = EXACT
    mean_tolerance: float = EXACT
    samples: bool = False
    fixes_batch: bool = False
    optional: bool = False
    may_lose: bool = False

    def write_to(self, folder: Path, bundle: Bundle, batch: int | None) -> None:
        """Writes the artefact into the folder of a version.

        Raises:
            ExportError: the generator cannot be converted.
        """
        path = folder if self.path == "." else folder / self.path
        if self.fixes_batch and batch is not None:
            self.write(bundle, path, batch=batch)
        else:
            self.write(bundle, path)


def _litert(name: str, title: str, path: str, **fields: object) -> Format:
    return Format(name=name, title=title, path=path, runtime="litert", fixes_batch=True, **fields)


# Tolerances of the shorter formats are about ten times what was measured on the preset digits
# (largest: float16 0.0015, dynamic 0.12, int8 0.34; mean: 0.0001, 0.004, 0.02), for images whose
# values span 2; what they cost in figures is judged beside, see `ganapp.export.losses`.
FORMATS: dict[str, Format] = {
    each.name: each
    for each in (
        Format(
            name="saved_model",
            title="SavedModel",
            path=".",
            runtime="saved_model",
            write=write_saved_model,
            samples=True,
        ),
        _litert("litert", "LiteRT", "model.tflite", write=write_litert),
        _litert(
            "litert_float16",
            "LiteRT float16",
            "model_float16.tflite",
            write=functools.partial(write_litert, quantise=to_float16),
            tolerance=0.02,
            mean_tolerance=0.001,
            optional=True,
        ),
        _litert(
            "litert_dynamic",
            "LiteRT dynamic int8",
            "model_dynamic.tflite",
            write=functools.partial(write_litert, quantise=to_dynamic_int8),
            tolerance=1.0,
            mean_tolerance=0.04,
            optional=True,
        ),
        _litert(
            "litert_int8",
            "LiteRT int8",
            "model_int8.tflite",
            write=functools.partial(write_litert, quantise=to_int8),
            tolerance=2.0,
            mean_tolerance=0.2,
            optional=True,
            may_lose=True,
        ),
        Format(
            name="onnx",
            title="ONNX",
            path="model.onnx",
            runtime="onnx",
            write=write_onnx,
            optional=True,
        ),
        Format(
            name="keras",
            title="Keras",
            path="model.keras",
            runtime="keras",
            write=write_keras,
            optional=True,
        ),
    )
}


def chosen_formats(names: Sequence[str]) -> list[Format]:
    """Looks formats up by name; `"all"` alone stands for all of them.

    Raises:
        ExportError: no name, an unknown name, a name twice, or `"all"` beside others.
    """
    known = ", ".join(FORMATS)
    if tuple(names) == (ALL,):
        return list(FORMATS.values())
    if not names or len(set(names)) != len(names):
        raise ExportError(
            f"`formats` must be {ALL!r} or name at least one of {known}, each once. "
            f"Received: formats={tuple(names)}"
        )
    for name in names:
        if name not in FORMATS:
            raise ExportError(
                f"`formats` must be {ALL!r} alone or among {known}. Received: format={name!r}"
            )
    return [FORMATS[name] for name in names]
