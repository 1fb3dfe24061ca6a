"""Checks of data before anything is trained on them; each refuses in one sentence."""

import difflib
import logging
from pathlib import Path

import numpy as np

from ganapp.training.data.cache import chunks
from ganapp.training.messages import printable

FEWEST, SMALLEST = 10, 8  # examples; pixels of an image's side
MENTIONED = 5  # columns in a message


class LimitError(ValueError):
    """A file of data is larger than a setting allows: `limit` begins a sentence about it."""

    def __init__(self, limit: str, advice: str, received: str) -> None:
        super().__init__(f"{limit}; {advice}. Received: {received}")
        self.limit, self.received = limit, received


def check_bytes(path: Path, found: int, most: int, *, partly: bool = False) -> None:
    """Refuses too many bytes; `partly` if there may be more of them than were found."""
    if found > most:
        raise LimitError(
            f"`max_bytes` is what {path.name} may take unpacked",
            "if you trust the file and have the memory, allow it with "
            f"`--set data.max_bytes={2 * found if partly else found}`",
            f"max_bytes={most}, and {'more than ' * partly}{found:,} bytes",
        )


def check_exists(name: str, path: Path) -> None:
    """Refuses an absolute path where nothing is, with what it may have been meant to be.

    Raises:
        ValueError: there is nothing, or nothing that can be read twice (a pipe, a device).
    """
    if (text := printable(str(path))) != str(path):
        raise ValueError(
            f"`{name}` must be a path of UTF-8 text without line ends, because a run keeps it: "
            f"rename it, or give it another name with `ln -s`. Received: {name}={text}"
        )
    if path.is_file() or path.is_dir():
        return
    sentence = f"`{name}` must be a file or folder that exists. Received: {name}={str(path)!r}."
    if path.exists():
        raise ValueError(f"{sentence} It is a pipe or a device.")
    missing = next(p for p in (path, *path.parents) if p.parent.exists())
    if missing != path:
        raise ValueError(f"{sentence} There is no {str(missing)!r}.")
    names = [printable(each.name) for each in path.parent.iterdir()] if path.parent.is_dir() else []
    close = difflib.get_close_matches(path.name, names, n=2)
    hint = f" Did you mean {' or '.join(repr(str(path.parent / n)) for n in close)}?"
    raise ValueError(sentence + hint if close else sentence)


def check_count(count: int, what: str, left_out: str = "") -> None:
    """Refuses fewer than 10 examples, called `what`; `left_out` are others beside them."""
    if count < FEWEST:
        beside = f", and left out {left_out}" if left_out else ""
        raise ValueError(f"The data must hold at least {FEWEST} {what}. Received: {count}{beside}")


def check_size(shape: tuple[int, ...], what: str = "Images") -> None:
    """Refuses images `(height, width, channels)` with a side of fewer than 8 pixels."""
    if min(shape[:2]) < SMALLEST:
        raise ValueError(
            f"{what} must be at least {SMALLEST} x {SMALLEST} pixels. "
            f"Received: {shape[1]} x {shape[0]}"
        )


def check_differ(images: np.ndarray, what: str = "image") -> None:
    """Refuses images or clips `(n, ...)` that are all the same."""
    for some in chunks(len(images), images[:1].nbytes):
        if (images[some] != images[:1]).any():
            return
    raise ValueError(f"The {what}s must differ. Received: {len(images)} times the same {what}")


def check_columns(scale: np.ndarray, hint: str = "") -> None:
    """Refuses vectors with columns that do not vary; `hint` says what they look like."""
    constant = np.flatnonzero(scale == 0)
    if len(constant):
        named = ", ".join(map(str, constant[:MENTIONED]))
        more = f" and {len(constant) - MENTIONED} more" if len(constant) > MENTIONED else ""
        raise ValueError(
            "Every column of the vectors must vary; leave the constant ones out. "
            f"Received: constant columns {named}{more} (counted from 0)"
            f"{f'. {hint}' if hint else ''}"
        )


def check_finite(values: np.ndarray, first: int, name: str) -> None:
    """Refuses NaN and infinities in examples `(n, ...)`; `first` is the number of the first."""
    bad = ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
    if bad.any():
        raise ValueError(
            f"{name} must hold finite numbers. Received: NaN or infinity in example "
            f"{first + int(np.argmax(bad))} (counted from 0)"
        )


def check_classes(classes: int, what: str) -> bool:
    """Whether labels tell anything apart; said in the log where they do not."""
    if classes == 1:
        logging.getLogger("ganapp").warning(
            "The labels of %s are left out: they name a single class.", what
        )
    return classes > 1
