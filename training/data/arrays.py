"""`npz` and `npy`: images or vectors in NumPy's own files.

Nothing pickled is ever loaded: a pickle may run any program.
"""

import dataclasses
import logging
import math
import shutil
import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated

import annotated_types
import numpy as np

from ganapp.training.array_files import MAX_BYTES, DamagedError, npy_header, npz_header, npz_names
from ganapp.training.data.cache import (
    NOTES,
    CacheDir,
    Prepared,
    cache_folder,
    chunks,
    file_key,
    key_of,
    load_or_make,
    write_rows,
)
from ganapp.training.data.checks import (
    SMALLEST,
    check_bytes,
    check_classes,
    check_columns,
    check_count,
    check_differ,
    check_exists,
    check_finite,
    check_size,
)
from ganapp.training.data.folder import Bits
from ganapp.training.data.image_files import DAMAGED
from ganapp.training.data.images import about_highest
from ganapp.training.data.observed import ObservedSource
from ganapp.training.data.source import FiniteSource, MemmapSource, Share, split_order
from ganapp.training.data.spec import DataSpec

MaxBytes = Annotated[int, annotated_types.Ge(1)]
EXAMPLES = 2**28  # in a file; the order in which they are drawn is held in memory
SHOWN = 5  # values that a warning names
LOOKED_AT = 1000  # rows by which flat images are known
MOST_CHANNELS = 4
BYTE = 255
SLACK = 1e-3  # beyond a range of floats that rounding may reach
# Names of training examples, their labels, held-out examples and their labels, as people use them.
CONVENTIONS = (
    ("x_train", "y_train", "x_test", "y_test"),
    ("train_images", "train_labels", "test_images", "test_labels"),
    ("images", "labels", "", ""),
    ("x", "y", "", ""),
    ("X", "y", "", ""),
    ("data", "labels", "", ""),
    ("samples", "labels", "", ""),  # as `ganapp sample` writes them
    ("arr_0", "arr_1", "", ""),
)
Arrays = list[np.ndarray]
Side = Annotated[int, annotated_types.Ge(1), annotated_types.Le(4096)]
Shape = Annotated[tuple[Side, ...], annotated_types.MaxLen(3)]


def _check_examples(shape: tuple[int, ...]) -> None:
    if shape and shape[0] > EXAMPLES:
        raise ValueError(f"it holds {shape[0]:,} examples, more than {EXAMPLES:,}")


def arrays_in(path: Path) -> list[str]:
    """Names of the arrays in a .npz; refuses what is none."""
    try:
        return npz_names(path)
    except ValueError as error:
        raise ValueError(
            f"`path` must be a .npz file. Received: path={str(path)!r}; {error}"
        ) from error


def check_npz(path: Path, names: Iterable[str], max_bytes: int = MAX_BYTES) -> None:
    """Refuses arrays of a .npz that are damaged or unpack to too much, from their headers."""
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
    check_bytes(path, found, max_bytes)


@dataclasses.dataclass(frozen=True)
class Form:
    """The conversion of an array's examples to those of a source."""

    # rows of the array to uint8 `(n, height, width, channels)` or float32 `(n, d)`
    convert: Callable[[np.ndarray], np.ndarray]
    levels: str = ""  # what was done to the values, the end of a description; empty for nothing


def _reshape_rows(rows: np.ndarray, shape: Sequence[int], name: str) -> np.ndarray:
    """Images that an array keeps as rows, `(n, height, width)` or with channels after these."""
    if not shape:
        return rows
    if math.prod(rows.shape[1:]) != math.prod(shape) or rows.ndim < 2:
        raise ValueError(
            f"`shape` must have as many values as a row of {name}. Received: shape={list(shape)}, "
            f"which are {math.prod(shape):,}, and rows of {math.prod(rows.shape[1:]):,}"
        )
    images = rows.reshape(-1, *shape)
    first = len(shape) == 3 and shape[0] <= MOST_CHANNELS < shape[-1]
    return images.transpose(0, 2, 3, 1) if first else images


def _about_rows(rows: np.ndarray) -> str:
    """A sentence where rows look like flat images; empty where they do not."""
    if rows.ndim != 2 or not len(rows):
        return ""
    some = rows[:LOOKED_AT]
    floats = np.issubdtype(rows.dtype, np.floating) and some.min() >= -1 and some.max() <= 1
    for channels in (1, 3):
        side = round((rows.shape[1] / channels) ** 0.5)
        if side >= SMALLEST and side * side * channels == rows.shape[1]:
            break
    else:
        return ""
    if rows.dtype != np.uint8 and not floats:
        return ""
    kind = "bytes" if rows.dtype == np.uint8 else "numbers from -1 to 1"
    size = f"{side} x {side}" + (f" x {channels}" if channels > 1 else "")
    shape = f"[{side},{side}]" if channels == 1 else f"[{side},{side},{channels}]"
    planes = f", `'data.shape=[{channels},{side},{side}]'` where one colour follows another"
    return (
        f"Rows of {rows.shape[1]:,} {kind} look like images of {size}, and are taken for vectors: "
        f"`--set 'data.shape={shape}'` makes them images{planes if channels > 1 else ''}."
    )


def _about_range(images: np.ndarray) -> str:
    """A sentence where images use less than half of their range; empty where they do not."""
    step = max(1, len(images) // LOOKED_AT)
    highest = int(images[::step].max())
    if highest <= BYTE // 2 and step > 1:
        highest = max(int(images[some].max()) for some in chunks(len(images), images[:1].nbytes))
    return about_highest(highest, BYTE)


def _form_of(arrays: Sequence[np.ndarray], name: str, *, bits: int = 0) -> Form:
    """Tells images from vectors by their shape, and the range of floating-point images."""
    shapes = {array.shape[1:] for array in arrays}
    if len(shapes) > 1:
        raise ValueError(
            f"Training and held-out examples of {name} must have the same shape. "
            f"Received: {' and '.join(map(str, sorted(shapes)))}"
        )
    (shape,) = shapes
    if not all(
        np.issubdtype(a.dtype, np.integer) or np.issubdtype(a.dtype, np.floating) for a in arrays
    ):
        raise ValueError(
            f"{name} must hold numbers. Received: dtype={'/'.join(str(a.dtype) for a in arrays)}"
        )
    if len(shape) != 1 or not shape[0]:
        _check_image_shape(shape, name)
        check_count(len(arrays[0]), f"examples in {name}")
        return levels_of(arrays, name, bits=bits)
    check_count(len(arrays[0]), f"examples in {name}")

    def convert(rows: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):  # what float32 cannot hold is told as an infinity
            return rows.astype(np.float32, copy=False)

    for array in arrays:
        for some in chunks(len(array), array[:1].nbytes):
            check_finite(convert(array[some]), some.start, name)
    return Form(convert)


def levels_of(arrays: Sequence[np.ndarray], name: str, *, bits: int = 0) -> Form:
    """The conversion of images to 256 levels, by their type and range.

    Arrays are `(n, height, width)` or `(n, height, width, channels)`; with `bits`, the value
    `2**bits - 1` becomes white.

    Raises:
        ValueError: they are not finite, or of a range that is not known.
    """
    if not bits and all(array.dtype == np.uint8 for array in arrays):
        return Form(_with_channels)
    low, high = _range(arrays, name)
    if bits:
        white = 2**bits - 1
        if low < 0 or high > white:
            raise ValueError(
                f"`bits` must hold all values of the images in {name}: {bits} bits are 0 to "
                f"{white:,}. Received: from {low:g} to {high:g}"
            )

        def from_bits(images: np.ndarray) -> np.ndarray:
            levels = images.astype(np.float64) * 255 / white
            return _with_channels(np.round(levels).astype(np.uint8))

        return Form(from_bits, f"values of {bits} bits as 256 levels")
    floating = all(np.issubdtype(array.dtype, np.floating) for array in arrays)
    if not floating or low < -1 - SLACK or high > 1 + SLACK:
        known = max(8, int(high).bit_length()) if low >= 0 and high <= 2**16 - 1 else 0
        white = f"{2**known - 1:,}"
        hint = f"; `--set data.bits={known}` says that values are from 0 to {white}"
        raise ValueError(
            f"Images in {name} must be uint8 from 0 to 255, or floats from 0 to 1 or from -1 to 1"
            f"{hint if known else ''}. "
            f"Received: dtype={arrays[0].dtype}, from {low:g} to {high:g}"
        )
    start = 0.0 if low >= -SLACK else -1.0

    def from_floats(images: np.ndarray) -> np.ndarray:
        shares = (images.astype(np.float64) - start) / (1.0 - start)
        return _with_channels(np.round(np.clip(shares, 0, 1) * 255).astype(np.uint8))

    return Form(from_floats, f"floats from {start:g} to 1, rounded to 256 levels")


def moments(rows: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each column of `rows[order]`, float64 `(d,)` each.

    In two passes, because the difference of large squares has no digits left.
    """

    def mean(value: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        total = 0.0
        for some in chunks(len(order), rows[:1].nbytes):
            total = total + value(rows[order[some]].astype(np.float64)).sum(axis=0)
        return total / len(order)

    centre = mean(lambda values: values)
    return centre, np.sqrt(mean(lambda values: (values - centre) ** 2))


def _number_labels(
    labels: np.ndarray | None, count: int, name: str
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Labels as numbers from 0 on, and the name of each.

    One-hot rows and floats that are whole numbers are taken for these numbers, as Keras makes them.
    Whole numbers below 0 and empty text are unknown labels, except where -1 and 1 are the only
    ones: two classes are often called so. How many numbers became unknown is logged.
    """
    if labels is None:
        return None, ()
    labels = _whole_numbers(labels)
    if labels.shape not in ((count,), (count, 1)) or labels.dtype.kind not in "iubU":
        raise ValueError(
            f"The labels of {name} must be whole numbers or text, one for each of {count} "
            f"examples. Received: shape={labels.shape}, dtype={labels.dtype}"
        )
    labels = labels.reshape(-1)
    if labels.dtype.kind == "U":
        known = labels != ""
    else:
        known = (labels >= 0) | np.array_equal(np.unique(labels), [-1, 1])
        if not known.all():
            _warn_of_unknown(labels[~known], name)
    names, places = np.unique(labels[known], return_inverse=True)
    if not check_classes(len(names), name):
        return None, ()
    numbers = np.full(count, -1, np.int32)
    numbers[known] = places
    return numbers, tuple(str(each) for each in names.tolist())


def _whole_numbers(labels: np.ndarray) -> np.ndarray:
    """One-hot rows and floats without a fraction as whole numbers; others as they are."""
    if labels.dtype.kind not in "iubf":
        return labels
    if labels.ndim == 2 and labels.shape[1] > 1:
        ones, zeros = labels == 1, labels == 0
        one_hot = bool((ones | zeros).all() and (ones.sum(axis=1) <= 1).all() and ones.any())
        # A row of zeros has no class.
        return np.where(ones.any(axis=1), ones.argmax(axis=1), -1) if one_hot else labels
    whole = labels.dtype.kind == "f" and bool((labels == np.floor(labels)).all())
    return labels.astype(np.int64) if whole and np.abs(labels).max(initial=0) < 2**53 else labels


def _warn_of_unknown(labels: np.ndarray, name: str) -> None:
    values = [str(value) for value in np.unique(labels)]
    some = ", ".join(values[:SHOWN]) + (", ..." if len(values) > SHOWN else "")
    logging.getLogger("ganapp").warning(
        "%s labels of %s are below 0 (%s) and count as unknown; to keep them as classes, "
        "number the classes from 0.",
        f"{len(labels):,}",
        name,
        some,
    )


def _check_image_shape(shape: tuple[int, ...], name: str) -> None:
    received = f"Received: shape=(n, {', '.join(map(str, shape))})"
    if len(shape) not in (2, 3) or not all(shape):
        raise ValueError(
            f"{name} must hold images (n, height, width) or (n, height, width, channels), or "
            f"vectors (n, d). {received}"
        )
    if len(shape) == 3 and shape[0] <= 4 < min(shape[1:]):
        raise ValueError(
            f"The channels of {name} must be the last axis: transpose it with "
            f"x.transpose(0, 2, 3, 1). {received}"
        )
    check_size(shape)


def _with_channels(images: np.ndarray) -> np.ndarray:
    """Images with an axis for the channels; grey ones `(n, height, width)` get one."""
    return images[..., None] if images.ndim == 3 else images


def _range(arrays: Sequence[np.ndarray], name: str) -> tuple[float, float]:
    """The smallest and the largest value, all of which must be finite."""
    low, high = np.inf, -np.inf
    for array in arrays:
        for some in chunks(len(array), array[:1].nbytes):
            check_finite(array[some], some.start, name)
            low, high = min(low, array[some].min()), max(high, array[some].max())
    return low, high


def npz(
    *,
    path: Path,
    examples_key: str = "",
    labels_key: str = "",
    observations: tuple[str, ...] = (),
    shape: Shape = (),
    bits: Bits = 0,
    held_out: Share = 0.1,
    max_bytes: MaxBytes = MAX_BYTES,
    cache_dir: CacheDir = "",
) -> FiniteSource:
    """Images or vectors in a .npz, named as in Keras's data sets or as the options say.

    Images are uint8 `(n, height, width)` or `(n, height, width, channels)`, or floats of these
    shapes from 0 to 1 or from -1 to 1, which get 256 levels; vectors are numbers `(n, d)`.

    Args:
        path: of the file.
        examples_key: name of the array with the examples; found by itself when empty.
        labels_key: name of the array with their labels; likewise.
        observations: names of arrays that hold what each example was observed with, floats
            `(n, ...)` as the networks see them; rows of held-out examples that the file has by
            themselves come last.
        shape: of the images that lie as rows, such as `[28, 28]`; channels after height and width,
            or before them where one colour follows another.
        bits: of the values of images that are used: with 12 the value 4,095 becomes white; 0 for 8.
        held_out: share of the examples that is not trained on where no `x_test` says it; at least
            1 and at most 10,000.
        max_bytes: to which its arrays may unpack; more are refused before any of them is.
        cache_dir: where the unpacked examples are kept; `GANAPP_CACHE` or `~/.cache/ganapp` when
            empty.
    """
    check_exists("path", path)
    keys = _keys(path, examples_key, labels_key)
    if missing := set(observations) - set(arrays_in(path)):
        raise ValueError(
            f"`observations` must be arrays in {path.name}: {', '.join(arrays_in(path))}. "
            f"Received: {', '.join(map(repr, sorted(missing)))}"
        )
    check_npz(path, [*filter(None, keys), *observations], max_bytes)

    def make(folder: Path) -> dict[str, object]:
        examples = [_unpack(path, key, folder) for key in keys[0::2] if key]
        labels = [_unpack(path, key, folder) for key in keys[1::2] if key]
        examples = [_reshape_rows(rows, shape, path.name) for rows in examples]
        noted = _write_examples(folder, examples, labels, held_out, path.name, bits)
        for file in folder.glob("unpacked-*"):
            file.unlink()
        return noted

    cache = cache_folder(cache_dir)
    key = key_of(file_key(path, cache / NOTES), keys, shape, bits, held_out)
    source = _make_source("npz", path, load_or_make(cache / "arrays", key, make))
    if not observations:
        return source
    spec = source.spec
    # As `_write_examples` orders the examples.
    counts = [spec.examples, spec.held_out] if keys[2] else [spec.examples + spec.held_out]
    starts = np.cumsum([0, *counts[:-1]])
    orders = [split_order(count, held_out)[0] for count in counts]
    order = np.concatenate([start + each for start, each in zip(starts, orders, strict=True)])
    with np.load(path, allow_pickle=False) as file:
        rows = {name: file[name] for name in observations}
    return ObservedSource(
        source, {k: each[order] if len(each) == len(order) else each for k, each in rows.items()}
    )


def npy(
    *,
    path: Path,
    labels_path: Path | None = None,
    shape: Shape = (),
    bits: Bits = 0,
    held_out: Share = 0.1,
    cache_dir: CacheDir = "",
) -> MemmapSource:
    """Images or vectors in a .npy, read from where they lie if they are uint8 images or float32.

    Args:
        path: of the file; for shapes and types see `npz`.
        labels_path: of a .npy with a label for each example.
        shape: of images that lie as rows, see `npz`.
        bits: of the values of images that are used, see `npz`.
        held_out: share of the examples that is not trained on; at least 1 and at most 10,000.
        cache_dir: where other types are kept converted; `GANAPP_CACHE` or `~/.cache/ganapp` when
            empty.
    """
    given = {"path": path} | ({} if labels_path is None else {"labels_path": labels_path})
    for name, file in given.items():
        check_exists(name, file)
    examples, *labels = (_open_npy(file, file.name) for file in given.values())
    examples = _reshape_rows(examples, shape, path.name)

    def make(folder: Path) -> dict[str, object]:
        return _write_examples(folder, [examples], labels, held_out, path.name, bits)

    stored = examples.dtype == (np.float32 if examples.ndim == 2 else np.uint8)
    if bits or not (stored and examples.flags.c_contiguous):
        cache = cache_folder(cache_dir)
        names = [file_key(file, cache / NOTES) for file in given.values()]
        key = key_of(names, shape, bits, held_out)
        return _make_source("npy", path, load_or_make(cache / "arrays", key, make))
    convert = _form_of([examples], path.name).convert
    numbers, classes = _number_labels(labels[0] if labels else None, len(examples), path.name)
    order, apart = split_order(len(examples), held_out)
    about = {"held_out": apart, "classes": classes, "levels": ""}
    about |= _check_content(examples, order[: len(order) - apart], examples)
    return _make_source("npy", path, Prepared(convert(examples), numbers, about, ""), order)


def _write_examples(
    folder: Path, examples: Arrays, labels: Arrays, share: float, name: str, bits: int
) -> dict[str, object]:
    """Writes what `load_or_make` keeps; returns what is noted beside it."""
    if labels and len(labels) < len(examples):
        raise ValueError(
            f"Both or none of the training and held-out examples of {name} must have labels. "
            "Received: labels for one of them"
        )
    form, counts = _form_of(examples, name, bits=bits), [len(array) for array in examples]
    orders = [split_order(count, share)[0] for count in counts]
    held_out = counts[1] if len(counts) == 2 else split_order(counts[0], share)[1]
    try:
        together = np.concatenate([np.atleast_1d(each) for each in labels]) if labels else None
    except ValueError as error:
        shapes = " and ".join(str(each.shape) for each in labels)
        raise ValueError(
            f"Training and held-out labels of {name} must have the same form. Received: {shapes}"
        ) from error
    numbers, classes = _number_labels(together, sum(counts), name)
    write_rows(folder / "examples.npy", list(zip(examples, orders, strict=True)), form.convert)
    if numbers is not None:
        starts = np.cumsum([0, *counts[:-1]])
        order = [start + each for start, each in zip(starts, orders, strict=True)]
        np.save(folder / "labels.npy", numbers[np.concatenate(order)])
    rows = np.load(folder / "examples.npy", mmap_mode="r", allow_pickle=False)
    noted = {"held_out": held_out, "classes": classes, "levels": form.levels}
    return noted | _check_content(rows, np.arange(len(rows) - held_out), examples[0])


def _check_content(rows: np.ndarray, training: np.ndarray, stored: np.ndarray) -> dict[str, object]:
    """Refuses examples that are too few or the same; mean and scale of vectors, and notes."""
    check_count(len(training), "training examples")
    if rows.ndim > 2:
        check_differ(rows)
        return {"mean": (), "scale": (), "notes": list(filter(None, [_about_range(rows)]))}
    mean, scale = moments(rows, training)
    flat = _about_rows(stored)
    check_columns(scale, flat)
    return {"mean": mean.tolist(), "scale": scale.tolist(), "notes": [flat] if flat else []}


def _make_source(
    name: str, path: Path, found: Prepared, order: np.ndarray | None = None
) -> MemmapSource:
    examples, about = found.examples, found.about
    kind = "vector" if examples.ndim == 2 else "image"
    levels = f" ({about['levels']})" if about["levels"] else ""
    spec = DataSpec(
        name=name,
        kind=kind,
        shape=examples.shape[1:],
        examples=len(examples) - about["held_out"],
        held_out=about["held_out"],
        classes=tuple(about["classes"]),
        mean=tuple(about["mean"]),
        scale=tuple(about["scale"]),
        description=f"{'Vectors' if kind == 'vector' else 'Images'} of {path.name}{levels}.",
        licence="unknown",
    )
    notes = tuple(about["notes"])
    return MemmapSource(
        spec, examples, found.labels, order=order, notes=notes, fingerprint=found.fingerprint
    )


def _keys(path: Path, examples_key: str, labels_key: str) -> tuple[str, ...]:
    """Names of training examples, their labels, held-out examples, their labels; empty for none."""
    names = arrays_in(path)
    for option, key in {"examples_key": examples_key, "labels_key": labels_key}.items():
        if key and key not in names:
            raise ValueError(
                f"`{option}` must be one of the arrays in {path.name}: {', '.join(names)}. "
                f"Received: {option}={key!r}"
            )
    if examples_key:
        return examples_key, labels_key, "", ""
    known = [keys for keys in CONVENTIONS if keys[0] in names]
    if known or len(names) == 1:
        examples, *others = known[0] if known else (names[0], "", "", "")
        labels, *test = (key if key in names else "" for key in others)
        return (examples, labels_key or labels, *test)
    raise ValueError(
        f"`examples_key` must name the array in {path.name} that holds the examples, one of: "
        f"{', '.join(names) or 'none, for it holds no arrays'}. Received: none"
    )


def _unpack(path: Path, key: str, folder: Path) -> np.ndarray:
    copy = folder / f"unpacked-{key.replace('/', '-')}.npy"
    try:
        with (
            zipfile.ZipFile(path) as archive,
            archive.open(f"{key}.npy") as content,
            copy.open("wb") as file,
        ):
            shutil.copyfileobj(content, file)
    except DAMAGED as error:
        raise ValueError(f"The file {path} is damaged: {error}") from error
    return _open_npy(copy, f"{key!r} of {path.name}")


def _open_npy(path: Path, name: str) -> np.ndarray:
    try:
        _check_examples(npy_header(path).shape)
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(
            f"{name} must hold an array of numbers as `numpy.save` writes it, without Python "
            f"objects. Received: {str(error).rstrip('.')}"
        ) from error
