"""Image files as pixels: one of any kind, and many decoded once into the cache."""

import collections
import contextlib
import dataclasses
import io
import logging
import math
import os
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
import PIL.features
import PIL.Image
import PIL.ImageOps
import PIL.PngImagePlugin

from ganapp.training.data.cache import load_or_make, write_rows
from ganapp.training.data.checks import check_count, check_differ, check_size
from ganapp.training.data.source import MemmapSource, split_order
from ganapp.training.data.spec import DataSpec
from ganapp.training.messages import printable

# Others that Pillow could open are refused; one of them (EPS) would start another program.
OPTIONAL = {"AVIF": "avif", "JPEG2000": "jpg_2000", "WEBP": "webp"}  # by what they need
FORMATS = tuple(
    name
    for name in (
        *("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "AVIF", "JPEG2000"),
        *("PPM", "QOI", "PCX", "SGI", "ICO"),
    )
    if name not in OPTIONAL or PIL.features.check(OPTIONAL[name])
)
SUFFIXES = frozenset(
    {
        *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".gif", ".bmp", ".webp"),
        *(".tif", ".tiff", ".avif", ".jp2", ".j2k", ".jpf", ".ppm", ".pgm", ".pbm", ".pnm"),
        *(".qoi", ".pcx", ".sgi", ".ico"),
    }
)
Resize = Literal["crop", "pad", "stretch"]
NAMED = 6  # formats in a message
DEEPEST = 65535  # the largest value of 16 bits
MOST_TEXT = 1 << 24  # bytes of one text in a PNG that are unpacked: the camera's turn may be there
PNG_START = b"\x89PNG\r\n\x1a\n"
TEXTS = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")  # chunks of a PNG that say nothing of its pixels
KINDS = {
    "1": "black and white",
    "L": "grey",
    "LA": "grey with transparency",
    "La": "grey with transparency",
    "P": "with a palette",
    "PA": "with a palette",
    "RGB": "in colours",
    "RGBA": "in colours with transparency",
    "RGBa": "in colours with transparency",
    "F": "grey with floating-point values",
    "I": "grey with 16 bits",
}
DEEP = "grey with 16 bits"
SHOWN = 5  # reasons in the line
AHEAD = 4  # images per thread that are read before they are needed
READING = 2  # of images: another one is another key of the cache
_CHANNELS = {1: "grey", 3: "colours", 4: "colours with transparency"}


@dataclasses.dataclass(frozen=True)
class Picture:
    """An image file that was read."""

    image: PIL.Image.Image  # of mode L, RGB or RGBA; RGBA where anything may be transparent
    kind: str = "in colours"  # what the file held, for a sentence: "grey", "in colours", "CMYK"
    moving: bool = False  # whether the file held several pictures, of which this is the first
    highest: int = 0  # the largest value in a file of more than 8 bits, else 0


@dataclasses.dataclass(frozen=True)
class Example:
    """An image to come, with what its place says about it."""

    name: str  # of its file, for messages
    load: Callable[[], Picture]  # gives it, in any thread; raises `BadImageError`
    label: int | None = None  # its class, `None` if it has none or its name tells it
    held_out: bool = False  # whether its place says that it is not to be trained on


class BadImageError(Exception):
    """A file cannot be used as an image; the message is the end of a sentence."""


def open_image(file: Path | bytes, max_pixels: int, *, bits: int = 0) -> Picture:
    """Reads the first frame of an image file, by path or content, upright.

    An image that says in its header that it has more than `max_pixels` is refused undecoded. With
    `bits` of 1 to 16, the value `2**bits - 1` becomes white; with 0 the largest that the file's
    type has.

    Raises:
        BadImageError: with the reason.
    """
    try:
        try:
            return _read(file, max_pixels, bits)
        except ValueError:  # Pillow's limits of texts in a PNG; they are no pixels
            content = file if isinstance(file, bytes) else Path(file).read_bytes()
            if len(bare := _without_texts(content)) == len(content):
                raise
            return _read(bare, max_pixels, bits)
    except BadImageError:
        raise
    except PIL.UnidentifiedImageError as error:
        raise BadImageError(f"it is none of {', '.join(FORMATS[:NAMED])}, ...") from error
    except Exception as error:  # Pillow's decoders raise whatever they meet in a damaged file
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise BadImageError(f"it cannot be decoded ({reason[0]})") from error


def _read(file: Path | bytes, max_pixels: int, bits: int) -> Picture:
    content = io.BytesIO(file) if isinstance(file, bytes) else file
    with PIL.Image.open(content, formats=FORMATS) as image:
        width, height = image.size
        if width * height > max_pixels:
            raise BadImageError(f"it has {width} x {height} pixels, more than {max_pixels:,}")
        moving = image.format != "MPO" and _is_moving(image)  # cameras add previews to a picture
        image.load()
        found, highest = _eight_bits(PIL.ImageOps.exif_transpose(image), bits)
        kind = DEEP if image.mode.startswith("I;") else KINDS.get(image.mode, image.mode)
        return Picture(found, kind, moving, highest)


def _is_moving(image: PIL.Image.Image) -> bool:
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # Pillow raises whatever it meets in a damaged second picture
        return True
    finally:
        image.seek(0)


def _without_texts(content: bytes) -> bytes:
    """A PNG without its texts and profiles; other content as it is."""
    if not content.startswith(PNG_START):
        return content
    kept, place = [PNG_START], len(PNG_START)
    while place + 12 <= len(content):
        length = int.from_bytes(content[place : place + 4])
        if content[place + 4 : place + 8] not in TEXTS:
            kept.append(content[place : place + length + 12])
        place += length + 12
    return b"".join(kept)


def read_pixels(
    file: Path | bytes,
    *,
    max_pixels: int,
    size: int = 0,
    resize: Resize = "crop",
    channels: int = 3,
    bits: int = 0,
) -> np.ndarray:
    """An image file as an array, see `open_image` and `as_pixels`."""
    with own_limit():
        image = open_image(file, max_pixels, bits=bits).image
        return as_pixels(image, size=size, resize=resize, channels=channels)


@contextlib.contextmanager
def own_limit() -> Iterator[None]:
    """Within the block `max_pixels` alone decides, not Pillow's own limits beside it."""
    before = PIL.Image.MAX_IMAGE_PIXELS, PIL.PngImagePlugin.MAX_TEXT_CHUNK
    PIL.Image.MAX_IMAGE_PIXELS, PIL.PngImagePlugin.MAX_TEXT_CHUNK = None, MOST_TEXT
    with warnings.catch_warnings():
        # Of Pillow on oddities in a file that it reads all the same.
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            PIL.Image.MAX_IMAGE_PIXELS, PIL.PngImagePlugin.MAX_TEXT_CHUNK = before


def _eight_bits(image: PIL.Image.Image, bits: int) -> tuple[PIL.Image.Image, int]:
    """The image with 8 bits a channel, and the largest value if there were more."""
    if image.mode == "F" or image.mode.startswith("I"):
        return _from_numbers(image, bits)
    plain = image.mode in ("L", "LA", "RGB", "RGBA")  # values, and not numbers of colours or bits
    if image.has_transparency_data:
        image = image.convert("RGBA")
    else:
        image = image.convert("L" if image.mode in ("1", "L") else "RGB")
    return _stretch_levels(image, bits) if plain and 0 < bits < 8 else image, 0


def _from_numbers(image: PIL.Image.Image, bits: int) -> tuple[PIL.Image.Image, int]:
    """A grey image of integers or floating-point numbers, see `_eight_bits`."""
    levels, floats = np.asarray(image, np.float64), image.mode == "F"
    if not np.isfinite(levels).all():
        raise BadImageError("it has NaN or infinity")
    low, high = levels.min(), levels.max()
    if floats and (low < 0 or (high > 1 and not bits)):
        raise BadImageError(
            f"its floating-point values are from {low:g} to {high:g} and not from 0 to 1; "
            "`data.bits` says how many bits they have"
        )
    if not floats and (low < 0 or high > DEEPEST):
        raise BadImageError("it has more than 16 bits a channel")
    white = _white_of(bits, high) if bits else 1 if floats else DEEPEST
    grey = PIL.Image.fromarray(np.round(levels * 255 / white).astype(np.uint8))
    return grey, 0 if floats else int(high)


def _stretch_levels(image: PIL.Image.Image, bits: int) -> PIL.Image.Image:
    """An image of fewer than 8 bits in 8; what is transparent stays so."""
    *bands, alpha = image.split() if image.mode == "RGBA" else (*image.split(), None)
    white = _white_of(bits, max(band.getextrema()[1] for band in bands))
    bands = [band.point([min(round(v * 255 / white), 255) for v in range(256)]) for band in bands]
    return PIL.Image.merge(image.mode, bands if alpha is None else [*bands, alpha])


def _white_of(bits: int, highest: float) -> int:
    white = 2**bits - 1
    if highest > white:
        raise BadImageError(f"it has values up to {highest:,.0f}, more than `data.bits` allows")
    return white


def about_highest(highest: int, whole: int) -> str:
    """A sentence where the largest value of images is less than half of that of their type."""
    if not 0 < highest <= whole // 2:
        return ""
    bits, deep = highest.bit_length(), " with 16 bits" if whole == DEEPEST else ""
    return (
        f"The images{deep} use the values 0 to {highest:,} of {whole:,} alone, which leaves "
        f"{round(highest * 255 / whole) + 1} of 256 levels; `--set data.bits={bits}` makes "
        f"{2**bits - 1:,} white."
    )


def as_pixels(image: PIL.Image.Image, *, size: int, resize: Resize, channels: int) -> np.ndarray:
    """The image as uint8 `(height, width, channels)`.

    Resizing is Pillow's bicubic, whose kernel grows with the reduction so that nothing aliases:
    of the common libraries' resizers the one that Parmar et al., 2022, arXiv:2104.11222
    (clean-fid) recommend, and that FID is computed with.

    Args:
        image: of mode L, RGB or RGBA.
        size: height and width of the result; 0 for those of the image.
        resize: `"crop"` the largest square in the middle, `"pad"` with black (transparent where
            there is alpha) to a square, or `"stretch"`.
        channels: 1, 3 or 4; of fewer than 4 what is transparent becomes white.
    """
    if channels == 4:
        image = image.convert("RGBA")
    else:
        if image.mode == "RGBA":
            white = PIL.Image.new("RGBA", image.size, "white")
            image = PIL.Image.alpha_composite(white, image)
        image = image.convert("L" if channels == 1 else "RGB")
    if size and image.size != (size, size):
        image = _resize(image, size, resize)
    pixels = np.asarray(image)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _resize(image: PIL.Image.Image, size: int, resize: Resize) -> PIL.Image.Image:
    side, longest, box = min(image.size), max(image.size), None
    width = height = size
    if resize == "crop":
        left, top = (image.width - side) // 2, (image.height - side) // 2
        box = (left, top, left + side, top + side)
    elif resize == "pad":
        width, height = (max(1, round(side * size / longest)) for side in image.size)
    # Reduced by whole numbers to three times the result first: much faster for photographs, and
    # Pillow's own limit from which no difference is seen.
    bicubic = PIL.Image.Resampling.BICUBIC
    found = image.resize((width, height), bicubic, box=box, reducing_gap=3.0)
    if resize != "pad":
        return found
    padded = PIL.Image.new(image.mode, (size, size))
    padded.paste(found, ((size - width) // 2, (size - height) // 2))
    return padded


def about_left_out(files: Mapping[str, str]) -> str:
    """The count of files that were left out, by name with the reason, and some; empty for none."""
    noun = "file" if len(files) == 1 else "files"
    return f"{len(files):,} {noun}: {_reasons_of(files)}" if files else ""


def _reasons_of(files: Mapping[str, str]) -> str:
    """An example for each reason and how many other files are left out for the same."""
    # Reasons that differ in a number only (bytes, pixels) are one.
    groups: dict[str, list[str]] = collections.defaultdict(list)
    for name, reason in files.items():
        groups[re.sub(r"\d[\d,.]*", "n", reason)].append(name)
    ordered = sorted(groups.values(), key=len, reverse=True)
    parts = [
        f"{f'{len(names):,} such as ' if len(names) > 1 else ''}{names[0]} ({files[names[0]]})"
        for names in ordered[:SHOWN]
    ]
    if others := sum(map(len, ordered[SHOWN:])):
        parts.append(f"{others:,} for other reasons")
    return "; ".join(parts)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageOptions:
    """The form that every image gets."""

    size: int  # height and width; 0 for those of the images, which must agree
    resize: Resize  # see `as_pixels`
    channels: int  # 1, 3 or 4; 0 for 1 if no image has colours and 3 otherwise
    bits: int = 0  # of the values that are used, see `open_image`
    bad_share: float  # of the files may be unreadable and left out
    held_out: float  # share of the examples that is not trained on


@dataclasses.dataclass(frozen=True)
class Annotations:
    """Labels and parts of the images that were decoded, in their order."""

    labels: np.ndarray | None  # int32 `(n,)`, -1 where unknown, or `None`
    classes: tuple[str, ...]  # names of the labels
    # bool `(n,)`, whether the place of an image says that it is not to be trained on; `None` to
    # draw which
    held_out: np.ndarray | None
    # int64 `(n,)`, which image counts as the first, the second and so on wherever one is drawn by
    # its number; `None` for the order in which they came
    order: np.ndarray | None = None
    notes: tuple[str, ...] = ()  # sentences on what was assumed


class SizesDifferError(ValueError):
    """Images of several sizes where one is needed; `shapes` are two of them by name."""

    def __init__(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        sizes = [f"{name} has {shape[1]} x {shape[0]}" for name, shape in shapes.items()]
        self.sizes = f"{' pixels, '.join(sizes)} pixels"
        super().__init__(
            "`size` must be given where the images differ in size: `--size 32` beside `--data`, or "
            f"`--set data.size=32`. Received: size=0, and {self.sizes}"
        )


class Decoder:
    """Decodes many images by several threads and knows afterwards what they were.

    Attributes:
        examples: those that were decoded, in their order, without what loads them.
        bad: by name as text why others were not.
        resized: how many had another size than they got.
        grey: whether one channel is enough for all, which `channels` 0 asks for.
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
        """uint8 `(height, width, channels)` of each image; refuses several sizes and bad files."""
        with own_limit():
            for example, found in _in_parallel(examples, self._options):
                if isinstance(found, str):
                    self.bad[printable(example.name)] = found
                    continue
                picture, pixels = found
                self._record(example, picture, pixels)
                self.examples.append(dataclasses.replace(example, load=None))
                yield pixels
        self._check_bad()

    def notes(self) -> tuple[str, ...]:
        """Sentences on what was made of the images."""
        notes, options = [], self._options
        if len(self._kinds) > 1 or not set(self._kinds) <= {"grey", "in colours"}:
            kinds = ", ".join(f"{count:,} {kind}" for kind, count in self._kinds.most_common())
            made = options.channels or (1 if self.grey else 3)
            notes.append(
                f"The images are of these kinds: {kinds}; all became "
                f"{_CHANNELS[made]} (`--set data.channels=1`, `3` or `4` says otherwise)."
            )
        if self._transparent and options.channels != 4:
            notes.append(
                f"{_images(self._transparent)} may be transparent in places, which became white; "
                "`--set data.channels=4` keeps that."
            )
        if self._moving:
            notes.append(
                f"{_images(self._moving)} hold several pictures, of which the first is used."
            )
        deep = (self._highest, DEEPEST) if self._kinds[DEEP] else (self._largest, 255)
        if not options.bits and (said := about_highest(*deep)):
            notes.append(said)
        return tuple(notes)

    def _record(self, example: Example, picture: Picture, pixels: np.ndarray) -> None:
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
            share = min(math.ceil(bad / files * 100) / 100, 0.99)
            remedy = f" (`--set data.bad_share={share}` leaves them out)"
            raise ValueError(
                f"`bad_share` of the files may be unreadable{remedy if self.examples else ''}. "
                f"Received: bad_share={self._options.bad_share:g}, and {bad} of {files} files are: "
                f"{_reasons_of(self.bad)}"
            )


def image_source(
    examples: Callable[[], Iterable[Example]],
    *,
    options: ImageOptions,
    annotate: Callable[[list[Example]], Annotations],
    cache: Path,
    key: str,
    spec: dict[str, object],
    left_out: Mapping[str, str] | None = None,
) -> MemmapSource:
    """A source of images, from the cache or decoded now.

    Args:
        examples: starts to read them; called only if the cache does not have them.
        options: what is made of every image.
        annotate: labels and parts of those that could be decoded.
        cache: folder of the cache.
        key: of everything that decides what is in the cache.
        spec: name, description and licence for the `DataSpec`.
        left_out: other files, which are no images, with the reason of each.

    Raises:
        ValueError: too many files are bad, or the images are none to train on.
    """

    def make(folder: Path) -> dict[str, object]:
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
        return _write(folder, rows, decoder, annotate(decoder.examples), options)

    found = load_or_make(cache, key, make)
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
    folder: Path, rows: np.ndarray, decoder: Decoder, marks: Annotations, options: ImageOptions
) -> dict[str, object]:
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
            _reasons_of(decoder.bad),
        )
    notes = [*marks.notes, *decoder.notes()]
    return {"held_out": held_out, "classes": classes, "bad_files": decoder.bad, "notes": notes}


def _images(count: int) -> str:
    return f"{count:,} image{'' if count == 1 else 's'}"
