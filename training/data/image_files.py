"""Readers of image files in a folder, or in a zip or tar archive, which is read in place.

Nothing is ever written where a name in an archive says: contents go straight to the decoder. A
small archive can be made to unpack to any size: its members are checked before they are unpacked.
"""

import contextlib
import dataclasses
import functools
import itertools
import lzma
import os
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ganapp.training.array_files import check_packing
from ganapp.training.data.cache import crc, key_of, recall_or_read
from ganapp.training.data.images import SUFFIXES, BadImageError, Example, Picture, open_image
from ganapp.training.messages import printable

# Images are compressed already, so what unpacks to more than this many times its size is none.
RATIO = 100
ARCHIVE_BYTES = 2**30  # to which any archive may unpack
MEMBER_BYTES = 2**24  # to which any member may
NOTE_BYTES = 2**20  # of a name or note in a tar, which Python reads whole
DAMAGED = (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError)
ROOM = 1 << 20  # bytes that an image file may have beside its pixels
MOST_LABELS = 1 << 28  # bytes of a file with labels
MOST_VISITS = 1000  # of one folder, by links from here and there
IRREGULAR = "it is no regular file"
DANGLING = "it is a link to nothing"
LABEL_FILE = "dataset.json"  # as StyleGAN's tools write it
THUMBNAILS = ("thumbnails", "thumbnail", "thumbs", "_thumbs", "@eadir")
OTHER_PROGRAMS = (
    *("__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"),
    *("$recycle.bin", "system volume information", "lost+found"),
)


class _TarInfo(tarfile.TarInfo):
    """A header of a tar whose long names and notes are short enough to be read whole."""

    NOTES = (
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.SOLARIS_XHDTYPE,
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
    )

    @classmethod
    def frombuf(cls, buf, encoding, errors):
        header = super().frombuf(buf, encoding, errors)
        if header.type in cls.NOTES and header.size > NOTE_BYTES:
            raise tarfile.ReadError(f"a note in it claims {header.size:,} bytes")
        return header


@contextlib.contextmanager
def _open_tar(path: Path, mode: str = "r|*") -> Iterator[tarfile.TarFile]:
    with tarfile.open(path, mode, tarinfo=_TarInfo) as archive:
        yield archive


def is_tar(path: Path) -> bool:
    """Whether a file is a tar archive that `_open_tar` opens."""
    try:
        with _open_tar(path, "r:*"):
            return True
    except (tarfile.TarError, EOFError):
        return False


def _members_within(path: Path, archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The members of a tar, each checked before it is unpacked or passed over."""
    most = max(ARCHIVE_BYTES, RATIO * path.stat().st_size)
    for member in archive:
        if member.offset_data + member.size > most:
            raise ValueError(
                f"{path.name} must be an archive of images, which unpacks to at most "
                f"{most:,} bytes; unpack it into a folder if you trust it. Received: "
                f"{member.name!r} claims {member.size:,} bytes"
            )
        yield member


class ListedFile(NamedTuple):
    """A file of a folder or archive, nothing of it decoded."""

    name: str  # relative, with slashes
    size: int = 0  # in bytes
    refused: str = ""  # why it must not be read although it is named like an image
    left_out: str = ""  # why it is no image at all, nor has labels
    # its path, its content or why it has none
    read: Callable[[], Path | bytes | BadImageError] = BadImageError
    crc: Callable[[], int] = int  # CRC-32 of its content
    given: str = ""  # a refused name as it stands in the archive


def _statuses(path: Path) -> Iterator[tuple]:
    """Names, sizes and times of the files of a folder, or of the file, without reading any.

    The time of the last change of what the system says of a file is among them: no program can set
    that one back. Files that are left out have a name and the reason.
    """
    found = _walk(path) if path.is_dir() else [("", path.stat(), "")]
    for name, s, left_out in found:
        yield (name, left_out) if s is None else (name, s.st_size, s.st_mtime_ns, s.st_ctime_ns)


def place_of(name: str) -> tuple[list[str], str]:
    """The sort key of images by name: folder by folder, those in one before those below it."""
    *folders, last = name.split("/")
    return folders, last


def natural_order(name: str) -> list[tuple[int, str]]:
    """The sort key of names with numbers: 2 before 10."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def image_files(path: Path, max_pixels: int, bits: int = 0) -> Iterator[Example]:
    """The images of a folder or archive, one after the other; an archive is read once.

    Files that are no images are passed over, see `file_facts`. What is named like one and must not
    be read (links, devices, paths that lead out of the archive) raises `BadImageError` when it is
    loaded, as damaged images do.

    Args:
        path: a folder, .zip, .tar or compressed .tar; its content decides which, not its name.
        max_pixels: see `open_image`.
        bits: likewise.

    Raises:
        ValueError: it is none of these, or an archive that is damaged.
    """

    def example(file: ListedFile) -> Example:
        source = BadImageError(file.refused) if file.refused else file.read()

        def load() -> Picture:
            if isinstance(source, BadImageError):
                raise source
            return open_image(source, max_pixels, bits=bits)

        return Example(file.given or file.name, load)

    files = _files(path, max_pixels)
    images = (each for each in files if not (each.left_out or _is_label_file(each.name)))
    return _report_damage(path, map(example, images))


def file_facts(path: Path, max_pixels: int) -> Iterator[tuple[ListedFile, int]]:
    """Every file with its CRC-32, nothing decoded; arguments are those of `image_files`.

    A zip lists the sums; of a tar and a folder all of the images' content is read.
    """

    def with_crc(file: ListedFile) -> tuple[ListedFile, int]:
        return file, 0 if file.left_out else file.crc()

    def in_folder(file: ListedFile) -> tuple[ListedFile, int]:
        try:
            return with_crc(file)
        except OSError as error:  # decoding it will say so
            return file._replace(refused=str(error.strerror)), 0

    files = _files(path, max_pixels)
    if not path.is_dir():
        yield from _report_damage(path, map(with_crc, files))
        return
    with ThreadPoolExecutor() as pool:
        yield from pool.map(in_folder, files)


def read_files(path: Path, names: Collection[str]) -> dict[str, bytes]:
    """The content of files of labels, none of which may be too large, by their names."""
    found = {}
    for file in _report_damage(path, _files(path, MOST_LABELS)):
        if file.name not in names or file.refused:
            continue
        if file.size > MOST_LABELS:
            raise ValueError(
                f"A file of labels must have at most {MOST_LABELS:,} bytes. Received: "
                f"{printable(file.name)} with {file.size:,}; `--set data.labels=none` does without"
            )
        content = file.read()
        if isinstance(content, BadImageError):
            raise ValueError(f"The archive {path} is damaged: {printable(file.name)}: {content}")
        if isinstance(content, Path):
            with content.open("rb") as opened:  # it may have grown since
                content = opened.read(MOST_LABELS)
        found[file.name] = content
    return found


def _files(path: Path, max_pixels: int) -> Iterator[ListedFile]:
    """The files of what lies there; those of a tar can only be read one after the other."""
    if path.is_dir():
        return _in_folder(path)
    for is_such, files in ((zipfile.is_zipfile, _in_zip), (is_tar, _in_tar)):
        if is_such(path):
            return files(path, max_pixels)
    raise ValueError(
        "`path` must be a folder with images, or a .zip or .tar (.tar.gz, .tar.bz2, .tar.xz) "
        f"archive of one. Received: path={str(path)!r}"
    )


def _in_folder(folder: Path) -> Iterator[ListedFile]:
    for name, status, left_out in _walk(folder):
        if left_out:
            yield ListedFile(name, left_out=left_out)
        elif reason := _irregular(status):
            yield ListedFile(name, refused=reason)
        else:
            file = folder / name
            yield ListedFile(
                name,
                status.st_size,
                read=lambda file=file: file,
                crc=lambda file=file: crc(file.open("rb")),
            )


def _in_zip(path: Path, max_pixels: int) -> Iterator[ListedFile]:
    """Its members in the order of their places."""
    with zipfile.ZipFile(path) as archive:

        def read(member: zipfile.ZipInfo) -> bytes | BadImageError:
            try:
                check_packing(member)
                with archive.open(member) as file:  # `archive.read` unpacks more than it claims
                    return file.read(member.file_size)
            except (*DAMAGED, NotImplementedError) as error:  # this member alone is damaged
                return BadImageError(f"it cannot be read ({error})")

        members = [member for member in archive.infolist() if not member.is_dir()]
        for member in sorted(members, key=lambda member: place_of(_plain(member.filename))):
            name = member.filename
            reason = _reason(name, member.file_size, max_pixels)
            if stat.S_ISLNK(member.external_attr >> 16):
                reason = "it is a link"
            elif member.flag_bits & 1:
                reason = "it is encrypted"
            elif member.file_size > max(MEMBER_BYTES, RATIO * member.compress_size):
                reason = f"it unpacks to {member.file_size:,} bytes of {member.compress_size:,}"
            yield ListedFile(
                _plain(name),
                member.file_size,
                reason,
                _left_out(name),
                functools.partial(read, member),
                lambda value=member.CRC: value,
                name if reason else "",
            )


def _in_tar(path: Path, max_pixels: int) -> Iterator[ListedFile]:
    with _open_tar(path) as archive:  # one pass: a compressed file cannot seek
        for member in _members_within(path, archive):
            if member.isdir():
                continue
            name = member.name
            reason, left_out = _reason(name, member.size, max_pixels), _left_out(name)
            if not member.isreg():
                reason = "it is a link" if member.issym() or member.islnk() else "it is a device"
                left_out = left_out and reason
            content = functools.partial(archive.extractfile, member)
            yield ListedFile(
                _plain(name),
                member.size,
                reason,
                left_out,
                lambda content=content: content().read(),
                int if reason else lambda content=content: crc(content()),
                name if reason else "",
            )


def _walk(folder: Path) -> Iterator[tuple[str, os.stat_result | None, str]]:
    """Files below a folder in the order of `place_of`: name, status, and why it is left out.

    Folders that are passed over are among them; the status is that of images and labels only. Links
    are followed, but for those to a folder that they lie in, which would never end.
    """
    visits: dict[tuple[int, int], int] = {}
    waiting: list[tuple[str, str, tuple]] = [(str(folder), "", ())]
    while waiting:
        place, below, above = waiting.pop()
        status = os.stat(place)
        here = (status.st_dev, status.st_ino)
        if here in above:
            yield below, None, "it is a link to a folder that it lies in"
            continue
        visits[here] = visits.get(here, 0) + 1
        if visits[here] > MOST_VISITS:
            raise ValueError(
                f"`path` must not hold links that lead to the same folder more than {MOST_VISITS} "
                f"times. Received: {printable(place)!r}"
            )
        with os.scandir(place) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        folders = []
        for entry in entries:  # for 100,000 files, Path takes seconds
            name = below + entry.name
            try:
                is_folder = entry.is_dir()
            except OSError:  # a link to itself
                is_folder = False
            if is_folder:
                if reason := _sidecar(entry.name):
                    yield f"{name}/", None, reason
                else:
                    folders.append((entry.path, f"{name}/", (*above, here)))
                continue
            reason = _reason_to_pass(entry.name)
            if not reason or entry.is_symlink():
                try:
                    status = entry.stat()
                except OSError:  # a link to nothing
                    status = entry.stat(follow_symlinks=False)
                if reason and stat.S_ISLNK(status.st_mode):
                    reason = DANGLING
            yield name, None if reason else status, reason
        waiting += reversed(folders)


def _irregular(status: os.stat_result) -> str:
    """The reason not to open a file of this kind (a pipe would wait for ever); empty for none."""
    if stat.S_ISREG(status.st_mode):
        return ""
    return DANGLING if stat.S_ISLNK(status.st_mode) else IRREGULAR


def _report_damage(path: Path, found: Iterable) -> Iterator:
    """What was found in an archive; one sentence where the archive itself breaks off."""
    if path.is_dir():
        yield from found
        return
    count = 0
    try:
        for count, each in enumerate(found, start=1):  # noqa: B007 - told below
            yield each
    except (*DAMAGED, OSError) as error:  # gzip's complaints are OSErrors
        raise ValueError(
            f"The archive {path} is damaged: after {count} images it cannot be read ({error})"
        ) from error
    except UnicodeDecodeError as error:
        raise ValueError(
            f"The names in the archive {path} must be the UTF-8 text that it says they are; unpack "
            f"it and name the folder. Received: {error.object!r}"
        ) from error


def _left_out(name: str) -> str:
    """The reason why a member of an archive is no image; empty for images and labels."""
    *folders, last = _plain(name).split("/")
    beside = next(filter(None, map(_sidecar, folders)), "")
    return beside or _reason_to_pass(last)


def _reason_to_pass(name: str) -> str:
    """The reason why a file of this name is no image; empty for images and labels."""
    _, dot, suffix = name.rpartition(".")
    suffix = f".{suffix.lower()}" if dot else "no suffix"
    if name[0] != "." and suffix in SUFFIXES:  # most files: nothing further is looked at
        return ""
    if (reason := _sidecar(name)) or _is_label_file(name):
        return reason
    return f"it is not named as an image ({suffix})"


def _sidecar(name: str) -> str:
    """The reason to pass over a folder or file of this name; empty for none."""
    if name.startswith(".") and name not in (".", ".."):
        return "it is hidden"
    if name.lower() in OTHER_PROGRAMS:
        return "it belongs to another program"
    return "it holds thumbnails" if name.lower() in THUMBNAILS else ""


def _is_label_file(name: str) -> bool:
    return name.rpartition("/")[2] == LABEL_FILE


def _reason(name: str, size: int, max_pixels: int) -> str:
    """The reason not to read a member of an archive; empty for none."""
    posix = PurePosixPath(name.replace("\\", "/"))
    if posix.is_absolute() or ".." in posix.parts or posix.parts[0].endswith(":"):
        return "its path leads out of the archive"
    if size > 8 * max_pixels + ROOM:  # more than these pixels need; a packed bomb
        return f"it unpacks to {size:,} bytes"
    return ""


def _plain(name: str) -> str:
    """A name in an archive as one in a folder is written: with slashes, without `./`."""
    return PurePosixPath(name.replace("\\", "/")).as_posix()


@dataclasses.dataclass(frozen=True)
class Contents:
    """The contents of a folder or archive of images."""

    key: str  # a name for its images: the same for the same names and contents
    # by name as text why a file is no image
    left_out: dict[str, str] = dataclasses.field(default_factory=dict)
    label_files: list[str] = dataclasses.field(default_factory=list)  # names of files with labels
    images: int = 0  # how many files are named as images, damaged ones too


def image_contents(path: Path, max_pixels: int, notes: Path) -> Contents:
    """Lists the contents of a folder or archive of images, see `image_files`.

    Whether they lie in a folder or an archive, in which order, since when, and below which folders
    all of them lie makes no difference to the key, nor do the files that are left out. The folder
    `notes` remembers the contents; it may be read-only.
    """

    def read() -> dict[str, object]:
        found = sorted(file_facts(path, max_pixels), key=lambda each: place_of(each[0].name))
        used = [file for file, _ in found if not file.left_out]
        names = below_common([file.name.split("/")[:-1] for file in used])
        last = [file.name.split("/")[-1] for file in used]
        sums = [(file.size, crc, file.refused) for file, crc in found if not file.left_out]
        key = key_of(names, last, sums)
        left_out = {printable(file.name): file.left_out for file, _ in found if file.left_out}
        labels = [each for each in used if each.name.endswith(LABEL_FILE)]
        readable = [each.name for each in labels if not each.refused]
        found = Contents(key, left_out, readable, len(used) - len(labels))
        return dataclasses.asdict(found)

    listing = [str(path.absolute()), list(_statuses(path)), max_pixels]
    names = [field.name for field in dataclasses.fields(Contents)]
    return Contents(**recall_or_read(notes, listing, read, names))


def below_common(places: list[list[str]]) -> list[list[str]]:
    """Folders of each file, without the first ones that all files share."""
    first, last = min(places, default=[]), max(places, default=[])  # all others lie between
    pairs = zip(first, last, strict=False)
    common = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
    return [place[common:] for place in places]
