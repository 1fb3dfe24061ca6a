"""The description of a version folder, `assets.extra/serving.json`, checked before it is used."""

import dataclasses
import hashlib
import json
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
CODE_KINDS = ("category", "bit", "number")


class BrokenVersion(ServerError):
    """A version folder that cannot be served, and why (503)."""

    status = 503


class IncompleteVersion(BrokenVersion):
    """A version folder that is still being written: files are missing."""


@dataclasses.dataclass(frozen=True)
class DataType:
    """A type of tensors."""

    numpy: np.dtype  # its dtype
    protocol: str  # its name in Open Inference Protocol
    python: tuple[type, ...]  # types of the JSON values that it takes
    field: str  # of a TensorProto, which holds its values


DATA_TYPES = {
    "DT_FLOAT": DataType(np.dtype("float32"), "FP32", (int, float), "float_val"),
    "DT_DOUBLE": DataType(np.dtype("float64"), "FP64", (int, float), "double_val"),
    "DT_INT32": DataType(np.dtype("int32"), "INT32", (int,), "int_val"),
    "DT_INT64": DataType(np.dtype("int64"), "INT64", (int,), "int64_val"),
    "DT_UINT8": DataType(np.dtype("uint8"), "UINT8", (int,), "int_val"),
    "DT_BOOL": DataType(np.dtype("bool"), "BOOL", (bool,), "bool_val"),
    "DT_STRING": DataType(np.dtype(object), "BYTES", (str, dict), "string_val"),
}


@dataclasses.dataclass(frozen=True)
class TensorInfo:
    """One input or output of a signature."""

    dtype: str  # TensorFlow's name, e.g. `"DT_FLOAT"`.
    shape: tuple[int, ...]  # -1 where any size goes; `()` for a scalar


@dataclasses.dataclass(frozen=True)
class Signature:
    """One function that a model offers."""

    inputs: Mapping[str, TensorInfo]  # by name
    outputs: Mapping[str, TensorInfo]  # by name
    defaults: Mapping[str, Json]  # values of inputs that may be left out
    drawn: frozenset[str] = frozenset()  # inputs that are drawn where they are left out

    @property
    def required(self) -> list[str]:
        """The inputs that may not be left out."""
        return [x for x in self.inputs if x not in self.defaults and x not in self.drawn]


@dataclasses.dataclass(frozen=True)
class Code:
    """What a person sets of the latents: a category, a bit or a number."""

    name: str
    kind: str  # one of `CODE_KINDS`
    latent: str  # the input of which it is a part
    start: int  # the first of its coordinates there
    size: int  # how many: of a category as many as there are, else 1
    minimum: float
    maximum: float


@dataclasses.dataclass(frozen=True)
class Latent:
    """How inputs are drawn; the fields of `latent` in serving.json."""

    size: int  # of the input `z`
    prior: str  # its name
    path: str  # the way between two `z`
    truncates: bool  # whether `truncation` has an effect
    noise_size: int  # how many uniform numbers make one row of all drawn inputs
    classes: tuple[str, ...]  # names of those that can be requested
    codes: tuple[Code, ...] = ()


@dataclasses.dataclass(frozen=True)
class EncoderSpec:
    """An encoder beside the generator; the field `encoder` in serving.json."""

    inputs: tuple[Input, ...]  # the example `x` in model units, and observations
    outputs: tuple[Input, ...]  # latents of the generator, side by side in its artefacts
    artefacts: Mapping[str, str]  # path inside the folder by engine


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServingSpec(GeneratorInputs):
    """serving.json as an object; `document` holds it as it was written."""

    folder: Path  # the version folder, resolved
    name: str  # of the model, as exported
    kind: str  # one of `KINDS`
    output_name: str  # of the generator's output tensor
    output_shape: tuple[int, ...]  # of one sample in model units
    inputs: tuple[Input, ...]  # of the generator, in its order
    latent: Latent
    units: Mapping[str, Json]  # how model units become the user's
    signatures: Mapping[str, Signature]  # by name
    artefacts: Mapping[str, str]  # path inside the folder by engine
    files: Mapping[str, str]  # sha256 by path inside the folder
    document: Mapping[str, Json]  # all of serving.json
    encoder: EncoderSpec | None = None

    @classmethod
    def read(cls, folder: Path) -> "ServingSpec":
        """Reads and checks serving.json of a version folder; no other file is opened.

        Raises:
            IncompleteVersion: serving.json or a file it lists is missing.
            BrokenVersion: it is not what an export writes, or a path in it leads out of `folder`.
        """
        folder = folder.resolve()
        document = _document(file_inside(folder, SERVING))
        try:
            spec = _parse(folder, document)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            missing = isinstance(error, KeyError)
            complaint = f"`{error.args[0]}` is missing" if missing else str(error)
            raise BrokenVersion(
                f"`{SERVING}` must be as `ganapp export` writes it ({SCHEMA}), but "
                f"{complaint}: export the model again."
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
        """
        if not path.endswith(LOADED):
            raise BrokenVersion(f"`artefacts` must be {LOADED} files. Received: path={path!r}")
        content = file_inside(self.folder, path).read_bytes()
        self._compare(path, hashlib.sha256(content).hexdigest())
        return content

    def verify(self) -> None:
        """Compares every listed file with its checksum."""
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
    """The file at `relative` in a resolved folder, whose own name and parents may be no way out."""
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


def _parse(folder: Path, document: JsonObject) -> ServingSpec:
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
            codes=_codes(document),
        ),
        units=dict(document["units"]),
        signatures=signatures,
        artefacts=dict(document["artefacts"]),
        files=dict(document["files"]),
        document=document,
        encoder=_encoder(document),
    )


def _encoder(document: JsonObject) -> EncoderSpec | None:
    described = document.get("encoder")
    if described is None:
        return None
    inputs, outputs = (
        tuple(Input(str(x["name"]), _whole(x["shape"], 1), str(x["role"])) for x in described[side])
        for side in ("inputs", "outputs")
    )
    if not inputs or not outputs or any(len(each.shape) != 1 for each in outputs):
        raise ValueError(
            "`encoder` must list its `inputs`, and as `outputs` latents of one axis. "
            f"Received: {described!r:.200}"
        )
    artefacts = {str(engine): str(path) for engine, path in described["artefacts"].items()}
    return EncoderSpec(inputs, outputs, artefacts)


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


def _codes(document: JsonObject) -> tuple[Code, ...]:
    """What can be set of the latents; nothing in exports of before."""
    sizes = {each.name: each.shape[0] for each in _inputs(document) if each.role == "latent"}
    found = []
    for listed in document["latent"].get("codes", []):
        start, size = _whole([listed["start"], listed["size"]], 0)
        low, high = float(listed["minimum"]), float(listed["maximum"])
        code = Code(str(listed["name"]), listed["kind"], listed["latent"], start, size, low, high)
        ranges = {"category": (0, size - 1), "bit": (0, 1), "number": (low, high)}
        inside = code.latent in sizes and size >= 1 and start + size <= sizes[code.latent]
        if not inside or ranges.get(code.kind) != (low, high) or not -np.inf < low < high < np.inf:
            raise ValueError(
                f"`codes` must be parts of the latents, their `kind` one of {CODE_KINDS}. "
                f"Received: {listed!r:.200}"
            )
        found.append(code)
    return tuple(found)


def _signature(value: JsonObject) -> Signature:
    def tensors(side: JsonObject) -> dict[str, TensorInfo]:
        return {n: TensorInfo(str(t["dtype"]), _whole(t["shape"], -1)) for n, t in side.items()}

    defaults = dict(value.get("defaults") or {})
    return Signature(tensors(value["inputs"]), tensors(value["outputs"]), defaults)


def _whole(values: list[int], least: int) -> tuple[int, ...]:
    for value in values:
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ValueError(f"sizes must be whole numbers from {least}. Received: {value!r}")
    return tuple(values)
