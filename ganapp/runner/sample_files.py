"""Samples that a person names on the command line: arrays, tables, pictures."""

import contextlib
import dataclasses
import inspect
import itertools
import math
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from ganapp.errors import UserError
from ganapp.screen import warn
from ganapp.training.array_files import MAX_BYTES, UNREADABLE, npy_header, npz_header, npz_names
from ganapp.training.data import DataSpec
from ganapp.training.data.arrays import levels_of
from ganapp.training.data.cache import NOTES, chunks, default_cache
from ganapp.training.data.checks import LimitError
from ganapp.training.data.folder import annotations_in, folder
from ganapp.training.data.image_files import Contents, image_contents, image_files, is_tar, place_of
from ganapp.training.data.images import (
    BadImageError,
    Decoder,
    ImageOptions,
    SizesDifferError,
    about_left_out,
    read_pixels,
)
from ganapp.training.data.tables.reading import is_text_table, read_csv, read_parquet, read_table
from ganapp.training.rows_on_disk import rows_of

LABELS = ("labels", "label")  # of the classes that were asked for
ARRAYS = ("samples", "clips", "arr_0", "images", "x", "X", "data")
SUFFIXES = (".csv", ".parquet")
# What the source `folder` does where it is not given another option.
USUAL = {name: option.default for name, option in inspect.signature(folder).parameters.items()}


@dataclasses.dataclass(frozen=True)
class Samples:
    """Samples `(n, ...)` in user units, not checked yet; the classes `(n,)` requested of them."""

    values: np.ndarray
    labels: np.ndarray | None = None


def read_samples(
    path: Path, options: Mapping[str, object] | None = None
) -> Callable[[DataSpec], Samples]:
    """What gives the samples in a file or folder, once the real data are known.

    What can be found out without those is said at once: they may take long to prepare.

    Args:
        path: a `.npy`; an `.npz` with `samples`, `clips`, `arr_0`, `images`, `x`, `data` or a
            single array, and perhaps `labels`; a `.csv` or `.parquet` for tables; or a folder or
            archive of pictures of one size, read as the data source `folder` reads them.
        options: of the real data's source, for pictures.
    """
    kind = path.suffix.lower()
    if kind in SUFFIXES or is_text_table(path):
        return lambda spec: Samples(_table_rows(path, spec))
    if kind in (".npy", ".npz"):
        found = _arrays(path)
        return lambda spec: Samples(_in_form(found.values, spec, path), found.labels)
    if not (path.is_dir() or zipfile.is_zipfile(path) or is_tar(path)):
        raise UserError(
            f"`--samples` must be a .npy, .npz, {' or '.join(SUFFIXES)} file, or a folder or a "
            f".zip or .tar archive of pictures. Received: {path}"
        )

    def pictures(spec: DataSpec) -> Samples:
        values, labels = _pictures(path, spec, options or {})
        return Samples(_shaped(values, spec.shape), labels)

    return pictures


def read_observations(
    path: Path, shapes: Mapping[str, tuple[int, ...]], count: int
) -> dict[str, np.ndarray]:
    """Observations of so many examples by name, in model units, from the `.npz` of the examples."""
    if not shapes:
        return {}
    names = ", ".join(map(repr, shapes))
    if path.suffix.lower() != ".npz":
        raise UserError(
            f"DATA must be a .npz that also holds what the examples are observed with, {names}. "
            f"Received: {path}"
        )
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
            arrays = {name: found[name] for name in shapes if name in found}
    except (OSError, ValueError, *UNREADABLE) as error:
        raise UserError(f"DATA cannot be read: {path}; {error}") from error
    for name, shape in shapes.items():
        if name not in arrays or arrays[name].shape != (count, *shape):
            received = "none" if name not in arrays else f"shape {arrays[name].shape}"
            raise UserError(
                f"DATA must hold {name!r} of shape {(count, *shape)}. Received: {received}"
            )
    return {name: np.asarray(each, np.float32) for name, each in arrays.items()}


def read_picture(
    path: Path, spec: DataSpec, options: Mapping[str, object], option: str
) -> np.ndarray:
    """One picture as the real data read theirs, uint8 `(1, height, width, channels)`.

    Args:
        path: the file.
        spec: of the real data.
        options: of their source.
        option: for errors, e.g. `--between`.
    """
    height, width, channels = spec.shape
    if channels not in (1, 3, 4):
        raise UserError(
            f"`{option}` is for data of 1, 3 or 4 channels, which a picture has. "
            f"Received: {channels} channels"
        )
    options = USUAL | {key: options[key] for key in options.keys() & USUAL.keys()}
    try:
        pixels = read_pixels(
            path,
            max_pixels=options["max_pixels"],
            size=height if height == width else 0,
            resize=options["resize"],
            channels=channels,
            bits=options["bits"],
        )
    except BadImageError as error:
        raise UserError(f"`{option}` must be pictures. Received: {path}, and {error}") from error
    except OSError as error:
        raise UserError(f"`{option}` cannot be read: {path} ({error.strerror}).") from error
    if pixels.shape != spec.shape:
        raise UserError(
            f"`{option}` must be pictures of {width} x {height} pixels, as the data of the run "
            f"are. Received: {path} with {pixels.shape[1]} x {pixels.shape[0]}"
        )
    return pixels[None]


def _shaped(samples: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
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
        return _shaped(values, spec.shape)
    if values.ndim == 2 and values.shape[1] == math.prod(spec.shape):
        values = values.reshape(-1, *spec.shape)
    if values.dtype != np.uint8 and values.ndim in (3, 4) and len(values):
        try:
            convert = levels_of([values], str(path)).convert
        except ValueError as error:
            raise UserError(f"`--samples`: {error}") from error
        parts = (convert(values[some]) for some in chunks(len(values), values[:1].nbytes))
        values = rows_of(parts, len(values))
    return _shaped(values, spec.shape)


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
        used = [name, *[each for each in LABELS if each in names][:1]]
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
    except UserError:
        raise
    except (ValueError, *UNREADABLE) as error:
        raise UserError(
            f"`--samples` must be a whole file of numbers. Received: {path}; {error}"
        ) from error


def _table_rows(path: Path, spec: DataSpec) -> np.ndarray:
    """The rows of a table in a file in the units of the real data, float32 `(n, columns)`.

    It is read as the real data are: separator, decimals and encoding are found in the file, and
    cells are numbers, dates or categories as the columns of the real data are. Columns may come in
    any order, and those that are not learnt may be missing.
    """
    if spec.table is None:
        raise UserError(
            f"`--samples` can end in {' or '.join(SUFFIXES)} for tables alone. Received: {path} "
            f"for the {spec.kind}s of {spec.name!r}"
        )
    try:
        table = spec.table
        if is_text_table(path):
            frame = read_table(path, read_csv, header=None if table.header else False).frame
        else:
            frame = read_table(path, read_parquet).frame
        expected = [column.name for column in table.columns]
        known = {*expected, *(column.name for column in table.left_out)}
        if (extra := next((name for name in frame.columns if name not in known), None)) is not None:
            raise ValueError(
                f"The table must have the columns {expected}, each once, and no others. "
                f"Received: {extra!r} beside them"
            )
        return table.from_frame(frame)
    except LimitError as error:
        raise UserError(
            f"`--samples` {path}: {error.limit}; give fewer rows or columns. "
            f"Received: {error.received}"
        ) from error
    except ValueError as error:
        raise UserError(f"`--samples` {path}: {error}") from error


def _pictures(
    path: Path, spec: DataSpec, options: Mapping[str, object]
) -> tuple[np.ndarray, np.ndarray | None]:
    """Pictures in a folder or archive, in the order of their names, and their classes.

    Files that are no images are left out, as many damaged ones as `bad_share` allows, and both are
    said. Folders called as the classes of the real data say the classes of the pictures.

    Returns:
        uint8 `(n, height, width, channels)`, with transparency where the real data have it; and
        int `(n,)` or `None`.
    """
    options = USUAL | {key: options[key] for key in options.keys() & USUAL.keys()}
    try:
        contents = image_contents(path, options["max_pixels"], default_cache() / NOTES)
        decoder, rows = _decoded(path, contents, spec, options)
    except SizesDifferError as error:
        raise UserError(
            "The pictures of `--samples` must all have one size. Received, in "
            f"{path}: {error.sizes}"
        ) from error
    except ValueError as error:
        raise UserError(f"The pictures of `--samples` in {path}: {error}") from error
    except OSError as error:
        raise UserError(f"`--samples` cannot be read: {path} ({error.strerror}).") from error
    if left_out := about_left_out({**decoder.bad, **contents.left_out}):
        warn(f"Of the samples in {path} left out {left_out}.")
    if decoder.resized:
        warn(
            f"{decoder.resized:,} samples were made {options['size']} pixels wide, as real images."
        )
    for note in decoder.notes():
        warn(f"The samples in {path}: {note}")
    names = [example.name for example in decoder.examples]
    order = sorted(range(len(names)), key=lambda each: place_of(names[each]))
    labels = _labels(path, names, contents, spec, options)
    if order == list(range(len(names))):
        return rows, labels
    return rows[order], None if labels is None else labels[order]


def _decoded(
    path: Path, contents: Contents, spec: DataSpec, options: Mapping[str, object]
) -> tuple[Decoder, np.ndarray]:
    channels = options["channels"] or (4 if spec.shape[-1] == 4 else 3)
    same = {name: options[name] for name in ("size", "resize", "bits", "bad_share", "held_out")}
    decoder = Decoder(ImageOptions(channels=channels, **same))
    pictures = decoder.pixels(image_files(path, options["max_pixels"], options["bits"]))
    first = next(pictures, None)
    if first is None:
        beside = about_left_out(contents.left_out)
        raise ValueError(
            "must be images. Received: none" + (f", and left out {beside}" if beside else "")
        )
    rows = rows_of((each[None] for each in itertools.chain([first], pictures)), contents.images)
    return decoder, rows[: len(decoder.examples)]


def _labels(
    path: Path, names: list[str], contents: Contents, spec: DataSpec, options: Mapping[str, object]
) -> np.ndarray | None:
    """The class of each picture where folders or a file of labels name classes of the data."""
    if not spec.classes:
        return None
    with contextlib.suppress(ValueError):  # folders that contradict each other say nothing
        marks = annotations_in(
            path, names, options["labels"], options["parts"], contents.label_files
        )
        if marks.labels is not None and set(marks.classes) <= set(spec.classes):
            if (marks.labels < 0).any():
                return None
            places = np.array([spec.classes.index(name) for name in marks.classes])
            return places[marks.labels]
    return None
