"""The registry of formats: adding one is a writer here and a runner in `export.check`."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

from export.bundle import Bundle
from export.errors import ExportError
from export.litert import write_litert
from export.saved_model import write_saved_model


@dataclasses.dataclass(frozen=True, kw_only=True)
class Format:
    """One kind of artefact.

    Args:
        name: as asked for, e.g. `"litert"`.
        title: as printed, e.g. `"LiteRT"`.
        path: file or directory inside the export directory.
        write: writes the artefact of a bundle to a path that does not exist yet.
        samples: whether the artefact also draws latents (has a `sample` signature).
    """

    name: str
    title: str
    path: str
    write: Callable[[Bundle, Path], None]
    samples: bool = False


FORMATS: dict[str, Format] = {
    each.name: each
    for each in (
        Format(
            name="saved_model",
            title="SavedModel",
            path="saved_model",
            write=write_saved_model,
            samples=True,
        ),
        Format(name="litert", title="LiteRT", path="model.tflite", write=write_litert),
    )
}


def chosen_formats(names: tuple[str, ...]) -> list[Format]:
    """Looks formats up by name.

    Raises:
        ExportError: no name, an unknown name, or a name twice.
    """
    known = ", ".join(FORMATS)
    if not names or len(set(names)) != len(names):
        raise ExportError(
            f"`formats` must name at least one of {known}, each once. Received: formats={names}"
        )
    for name in names:
        if name not in FORMATS:
            raise ExportError(f"`formats` must be among {known}. Received: format={name!r}")
    return [FORMATS[name] for name in names]
