"""Tables in files: pandas reads them, its complaints in one sentence."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from training.data.tables.checking import check_names

if TYPE_CHECKING:
    import pandas


def read_table(path: str, read: Callable[[Path], "pandas.DataFrame"]) -> "pandas.DataFrame":
    """What `read` makes of a file.

    Args:
        path: of the file; may begin with `~`.
        read: `read_csv` or `read_parquet`.

    Raises:
        ValueError: it cannot be read, or holds no table.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise ValueError(f"`path` must be a file that can be read. Received: path={path!r}")
    try:
        return read(file)
    except UnicodeDecodeError as error:
        raise ValueError(f"`path` must be UTF-8 text. Received: path={path!r}") from error
    except OSError as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"`path` cannot be read: {reason}. Received: path={path!r}") from error
    except ValueError as error:  # pandas' and pyarrow's own errors among them
        reason = str(error).splitlines()[0].strip().rstrip(".")
        raise ValueError(f"`path` must hold a table: {reason}. Received: path={path!r}") from error


def read_csv(path: Path) -> "pandas.DataFrame":
    """A file of comma-separated values with a header."""
    import pandas

    header = pandas.read_csv(path, header=None, nrows=1, dtype=str)  # pandas renames duplicates
    check_names(header.iloc[0].dropna().tolist())
    return pandas.read_csv(path, dtype_backend="numpy_nullable")


def read_parquet(path: Path) -> "pandas.DataFrame":
    """A Parquet file."""
    import pandas

    frame = pandas.read_parquet(path)
    nullable = pandas.read_parquet(path, dtype_backend="numpy_nullable")
    for name in frame if frame.columns.is_unique else ():
        # Whole numbers with gaps become floats, booleans and text objects, unless asked for.
        kinds = frame[name].dtype.kind + nullable[name].dtype.kind
        if frame[name].dtype == object or kinds in ("fi", "fu"):
            frame[name] = nullable[name]
    return frame
