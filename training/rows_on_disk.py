"""Many examples without holding them all: rows in a temporary file, and two parts as one."""

import itertools
import mmap
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import numpy as np

LARGE = 2**28  # bytes of rows above which they lie in a file and not in memory
AT_ONCE = 256  # rows that are taken from here and there before their pages are let go
BLOCK = 2048  # samples that are generated at once: whole batches of any network


class Generative(Protocol):
    """A model that draws or takes the inputs of its generator by name."""

    def inputs(self, count: int, *, seed: int) -> Mapping[str, np.ndarray]:
        """The inputs of `generate(count)`."""

    def generate(self, count: int | None = None, **options: object) -> np.ndarray:
        """Examples of drawn or given inputs."""


def rows_of(parts: Iterable[np.ndarray], count: int) -> np.ndarray:
    """Consecutive parts as one array; memory-mapped where it takes more than 256 MiB of memory.

    The file is without a name, so nothing of it is left whenever and however the process ends; the
    system takes its place back as soon as nobody holds the array. `TMPDIR` says on which disk.

    Args:
        parts: `(k, ...)` each, all of one type.
        count: rows of all parts together.

    Returns:
        `(count, ...)`, to be read only where it is memory-mapped.

    Raises:
        OSError: the disk, where there was room at first, is full.
    """
    parts = iter(parts)
    first = next(parts)
    parts, shape = itertools.chain([first], parts), (count, *first.shape[1:])
    size = count * first[:1].nbytes
    if size > LARGE and size < shutil.disk_usage(tempfile.gettempdir()).free:
        with tempfile.TemporaryFile() as file:
            # Written and not mapped: a full disk is then an error and not the end of the process.
            for part in parts:
                file.write(np.ascontiguousarray(part, first.dtype).data)
            file.flush()
            return np.memmap(file, first.dtype, "r", shape=shape)
    whole, done = np.empty(shape, first.dtype), 0
    for part in parts:
        whole[done : done + len(part)] = part
        done += len(part)
    return whole


def generated_rows(
    model: Generative, count: int, *, seed: int, units: Callable | None
) -> np.ndarray:
    """Samples of a model's averaged generator, those of `generate(count)`, see `rows_of`.

    `units` maps samples to user units, batch by batch.
    """
    if count <= BLOCK:
        return model.generate(count, seed=seed, ema=True, units=units)
    given = model.inputs(count, seed=seed)  # a block's own would be other ones
    blocks = (
        {name: rows[start : start + BLOCK] for name, rows in given.items()}
        for start in range(0, count, BLOCK)
    )
    parts = (model.generate(**block, ema=True, units=units) for block in blocks)
    return rows_of(parts, count)


def forget(rows: "np.ndarray | Joined") -> None:
    """Lets go of what was read of memory-mapped rows; nothing happens to others.

    Pages of a file that have been looked at count as the process's memory until the system needs
    them for somebody else.
    """
    if isinstance(rows, Joined):
        for part in rows.parts:
            forget(part)
        return
    while isinstance(rows, np.ndarray) and not isinstance(rows, np.memmap):
        rows = rows.base
    # What was changed in a mapping of mode "c" is nowhere else.
    if not isinstance(rows, np.memmap) or rows.mode == "c" or not hasattr(mmap, "MADV_DONTNEED"):
        return
    while isinstance(rows, np.ndarray):
        rows = rows.base
    if isinstance(rows, mmap.mmap):
        rows.madvise(mmap.MADV_DONTNEED)


def take_rows(rows: "np.ndarray | Joined", places: np.ndarray) -> np.ndarray:
    """The rows at `places` int `(k,)`, `(k, ...)`; of memory-mapped ones few are held beside them.

    The system reads the neighbours of every page, too: of rows here and there nearly all.
    """
    found = np.empty((len(places), *rows.shape[1:]), rows.dtype)
    for start in range(0, len(places), AT_ONCE):
        some = slice(start, start + AT_ONCE)
        found[some] = rows[places[some]]
        forget(rows)
    return found


class Joined:
    """Two arrays of one type, one after the other, of which only requested rows are copied."""

    def __init__(self, first: np.ndarray, second: np.ndarray) -> None:
        self.parts = (first, second)
        self.shape = (len(first) + len(second), *first.shape[1:])
        self.dtype, self.ndim = first.dtype, first.ndim

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, places: slice | np.ndarray) -> np.ndarray:
        """Rows between two places, or those at places int `(k,)`."""
        first, second = self.parts
        if isinstance(places, slice):
            start, stop, step = places.indices(len(self))
            if step == 1 and stop <= len(first):
                return first[start:stop]
            if step == 1 and start >= len(first):
                return second[start - len(first) : max(start, stop) - len(first)]
            places = np.arange(start, stop, step)
        found = np.empty((len(places), *self.shape[1:]), self.dtype)
        early = places < len(first)
        found[early] = first[places[early]]
        found[~early] = second[places[~early] - len(first)]
        return found

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        return np.concatenate(self.parts).astype(dtype or self.dtype, copy=False)


def join_rows(first: np.ndarray, second: np.ndarray) -> np.ndarray | Joined:
    """Both one after the other: a copy, or `Joined` where that would take more than 256 MiB."""
    large = first.nbytes + second.nbytes > LARGE
    return Joined(first, second) if large else np.concatenate([first, second])
