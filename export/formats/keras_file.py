"""Keras: the generator as one `.keras` file, to look into, train on or convert again."""

import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ganapp.export import ExportError
from ganapp.export.formats.format import Arrays, Format, Runtime, first_line
from ganapp.export.stderr import native_stderr

if TYPE_CHECKING:
    import keras

    from ganapp.export.bundle import Bundle

USAGE = """\
import keras
import numpy as np
{imports}generator = keras.saving.load_model("{path}", compile=False)
random = np.random.default_rng({seed})
{draw}
{output} = generator.predict_on_batch({keras_inputs}){keras_output}  # {returned}"""


def write_keras(bundle: "Bundle", path: Path) -> None:
    """Writes the generator with its configuration and weights, of Keras's own layers if it can.

    A layer of ours that stands for layers of Keras (`stock_layers`) is written as those, so that
    the file needs no code of ours. `path` ends in `.keras`.

    Raises:
        ExportError: a layer cannot be described by its configuration, or is of a module that no
            other process can import.
    """
    try:
        with native_stderr():
            _with_stock_layers(bundle.generator).save(path)
    except (AttributeError, NotImplementedError, TypeError, ValueError) as error:
        raise ExportError(
            f"The generator could not be saved by Keras: {first_line(error)}"
        ) from error
    if own := [module for module in modules_in(path) if not _is_importable(module)]:
        path.unlink()
        raise ExportError(
            f"Layers of the generator are written in {', '.join(own)}, which a fresh process does "
            "not have; the other formats need no code of theirs."
        )


def _is_importable(module: str) -> bool:
    """Whether a module was found by an import, and not made of a file that somebody named."""
    spec = getattr(sys.modules.get(module), "__spec__", None)
    return spec is not None and spec.loader is not None


def _with_stock_layers(network: "keras.Model") -> "keras.Model":
    """The network itself, or a copy without layers that only train faster."""
    import keras

    if not any(hasattr(layer, "stock_layers") for layer in network.layers):
        return network

    stock: dict[str, tuple[keras.layers.Layer, ...]] = {}  # one each, however often it is called

    def call(layer: keras.layers.Layer, *args: object, **kwargs: object) -> object:
        if not hasattr(layer, "stock_layers"):
            return layer(*args, **kwargs)
        if layer.name not in stock:
            stock[layer.name] = layer.stock_layers()
        (x,) = args
        for each in stock[layer.name]:
            x = each(x)
        return x

    copy = keras.models.clone_model(network, call_function=call)
    copy.set_weights(network.get_weights())
    return copy


def modules_in(path: Path) -> tuple[str, ...]:
    """Python modules to import before `keras.saving.load_model`: of layers that are not Keras's."""
    try:
        with zipfile.ZipFile(path) as file:
            configuration = json.loads(file.read("config.json"))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ExportError(f"{path.name} is no .keras file: {error}") from error
    found = {each["module"] for each in _registered(configuration)}
    return tuple(sorted(found))


def _registered(node: object) -> Iterator[dict[str, str]]:
    """Every description of an object that somebody registered with Keras."""
    if isinstance(node, dict):
        module, name = node.get("module"), node.get("registered_name")
        ours = isinstance(module, str) and module.split(".")[0] not in ("keras", "builtins")
        if name and ours:
            yield node
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        yield from _registered(child)


class KerasProcess:
    """A `.keras` file as plain Keras loads it."""

    def __init__(self, path: str, output: str) -> None:
        import keras

        self.model, self.output = keras.saving.load_model(path, compile=False), output
        one = isinstance(self.model, keras.Sequential)
        self.named = not one and isinstance(getattr(self.model, "input", None), dict)

    def __call__(self, inputs: "Arrays") -> "dict[str, np.ndarray]":
        single = len(inputs) == 1 and not self.named
        given = next(iter(inputs.values())) if single else dict(inputs)
        answer = self.model.predict_on_batch(given)
        return {self.output: answer["x"] if isinstance(answer, dict) else answer}


KERAS = Format(
    name="keras",
    title="Keras",
    path="model.keras",
    runtime=Runtime(name="keras", title="Keras", process=KerasProcess, usage=USAGE),
    write=write_keras,
    modules=modules_in,
    optional=True,
)
