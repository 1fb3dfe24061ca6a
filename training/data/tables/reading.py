"""Tables in files: a CSV whole, as text; Parquet with its types. What was assumed is said."""

import bz2
import contextlib
import csv
import dataclasses
import gzip
import io
import itertools
import logging
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Literal

import annotated_types

from ganapp.training.array_files import UNREADABLE, check_packing
from ganapp.training.data.checks import LimitError, check_bytes
from ganapp.training.messages import join_names

if TYPE_CHECKING:
    import pandas
    import pyarrow.parquet

Limit = Annotated[int, annotated_types.Ge(1)]
TABLE_BYTES = 2 * 2**30  # a table is held in memory, several times while it is read
TABLE_COLUMNS = 10_000
CELL_BYTES = 8  # of a number in memory, however short its text is
LINE_BYTES = 1024  # of text a column: longer lines are none of a table
BLOCK = 2**24  # bytes of text looked at once
FIRST_LINES = 3  # among which the header is
QUOTED = re.compile(rb'"[^"]*+(?:"|\Z)')
PARQUET = b"PAR1"
ROWS = 2**16  # of a Parquet file looked at once, at most
# Of which `read_table` tells.
DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError, *UNREADABLE)
SEPARATORS = ",;\t|"  # in the order in which they are believed where all explain a file equally
SEPARATOR_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "blanks"}
SPELT = {"\\t": "\t", "tab": "\t"}  # how a tab is written on a command line
LOOKED_AT = 5000  # records of which the cells are looked at, all over the file, for a separator
TEXT_SUFFIXES = (".csv", ".tsv", ".tab", ".txt")
PACKED_SUFFIXES = (".gz", ".bz2", ".xz", ".zip", ".zst")
BOMS = {b"\xff\xfe\0\0": "utf-32", b"\0\0\xfe\xff": "utf-32", b"\xef\xbb\xbf": "utf-8-sig"} | {
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
NUMBER_LIKE = re.compile(r"[+-]?\d[\d.,]*%?|\d{4}-\d\d-\d\d.*|\d\d?[./]\d\d?[./]\d{2,4}.*")


def check_table_size(
    path: Path, max_bytes: int = TABLE_BYTES, max_columns: int = TABLE_COLUMNS
) -> None:
    """Refuses a table that takes too much memory or has too many columns, without reading it.

    A Parquet file says both of itself. A text, compressed or not, is looked at in pieces: how long
    its lines are, how many, and how wide the first ones. What is no table its reader will refuse.

    Args:
        path: of a file that exists.
        max_bytes: of its text, or of its cells at 8 bytes each where these are more.
        max_columns: of the table; a line may have 1,024 bytes for each.
    """
    with contextlib.suppress(*DAMAGED, _ManyFilesError):
        if _start(path).startswith(PARQUET):
            _check_parquet(path, max_bytes, max_columns)
            return
        with _open_unpacked(path) as text:
            if isinstance(text, io.BufferedReader):  # as it is, not packed
                check_bytes(path, path.stat().st_size, max_bytes)
            _check_text(path, text, max_bytes, max_columns)


def _check_text(path: Path, file: IO[bytes], max_bytes: int, max_columns: int) -> None:
    longest, total, lines, columns, unfinished = max_columns * LINE_BYTES, 0, 0, 1, 0
    size = max(BLOCK, longest + 1)  # of the first piece
    while block := file.read(BLOCK if total else size):
        block = block if b"\n" in block else block.replace(b"\r", b"\n")
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
        if not total:  # the widest of the first lines, whatever stands between values
            some = itertools.islice(io.BytesIO(block), FIRST_LINES)
            bare = [QUOTED.sub(b"", line) for line in some]
            columns = 1 + max(line.count(mark.encode()) for line in bare for mark in SEPARATORS)
            _check_columns(path, columns, max_columns)
        if first >= 0:
            unfinished = len(block) - 1 - last
        total, lines = total + len(block), lines + block.count(b"\n")
        check_bytes(path, max(total, CELL_BYTES * lines * columns), max_bytes, partly=True)


def _check_parquet(path: Path, max_bytes: int, max_columns: int) -> None:
    import pyarrow
    import pyarrow.parquet

    # What is no Parquet file, or a damaged one, its reader will say.
    with contextlib.suppress(pyarrow.ArrowException), pyarrow.parquet.ParquetFile(path) as file:
        about = file.metadata
        _check_columns(path, about.num_columns, max_columns)
        check_bytes(path, CELL_BYTES * about.num_rows * about.num_columns, max_bytes)
        groups = [about.row_group(place) for place in range(about.num_row_groups)]
        chunks = [group.column(place) for group in groups for place in range(group.num_columns)]
        check_bytes(path, sum(chunk.total_uncompressed_size for chunk in chunks), max_bytes)
        # A text that stands once in a dictionary takes its place in every row.
        texts = [chunk for chunk in chunks if chunk.physical_type.endswith("BYTE_ARRAY")]
        if sum(chunk.num_values * chunk.total_uncompressed_size for chunk in texts) > max_bytes:
            longest = max(chunk.total_uncompressed_size for chunk in texts)
            _check_texts(path, file, max_bytes, longest)


def _check_texts(
    path: Path, file: "pyarrow.parquet.ParquetFile", max_bytes: int, longest: int
) -> None:
    import pyarrow
    import pyarrow.compute

    types, schema = pyarrow.types, file.schema_arrow
    rows = min(max(max_bytes // longest, 1), ROWS)
    names = [field.name for field in schema if not types.is_primitive(field.type)]
    plain = (pyarrow.string(), pyarrow.large_string(), pyarrow.binary(), pyarrow.large_binary())
    texts = [field.name for field in schema if field.type in plain]
    total = 0
    # Texts stay in their dictionaries: what is counted here must not be unpacked for it.
    with pyarrow.parquet.ParquetFile(path, read_dictionary=texts) as encoded:
        for batch in encoded.iter_batches(rows, columns=names):
            for column in batch.columns:
                if types.is_dictionary(column.type) and column.type.value_type in plain:
                    lengths = pyarrow.compute.binary_length(column.dictionary)
                    total += pyarrow.compute.sum(lengths.take(column.indices)).as_py() or 0
                else:
                    total += column.nbytes
            check_bytes(path, total, max_bytes, partly=True)


def _check_columns(path: Path, columns: int, most: int) -> None:
    if columns > most:
        raise LimitError(
            f"`max_columns` is how many columns {path.name} may have",
            f"leave some out of the file, or allow them with `--set data.max_columns={columns}`",
            f"max_columns={most}, and {columns:,} columns",
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sheet:
    """A table as a file has it."""

    # columns under their names; all text if the file has no types, missing where empty
    frame: "pandas.DataFrame"
    of_text: bool = False  # whether the file has no types
    separator: str = ""  # what stands between the values; empty where nothing does
    header: bool = True  # whether the first line names the columns
    decimal: str = ""  # what the options say stands before decimals, or nothing
    # sentences on what was assumed, each with the setting that says otherwise
    notes: tuple[str, ...] = ()


def is_text_table(path: Path) -> bool:
    """Whether a file is a table of text by its name, or a zip archive with just one in it."""
    *before, last = ["", *(suffix.lower() for suffix in path.suffixes)]
    if last in TEXT_SUFFIXES:
        return True
    if last not in PACKED_SUFFIXES:
        return False
    if before[-1] in TEXT_SUFFIXES:
        return True
    if last != ".zip" or not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        names = _members(archive)
    return len(names) == 1 and names[0].lower().endswith(TEXT_SUFFIXES)


def read_table(
    path: Path,
    read: Callable[..., Sheet],
    *,
    max_bytes: Limit = TABLE_BYTES,
    max_columns: Limit = TABLE_COLUMNS,
    **settings: object,
) -> Sheet:
    """Reads a table from a file with `read_csv` or `read_parquet`, and their settings.

    The path may begin with `~`; for the limits see `check_table_size`.

    Raises:
        ValueError: it cannot be read, is too large, or holds no table.
    """
    file, received = Path(path).expanduser(), f"Received: path={str(path)!r}"
    if not file.is_file():
        raise ValueError(f"`path` must be a file that can be read. {received}")
    check_table_size(file, max_bytes, max_columns)
    try:
        return read(file, **settings)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"`encoding` must be that of the file, which is not {error.encoding}. {received}"
        ) from error
    except DAMAGED as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(f"`path` cannot be read: {reason}. {received}") from error
    except ValueError as error:  # pandas' and pyarrow's own errors among them
        reason = str(error).splitlines()[0].strip().rstrip(".")
        raise ValueError(f"`path` must hold a table: {reason}. {received}") from error


def read_csv(
    path: Path,
    *,
    separator: str = "",
    decimal: Literal["", ".", ","] = "",
    header: bool | None = None,
    encoding: str = "",
) -> Sheet:
    """A file of values with a header, apart by commas, semicolons, tabs or bars.

    All of it is read, as text: what a column is, its whole content decides.

    Args:
        path: of the file, which may be packed.
        separator: what stands between the values; found where nothing is given.
        decimal: what stands before decimals; found where nothing is given.
        header: whether the first line names the columns; by default it does.
        encoding: of the text; found where nothing is given.
    """
    import pandas

    with _open_unpacked(path) as file:
        text, notes = _decode(file.read(), encoding)
    spreadsheets = re.match(r"\s*\"?sep=(.)\"?[ \t]*(?:\r\n|\r|\n)", text)
    if spreadsheets:
        text = text[spreadsheets.end() :]
        separator = separator or spreadsheets[1]
    separator = SPELT.get(separator, separator)
    if len(separator) > 1:
        raise ValueError(f"`separator` must be a single character, not {separator!r}")
    found = separator or find_separator(text)
    if not separator and found != ",":
        notes.append(
            f"Values are parted by {SEPARATOR_NAMES[found]}; `data.separator` says otherwise."
        )
    cells = _cells(text, found)
    has_header = header is not False
    body = cells.iloc[1:] if has_header else cells
    trimmed = [_trim(body[place]) for place in body.columns]
    series, blanks = [column for column, _ in trimmed], any(changed for _, changed in trimmed)
    if has_header:
        names = [_strip(cell) for cell in cells.iloc[0]]
        blanks |= any(_strip(c) != c for c in cells.iloc[0] if isinstance(c, str))
    else:
        names = list(map(str, range(1, len(series) + 1)))
        notes.append("The first line is a row, as `data.header` says; columns are counted from 1.")
    kept = [place for place, name in enumerate(names) if name or series[place].notna().any()]
    if len(kept) < len(names):
        notes.append(f"{len(names) - len(kept)} empty columns without a name are left out.")
    if blanks:
        notes.append("Blanks at the ends of headings and cells are left out.")
    names, series = [names[place] for place in kept], [series[place] for place in kept]
    if not names:
        raise ValueError("No columns to parse from file")
    check_names(names)
    frame = pandas.concat(series, axis=1)
    frame.columns = names
    if has_header:
        rows = _repeated_header(frame)
        if rows:
            notes.append(f"{len(rows)} lines that repeat the header are left out.")
            frame = frame.drop(index=rows).reset_index(drop=True)
        if header is None:
            _check_header(frame, path)
    return Sheet(
        frame=frame,
        of_text=True,
        separator=found,
        header=has_header,
        decimal=decimal,
        notes=tuple(notes),
    )


def read_parquet(path: Path) -> Sheet:
    """A Parquet file."""
    import pandas

    frame = pandas.read_parquet(path)
    nullable = pandas.read_parquet(path, dtype_backend="numpy_nullable")
    for name in frame if frame.columns.is_unique else ():
        # Whole numbers with gaps become floats, booleans and text objects, unless asked for.
        kinds = frame[name].dtype.kind + nullable[name].dtype.kind
        if kinds in ("fi", "fu") or (
            frame[name].dtype == object and nullable[name].dtype != object
        ):
            frame[name] = nullable[name]
    notes = []
    index = frame.index
    counts = isinstance(index, pandas.RangeIndex) and (index.start, index.step) == (0, 1)
    if not counts or index.name is not None:
        names = [
            str(name) if name is not None else f"__index_level_{place}__"
            for place, name in enumerate(index.names)
        ]
        frame = frame.reset_index(names=names)
        notes.append(
            f"The file keeps {', '.join(map(repr, names))} as its index, here "
            f"{'columns' if len(names) > 1 else 'a column'} like others."
        )
    check_names([str(column) for column in frame.columns])
    return Sheet(frame=frame.rename(columns=str), notes=tuple(notes))


def check_names(names: Sequence[str]) -> None:
    """Refuses columns that share a name, as the file has them."""
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if twice is not None:
        raise ValueError(
            "The columns of a table must have different names. "
            f"Received: {twice!r} {list(names).count(twice)} times"
        )


def _check_header(frame: "pandas.DataFrame", path: Path) -> None:
    """Refuses a first line that must be a row, and warns of one that may be.

    One of numbers alone that do not count columns is a row. One may be if a name has decimals, or
    if most names are such as stand below them and some text is among them.
    """
    names = list(frame.columns)
    if names and all(map(NUMBER.fullmatch, names)):
        counted = [list(map(str, range(start, start + len(names)))) for start in (0, 1)]
        if len(names) < 3 or names not in counted:
            raise ValueError(
                "The first line must name the columns, or its row is lost; put a line of names "
                "above it, or say that there is none with `data.header = false`. Received: "
                f"{join_names(names)}"
            )
        return
    alike = [name for name in names if _is_like_values(name, frame[name])]
    decimals = [name for name in names if NUMBER.fullmatch(name) and not name.isdecimal()]
    words = not all(map(NUMBER.fullmatch, alike))
    if decimals or (words and len(alike) > len(names) / 2):
        logging.getLogger("ganapp").warning(
            "The first line of %s is taken for the names of its columns, though %r looks like a "
            "value; if it is one, `data.header = false` makes a row of it.",
            path.name,
            (decimals or alike)[0],
        )


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(10)


class _ManyFilesError(ValueError):
    """An archive in which no file is the table."""


def _open_unpacked(path: Path) -> IO[bytes]:
    """The text of a file, unpacked if its content is packed, whatever its name."""
    start = _start(path)
    if start.startswith(b"\x1f\x8b"):
        return gzip.open(path)
    if start.startswith(b"BZh") and start.endswith(b"1AY&SY"):
        return bz2.open(path)
    if start.startswith(b"\xfd7zXZ"):
        return lzma.open(path)
    if start.startswith(b"\x28\xb5\x2f\xfd"):
        import pyarrow

        return pyarrow.CompressedInputStream(pyarrow.OSFile(str(path)), "zstd")
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        with zipfile.ZipFile(path) as archive:
            names = _members(archive)
            if len(names) != 1:
                raise _ManyFilesError(f"a .zip must hold one file, not {len(names)}")
            check_packing(archive.getinfo(names[0]))
            return archive.open(names[0])
    if path.suffix.lower() in PACKED_SUFFIXES:
        raise OSError("it is not packed as its name says")
    return path.open("rb")


def _members(archive: zipfile.ZipFile) -> list[str]:
    names = [info.filename for info in archive.infolist() if not info.is_dir()]
    return [name for name in names if not name.startswith("__MACOSX/")]


def _decode(content: bytes, encoding: str) -> tuple[str, list[str]]:
    bom = next((name for mark, name in BOMS.items() if content.startswith(mark)), "")
    if encoding or bom:
        try:
            return content.decode(encoding or bom), []
        except LookupError as error:
            raise ValueError(
                f"`encoding` must be one that Python knows, not {encoding!r}"
            ) from error
    half = max(1, len(content[:4000]) // 2)
    for name, zeros in (("utf-16-le", content[1:4000:2]), ("utf-16-be", content[:4000:2])):
        if len(content) > 3 and zeros.count(0) > 0.4 * half:
            return content.decode(name), [f"Read as {name}; `data.encoding` says otherwise."]
    if b"\0" in content:
        raise ValueError("it holds zero bytes, so is no text")
    try:
        return content.decode(), []
    except UnicodeDecodeError as error:
        start = error.start
    for name in ("cp1252", "latin-1"):
        try:
            text = content.decode(name)
        except UnicodeDecodeError:
            continue
        word = content[max(0, start - 20) : start + 20].decode(name)
        word = next((w for w in re.findall(r"[^\W\d_]+", word) if not w.isascii()), word.strip())
        note = f"Not UTF-8, so read as {name}, e.g. {word!r}; `data.encoding` says otherwise."
        return text, [note]
    raise AssertionError("latin-1 reads all bytes")


def find_separator(text: str) -> str:
    """The separator that explains most cells; `csv.Sniffer` would take letters for some."""
    able = [each for each in SEPARATORS if len(next(_records(text, each), ())) > 1]
    if len(able) < 2:
        return able[0] if able else ","
    return max(able, key=lambda separator: _explain(text, separator))


def _explain(text: str, separator: str) -> tuple[float, float]:
    """Share of the records as long as the header, and how well their cells are explained.

    A number is; text without any other separator is half; text with one is not.
    """
    records = list(_records(text, separator))
    width = len(records[0])
    even = sum(len(record) == width for record in records) / len(records)
    some = records[1 :: max(1, len(records) // LOOKED_AT)]
    others = [other for other in SEPARATORS if other != separator]
    values = [
        1.0
        if not cell or NUMBER_LIKE.fullmatch(cell.strip())
        else 0.5 * (not any(other in cell for other in others))
        for record in some
        for cell in record
    ]
    return round(even, 2), sum(values) / max(1, len(values))


def _records(text: str, separator: str) -> Iterator[list[str]]:
    """The records that are not blank; none where the module cannot read them."""
    lines = io.StringIO(text, newline="")
    try:
        yield from filter(None, csv.reader(lines, delimiter=separator, skipinitialspace=True))
    except csv.Error:  # a value longer than the module takes, which pandas may read
        return


def _cells(text: str, separator: str) -> "pandas.DataFrame":
    """All cells of a file as text, its first line among them."""
    import pandas

    records = _records(text, separator)
    first, second = next(records, []), next(records, [])
    width = len(first)
    if len(second) > width:
        if any(cell.strip() for cell in second[width:]):
            raise ValueError(
                f"The first line must name every column. Received: {width} names above rows of "
                f"{len(second)} values"
            )
        width = len(second)  # lines that end in a separator
    return pandas.read_csv(
        io.StringIO(text, newline=""),
        sep=r"\s+" if separator == " " else separator,
        header=None,
        names=range(width) if width > len(first) else None,
        dtype="str",
        keep_default_na=False,
        skipinitialspace=True,
    )


def _strip(cell: object) -> str:
    return cell.strip() if isinstance(cell, str) else ""


def _trim(series: "pandas.Series") -> tuple["pandas.Series", bool]:
    """The column without blanks at the ends of cells, and whether there were any in text."""
    import pandas

    given = series.tolist()
    cells = [_strip(cell) for cell in given]
    changed = any(new != old and new for new, old in zip(cells, given, strict=True))
    return pandas.Series([cell or None for cell in cells], dtype="str"), changed


def _repeated_header(frame: "pandas.DataFrame") -> list[int]:
    """The rows that repeat the header, as where files were put together."""
    names = list(frame.columns)
    rows = frame.index[frame[names[0]].eq(names[0]).fillna(False).astype(bool)]
    return [row for row in rows if len(names) > 1 and list(frame.loc[row]) == names]


def _is_like_values(name: str, series: "pandas.Series") -> bool:
    """Whether a heading is such as the values below it."""
    if NUMBER.fullmatch(name):
        cells = series.dropna()
        return bool(len(cells)) and all(map(NUMBER.fullmatch, cells.iloc[:1000]))
    return bool(name) and bool(series.eq(name).any())
