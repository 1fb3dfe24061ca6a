"""The checksums that say an export is whole: `SHA256SUMS` and the list in each `serving.json`.

Needs no TensorFlow.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from ganapp.export import ExportError
from ganapp.export.layout import (
    EXTRA,
    LABELS,
    MODELS,
    SERVING,
    SUMS,
    Json,
    is_aside,
    labels,
    read_object,
    version_folders,
)
from ganapp.training.files import read_bytes

DEEP = 3  # models/NAME/VERSION
NAMED = 5  # faults in one sentence
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def sha256(path: Path) -> str:
    """The checksum of a file's content, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_below(directory: Path) -> list[Path]:
    """Every file below a folder, in the order of their names; a link to a folder is a file."""
    return sorted(path for path in directory.rglob("*") if path.is_symlink() or path.is_file())


def sums_of(directory: Path, files: Iterable[Path]) -> dict[str, str]:
    """Checksums by path below `directory`."""
    return {path.relative_to(directory).as_posix(): sha256(path) for path in files}


def as_text(sums: Mapping[str, str]) -> str:
    """Checksums as `sha256sum --check` reads them: a line for each file."""
    return "".join(f"{digest}  {path}\n" for path, digest in sorted(sums.items()))


def from_text(text: str) -> dict[str, str]:
    """Reads what `as_text` wrote.

    Raises:
        ExportError: a line is no checksum with a path that stays below the folder.
    """
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
    """Differences from the checksums, a few words for each file.

    Args:
        directory: what the paths are relative to.
        sums: SHA-256 by path.
    """
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

    Args:
        directory: the new export, complete but for this file.
        out: where it goes; the lines of its other versions are kept, but for those whose folder
            somebody has deleted, which would be missing for ever.
        place: folder of the new version.
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
    """The checksums in a version's `serving.json`, which travel with the folder, by path.

    Raises:
        ExportError: it cannot be read or lists no files.
    """
    sums = read_object(folder / EXTRA / SERVING).get("files")
    if not isinstance(sums, dict) or not all(map(is_below, sums)):
        raise ExportError(f"{folder / EXTRA / SERVING} must list the files of the version.")
    return sums


def check_sums(directory: Path) -> dict[str, str]:
    """Compares every file of an export with `SHA256SUMS` and the list in each `serving.json`.

    Returns:
        the checksums by path.

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
        found += [f"{name} was added" for name in _added(directory, {*sums, SUMS})]
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


def _added(directory: Path, listed: set[str]) -> Iterator[str]:
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
