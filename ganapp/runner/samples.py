"""Samples that a person names on the command line."""

import dataclasses
import math
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ganapp.errors import UserError
from ganapp.runner.sample_pictures import read_pictures
from ganapp.runner.sample_tables import SUFFIXES as OF_TABLES
from ganapp.runner.sample_tables import is_table, rows_of_table
from ganapp.training.array_files import MAX_BYTES, UNREADABLE, npy_header, npz_header, npz_names
from ganapp.training.data import DataSpec
from ganapp.training.data.arrays import levels_of
from ganapp.training.data.cache import chunks
from ganapp.training.data.image_files import is_tar
from ganapp.training.rows_on_disk import rows_of

ARRAYS = ("samples", "clips", "arr_0", "images", "x", "X", "data")


@dataclasses.dataclass(frozen=True)
class Samples:
    """What is to be judged.

    Args:
        values: `(n, ...)` in user units, not checked yet.
        labels: `(n,)`, the classes that their generator was asked for, or `None`.
    """

    values: np.ndarray
    labels: np.ndarray | None = None


def read_samples(
    path: Path, options: Mapping[str, Any] | None = None
) -> Callable[[DataSpec], Samples]:
    """What gives the samples in a file or folder, once the real data are known.

    What can be found out without those is said at once: they may take long to prepare.

    Args:
        path: a `.npy`; an `.npz` with `samples`, `clips`, `arr_0`, `images`, `x`, `data` or a
            single array, and perhaps `labels`; a `.csv` or `.parquet` for tables; or a folder or
            archive of pictures of one size, read as the data source `folder` reads them.
        options: of the real data's source, for pictures.

    Raises:
        UserError: nothing can be read there.
    """
    kind = path.suffix.lower()
    if is_table(path):
        return lambda spec: Samples(rows_of_table(path, spec))
    if kind in (".npy", ".npz"):
        found = _arrays(path)
        return lambda spec: dataclasses.replace(found, values=_in_form(found.values, spec, path))
    if not (path.is_dir() or zipfile.is_zipfile(path) or is_tar(path)):
        raise UserError(
            f"`--samples` must be a .npy, .npz, {' or '.join(OF_TABLES)} file, or a folder or a "
            f".zip or .tar archive of pictures. Received: {path}"
        )

    def pictures(spec: DataSpec) -> Samples:
        values, labels = read_pictures(path, spec, options or {})
        return Samples(shaped(values, spec.shape), labels)

    return pictures


def shaped(samples: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Grey images and clips without channels get one; colours that are grey become one."""
    if len(shape) >= 3 and samples.ndim == len(shape):
        samples = samples[..., None]
    if samples.ndim == len(shape) + 1 >= 4 and samples.shape[-1] == 3 and shape[-1] == 1:
        grey = samples[..., :1]
        samples = grey if (samples == grey).all() else samples
    return samples


def _in_form(values: np.ndarray, spec: DataSpec, path: Path) -> np.ndarray:
    """Arrays of images in the form of the source `npz`: floats get levels, rows a height."""
    if spec.kind != "image":
        return shaped(values, spec.shape)
    if values.ndim == 2 and values.shape[1] == math.prod(spec.shape):
        values = values.reshape(-1, *spec.shape)
    if values.dtype != np.uint8 and values.ndim in (3, 4) and len(values):
        try:
            convert = levels_of([values], str(path)).convert
        except ValueError as error:
            raise UserError(f"`--samples`: {error}") from error
        parts = (convert(values[some]) for some in chunks(len(values), values[:1].nbytes))
        values = rows_of(parts, len(values))
    return shaped(values, spec.shape)


def check_out(out: Path | None) -> None:
    """Refuses a folder for results that has something in it."""
    if out is not None and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"`--out` must be an empty or a new folder. Received: {out}")


def _arrays(path: Path) -> Samples:
    try:
        if path.suffix.lower() == ".npy":  # of many samples those in use are read alone
            npy_header(path)
            return Samples(np.load(path, mmap_mode="r", allow_pickle=False))
        names = npz_names(path)
        name = next((name for name in ARRAYS if name in names), names[0] if names else "")
        if name not in ARRAYS and len(names) != 1:
            raise UserError(
                f"`--samples` must hold an array called 'samples'. Received: {path} with "
                f"{', '.join(names) or 'nothing'}"
            )
        used = [name, *(["labels"] if "labels" in names else [])]
        size = sum(npz_header(path, each).nbytes for each in used)
        if size > MAX_BYTES:
            raise UserError(
                f"`--samples` must be a .npz whose samples unpack to at most {MAX_BYTES:,} bytes; "
                "save more of them as a .npy, which is read from the disk. "
                f"Received: {path} with {size:,} bytes"
            )
        # Of a damaged file numpy itself would leave the handle open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
            return Samples(*(found[each] for each in used))
    except OSError as error:
        raise UserError(f"`--samples` cannot be read: {path} ({error.strerror}).") from error
    except (ValueError, *UNREADABLE) as error:
        raise UserError(
            f"`--samples` must be a whole file of numbers. Received: {path}; {error}"
        ) from error
