"""Where everything of an export lies, what names it may bear, and the checksums of its files.

DIR/model_card.{md,json,html}, samples.png, SHA256SUMS describe what was exported last;
DIR/models/NAME/VERSION/ is one servable, as TensorFlow Serving reads it. Needs no TensorFlow.
"""

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from ganapp.export import ExportError
from ganapp.training.files import read_bytes, read_json

Json = dict[str, Any]  # an object of a JSON document

CARD_JSON, CARD_MARKDOWN, CARD_HTML = "model_card.json", "model_card.md", "model_card.html"
PICTURE, SUMS, MODELS = "samples.png", "SHA256SUMS", "models"
LABELS = "labels.json"  # in a model's folder, written by whoever serves it: of no version
EXTRA, SERVING, REFERENCE = "assets.extra", "serving.json", "reference.npz"
ENCODED, ENCODE = "latents", "encode"  # the output of an encoder's files, and the signature
ENCODER_REFERENCE = "encoder.npz"  # some inputs of an encoder and its latents of them
LATENTS, UNITS = f"{EXTRA}/latents.tflite", f"{EXTRA}/units.tflite"  # below a version
ON_TOP = (CARD_MARKDOWN, CARD_JSON, CARD_HTML, PICTURE, SUMS)
LARGEST_VERSION = 2**31 - 1
RESERVED = (MODELS, EXTRA)  # folders that say what the folder around them is
LONGEST_NAME = 200  # characters; folders made aside have longer names, and 255 is the most
PARTIAL, PREVIOUS = ".partial", ".previous"  # of folders made aside, whose names begin with .
CARD_SCHEMA = "ganapp-model-card/2"
ROLES = ("latent", "label", "observation")  # of inputs of a generator
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")
DEEP = 3  # models/NAME/VERSION
NAMED = 5  # faults in one sentence
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def safe_name(name: str) -> str:
    """The name of a run as that of a model, which is also a folder's and a part of an address."""
    safe = _UNSAFE.sub("-", name).strip(".-")[:LONGEST_NAME].strip(".-") or "model"
    return f"{safe}-model" if safe in RESERVED else safe


def may_be_served(name: str) -> bool:
    """Whether a folder of this name can be a model's."""
    fits = 1 <= len(name) <= LONGEST_NAME and name not in RESERVED
    return fits and not name.startswith(".") and not _UNSAFE.search(name)


def version_folder(name: str, version: int) -> PurePosixPath:
    """The folder of a version below the export directory, if name and number can be served."""
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
        role: `"latent"`, drawn by the prior; `"label"`, one-hot classes, drawn by their shares
            where none is requested; `"observation"`, which must be given.
    """

    name: str
    shape: tuple[int, ...]
    role: str

    def as_dict(self) -> Json:
        return {"name": self.name, "shape": list(self.shape), "role": self.role}

    @property
    def drawn_name(self) -> str:
        return drawn_name(self.name)


class GeneratorInputs:
    """The inputs of a generator by their roles; mixed into what describes one."""

    inputs: tuple[Input, ...]  # in the generator's own order

    @property
    def drawn(self) -> tuple[Input, ...]:
        return tuple(each for each in self.inputs if each.role != "observation")

    @property
    def observed(self) -> tuple[Input, ...]:
        return tuple(each for each in self.inputs if each.role == "observation")

    @property
    def drawing(self) -> str:
        """Name of the signature that draws: `sample` of all inputs, or `generate` of the others."""
        return "generate" if self.observed else "sample"

    @property
    def has_label(self) -> bool:
        return any(each.role == "label" for each in self.inputs)


def read_object(path: Path) -> Json:
    """Reads a JSON object; `ExportError` where there is none."""
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
    """The labels in the folder of a model's versions: `labels.json`, e.g. `{"stable": 1}`.

    Empty if there is no such file or it is a link that leads out of the folder; `ValueError` where
    it is not a JSON object of whole numbers.
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


# Checksums: `SHA256SUMS` of an export, and the list in each `serving.json`.


def sha256(path: Path) -> str:
    """The checksum of a file's content, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_below(directory: Path) -> list[Path]:
    """Every file below a folder, in the order of their names; a link to a folder is a file."""
    return sorted(path for path in directory.rglob("*") if path.is_symlink() or path.is_file())


def sums_of(directory: Path, files: Iterable[Path]) -> dict[str, str]:
    return {path.relative_to(directory).as_posix(): sha256(path) for path in files}


def as_text(sums: Mapping[str, str]) -> str:
    """Checksums as `sha256sum --check` reads them: a line for each file."""
    return "".join(f"{digest}  {path}\n" for path, digest in sorted(sums.items()))


def from_text(text: str) -> dict[str, str]:
    """Reads what `as_text` wrote; `ExportError` at a line that is no checksum with a path below."""
    found = {}
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        if match is None or not is_below(match[2]):
            raise ExportError(f"Each line must be a checksum and a path. Received: {line[:200]!r}")
        found[match[2]] = match[1]
    return found


def is_below(path: str) -> bool:
    """Whether a relative path stays below the folder it is relative to."""
    parts = PurePosixPath(path).parts
    return bool(parts) and not PurePosixPath(path).is_absolute() and ".." not in parts


def faults(directory: Path, sums: Mapping[str, str]) -> list[str]:
    """Differences from the checksums of paths below `directory`, a few words for each file."""
    found = []
    for name, digest in sums.items():
        path = directory / name
        if path.is_symlink():
            found.append(f"{name} is a link")
        elif not path.is_file():
            found.append(f"{name} is missing")
        elif sha256(path) != digest:
            found.append(f"{name} has changed")
    return found


def write_serving(document: Json, folder: Path) -> None:
    """Writes `serving.json` with the checksums of all other files of a version folder."""
    path = folder / EXTRA / SERVING
    sums = sums_of(folder, [each for each in files_below(folder) if each != path])
    text = json.dumps({**document, "files": sums}, ensure_ascii=False, allow_nan=False, indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def update_serving(folder: Path) -> None:
    """Brings the checksums in `serving.json` up to date after files were added to its folder."""
    write_serving(read_object(folder / EXTRA / SERVING), folder)


def write_sums(directory: Path, out: Path, place: PurePosixPath) -> None:
    """Writes `SHA256SUMS` with every file of the new export and of what stays beside it.

    In `directory` the new export is complete but for this file, and `place` is its version. The
    lines of other versions in `out` are kept, but for those whose folder somebody has deleted,
    which would be missing for ever.
    """
    try:
        kept = from_text((out / SUMS).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # none yet, or damaged: `verify` says what is amiss
        kept = {}
    others = {
        name: digest
        for name, digest in kept.items()
        if not PurePosixPath(name).is_relative_to(place) and _is_of_a_version(out, name)
    }
    sums = others | sums_of(directory, files_below(directory))
    (directory / SUMS).write_text(as_text(sums), encoding="utf-8")


def _is_of_a_version(out: Path, name: str) -> bool:
    parts = PurePosixPath(name).parts
    return len(parts) > DEEP and out.joinpath(*parts[:DEEP]).is_dir()


def files_of_version(folder: Path) -> dict[str, str]:
    """The checksums in a version's `serving.json`, which travel with the folder, by path."""
    sums = read_object(folder / EXTRA / SERVING).get("files")
    if not isinstance(sums, dict) or not all(map(is_below, sums)):
        raise ExportError(f"{folder / EXTRA / SERVING} must list the files of the version.")
    return sums


def check_sums(directory: Path) -> dict[str, str]:
    """The checksums of an export by path, compared with `SHA256SUMS` and each `serving.json`.

    Raises:
        ExportError: there is no export, or a file has changed, is missing or was added.
    """
    try:
        text = read_bytes(directory / SUMS).decode()
    except (OSError, ValueError) as error:
        raise ExportError(
            f"{directory} must be what `ganapp export` wrote, and its {SUMS} cannot be read."
        ) from error
    try:
        sums = from_text(text)
    except ExportError as error:
        raise ExportError(f"{directory / SUMS} is damaged. {error}") from error
    try:
        found = faults(directory, sums)
        found += [f"{name} was added" for name in _unlisted_files(directory, {*sums, SUMS})]
        for folder in version_folders(directory):
            place = folder.relative_to(directory).as_posix()
            found += [f"{place}/{fault}" for fault in _faults_of_version(folder)]
    except OSError as error:  # no right to read a file, or a name longer than any can be
        raise ExportError(f"{directory} cannot be read: {error}") from error
    if found:
        distinct = list(dict.fromkeys(found))
        more = f", and {len(distinct) - NAMED} more" if len(distinct) > NAMED else ""
        raise ExportError(
            f"The export {directory} is not as it was written: {', '.join(distinct[:NAMED])}{more}."
        )
    return sums


def _unlisted_files(directory: Path, listed: set[str]) -> Iterator[str]:
    """What nobody listed, but for labels, which whoever serves the export may write and change."""
    for path in files_below(directory):
        relative = path.relative_to(directory)
        if relative.as_posix() in listed or is_aside(directory / relative.parts[0]):
            continue
        if relative.match(f"{MODELS}/*/{LABELS}") and len(relative.parts) == DEEP:
            try:
                labels(path.parent)
            except ValueError as error:
                raise ExportError(f"{path} holds no labels of versions: {error}") from error
            if not path.is_symlink():
                continue
        yield relative.as_posix()


def _faults_of_version(folder: Path) -> list[str]:
    try:
        return faults(folder, files_of_version(folder))
    except ExportError:
        return [f"{EXTRA}/{SERVING} lists no files"]
