"""Samples that a person names on the command line."""

import dataclasses
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from ganapp.errors import UserError
from ganapp.runner.sample_tables import SUFFIXES as OF_TABLES
from ganapp.runner.sample_tables import is_table, rows_of_table
from training.data import DataSpec
from training.data.images import SUFFIXES, BadImageError, read_pixels
from training.rows_on_disk import rows_of

MOST_PIXELS = 50_000_000  # of a picture, as the data source `folder` has it
ARRAYS = ("samples", "clips", "arr_0")


@dataclasses.dataclass(frozen=True)
class Samples:
    """What is to be judged.

    Args:
        values: `(n, ...)` in user units, not checked yet.
        labels: `(n,)`, the classes that their generator was asked for, or `None`.
    """

    values: np.ndarray
    labels: np.ndarray | None = None


def read_samples(path: Path) -> Callable[[DataSpec], Samples]:
    """What gives the samples in a file or folder, once the real data are known.

    What can be found out without those is said at once: they may take long to prepare.

    Args:
        path: a `.npy`; an `.npz` with `samples`, `clips`, `arr_0` or a single array, and perhaps
            `labels`; a `.csv` or `.parquet` for tables; or a folder of pictures of one size, read
            as the data source `folder` reads them.

    Raises:
        UserError: nothing can be read there.
    """
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
        if not files:
            raise UserError(
                f"`--samples` must be a folder with {', '.join(SUFFIXES)} in it. Received: {path}"
            )
        return lambda spec: Samples(shaped(_pictures(files, spec), spec.shape))
    kind = path.suffix.lower()
    if is_table(path):
        return lambda spec: Samples(rows_of_table(path, spec))
    if kind not in (".npy", ".npz"):
        raise UserError(
            f"`--samples` must be a .npy, .npz, {' or '.join(OF_TABLES)} file or a folder of "
            f"pictures. Received: {path}"
        )
    found = _arrays(path)
    return lambda spec: dataclasses.replace(found, values=shaped(found.values, spec.shape))


def shaped(samples: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Grey images and clips without channels get one; colours that are grey become one."""
    if len(shape) >= 3 and samples.ndim == len(shape):
        samples = samples[..., None]
    if samples.ndim == len(shape) + 1 >= 4 and samples.shape[-1] == 3 and shape[-1] == 1:
        grey = samples[..., :1]
        samples = grey if (samples == grey).all() else samples
    return samples


def check_out(out: Path | None) -> None:
    """Refuses a folder for results that has something in it."""
    if out is not None and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"`--out` must be an empty or a new folder. Received: {out}")


def _arrays(path: Path) -> Samples:
    try:
        if path.suffix.lower() == ".npy":  # of many samples those in use are read alone
            return Samples(np.load(path, mmap_mode="r", allow_pickle=False))
        # Of a damaged file numpy itself would leave the handle open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
            names = found.files
            for name in (*ARRAYS, *(names if len(names) == 1 else ())):
                if name in names:
                    return Samples(found[name], found["labels"] if "labels" in names else None)
    except OSError as error:
        raise UserError(f"`--samples` cannot be read: {path} ({error.strerror}).") from error
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(
            f"`--samples` must be a whole file of numbers. Received: {path}, which is damaged or "
            "holds objects"
        ) from error
    raise UserError(
        f"`--samples` must hold an array called 'samples'. Received: {path} with "
        f"{', '.join(names) or 'nothing'}"
    )


def _pictures(files: list[Path], spec: DataSpec) -> np.ndarray:
    """uint8 `(n, height, width, channels)`: with transparency where the real data have it."""
    channels = 4 if spec.shape[-1] == 4 else 3
    return rows_of(_decoded(files, channels), len(files))


def _decoded(files: list[Path], channels: int) -> Iterator[np.ndarray]:
    """One picture after the other, uint8 `(1, height, width, channels)`."""
    shape = None
    for path in files:
        try:
            pixels = read_pixels(path, max_pixels=MOST_PIXELS, channels=channels)
        except BadImageError as error:
            raise UserError(f"The picture {path} cannot be used: {error}.") from error
        shape = shape or pixels.shape
        if pixels.shape != shape:
            raise UserError(
                f"The pictures of `--samples` must all have one size. Received: {path} with "
                f"{pixels.shape[1]}x{pixels.shape[0]} pixels after others with "
                f"{shape[1]}x{shape[0]}"
            )
        yield pixels[None]
