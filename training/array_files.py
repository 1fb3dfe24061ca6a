"""NumPy's files, looked at before anything of them is read: what their headers claim.

Needs the standard library and numpy only: data, samples and exports are read through it.
"""

import contextlib
import io
import math
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

MAX_BYTES = 4 * 2**30  # to which the arrays of a .npz may unpack, unless the user says more
HOLES = 100  # times its place on the disk that a larger .npy may be long
LONGEST_HEADER = 2**16  # bytes of a .npy that are looked at; numpy writes 128 for plain arrays
# NotImplementedError: a compression that Python does not have; RuntimeError: an encrypted member.
MALFORMED = (ValueError, EOFError, SyntaxError, TypeError, RecursionError, MemoryError)
UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


class DamagedError(ValueError):
    """The bytes of a .npz are not those that were written; its cause says which."""


@dataclass(frozen=True)
class Header:
    """The header of a .npy whose file is as long as it says."""

    shape: tuple[int, ...]  # of the array
    dtype: np.dtype  # of the array; never of Python objects

    @property
    def nbytes(self) -> int:
        """Bytes of the array."""
        return math.prod(self.shape) * self.dtype.itemsize


def check_packing(member: zipfile.ZipInfo) -> None:
    """Refuses a member of a zip of which Python unpacks more than the archive says.

    It bounds what deflate unpacks to; bzip2 and LZMA give all that their input holds at once.

    Raises:
        zipfile.BadZipFile: it is packed so; the end of a sentence.
    """
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise zipfile.BadZipFile(
            f"{member.filename} is packed by another method than deflate; pack it anew with "
            "deflate, which every zip program has"
        )


def npy_header(path: Path) -> Header:
    """Reads and checks the header of a .npy, and nothing else of it.

    Raises:
        ValueError: it is none, claims more than the file holds, holds Python objects, or is a file
            of holes; the end of a sentence.
    """
    status = path.stat()
    on_disk = 512 * getattr(status, "st_blocks", status.st_size)
    if status.st_size > max(MAX_BYTES, HOLES * on_disk):
        raise ValueError(
            f"it is {status.st_size:,} bytes long, of which the disk holds {on_disk:,}"
        )
    with path.open("rb") as file:
        return _header(file, status.st_size)


def npz_names(path: Path) -> list[str]:
    """Names of the arrays in a .npz, as `numpy.load` gives them.

    Raises:
        ValueError: it is no .npz or damaged; the end of a sentence.
    """
    with _archive(path) as archive:
        names = archive.namelist()
    return [name.removesuffix(".npy") for name in names if name.endswith(".npy")]


def npz_header(path: Path, name: str) -> Header:
    """Reads and checks the header of an array that is in a .npz; nothing is unpacked.

    Raises:
        ValueError: it is damaged, claims more than the file holds, or holds Python objects; the
            end of a sentence.
    """
    with _archive(path) as archive:
        member = archive.getinfo(f"{name}.npy")
        check_packing(member)
        with archive.open(member) as file:  # Python unpacks no more of it than the archive says
            return _header(file, member.file_size)


@contextlib.contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    if not zipfile.is_zipfile(path):
        raise ValueError("it is no .npz file")
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except UNREADABLE as error:
        raise DamagedError(f"it is damaged: {error}") from error


def _header(file: IO[bytes], size: int) -> Header:
    """The header at the beginning of a .npy of so many bytes."""
    head = io.BytesIO(file.read(LONGEST_HEADER))
    try:
        version = np.lib.format.read_magic(head)
        old = version == (1, 0)
        read = np.lib.format.read_array_header_1_0 if old else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(head)
    except (*MALFORMED, tokenize.TokenError) as error:
        raise ValueError("it does not begin as a .npy file of numpy does") from error
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are never loaded")
    if any(not 0 <= side < 2**63 for side in shape) or not dtype.itemsize:
        raise ValueError(f"its header claims the impossible shape {shape} of {dtype}")
    header, rest = Header(shape, dtype), size - head.tell()
    if header.nbytes > rest:
        raise ValueError(
            f"its header claims {header.nbytes:,} bytes (shape {shape} of {dtype}), but "
            f"{rest:,} follow"
        )
    return header
