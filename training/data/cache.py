"""Prepared examples on the disk: made once, whole or not at all, checked before they are used.

A folder per key holds `examples.npy` (training examples first, held-out ones after them),
`labels.npy` where there are labels, and `about.json`, which is written last. Keys are made of the
content of files, which is read once and remembered by their sizes and times.
"""

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import shutil
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import IO, Annotated

import numpy as np

from ganapp.training.files import write_atomically

CacheDir = Annotated[str, "folder or empty"]  # empty for the default
FORMAT = 2  # of the cache; another one is another key
BLOCK = 1 << 24  # bytes read or written at once
NOTES = "contents"  # folder of the cache that remembers what files hold
NOTE_FORMAT = 2  # of the notes; another one is another name
WHOLE = 1 << 26  # bytes up to which an array is read whole


@dataclasses.dataclass(frozen=True)
class Prepared:
    """Prepared examples of a key, as they lie in the cache."""

    examples: np.ndarray  # memory-mapped, uint8 `(n, height, width, channels)` or float32 `(n, d)`
    labels: np.ndarray | None  # int32 `(n,)` or `None`
    about: dict[str, object]  # what else was noted when it was made; plain JSON
    fingerprint: str  # of the content of examples and labels


def default_cache() -> Path:
    """The folder of prepared data: `GANAPP_CACHE`, else `~/.cache/ganapp`."""
    return Path(os.environ.get("GANAPP_CACHE", Path.home() / ".cache" / "ganapp"))


def cache_folder(cache_dir: CacheDir) -> Path:
    """The folder that the option `cache_dir` means; empty for the default."""
    return Path(cache_dir).expanduser() if cache_dir else default_cache()


def key_of(*parts: object) -> str:
    """A name for everything that decides what is prepared: 40 hexadecimal digits."""
    text = json.dumps([FORMAT, *parts], sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:40]


def load_or_make(folder: Path, key: str, make: Callable[[Path], dict[str, object]]) -> Prepared:
    """The examples of a key, from the cache or made now.

    Of several processes that ask for the same at once one makes it and the others wait. A killed
    one leaves nothing that anybody would believe; what is damaged is made again.

    Args:
        folder: where caches of this kind are.
        key: see `key_of`.
        make: writes `examples.npy` and, where there are labels, `labels.npy` into an empty folder
            (see `write_rows`), and returns what is to be noted.

    Raises:
        OSError: the folder cannot be written; `filename` says which.
        ValueError: what `make` raises; nothing is left behind then.
    """
    place = folder / key
    if (found := _read(place)) is not None:  # no lock, so that a cache may be read-only
        return found
    with _lock(folder, key):
        if (found := _read(place)) is None:  # else another process has made it meanwhile
            _make(place, make)
            found = _read(place)
    if found is None:
        raise ValueError(f"The cache {place} cannot be read back: is its disk damaged?")
    return found


def write_rows(
    path: Path,
    parts: Sequence[tuple[np.ndarray, np.ndarray]],
    convert: Callable[[np.ndarray], np.ndarray],
) -> None:
    """Writes `convert(rows[order])` of every part as one `.npy`, some rows at a time.

    A part is rows `(n, ...)`, usually memory-mapped, and which of them in which order, int `(m,)`.
    Sequentially, not into a memory map: a full disk is then an error and not the end of the
    process.
    """
    one = convert(parts[0][0][:1])
    header = {
        "descr": np.lib.format.dtype_to_descr(one.dtype),
        "fortran_order": False,
        "shape": (sum(len(order) for _, order in parts), *one.shape[1:]),
    }
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for rows, order in parts:
            for some in chunks(len(order), rows[:1].nbytes):
                file.write(np.ascontiguousarray(convert(rows[order[some]])).data)


def chunks(count: int, row_bytes: int) -> Iterator[slice]:
    """Slices that cover `count` rows, about 16 MB each."""
    size = max(1, BLOCK // max(row_bytes, 1))
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


def crc(file: IO[bytes]) -> int:
    """CRC-32 of what is left of a file, which is closed after it."""
    value = 0
    with file:
        while block := file.read(BLOCK):
            value = zlib.crc32(block, value)
    return value


def file_key(path: Path, notes: Path) -> str:
    """A name for the content of a file; the folder `notes` remembers it, and may be read-only."""
    status = path.stat()
    times = ("", status.st_size, status.st_mtime_ns, status.st_ctime_ns)

    def read() -> dict[str, object]:
        return {"key": key_of(path.stat().st_size, crc(path.open("rb")))}

    return recall_or_read(notes, [str(path.absolute()), [times]], read, {"key"})["key"]


def recall_or_read(
    notes: Path,
    listing: list[object],
    read: Callable[[], dict[str, object]],
    names: Collection[str],
) -> dict[str, object]:
    """The result of `read`, from a note where the files are as they were when it was written.

    `listing` are their names, sizes and times; `names` those that a whole note has.
    """
    note = notes / key_of(NOTE_FORMAT, listing)
    with contextlib.suppress(OSError, ValueError):  # cut short, perhaps
        found = json.loads(note.read_text())
        if isinstance(found, dict) and found.keys() >= set(names):
            return {name: found[name] for name in names}
    found = read()
    with contextlib.suppress(OSError):
        write_atomically(note, json.dumps(found))
    return found


def _make(place: Path, make: Callable[[Path], dict[str, object]]) -> None:
    part = place.with_name(f".{place.name}.part")
    _remove(part)  # what a killed process left; nobody else is at it under the lock
    part.mkdir(parents=True)
    try:
        noted = make(part)
        files = {}
        for file in sorted(part.iterdir()):
            status = file.stat()
            about = {"size": status.st_size, "changed": status.st_mtime_ns}
            files[file.name] = about | {"crc": crc(file.open("rb"))}
            with file.open("rb") as content:
                os.fsync(content.fileno())
        write_atomically(part / "about.json", json.dumps({"files": files, "noted": noted}))
        _remove(place)
        os.replace(part, place)
    except OSError as error:
        error.filename = error.filename or str(part)
        raise
    finally:
        _remove(part)


def _read(place: Path) -> Prepared | None:
    """The prepared examples at a place, `None` where they are not whole."""
    try:
        about = json.loads((place / "about.json").read_bytes())
        if not all(_intact(place / name, known) for name, known in about["files"].items()):
            return None
        examples = np.load(place / "examples.npy", mmap_mode="r", allow_pickle=False)
        labels = None
        if "labels.npy" in about["files"]:
            labels = np.load(place / "labels.npy", allow_pickle=False)
        content = " ".join(f"{name} {known['crc']:08x}" for name, known in about["files"].items())
        return Prepared(examples, labels, about["noted"], content)
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _intact(file: Path, known: dict[str, int]) -> bool:
    """Whether a file is as it was written.

    Of more than 16 MB the content is read only where somebody touched it since (a copied cache is
    as good): reading gigabytes at every start would take longer than the start.
    """
    status = file.stat()
    if status.st_size != known["size"]:
        return False
    untouched = status.st_mtime_ns == known["changed"]
    return (untouched and status.st_size > BLOCK) or crc(file.open("rb")) == known["crc"]


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def _lock(folder: Path, key: str) -> Iterator[None]:
    """One process at a time for each key; the system lets go when it dies."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f".{key}.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def fingerprint_of(*arrays: np.ndarray | None) -> str:
    """A name for the content of arrays: 8 hexadecimal digits of each, `-` for `None`.

    Of an array of more than 64 MB, which may be larger than memory, as many rows count, evenly
    spaced with the first and the last: a changed length or order is noticed, a single row perhaps
    not.
    """
    return " ".join("-" if each is None else f"{_checksum(each):08x}" for each in arrays)


def _checksum(rows: np.ndarray) -> int:
    value = zlib.crc32(f"{rows.dtype.str}{rows.shape}".encode())
    if not len(rows):
        return value
    count = min(len(rows), max(2, WHOLE * len(rows) // max(rows.nbytes, 1)))
    places = np.linspace(0, len(rows) - 1, count).astype(np.int64)
    step = max(1, BLOCK // max(rows[:1].nbytes, 1))
    for start in range(0, count, step):
        value = zlib.crc32(np.ascontiguousarray(rows[places[start : start + step]]).data, value)
    return value
