"""Many images decoded once, by several threads, into the cache of prepared examples."""

import collections
import dataclasses
import logging
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from ganapp.training.data.cache import prepared, write_rows
from ganapp.training.data.checks import check_count, check_differ, check_size
from ganapp.training.data.image_files import Example
from ganapp.training.data.images import (
    DEEP,
    DEEPEST,
    BadImageError,
    Picture,
    Resize,
    about_highest,
    as_pixels,
    own_limit,
)
from ganapp.training.data.left_out import about_left_out, printable, reasons_of
from ganapp.training.data.memmap import MemmapSource, split_order
from ganapp.training.data.spec import DataSpec

AHEAD = 4  # images per thread that are read before they are needed
READING = 2  # of images: another one is another key of the cache


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageOptions:
    """What is made of every image.

    Args:
        size: height and width; 0 for those of the images, which must agree.
        resize: see `as_pixels`.
        channels: 1, 3 or 4; 0 for 1 if no image has colours and 3 otherwise.
        bits: of the values that are used, see `open_image`.
        bad_share: of the files may be unreadable and left out.
        held_out: share of the examples that is not trained on.
    """

    size: int
    resize: Resize
    channels: int
    bits: int = 0
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
        notes: sentences on what was assumed.
    """

    labels: np.ndarray | None
    classes: tuple[str, ...]
    held_out: np.ndarray | None
    order: np.ndarray | None = None
    notes: tuple[str, ...] = ()


class SizesDifferError(ValueError):
    """Images of several sizes where one is needed.

    Args:
        shapes: of two of them by name.
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        sizes = [f"{name} has {shape[1]} x {shape[0]}" for name, shape in shapes.items()]
        self.sizes = f"{' pixels, '.join(sizes)} pixels"
        super().__init__(
            "`size` must be given where the images differ in size: `--size 32` beside `--data`, or "
            f"`--set data.size=32`. Received: size=0, and {self.sizes}"
        )


class Decoder:
    """Decodes many images by several threads and knows afterwards what they were.

    Args:
        options: what is made of every image.

    Attributes:
        examples: those that were decoded, in their order, without what loads them.
        bad: by name as text why others were not.
        resized: how many had another size than they got.
        grey: whether one channel is enough for all, which must be asked for by `channels` 0.
    """

    def __init__(self, options: ImageOptions) -> None:
        self._options = options
        self.examples: list[Example] = []
        self.bad: dict[str, str] = {}
        self.grey = options.channels == 0
        self.resized = 0
        self._shape: tuple[int, ...] = ()
        self._kinds: collections.Counter[str] = collections.Counter()
        self._moving = self._transparent = self._highest = self._largest = 0

    def pixels(self, examples: Iterable[Example]) -> Iterator[np.ndarray]:
        """uint8 `(height, width, channels)` of one image after the other.

        Raises:
            ValueError: they differ in size, or too many files are bad.
        """
        with own_limit():
            for example, found in _in_parallel(examples, self._options):
                if isinstance(found, str):
                    self.bad[printable(example.name)] = found
                    continue
                picture, pixels = found
                self._look_at(example, picture, pixels)
                self.examples.append(dataclasses.replace(example, load=None))
                yield pixels
        self._check_bad()

    def notes(self) -> tuple[str, ...]:
        """Sentences on what was made of the images."""
        return tuple(self._notes())

    def _look_at(self, example: Example, picture: Picture, pixels: np.ndarray) -> None:
        """Checks the size and remembers what kind of image it is."""
        if not self._shape:
            self._shape = pixels.shape
        if pixels.shape != self._shape:
            first = printable(self.examples[0].name)
            other = printable(example.name)
            raise SizesDifferError({first: self._shape, other: pixels.shape})
        # One channel is enough for all only if there is not one colour in any.
        self.grey = self.grey and bool((pixels[..., :1] == pixels[..., 1:]).all())
        self.resized += picture.image.size != (pixels.shape[1], pixels.shape[0])
        self._kinds[picture.kind] += 1
        self._moving += picture.moving
        self._transparent += picture.image.mode == "RGBA"
        self._highest = max(self._highest, picture.highest)
        self._largest = max(self._largest, int(pixels[..., :3].max()))

    def _check_bad(self) -> None:
        bad, files = len(self.bad), len(self.bad) + len(self.examples)
        if bad > self._options.bad_share * files:
            remedy = f" (`--set data.bad_share={_share_above(bad / files)}` leaves them out)"
            raise ValueError(
                f"`bad_share` of the files may be unreadable{remedy if self.examples else ''}. "
                f"Received: bad_share={self._options.bad_share:g}, and {bad} of {files} files are: "
                f"{reasons_of(self.bad)}"
            )

    def _notes(self) -> Iterator[str]:
        plain = {"grey", "in colours"}
        if len(self._kinds) > 1 or not set(self._kinds) <= plain:
            kinds = ", ".join(f"{count:,} {kind}" for kind, count in self._kinds.most_common())
            made = self._options.channels or (1 if self.grey else 3)
            yield (
                f"The images are of these kinds: {kinds}; all became "
                f"{_CHANNELS[made]} (`--set data.channels=1`, `3` or `4` says otherwise)."
            )
        if self._transparent and self._options.channels != 4:
            yield (
                f"{_images(self._transparent)} may be transparent in places, which became white; "
                "`--set data.channels=4` keeps that."
            )
        if self._moving:
            yield f"{_images(self._moving)} hold several pictures, of which the first is used."
        yield from self._about_range()

    def _about_range(self) -> Iterator[str]:
        """Which part of the range is in use, where it is less than half of it."""
        if self._options.bits:
            return
        deep = self._kinds[DEEP] > 0
        found = (self._highest, DEEPEST) if deep else (self._largest, 255)
        if said := about_highest(*found):
            yield said


_CHANNELS = {1: "grey", 3: "colours", 4: "colours with transparency"}


def image_source(
    examples: Callable[[], Iterable[Example]],
    *,
    options: ImageOptions,
    mark: Callable[[list[Example]], Marks],
    cache: Path,
    key: str,
    spec: dict[str, Any],
    left_out: Mapping[str, str] | None = None,
) -> MemmapSource:
    """A source of images, from the cache or decoded now.

    Args:
        examples: starts to read them; called only if the cache does not have them.
        options: what is made of every image.
        mark: labels and parts of those that could be decoded.
        cache: folder of the cache.
        key: of everything that decides what is in the cache.
        spec: name, description and licence for the `DataSpec`.
        left_out: other files, which are no images, with the reason of each.

    Raises:
        ValueError: too many files are bad, or the images are none to train on.
    """

    def make(folder: Path) -> dict[str, Any]:
        decoder = Decoder(options)
        count = 0
        with (folder / "decoded").open("wb") as file:
            for count, pixels in enumerate(decoder.pixels(examples()), start=1):
                if count == 1:
                    check_size(pixels.shape)
                    shape = pixels.shape
                file.write(np.ascontiguousarray(pixels).data)
        check_count(count, "images", about_left_out({**decoder.bad, **(left_out or {})}))
        rows = np.memmap(folder / "decoded", np.uint8, "r", shape=(count, *shape))
        return _write(folder, rows, decoder, mark(decoder.examples), options)

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
        bad_files={**found.about["bad_files"], **(left_out or {})},
        notes=tuple(found.about["notes"]),
        fingerprint=found.fingerprint,
    )


def _in_parallel(
    examples: Iterable[Example], options: ImageOptions
) -> Iterator[tuple[Example, tuple[Picture, np.ndarray] | str]]:
    """Each example with its picture and pixels or the reason why there are none, in order."""

    def decode(example: Example) -> tuple[Picture, np.ndarray] | str:
        try:
            picture = example.load()
            return picture, as_pixels(
                picture.image,
                size=options.size,
                resize=options.resize,
                channels=options.channels or 3,
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


def _write(
    folder: Path, rows: np.ndarray, decoder: Decoder, marks: Marks, options: ImageOptions
) -> dict[str, Any]:
    """Writes examples and labels, training ones first; returns what is to be noted."""
    channels = 1 if decoder.grey else rows.shape[-1]
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
    if decoder.bad:
        logging.getLogger("ganapp").warning(
            "Left out %d of %d files that could not be used: %s",
            len(decoder.bad),
            len(decoder.bad) + len(order),
            reasons_of(decoder.bad),
        )
    notes = [*marks.notes, *decoder.notes()]
    return {
        "held_out": held_out,
        "classes": classes,
        "bad_files": decoder.bad,
        "notes": notes,
    }


def _share_above(share: float) -> float:
    """A share with two digits that is not below this one."""
    return min(math.ceil(share * 100) / 100, 0.99)


def _images(count: int) -> str:
    return f"{count:,} image{'' if count == 1 else 's'}"
