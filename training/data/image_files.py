"""Where image files lie: a folder, or a zip or tar archive that is read in place.

Nothing is ever written where a name in an archive says: contents go straight to the decoder.
"""

import dataclasses
import hashlib
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import PIL.Image

from training.data.images import SUFFIXES, BadImageError, open_image

DAMAGED = (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError)
ENDS = 1 << 20  # bytes of an archive's beginning and end that tell it from others


@dataclasses.dataclass(frozen=True)
class Example:
    """An image to come, with what its place says about it.

    Args:
        name: of its file, for messages.
        load: gives it, in any thread; raises `BadImageError`.
        label: its class, `None` if it has none or its name tells it.
        held_out: whether its place says that it is not to be trained on.
    """

    name: str
    load: Callable[[], PIL.Image.Image]
    label: int | None = None
    held_out: bool = False


def fingerprint(path: Path) -> list[Any]:
    """What changes when the files change: sizes and times, not whole contents. JSON-ready.

    Of an archive also its ends: a zip's end lists the checksums of all its members.
    """
    if path.is_dir():
        return [(name, s.st_size, s.st_mtime_ns) for name, s in _walk(path)]
    status = path.stat()
    with path.open("rb") as file:
        content = file.read(ENDS)
        file.seek(max(0, status.st_size - ENDS))
        content += file.read(ENDS)
    return [status.st_size, status.st_mtime_ns, hashlib.sha256(content).hexdigest()]


def image_files(path: Path, max_pixels: int) -> Iterator[Example]:
    """The images of a folder or archive, one after the other; an archive is read once.

    Hidden files, `__MACOSX` and files that are not named like images are passed over. What is named
    like one and must not be read (links, devices, paths that lead out of the archive) raises
    `BadImageError` when it is loaded, as damaged images do.

    Args:
        path: a folder, .zip, .tar or compressed .tar; its content decides which, not its name.
        max_pixels: see `open_image`.

    Raises:
        ValueError: it is none of these, or an archive that is damaged.
    """
    if path.is_dir():
        return _in_folder(path, max_pixels)
    if zipfile.is_zipfile(path):
        return _guarded(path, _in_zip(path, max_pixels))
    if tarfile.is_tarfile(path):
        return _guarded(path, _in_tar(path, max_pixels))
    raise ValueError(
        "`path` must be a folder with images, or a .zip or .tar (.tar.gz, .tar.bz2, .tar.xz) "
        f"archive of one. Received: path={str(path)!r}"
    )


def _walk(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Relative names of the image files below a folder, sorted, with what the system says."""

    def complain(error: OSError) -> None:
        raise error  # or what may not be read would silently be missing

    seen = set()
    for place, folders, names in os.walk(folder, followlinks=True, onerror=complain):
        if (real := os.path.realpath(place)) in seen:  # a link to a folder above
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not _is_hidden(name))
        below = "" if place == str(folder) else f"{Path(place).relative_to(folder).as_posix()}/"
        for name in sorted(names):
            if _is_hidden(name) or not name.lower().endswith(SUFFIXES):
                continue
            file = os.path.join(place, name)  # for 100,000 files, Path takes seconds
            try:
                status = os.stat(file)
            except OSError:
                status = os.lstat(file)  # a broken link: opening it will say so
            yield below + name, status


def _in_folder(folder: Path, max_pixels: int) -> Iterator[Example]:
    for name, status in _walk(folder):
        if stat.S_ISREG(status.st_mode):
            yield Example(name, lambda file=folder / name: open_image(file, max_pixels))
        else:  # opening a pipe would wait for ever
            yield _refused(name, "it is no regular file")


def _in_zip(path: Path, max_pixels: int) -> Iterator[Example]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.is_dir() or not _is_image(member.filename):
                continue
            reason = _reason(member.filename, member.file_size, max_pixels)
            if stat.S_ISLNK(member.external_attr >> 16):
                reason = "it is a link"
            elif member.flag_bits & 1:
                reason = "it is encrypted"
            if reason:
                yield _refused(member.filename, reason)
                continue
            try:
                content = archive.read(member)
            except (*DAMAGED, NotImplementedError) as error:  # this member alone is damaged
                yield _refused(member.filename, f"it cannot be read ({error})")
                continue
            yield _example(member.filename, content, max_pixels)


def _in_tar(path: Path, max_pixels: int) -> Iterator[Example]:
    with tarfile.open(path, "r|*") as archive:  # one pass: a compressed file cannot seek
        for member in archive:
            if member.isdir() or not _is_image(member.name):
                continue
            reason = _reason(member.name, member.size, max_pixels)
            if not member.isreg():
                reason = "it is a link" if member.issym() or member.islnk() else "it is a device"
            if reason:
                yield _refused(member.name, reason)
            else:
                yield _example(member.name, archive.extractfile(member).read(), max_pixels)


def _guarded(path: Path, examples: Iterator[Example]) -> Iterator[Example]:
    """The examples; one sentence where the archive itself breaks off."""
    count = 0
    try:
        for count, example in enumerate(examples, start=1):  # noqa: B007 - told below
            yield example
    except (*DAMAGED, OSError) as error:  # gzip's complaints are OSErrors
        raise ValueError(
            f"The archive {path} is damaged: after {count} images it cannot be read ({error})"
        ) from error


def _is_image(name: str) -> bool:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return name.lower().endswith(SUFFIXES) and not any(map(_is_hidden, parts))


def _is_hidden(part: str) -> bool:
    return (part.startswith(".") and part != "..") or part == "__MACOSX"


def _reason(name: str, size: int, max_pixels: int) -> str:
    """Why a member of an archive is not to be read, empty if it may be."""
    posix = PurePosixPath(name.replace("\\", "/"))
    if posix.is_absolute() or ".." in posix.parts or posix.parts[0].endswith(":"):
        return "its path leads out of the archive"
    if size > 4 * max_pixels + ENDS:  # more than these pixels need; a packed bomb
        return f"it unpacks to {size:,} bytes"
    return ""


def _example(name: str, content: bytes, max_pixels: int) -> Example:
    posix = PurePosixPath(name.replace("\\", "/")).as_posix()  # without `./`
    return Example(posix, lambda: open_image(content, max_pixels))


def _refused(name: str, reason: str) -> Example:
    def load() -> PIL.Image.Image:
        raise BadImageError(reason)

    return Example(name, load)
