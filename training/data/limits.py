"""What files of data may claim and unpack to, checked before they are read.

A small file can be made to fill any memory or disk. Each check reads headers, or the content in
pieces, and refuses in one sentence that names the setting which allows more.
"""

import bz2
import contextlib
import gzip
import io
import itertools
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import annotated_types

from ganapp.training.array_files import (
    MAX_BYTES,
    UNREADABLE,
    DamagedError,
    npy_header,
    npz_header,
    npz_names,
)

if TYPE_CHECKING:
    import pyarrow.parquet

MaxBytes = Annotated[int, annotated_types.Ge(1)]
MaxColumns = Annotated[int, annotated_types.Ge(1)]

EXAMPLES = 2**28  # in a file; the order in which they are drawn is held in memory
TABLE_BYTES = 2 * 2**30  # a table is held in memory, several times while it is read
TABLE_COLUMNS = 10_000
CELL_BYTES = 8  # of a number in memory, however short its text is
LINE_BYTES = 1024  # of text a column: longer lines are none of a table
BLOCK = 2**24  # bytes of text looked at once
FIRST_LINES = 3  # among which the header is
SEPARATORS = b",;\t|"
QUOTED = re.compile(rb'"[^"]*+(?:"|\Z)')
# What a compressed text begins with, and what unpacks it.
UNPACKED: dict[bytes, Callable[[IO[bytes]], IO[bytes]]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ": lzma.LZMAFile,
    b"\x28\xb5\x2f\xfd": lambda file: _zstd(file),
    b"PK\x03\x04": lambda file: _largest_member(file),
}
PARQUET = b"PAR1"
ROWS = 2**16  # of a Parquet file looked at once, at most
# What a reader of the same file will say in words of its own.
DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError, *UNREADABLE)

# Images are compressed already, so what unpacks to more than this many times its size is none.
RATIO = 100
ARCHIVE_BYTES = 2**30  # to which any archive may unpack
MEMBER_BYTES = 2**24  # to which any member may
NOTE_BYTES = 2**20  # of a name or note in a tar, which Python reads whole


class LimitError(ValueError):
    """A file of data is larger than a setting allows.

    Args:
        limit: what is limited, the beginning of a sentence.
        advice: what to do.
        received: limit and size.
    """

    def __init__(self, limit: str, advice: str, received: str) -> None:
        super().__init__(f"{limit}; {advice}. Received: {received}")
        self.limit, self.received = limit, received


def check_npy(path: Path) -> None:
    """Refuses a .npy by its header.

    Raises:
        ValueError: it is damaged, claims more than it holds, or holds too many examples; the end
            of a sentence.
    """
    _check_examples(npy_header(path).shape)


def _check_examples(shape: tuple[int, ...]) -> None:
    if shape and shape[0] > EXAMPLES:
        raise ValueError(f"it holds {shape[0]:,} examples, more than {EXAMPLES:,}")


def arrays_in(path: Path) -> list[str]:
    """Names of the arrays in a .npz.

    Raises:
        ValueError: it is none, in one sentence.
    """
    try:
        return npz_names(path)
    except ValueError as error:
        raise ValueError(
            f"`path` must be a .npz file. Received: path={str(path)!r}; {error}"
        ) from error


def check_npz(path: Path, names: Iterable[str], max_bytes: int = MAX_BYTES) -> None:
    """Refuses arrays of a .npz that are damaged or unpack to too much, from their headers.

    Args:
        path: of the file.
        names: of the arrays that will be read; all are in it.
        max_bytes: to which they may unpack together.

    Raises:
        ValueError: in one sentence.
    """
    found = 0
    for name in names:
        try:
            header = npz_header(path, name)
            _check_examples(header.shape)
            found += header.nbytes
        except DamagedError as error:
            raise ValueError(f"The file {path} is damaged: {error.__cause__}") from error
        except ValueError as error:
            raise ValueError(
                f"{name!r} of {path.name} must hold an array of numbers as `numpy.save` writes it, "
                f"without Python objects. Received: {error}"
            ) from error
    _check_bytes(path, found, max_bytes)


def check_table(path: Path, max_bytes: int = TABLE_BYTES, max_columns: int = TABLE_COLUMNS) -> None:
    """Refuses a table that takes too much memory or has too many columns, without reading it.

    A Parquet file says both of itself. A text, compressed or not, is looked at in pieces: how long
    its lines are, how many, and how wide the first ones.

    Args:
        path: of a file that exists; what is no table its reader will refuse.
        max_bytes: of its text, or of its cells at 8 bytes each where these are more.
        max_columns: of the table; a line may have 1,024 bytes for each.

    Raises:
        ValueError: in one sentence.
    """
    with contextlib.suppress(*DAMAGED), path.open("rb") as file:
        start = file.read(max(map(len, (PARQUET, *UNPACKED))))
        file.seek(0)
        if start.startswith(PARQUET):
            _check_parquet(path, max_bytes, max_columns)
        else:
            unpack = next((UNPACKED[magic] for magic in UNPACKED if start.startswith(magic)), None)
            if unpack is None:
                _check_bytes(path, path.stat().st_size, max_bytes)
            with contextlib.closing(unpack(file) if unpack else file) as text:
                _check_text(path, text, max_bytes, max_columns)


def _check_text(path: Path, file: IO[bytes], max_bytes: int, max_columns: int) -> None:
    longest, total, lines, columns, unfinished = max_columns * LINE_BYTES, 0, 0, 1, 0
    for block in _blocks(file, max(BLOCK, longest + 1)):
        # Lines that begin and end within a block are short enough; those across blocks add up.
        first, last = block.find(b"\n"), block.rfind(b"\n")
        unfinished += len(block) if first < 0 else first
        if unfinished > longest:
            raise LimitError(
                f"{path.name} must be a table whose lines have at most {LINE_BYTES:,} bytes for "
                "each of `max_columns`",
                f"allow longer ones with `--set data.max_columns={2 * max_columns}`",
                f"max_columns={max_columns}, and a line of more than {longest:,} bytes",
            )
        if not total:
            columns = _columns(block)
            _check_columns(path, columns, max_columns)
        if first >= 0:
            unfinished = len(block) - 1 - last
        total, lines = total + len(block), lines + block.count(b"\n")
        _check_bytes(path, max(total, CELL_BYTES * lines * columns), max_bytes, partly=True)


def _blocks(file: IO[bytes], first: int) -> Iterator[bytes]:
    """A text in pieces, the first of another size; every line ends as on this system."""
    block = file.read(first)
    while block:
        yield block if b"\n" in block else block.replace(b"\r", b"\n")
        block = file.read(BLOCK)


def _columns(text: bytes) -> int:
    """Of the widest of the first lines, whatever stands between its values."""
    lines = itertools.islice(io.BytesIO(text), FIRST_LINES)
    bare = [QUOTED.sub(b"", line) for line in lines]
    return max((line.count(bytes([sep])) + 1 for line in bare for sep in SEPARATORS), default=1)


def _check_parquet(path: Path, max_bytes: int, max_columns: int) -> None:
    import pyarrow
    import pyarrow.parquet

    # What is no Parquet file, or a damaged one, its reader will say.
    with contextlib.suppress(pyarrow.ArrowException), pyarrow.parquet.ParquetFile(path) as file:
        about = file.metadata
        _check_columns(path, about.num_columns, max_columns)
        _check_bytes(path, CELL_BYTES * about.num_rows * about.num_columns, max_bytes)
        groups = [about.row_group(place) for place in range(about.num_row_groups)]
        chunks = [group.column(place) for group in groups for place in range(group.num_columns)]
        _check_bytes(path, sum(chunk.total_uncompressed_size for chunk in chunks), max_bytes)
        # A text that stands once in a dictionary takes its place in every row.
        texts = [chunk for chunk in chunks if chunk.physical_type.endswith("BYTE_ARRAY")]
        if sum(chunk.num_values * chunk.total_uncompressed_size for chunk in texts) > max_bytes:
            longest = max(chunk.total_uncompressed_size for chunk in texts)
            _check_texts(path, file, max_bytes, longest)


def _check_texts(
    path: Path, file: "pyarrow.parquet.ParquetFile", max_bytes: int, longest: int
) -> None:
    """Adds up the lengths of texts, of which a batch holds no more than `max_bytes`.

    Args:
        path: of the file.
        file: the same, opened.
        max_bytes: of all texts.
        longest: bytes that one of them has at most.
    """
    import pyarrow
    import pyarrow.compute

    types, schema = pyarrow.types, file.schema_arrow
    rows = min(max(max_bytes // longest, 1), ROWS)
    names = [field.name for field in schema if not types.is_primitive(field.type)]
    plain = (pyarrow.string(), pyarrow.large_string(), pyarrow.binary(), pyarrow.large_binary())
    once = [field.name for field in schema if field.type in plain]
    total = 0
    with pyarrow.parquet.ParquetFile(path, read_dictionary=once) as lean:
        for batch in lean.iter_batches(rows, columns=names):
            for column in batch.columns:
                if types.is_dictionary(column.type) and column.type.value_type in plain:
                    lengths = pyarrow.compute.binary_length(column.dictionary)
                    total += pyarrow.compute.sum(lengths.take(column.indices)).as_py() or 0
                else:
                    total += column.nbytes
            _check_bytes(path, total, max_bytes, partly=True)


def _check_columns(path: Path, columns: int, most: int) -> None:
    if columns > most:
        raise LimitError(
            f"`max_columns` is how many columns {path.name} may have",
            f"leave some out of the file, or allow them with `--set data.max_columns={columns}`",
            f"max_columns={most}, and {columns:,} columns",
        )


def _check_bytes(path: Path, found: int, most: int, *, partly: bool = False) -> None:
    """Refuses too many bytes; `partly` if there may be more of them than were found."""
    if found > most:
        raise LimitError(
            f"`max_bytes` is what {path.name} may take unpacked",
            "if you trust the file and have the memory, allow it with "
            f"`--set data.max_bytes={2 * found if partly else found}`",
            f"max_bytes={most}, and {'more than ' * partly}{found:,} bytes",
        )


def _zstd(file: IO[bytes]) -> IO[bytes]:
    import pyarrow

    return pyarrow.CompressedInputStream(file, "zstd")


def _largest_member(file: IO[bytes]) -> IO[bytes]:
    archive = zipfile.ZipFile(file)
    if not archive.infolist():
        raise EOFError("it is empty")
    return archive.open(max(archive.infolist(), key=lambda member: member.file_size))


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
def open_tar(path: Path, mode: str = "r|*") -> Iterator[tarfile.TarFile]:
    """A tar archive, compressed or not, that claims no notes which fill the memory."""
    with tarfile.open(path, mode, tarinfo=_TarInfo) as archive:
        yield archive


def is_tar(path: Path) -> bool:
    """Whether a file is a tar archive that `open_tar` opens."""
    try:
        with open_tar(path, "r:*"):
            return True
    except (tarfile.TarError, EOFError):
        return False


def members_within(path: Path, archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The members of a tar, each checked before it is unpacked or passed over.

    Raises:
        ValueError: they unpack to more than 1 GiB and more than 100 times what the archive has.
    """
    most = max(ARCHIVE_BYTES, RATIO * path.stat().st_size)
    for member in archive:
        if member.offset_data + member.size > most:
            raise ValueError(
                f"{path.name} must be an archive of images, which unpacks to at most "
                f"{most:,} bytes; unpack it into a folder if you trust it. Received: "
                f"{member.name!r} claims {member.size:,} bytes"
            )
        yield member


def is_bomb(member: zipfile.ZipInfo) -> bool:
    """Whether a member of a .zip unpacks to far more than an image file in an archive does."""
    return member.file_size > max(MEMBER_BYTES, RATIO * member.compress_size)
