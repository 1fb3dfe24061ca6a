"""Many images decoded once, by several threads, into the cache of prepared examples."""

import collections
import dataclasses
import itertools
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from training.data.cache import prepared, write_rows
from training.data.checks import check_count, check_differ, check_size
from training.data.image_files import Example
from training.data.images import BadImageError, Resize, as_pixels, own_limit
from training.data.memmap import MemmapSource, split_order
from training.data.spec import DataSpec

MENTIONED = 3  # bad files in a message
AHEAD = 4  # images per thread that are read before they are needed


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageOptions:
    """What is made of every image.

    Args:
        size: height and width; 0 for those of the images, which must agree.
        resize: see `as_pixels`.
        channels: 1, 3 or 4; 0 for 1 if no image has colours and 3 otherwise.
        bad_share: of the files may be unreadable and left out.
        held_out: share of the examples that is not trained on.
    """

    size: int
    resize: Resize
    channels: int
    bad_share: float
    held_out: float


@dataclasses.dataclass(frozen=True)
class Marks:
    """What is known of the images that were decoded, in their order.

    Args:
        labels: int32 `(n,)`, -1 where unknown, or `None`.
        classes: names of the labels.
        held_out: bool `(n,)`, whether the place of an image says that it is not to be trained on;
            `None` to draw which.
        order: int64 `(n,)`, which image counts as the first, the second and so on wherever one is
            drawn by its number; `None` for the order in which they came.
    """

    labels: np.ndarray | None
    classes: tuple[str, ...]
    held_out: np.ndarray | None
    order: np.ndarray | None = None


@dataclasses.dataclass(frozen=True)
class _Decoded:
    rows: np.ndarray  # uint8 (n, height, width, channels), memory-mapped
    examples: list[Example]  # without what loads them
    bad: dict[str, str]
    grey: bool


def image_source(
    examples: Callable[[], Iterable[Example]],
    *,
    options: ImageOptions,
    mark: Callable[[list[Example]], Marks],
    cache: Path,
    key: str,
    spec: dict[str, Any],
) -> MemmapSource:
    """A source of images, from the cache or decoded now.

    Args:
        examples: starts to read them; called only if the cache does not have them.
        options: what is made of every image.
        mark: labels and parts of those that could be decoded.
        cache: folder of the cache.
        key: of everything that decides what is in the cache.
        spec: name, description and licence for the `DataSpec`.

    Raises:
        ValueError: too many files are bad, or the images are none to train on.
    """

    def make(folder: Path) -> dict[str, Any]:
        decoded = _decode(folder / "decoded", examples(), options)
        return _write(folder, decoded, mark(decoded.examples), options)

    found = prepared(cache, key, make)
    held_out = found.about["held_out"]
    return MemmapSource(
        DataSpec(
            kind="image",
            shape=found.examples.shape[1:],
            examples=len(found.examples) - held_out,
            held_out=held_out,
            classes=tuple(found.about["classes"]),
            **spec,
        ),
        found.examples,
        found.labels,
        bad_files=found.about["bad_files"],
        fingerprint=found.fingerprint,
    )


def _decode(path: Path, examples: Iterable[Example], options: ImageOptions) -> _Decoded:
    """Decodes all images into one raw file, in their order."""
    kept, bad, shape, grey = [], {}, None, options.channels == 0
    with path.open("wb") as file, own_limit():
        for example, pixels in _in_parallel(examples, options):
            if isinstance(pixels, str):
                bad[example.name] = pixels
                continue
            if shape is None:
                shape = pixels.shape
                check_size(shape)
            if pixels.shape != shape:
                raise ValueError(_disagree(kept[0].name, shape, example.name, pixels.shape))
            # One channel is enough for all only if there is not one colour in any.
            grey = grey and bool((pixels[..., :1] == pixels[..., 1:]).all())
            file.write(np.ascontiguousarray(pixels).data)
            kept.append(dataclasses.replace(example, load=None))
    _check_bad(bad, len(kept), options.bad_share)
    check_count(len(kept), "images")
    return _Decoded(np.memmap(path, np.uint8, "r", shape=(len(kept), *shape)), kept, bad, grey)


def _in_parallel(
    examples: Iterable[Example], options: ImageOptions
) -> Iterator[tuple[Example, np.ndarray | str]]:
    """Each example with its pixels or the reason why there are none, in order."""

    def decode(example: Example) -> np.ndarray | str:
        try:
            image = example.load()
            return as_pixels(
                image, size=options.size, resize=options.resize, channels=options.channels or 3
            )
        except BadImageError as error:
            return str(error)

    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    with ThreadPoolExecutor(threads) as pool:
        waiting: collections.deque = collections.deque()
        for example in examples:
            waiting.append((example, pool.submit(decode, example)))
            if len(waiting) > AHEAD * threads:
                done, future = waiting.popleft()
                yield done, future.result()
        for done, future in waiting:
            yield done, future.result()


def _write(folder: Path, decoded: _Decoded, marks: Marks, options: ImageOptions) -> dict[str, Any]:
    """Writes examples and labels, training ones first; returns what is to be noted."""
    rows, channels = decoded.rows, 1 if decoded.grey else decoded.rows.shape[-1]
    check_differ(rows)
    order, held_out = split_order(len(rows), options.held_out)
    if marks.order is not None:
        order = marks.order[order]
    if marks.held_out is not None:
        order = order[np.argsort(marks.held_out[order], kind="stable")]
        held_out = int(marks.held_out.sum())
    training = order[: len(rows) - held_out]
    check_count(len(training), "training images")
    labels, classes = marks.labels, marks.classes
    if labels is not None and (labels[training] < 0).all():
        labels, classes = None, ()  # of those to learn from none is known
    write_rows(folder / "examples.npy", [(rows, order)], lambda some: some[..., :channels])
    if labels is not None:
        np.save(folder / "labels.npy", labels[order].astype(np.int32))
    del rows
    (folder / "decoded").unlink()
    if decoded.bad:
        logging.getLogger("ganapp").warning(
            "Left out %d of %d files that could not be used: %s",
            len(decoded.bad),
            len(decoded.bad) + len(order),
            _mentioned(decoded.bad),
        )
    return {"held_out": held_out, "classes": classes, "bad_files": decoded.bad}


def _check_bad(bad: dict[str, str], good: int, share: float) -> None:
    if len(bad) > share * (len(bad) + good):
        raise ValueError(
            f"`bad_share` of the files may be unreadable. Received: bad_share={share:g}, and "
            f"{len(bad)} of {len(bad) + good} files are: {_mentioned(bad)}"
        )


def _mentioned(bad: dict[str, str]) -> str:
    named = [f"{name}: {reason}" for name, reason in itertools.islice(bad.items(), MENTIONED)]
    more = len(bad) - len(named)
    return "; ".join(named) + (f"; and {more} more" if more else "")


def _disagree(first: str, shape: tuple, other: str, found: tuple) -> str:
    sizes = [f"{name} has {s[1]} x {s[0]}" for name, s in ((first, shape), (other, found))]
    return (
        "`size` must be given where the images differ in size: `--size 32` beside `--data`, "
        "else `--set data.size=32`. "
        f"Received: size=0, and {' pixels, '.join(sizes)} pixels"
    )
