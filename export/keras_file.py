"""Keras: the generator as one `.keras` file, to look into, train on or convert again."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras

from ganapp.export.bundle import Bundle
from ganapp.export.errors import ExportError
from ganapp.export.native import native_stderr


def write_keras(bundle: Bundle, path: Path) -> None:
    """Writes the generator with its configuration and weights, of Keras's own layers if it can.

    A layer of ours that stands for layers of Keras (`stock_layers`) is written as those, so that
    the file needs no code of ours.

    Args:
        bundle: what to export, computing in float32 (see `ganapp.export.precision`).
        path: file to create, ending in `.keras`.

    Raises:
        ExportError: a layer cannot be described by its configuration.
    """
    try:
        with native_stderr():
            _with_stock_layers(bundle.generator).save(path)
    except (AttributeError, NotImplementedError, TypeError, ValueError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ExportError(f"The generator could not be saved by Keras: {reason}") from error


def _with_stock_layers(network: keras.Model) -> keras.Model:
    """The network itself, or a copy without layers that only train faster."""
    if not any(hasattr(layer, "stock_layers") for layer in network.layers):
        return network

    def call(layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
        if not hasattr(layer, "stock_layers"):
            return layer(*args, **kwargs)
        (x,) = args
        for stock in layer.stock_layers():
            x = stock(x)
        return x

    copy = keras.models.clone_model(network, call_function=call)
    copy.set_weights(network.get_weights())
    return copy


def modules_in(path: Path) -> tuple[str, ...]:
    """Python modules to import before `keras.saving.load_model`: of layers that are not Keras's.

    Raises:
        ExportError: the file is not a `.keras` file.
    """
    try:
        with zipfile.ZipFile(path) as file:
            configuration = json.loads(file.read("config.json"))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ExportError(f"{path.name} is no .keras file: {error}") from error
    found = {each["module"] for each in _registered(configuration)}
    return tuple(sorted(found))


def _registered(node: Any) -> Iterator[dict[str, Any]]:
    """Every description of an object that somebody registered with Keras."""
    if isinstance(node, dict):
        module, name = node.get("module"), node.get("registered_name")
        ours = isinstance(module, str) and module.split(".")[0] not in ("keras", "builtins")
        if name and ours:
            yield node
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        yield from _registered(child)
