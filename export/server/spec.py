"""The description of a version folder, `assets.extra/serving.json`, checked before it is used."""

import dataclasses
import hashlib
import json
import types
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import numpy as np

from ganapp.export import layout
from ganapp.export.layout import EXTRA, LATENTS, ROLES, GeneratorInputs, Input
from ganapp.export.server.errors import ServerError

Json = object  # a value of JSON; arrays of numpy too, where it is written
JsonObject = dict[str, Json]
Arrays = dict[str, np.ndarray]

SCHEMA = "ganapp-serving/1"
SERVING = f"{EXTRA}/{layout.SERVING}"
# What is loaded, but for a SavedModel: graphs of tensors, never anything that runs code of ours.
LOADED = (".tflite", ".onnx")
SAVED_MODEL = "saved_model.pb"
LONGEST = 32 * 2**20  # bytes of serving.json: directions of a generator are a table of numbers
KINDS = ("image", "vector", "table", "video")


class BrokenVersion(ServerError):
    """A version folder that cannot be served, and why (503)."""

    def __init__(self, sentence: str) -> None:
        super().__init__(503, sentence)


class IncompleteVersion(BrokenVersion):
    """A version folder that is still being written: files are missing."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataType:
    """A type of tensors.

    Args:
        numpy: its dtype.
        protocol: its name in Open Inference Protocol.
        python: types of the JSON values that it takes.
        field: of a TensorProto, which holds its values.
    """

    numpy: np.dtype
    protocol: str
    python: tuple[type, ...]
    field: str


def _whole(name: str, protocol: str, field: str = "int_val") -> DataType:
    return DataType(numpy=np.dtype(name), protocol=protocol, python=(int,), field=field)


DATA_TYPES: dict[str, DataType] = {
    "DT_FLOAT": DataType(
        numpy=np.dtype("float32"), protocol="FP32", python=(int, float), field="float_val"
    ),
    "DT_DOUBLE": DataType(
        numpy=np.dtype("float64"), protocol="FP64", python=(int, float), field="double_val"
    ),
    "DT_INT32": _whole("int32", "INT32"),
    "DT_INT64": _whole("int64", "INT64", "int64_val"),
    "DT_UINT8": _whole("uint8", "UINT8"),
    "DT_BOOL": DataType(numpy=np.dtype("bool"), protocol="BOOL", python=(bool,), field="bool_val"),
    "DT_STRING": DataType(
        numpy=np.dtype(object), protocol="BYTES", python=(str, dict), field="string_val"
    ),
}


@dataclasses.dataclass(frozen=True)
class TensorInfo:
    """One input or output of a signature.

    Args:
        dtype: TensorFlow's name, e.g. `"DT_FLOAT"`.
        shape: -1 where any size goes; `()` for a scalar.
    """

    dtype: str
    shape: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Signature:
    """One function that a model offers.

    Args:
        inputs: by name.
        outputs: by name.
        defaults: values of inputs that may be left out.
    """

    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, TensorInfo]
    defaults: Mapping[str, Json]


@dataclasses.dataclass(frozen=True)
class Latent:
    """How inputs are drawn; the fields of `latent` in serving.json.

    Args:
        size: of the input `z`.
        prior: its name.
        path: the way between two `z`.
        truncates: whether `truncation` has an effect.
        noise_size: how many uniform numbers make one row of all drawn inputs.
        classes: names of those that can be requested.
    """

    size: int
    prior: str
    path: str
    truncates: bool
    noise_size: int
    classes: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServingSpec(GeneratorInputs):
    """serving.json as an object; `document` holds it as it was written.

    Args:
        folder: the version folder, resolved.
        name: of the model, as exported.
        kind: one of `KINDS`.
        output_name: of the generator's output tensor.
        output_shape: of one sample in model units.
        inputs: of the generator, in its order.
        latent: see `Latent`.
        units: how model units become the user's, see `ganapp.export.server.servable`.
        signatures: by name.
        artefacts: path inside the folder by engine.
        files: sha256 by path inside the folder.
        document: all of serving.json.
    """

    folder: Path
    name: str
    kind: str
    output_name: str
    output_shape: tuple[int, ...]
    inputs: tuple[Input, ...]
    latent: Latent
    units: Mapping[str, Json]
    signatures: Mapping[str, Signature]
    artefacts: Mapping[str, str]
    files: Mapping[str, str]
    document: Mapping[str, Json]

    @classmethod
    def read(cls, folder: Path) -> "ServingSpec":
        """Reads and checks serving.json; no other file is opened.

        Args:
            folder: a version folder.

        Raises:
            IncompleteVersion: serving.json or a file it lists is missing.
            BrokenVersion: it is not what an export writes, or a path in it leads out of `folder`.
        """
        folder = folder.resolve()
        document = _document(file_inside(folder, SERVING))
        try:
            spec = _parsed(folder, document)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BrokenVersion(
                f"`{SERVING}` must be as `ganapp export` writes it ({SCHEMA}), but "
                f"{_complaint(error)}: export the model again."
            ) from error
        for path in spec.files:
            file_inside(folder, path)
        return spec

    @property
    def columns(self) -> list[JsonObject] | None:
        """The columns of a table's samples, in order; `None` for other kinds."""
        return self.document.get("columns")

    @property
    def class_coordinates(self) -> int:
        """How many last coordinates of `z` say the class: none where it is an input of its own."""
        return 0 if self.has_label else len(self.latent.classes)

    def loadable(self, path: str) -> bytes:
        """The content of a `.tflite` or `.onnx` file, compared with its checksum.

        What is returned is what was compared, whatever happens to the file meanwhile.

        Raises:
            IncompleteVersion: the file is missing.
            BrokenVersion: it is not listed, has another checksum, or is of a kind that is not
                loaded.
        """
        if not path.endswith(LOADED):
            raise BrokenVersion(f"`artefacts` must be {LOADED} files. Received: path={path!r}")
        content = file_inside(self.folder, path).read_bytes()
        self._compare(path, hashlib.sha256(content).hexdigest())
        return content

    def verify(self) -> None:
        """Compares every listed file with its checksum.

        Raises:
            IncompleteVersion: a file is missing.
            BrokenVersion: a file has another content, or serving.json lists none.
        """
        for path in (*([LATENTS] if self.drawn else []), *self.files):
            with file_inside(self.folder, path).open("rb") as file:
                self._compare(path, hashlib.file_digest(file, "sha256").hexdigest())

    def _compare(self, path: str, actual: str) -> None:
        if self.files.get(path) != actual:
            raise BrokenVersion(
                f"`{path}` must have the sha256 that {SERVING} lists "
                f"({self.files.get(path, 'none')}). Received: {actual}; copy the folder again."
            )


def file_inside(folder: Path, relative: str) -> Path:
    """The file at `relative` in `folder`, whose own name and parents may be no way out.

    Args:
        folder: resolved.
        relative: POSIX path.

    Raises:
        IncompleteVersion: there is no such file.
        BrokenVersion: the path is absolute, has `..` or leads out of `folder` through a link.
    """
    parts = PurePosixPath(relative).parts
    path = folder / relative
    if not parts or parts[0] == "/" or ".." in parts or "\\" in relative or "\0" in relative:
        raise BrokenVersion(f"`files` must lie inside the version folder. Received: {relative!r}")
    if not path.resolve().is_relative_to(folder):
        raise BrokenVersion(
            f"`{relative}` must not be a link that leads out of the version folder."
        )
    if not path.is_file():
        raise IncompleteVersion(f"`{relative}` is missing in the version folder.")
    return path


def _document(path: Path) -> JsonObject:
    if path.stat().st_size > LONGEST:
        raise BrokenVersion(f"`{SERVING}` must have at most {LONGEST} bytes.")
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise BrokenVersion(f"`{SERVING}` must be JSON: {str(error)[:200]}") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        schema = document.get("schema") if isinstance(document, dict) else None
        raise BrokenVersion(f"`schema` must be {SCHEMA!r}. Received: schema={schema!r}")
    return document


def _parsed(folder: Path, document: JsonObject) -> ServingSpec:
    kind, latent = document["kind"], document["latent"]
    if kind not in KINDS:
        raise ValueError(f"`kind` must be one of {KINDS}. Received: kind={kind!r}")
    for path in [*document["artefacts"].values(), *document["files"], *document["files"].values()]:
        if not isinstance(path, str):
            raise TypeError(f"paths and checksums must be text. Received: {path!r}")
    signatures = {name: _signature(value) for name, value in document["signatures"].items()}
    return ServingSpec(
        folder=folder,
        name=str(document["name"]),
        kind=kind,
        output_name=str(document["output"]["name"]),
        output_shape=_whole(document["output"]["shape"], 1),
        inputs=_inputs(document),
        latent=Latent(
            size=_whole([latent["size"]], 1)[0],
            prior=str(latent["prior"]),
            path=str(latent["path"]),
            truncates=bool(latent["truncates"]),
            noise_size=_whole([latent["noise_size"]], 0)[0],
            classes=tuple(str(name) for name in latent["classes"] or ()),
        ),
        units=types.MappingProxyType(dict(document["units"])),
        signatures=types.MappingProxyType(signatures),
        artefacts=types.MappingProxyType(dict(document["artefacts"])),
        files=types.MappingProxyType(dict(document["files"])),
        document=types.MappingProxyType(document),
    )


def _inputs(document: JsonObject) -> tuple[Input, ...]:
    """The inputs of the generator; of an export that lists none, the latent `z` alone."""
    latent = {"name": "z", "shape": [document["latent"]["size"]], "role": "latent"}
    listed = document.get("inputs", [latent])
    found = tuple(Input(str(x["name"]), _whole(x["shape"], 1), x["role"]) for x in listed)
    names = [each.name for each in found]
    if not found or len(set(names)) < len(names) or any(x.role not in ROLES for x in found):
        raise ValueError(
            "`inputs` must list each input of the generator once, its `role` one of "
            f"{', '.join(ROLES)}. Received: {listed!r:.200}"
        )
    return found


def _signature(value: JsonObject) -> Signature:
    def tensors(side: JsonObject) -> Mapping[str, TensorInfo]:
        return types.MappingProxyType(
            {n: TensorInfo(str(t["dtype"]), _whole(t["shape"], -1)) for n, t in side.items()}
        )

    defaults = types.MappingProxyType(dict(value.get("defaults") or {}))
    return Signature(tensors(value["inputs"]), tensors(value["outputs"]), defaults)


def _whole(values: list[int], least: int) -> tuple[int, ...]:
    for value in values:
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ValueError(f"sizes must be whole numbers from {least}. Received: {value!r}")
    return tuple(values)


def _complaint(error: Exception) -> str:
    return f"`{error.args[0]}` is missing" if isinstance(error, KeyError) else str(error)
