"""Where image files lie: a folder, or a zip or tar archive that is read in place.

Nothing is ever written where a name in an archive says: contents go straight to the decoder.
"""

import dataclasses
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import IO

import PIL.Image

from training.data.cache import BLOCK
from training.data.images import SUFFIXES, BadImageError, open_image
from training.data.limits import is_bomb, is_tar, members_within, open_tar

DAMAGED = (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError)
ROOM = 1 << 20  # bytes that an image file may have beside its pixels
IRREGULAR = "it is no regular file"
Checksum = tuple[str, int, int, str]  # name, bytes, CRC-32, why it must not be read
Reader = Callable[[Path, int], Iterator]


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


def image_statuses(path: Path) -> Iterator[tuple[str, int, int, int]]:
    """Names, sizes and times of the images of a folder, or of the file, without reading any.

    Besides the time of the last change that of the last change to what the system says of the file:
    no program can set that one back.
    """
    found = _walk(path) if path.is_dir() else [("", path.stat())]
    return ((name, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for name, s in found)


def place_of(name: str) -> tuple[list[str], str]:
    """By what images are sorted: folder by folder, those in a folder before those below it.

    Args:
        name: of its file, with slashes.
    """
    *folders, last = name.split("/")
    return folders, last


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
    return _kind(path, folder=_in_folder, zipped=_in_zip, tarred=_in_tar)(path, max_pixels)


def checksums(path: Path, max_pixels: int) -> Iterator[Checksum]:
    """Of every image that `image_files` gives its name, size and CRC-32, nothing decoded.

    A zip lists them; of a tar and a folder all of the content is read.

    Args:
        path: as for `image_files`.
        max_pixels: likewise.

    Returns:
        Name, bytes, CRC-32 and why it must not be read (empty if it may) of each, in their order.
    """
    kinds = {"folder": _sums_of_folder, "zipped": _sums_of_zip, "tarred": _sums_of_tar}
    return _kind(path, **kinds)(path, max_pixels)


def _kind(path: Path, *, folder: Reader, zipped: Reader, tarred: Reader) -> Reader:
    """The one of three that reads what lies there."""
    if path.is_dir():
        return folder
    for is_such, reader in ((zipfile.is_zipfile, zipped), (is_tar, tarred)):
        if is_such(path):
            return lambda path, most: _guarded(path, reader(path, most))
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
            yield _refused(name, IRREGULAR)


def _sums_of_folder(folder: Path, max_pixels: int) -> Iterator[Checksum]:
    def checksum(found: tuple[str, os.stat_result]) -> Checksum:
        name, status = found
        if not stat.S_ISREG(status.st_mode):
            return name, 0, 0, IRREGULAR
        try:
            return name, status.st_size, _crc((folder / name).open("rb")), ""
        except OSError as error:  # decoding it will say so
            return name, status.st_size, 0, str(error.strerror)

    with ThreadPoolExecutor() as pool:
        yield from pool.map(checksum, _walk(folder))


def _crc(file: IO[bytes]) -> int:
    value = 0
    with file:
        while block := file.read(BLOCK):
            value = zlib.crc32(block, value)
    return value


def _members_of_zip(
    archive: zipfile.ZipFile, max_pixels: int
) -> Iterator[tuple[zipfile.ZipInfo, str]]:
    """The members that are named like images, with why they must not be read."""
    for member in archive.infolist():
        if member.is_dir() or not _is_image(member.filename):
            continue
        reason = _reason(member.filename, member.file_size, max_pixels)
        if stat.S_ISLNK(member.external_attr >> 16):
            reason = "it is a link"
        elif member.flag_bits & 1:
            reason = "it is encrypted"
        elif is_bomb(member):
            reason = f"it unpacks to {member.file_size:,} bytes of {member.compress_size:,}"
        yield member, reason


def _in_zip(path: Path, max_pixels: int) -> Iterator[Example]:
    with zipfile.ZipFile(path) as archive:
        for member, reason in _members_of_zip(archive, max_pixels):
            if reason:
                yield _refused(member.filename, reason)
                continue
            try:
                content = archive.read(member)
            except (*DAMAGED, NotImplementedError) as error:  # this member alone is damaged
                yield _refused(member.filename, f"it cannot be read ({error})")
                continue
            yield _example(member.filename, content, max_pixels)


def _sums_of_zip(path: Path, max_pixels: int) -> Iterator[Checksum]:
    with zipfile.ZipFile(path) as archive:
        for member, reason in _members_of_zip(archive, max_pixels):
            yield _plain(member.filename), member.file_size, member.CRC, reason


def _members_of_tar(
    path: Path, archive: tarfile.TarFile, max_pixels: int
) -> Iterator[tuple[tarfile.TarInfo, str]]:
    """The members that are named like images, with why they must not be read."""
    for member in members_within(path, archive):
        if member.isdir() or not _is_image(member.name):
            continue
        reason = _reason(member.name, member.size, max_pixels)
        if not member.isreg():
            reason = "it is a link" if member.issym() or member.islnk() else "it is a device"
        yield member, reason


def _in_tar(path: Path, max_pixels: int) -> Iterator[Example]:
    with open_tar(path) as archive:  # one pass: a compressed file cannot seek
        for member, reason in _members_of_tar(path, archive, max_pixels):
            if reason:
                yield _refused(member.name, reason)
            else:
                yield _example(member.name, archive.extractfile(member).read(), max_pixels)


def _sums_of_tar(path: Path, max_pixels: int) -> Iterator[Checksum]:
    with open_tar(path) as archive:
        for member, reason in _members_of_tar(path, archive, max_pixels):
            crc = 0 if reason else _crc(archive.extractfile(member))
            yield _plain(member.name), member.size, crc, reason


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
    if size > 4 * max_pixels + ROOM:  # more than these pixels need; a packed bomb
        return f"it unpacks to {size:,} bytes"
    return ""


def _example(name: str, content: bytes, max_pixels: int) -> Example:
    return Example(_plain(name), lambda: open_image(content, max_pixels))


def _plain(name: str) -> str:
    """A name in an archive as one in a folder is written: with slashes, without `./`."""
    return PurePosixPath(name.replace("\\", "/")).as_posix()


def _refused(name: str, reason: str) -> Example:
    def load() -> PIL.Image.Image:
        raise BadImageError(reason)

    return Example(name, load)
