"""The registry of formats: adding one is a file here and a line in `FORMATS`. No TensorFlow."""

from collections.abc import Sequence

from ganapp.export import ExportError
from ganapp.export.formats import keras_file, litert, onnx, saved_model
from ganapp.export.formats.format import Format, Runtime

ALL = "all"
FORMATS: dict[str, Format] = {
    each.name: each
    for each in (saved_model.SAVED_MODEL, *litert.LITERT_FORMATS, onnx.ONNX, keras_file.KERAS)
}
RUNTIMES: dict[str, Runtime] = {each.runtime.name: each.runtime for each in FORMATS.values()}
# Of encoders that are exported beside a generator.
ENCODER_RUNTIMES: dict[str, Runtime] = {
    each.encoder_runtime.name: each.encoder_runtime
    for each in FORMATS.values()
    if each.encoder_runtime
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
