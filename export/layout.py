"""Where everything of an export lies, and what names it may bear.

DIR/model_card.{md,json,html}, samples.png, SHA256SUMS describe what was exported last;
DIR/models/NAME/VERSION/ is one servable, as TensorFlow Serving reads it. Needs no TensorFlow.
"""

import dataclasses
import re
from pathlib import Path, PurePosixPath
from typing import Any

from ganapp.export import ExportError
from ganapp.training.files import read_json

Json = dict[str, Any]  # an object of a JSON document

CARD_JSON, CARD_MARKDOWN, CARD_HTML = "model_card.json", "model_card.md", "model_card.html"
PICTURE, SUMS, MODELS = "samples.png", "SHA256SUMS", "models"
LABELS = "labels.json"  # in a model's folder, written by whoever serves it: of no version
EXTRA, SERVING, REFERENCE = "assets.extra", "serving.json", "reference.npz"
LATENTS, UNITS = f"{EXTRA}/latents.tflite", f"{EXTRA}/units.tflite"  # below a version
ON_TOP = (CARD_MARKDOWN, CARD_JSON, CARD_HTML, PICTURE, SUMS)
LARGEST_VERSION = 2**31 - 1
RESERVED = (MODELS, EXTRA)  # folders that say what the folder around them is
LONGEST_NAME = 200  # characters; folders made aside have longer names, and 255 is the most
PARTIAL, PREVIOUS = ".partial", ".previous"  # of folders made aside, whose names begin with .
CARD_SCHEMA = "ganapp-model-card/2"
ROLES = ("latent", "label", "observation")  # of inputs of a generator
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")


def safe_name(name: str) -> str:
    """A name for a model that is also a folder's and a part of an address.

    Args:
        name: of a run, say; other characters than letters, digits, `_`, `.` and `-` become `-`,
            what is too long is cut, and a reserved name gets `-model` after it.
    """
    safe = _UNSAFE.sub("-", name).strip(".-")[:LONGEST_NAME].strip(".-") or "model"
    return f"{safe}-model" if safe in RESERVED else safe


def may_be_served(name: str) -> bool:
    """Whether a folder of this name can be a model's."""
    fits = 1 <= len(name) <= LONGEST_NAME and name not in RESERVED
    return fits and not name.startswith(".") and not _UNSAFE.search(name)


def version_folder(name: str, version: int) -> PurePosixPath:
    """The folder of a version below the export directory.

    Raises:
        ExportError: the name or the number cannot be served.
    """
    if safe_name(name) != name:
        raise ExportError(
            "`name` must consist of letters, digits, `_`, `.` and `-`, begin and end with none of "
            f"the last two, have at most {LONGEST_NAME} characters and not be "
            f"{' or '.join(RESERVED)}. Received: name={name[: 2 * LONGEST_NAME]!r}"
        )
    if not 1 <= version <= LARGEST_VERSION:
        raise ExportError(
            f"`version` must be from 1 to {LARGEST_VERSION}. Received: version={version}"
        )
    return PurePosixPath(MODELS, name, str(version))


def version_folders(directory: Path) -> list[Path]:
    """Every version of every model in an export directory, in order of name and number."""
    found = [
        path
        for path in directory.glob(f"{MODELS}/*/*")
        if path.name.isdecimal() and path.is_dir() and not path.is_symlink()
    ]
    return sorted(found, key=lambda path: (path.parent.name, int(path.name)))


def is_aside(path: Path) -> bool:
    """Whether a folder was made aside, to be renamed or deleted; a killed process leaves it."""
    return path.name.startswith(".") and path.suffix in (PARTIAL, PREVIOUS)


def drawn_name(name: str) -> str:
    """The output of a signature that says what was drawn for an input: of `z` it is `latents`."""
    return "latents" if name == "z" else name


@dataclasses.dataclass(frozen=True)
class Input:
    """One input of the generator, under this name in every artefact.

    Args:
        name: e.g. `"z"`.
        shape: of one row.
        role: one of `ROLES`: `"latent"`, drawn by the prior; `"label"`, one-hot classes, drawn by
            their shares where none is requested; `"observation"`, which must be given.
    """

    name: str
    shape: tuple[int, ...]
    role: str

    def as_dict(self) -> Json:
        """A JSON-ready copy."""
        return {"name": self.name, "shape": list(self.shape), "role": self.role}

    @property
    def drawn_name(self) -> str:
        """Name of the output that says what was drawn for it."""
        return drawn_name(self.name)


class GeneratorInputs:
    """The inputs of a generator by their roles; mixed into what describes one.

    Attributes:
        inputs: in the generator's own order.
    """

    inputs: tuple[Input, ...]

    @property
    def drawn(self) -> tuple[Input, ...]:
        """The inputs that can be drawn."""
        return tuple(each for each in self.inputs if each.role != "observation")

    @property
    def observed(self) -> tuple[Input, ...]:
        """The inputs that must be given."""
        return tuple(each for each in self.inputs if each.role == "observation")

    @property
    def drawing(self) -> str:
        """Name of the signature that draws: `sample` of all inputs, or `generate` of the others."""
        return "generate" if self.observed else "sample"

    @property
    def has_label(self) -> bool:
        """Whether the class is an input of its own."""
        return any(each.role == "label" for each in self.inputs)


def read_object(path: Path) -> Json:
    """Reads a JSON object.

    Raises:
        ExportError: it cannot be read or is something else.
    """
    try:
        content = read_json(path)
    except (OSError, ValueError) as error:
        raise ExportError(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise ExportError(f"{path} cannot be read: it holds no table.")
    return content


def read_card(directory: Path) -> Json | None:
    """The card in `directory`, or `None` when there is none that an export wrote."""
    try:
        card = read_object(directory / CARD_JSON)
    except ExportError:
        return None
    return card if card.get("schema") == CARD_SCHEMA else None


def labels(model: Path) -> dict[str, int]:
    """The labels of a model: `labels.json` in its folder, e.g. `{"stable": 1}`.

    Args:
        model: the folder of its versions.

    Returns:
        none if there is no such file or it is a link that leads out of the folder.

    Raises:
        ValueError: it is not a JSON object of whole numbers.
    """
    path = model / LABELS
    if not path.is_file() or not path.resolve().is_relative_to(model.resolve()):
        return {}
    given = read_json(path)
    if not isinstance(given, dict) or not all(type(value) is int for value in given.values()):
        raise ValueError(
            f"`{LABELS}` must be an object of version numbers. Received: {given!r:.200}"
        )
    return given
