"""What an array holds (images or vectors), and how it becomes what is trained on."""

import dataclasses
import logging
import math
from collections.abc import Callable, Sequence

import numpy as np

from ganapp.training.data.cache import chunks
from ganapp.training.data.checks import (
    SMALLEST,
    check_classes,
    check_count,
    check_finite,
    check_size,
)
from ganapp.training.data.images import about_highest

SHOWN = 5  # values that a warning names
LOOKED_AT = 1000  # rows by which flat images are known
MOST_CHANNELS = 4
BYTE = 255
SLACK = 1e-3  # beyond a range of floats that rounding may reach


@dataclasses.dataclass(frozen=True)
class Form:
    """How the examples of an array become those of a source.

    Args:
        convert: rows of the array to uint8 `(n, height, width, channels)` or float32 `(n, d)`.
        levels: what was done to the values, the end of a description; empty for nothing.
    """

    convert: Callable[[np.ndarray], np.ndarray]
    levels: str = ""


def is_stored_form(rows: np.ndarray) -> bool:
    """Whether examples can be read from where they lie: uint8 images or float32 vectors."""
    wanted = np.float32 if rows.ndim == 2 else np.uint8
    return rows.dtype == wanted and rows.flags.c_contiguous


def shaped_rows(rows: np.ndarray, shape: Sequence[int], name: str) -> np.ndarray:
    """Images that an array keeps as rows, `(n, height, width)` or with channels after these.

    Args:
        rows: `(n, d)`, or already of this shape.
        shape: of one image: height and width, with the channels after or before them; they are
            before them where they are at most 4 and the last side is not. Empty for rows as they
            are.
        name: of the array, for messages.

    Raises:
        ValueError: the rows have not so many values.
    """
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


def about_rows(rows: np.ndarray) -> str:
    """A sentence where rows look like flat images; empty where they do not.

    Args:
        rows: `(n, d)`; a few of them are looked at.
    """
    if rows.ndim != 2 or not len(rows):
        return ""
    shapes = [(round((rows.shape[1] / channels) ** 0.5), channels) for channels in (1, 3)]
    found = [
        (side, channels)
        for side, channels in shapes
        if side >= SMALLEST and side * side * channels == rows.shape[1]
    ]
    some = rows[:LOOKED_AT]
    bytes_or_shares = rows.dtype == np.uint8 or (
        np.issubdtype(rows.dtype, np.floating) and some.min() >= -1 and some.max() <= 1
    )
    if not found or not bytes_or_shares:
        return ""
    side, channels = found[0]
    kind = "bytes" if rows.dtype == np.uint8 else "numbers from -1 to 1"
    size = f"{side} x {side}" + (f" x {channels}" if channels > 1 else "")
    shape = f"[{side},{side}]" if channels == 1 else f"[{side},{side},{channels}]"
    planes = f", `'data.shape=[{channels},{side},{side}]'` where one colour follows another"
    return (
        f"Rows of {rows.shape[1]:,} {kind} look like images of {size}, and are taken for vectors: "
        f"`--set 'data.shape={shape}'` makes them images{planes if channels > 1 else ''}."
    )


def about_range(images: np.ndarray) -> str:
    """A sentence where images use less than half of their range; empty where they do not.

    Args:
        images: uint8 `(n, ...)`; all are read only where some of them say so.
    """
    step = max(1, len(images) // LOOKED_AT)
    highest = int(images[::step].max())
    if highest <= BYTE // 2 and step > 1:
        highest = max(int(images[some].max()) for some in chunks(len(images), images[:1].nbytes))
    return about_highest(highest, BYTE)


def form_of(arrays: Sequence[np.ndarray], name: str, *, bits: int = 0) -> Form:
    """Tells images from vectors by their shape, and the range of floating-point images.

    Args:
        arrays: the training examples and, where they are apart, the held-out ones; read once.
        name: of the file or array, for messages.
        bits: of the values of images that are used: `2**bits - 1` becomes white; 0 for 8.

    Raises:
        ValueError: they are neither, not finite, or of a range or order of axes that is not known.
    """
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
    is_vector = len(shape) == 1 and shape[0] > 0
    if not is_vector:
        _check_image_shape(shape, name)
    check_count(len(arrays[0]), f"examples in {name}")
    if is_vector:
        return _vectors(arrays, name)
    return levels_of(arrays, name, bits=bits)


def levels_of(arrays: Sequence[np.ndarray], name: str, *, bits: int = 0) -> Form:
    """How images become those of 256 levels, by their type and range.

    Args:
        arrays: `(n, height, width)` or `(n, height, width, channels)` each.
        name: of the file or array, for messages.
        bits: see `form_of`.

    Raises:
        ValueError: they are not finite, or of a range that is not known.
    """
    if bits:
        return _of_bits(arrays, name, bits)
    if all(array.dtype == np.uint8 for array in arrays):
        return Form(with_channels)
    return _floats(arrays, name)


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


def number_labels(
    labels: np.ndarray | None, count: int, name: str
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Labels as numbers from 0 on, and the name of each.

    One-hot rows and floats that are whole numbers are taken for these numbers, as Keras makes them.
    Whole numbers below 0 and empty text are unknown labels, except where -1 and 1 are the only
    ones: two classes are often called so. How many numbers became unknown is logged.

    Args:
        labels: whole numbers or text, `(count,)` or `(count, 1)`, rows `(count, classes)` of zeros
            and a one, or `None`.
        count: of the examples.
        name: of the file, for messages.

    Returns:
        int32 `(count,)`, -1 where unknown, and the names, or `None` and nothing where there are
        fewer than two.

    Raises:
        ValueError: they are not one per example.
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
        _say_unknown(labels[~known], name)
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


def _say_unknown(labels: np.ndarray, name: str) -> None:
    """Warns of labels below 0, which may have been meant as a class."""
    if not len(labels):
        return
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


def with_channels(images: np.ndarray) -> np.ndarray:
    """Images with an axis for the channels; grey ones `(n, height, width)` get one."""
    return images[..., None] if images.ndim == 3 else images


def _of_bits(arrays: Sequence[np.ndarray], name: str, bits: int) -> Form:
    """Images of which the largest value of so many bits becomes white."""
    white = 2**bits - 1
    low, high = _range(arrays, name)
    if low < 0 or high > white:
        raise ValueError(
            f"`bits` must hold all values of the images in {name}: {bits} bits are 0 to {white:,}. "
            f"Received: from {low:g} to {high:g}"
        )

    def convert(images: np.ndarray) -> np.ndarray:
        levels = images.astype(np.float64) * 255 / white
        return with_channels(np.round(levels).astype(np.uint8))

    return Form(convert, f"values of {bits} bits as 256 levels")


def _range(arrays: Sequence[np.ndarray], name: str) -> tuple[float, float]:
    """The smallest and the largest value, all of which must be finite."""
    low, high = np.inf, -np.inf
    for array in arrays:
        for some in chunks(len(array), array[:1].nbytes):
            check_finite(array[some], some.start, name)
            low, high = min(low, array[some].min()), max(high, array[some].max())
    return low, high


def _floats(arrays: Sequence[np.ndarray], name: str) -> Form:
    """Images from 0 to 1 or from -1 to 1, which get 256 levels."""
    low, high = _range(arrays, name)
    floating = all(np.issubdtype(array.dtype, np.floating) for array in arrays)
    if not floating or low < -1 - SLACK or high > 1 + SLACK:
        raise ValueError(
            f"Images in {name} must be uint8 from 0 to 255, or floats from 0 to 1 or from -1 to 1"
            f"{_hint_at_bits(low, high)}. "
            f"Received: dtype={arrays[0].dtype}, from {low:g} to {high:g}"
        )
    start = 0.0 if low >= -SLACK else -1.0

    def convert(images: np.ndarray) -> np.ndarray:
        shares = (images.astype(np.float64) - start) / (1.0 - start)
        return with_channels(np.round(np.clip(shares, 0, 1) * 255).astype(np.uint8))

    return Form(convert, f"floats from {start:g} to 1, rounded to 256 levels")


def _hint_at_bits(low: float, high: float) -> str:
    if low < 0 or high > 2**16 - 1:
        return ""
    bits = max(8, int(high).bit_length())
    return f"; `--set data.bits={bits}` says that values are from 0 to {2**bits - 1:,}"


def _vectors(arrays: Sequence[np.ndarray], name: str) -> Form:
    def convert(rows: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):  # what float32 cannot hold is told as an infinity
            return rows.astype(np.float32, copy=False)

    for array in arrays:
        for some in chunks(len(array), array[:1].nbytes):
            check_finite(convert(array[some]), some.start, name)
    return Form(convert)
