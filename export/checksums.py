"""Checksums of files in the form that `sha256sum --check` reads."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from ganapp.export.errors import ExportError

_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def sha256(path: Path) -> str:
    """Of the content of a file, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_below(directory: Path) -> list[Path]:
    """Every file below a folder, in the order of their names; a link to a folder is a file."""
    return sorted(path for path in directory.rglob("*") if path.is_symlink() or path.is_file())


def sums_of(directory: Path, files: Iterable[Path]) -> dict[str, str]:
    """Checksums by path below `directory`."""
    return {path.relative_to(directory).as_posix(): sha256(path) for path in files}


def as_text(sums: Mapping[str, str]) -> str:
    """One line for each file: checksum, two spaces, path."""
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
    """What differs from the checksums, a few words for each file.

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
