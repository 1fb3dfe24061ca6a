"""By what data are known again: their content, not the time or the place of their files."""

import zlib

import numpy as np

from ganapp.training.data.cache import BLOCK

WHOLE = 1 << 26  # bytes up to which an array is read whole


def fingerprint_of(*arrays: np.ndarray | None) -> str:
    """A name for the content of arrays: 8 hexadecimal digits of each, `-` for `None`.

    Of an array of more than 64 MB, which may be larger than memory, as many rows count, evenly
    spaced with the first and the last: a changed length or order is noticed, a single row perhaps
    not.

    Args:
        arrays: `(n, ...)`, perhaps memory-mapped.
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
