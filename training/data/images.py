"""One image file of any kind as pixels: orientation, transparency, bit depth, size, channels."""

import contextlib
import dataclasses
import io
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import PIL.features
import PIL.Image
import PIL.ImageOps
import PIL.PngImagePlugin

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


@dataclasses.dataclass(frozen=True)
class Picture:
    """An image file that was read.

    Args:
        image: of mode L, RGB or RGBA; RGBA where anything may be transparent.
        kind: what the file held, for a sentence: "grey", "in colours", "CMYK".
        moving: whether the file held several pictures, of which this is the first.
        highest: the largest value in a file of more than 8 bits, else 0.
    """

    image: PIL.Image.Image
    kind: str = "in colours"
    moving: bool = False
    highest: int = 0


class BadImageError(Exception):
    """Why a file cannot be used as an image: the end of a sentence."""


def open_image(file: Path | bytes, max_pixels: int, *, bits: int = 0) -> Picture:
    """Reads the first frame of an image file, upright.

    Args:
        file: its path or its content.
        max_pixels: an image that says in its header that it is larger is refused undecoded.
        bits: of the values that are used, 1 to 16: `2**bits - 1` becomes white. 0 for all that the
            file's type has.

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
    """An image file as an array, see `open_image` and `as_pixels`.

    Raises:
        BadImageError: with the reason.
    """
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
    if image.mode.startswith("I"):
        return _from_integers(image, bits)
    if image.mode == "F":
        return _from_floats(image, bits), 0
    plain = image.mode in ("L", "LA", "RGB", "RGBA")  # values, and not numbers of colours or bits
    if image.has_transparency_data:
        image = image.convert("RGBA")
    else:
        image = image.convert("L" if image.mode in ("1", "L") else "RGB")
    return _stretched(image, bits) if plain and 0 < bits < 8 else image, 0


def _from_integers(image: PIL.Image.Image, bits: int) -> tuple[PIL.Image.Image, int]:
    levels = np.asarray(image, np.float64)
    if levels.min() < 0 or levels.max() > DEEPEST:
        raise BadImageError("it has more than 16 bits a channel")
    return _grey(levels, bits, DEEPEST), int(levels.max())


def _from_floats(image: PIL.Image.Image, bits: int) -> PIL.Image.Image:
    levels = np.asarray(image, np.float64)
    if not np.isfinite(levels).all():
        raise BadImageError("it has NaN or infinity")
    if levels.min() < 0 or (levels.max() > 1 and not bits):
        raise BadImageError(
            f"its floating-point values are from {levels.min():g} to {levels.max():g} and not from "
            "0 to 1; `data.bits` says how many bits they have"
        )
    return _grey(levels, bits, 1)


def _grey(levels: np.ndarray, bits: int, highest: int) -> PIL.Image.Image:
    """Levels float64 `(height, width)` from 0 to `highest`, or to the largest of so many bits."""
    white = _white(bits) if bits else highest
    _check_levels(levels.max(), white)
    return PIL.Image.fromarray(np.round(levels * 255 / white).astype(np.uint8))


def _stretched(image: PIL.Image.Image, bits: int) -> PIL.Image.Image:
    """An image of fewer than 8 bits in 8; what is transparent stays so."""
    white = _white(bits)
    *bands, alpha = image.split() if image.mode == "RGBA" else (*image.split(), None)
    _check_levels(max(band.getextrema()[1] for band in bands), white)
    bands = [band.point([min(round(v * 255 / white), 255) for v in range(256)]) for band in bands]
    return PIL.Image.merge(image.mode, bands if alpha is None else [*bands, alpha])


def _white(bits: int) -> int:
    return 2**bits - 1


def _check_levels(highest: float, white: int) -> None:
    if highest > white:
        raise BadImageError(f"it has values up to {highest:,.0f}, more than `data.bits` allows")


def about_highest(highest: int, whole: int) -> str:
    """A sentence where images use less than half of the range of their type; else empty.

    Args:
        highest: their largest value.
        whole: the largest value of the type.
    """
    if not 0 < highest <= whole // 2:
        return ""
    bits, deep = highest.bit_length(), " with 16 bits" if whole == DEEPEST else ""
    return (
        f"The images{deep} use the values 0 to {highest:,} of {whole:,} alone, which leaves "
        f"{round(highest * 255 / whole) + 1} of 256 levels; `--set data.bits={bits}` makes "
        f"{_white(bits):,} white."
    )


def as_pixels(image: PIL.Image.Image, *, size: int, resize: Resize, channels: int) -> np.ndarray:
    """The image as an array.

    Resizing is Pillow's bicubic, whose kernel grows with the reduction so that nothing aliases:
    of the common libraries' resizers the one that Parmar et al., 2022, arXiv:2104.11222
    (clean-fid) recommend, and that FID is computed with.

    Args:
        image: of mode L, RGB or RGBA.
        size: height and width of the result; 0 for those of the image.
        resize: `"crop"` the largest square in the middle, `"pad"` with black (transparent where
            there is alpha) to a square, or `"stretch"`.
        channels: 1, 3 or 4; of fewer than 4 what is transparent becomes white.

    Returns:
        uint8 `(height, width, channels)`.
    """
    if channels == 4:
        image = image.convert("RGBA")
    else:
        if image.mode == "RGBA":
            white = PIL.Image.new("RGBA", image.size, "white")
            image = PIL.Image.alpha_composite(white, image)
        image = image.convert("L" if channels == 1 else "RGB")
    if size and image.size != (size, size):
        image = RESIZERS[resize](image, size)
    pixels = np.asarray(image)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _resized(image: PIL.Image.Image, width: int, height: int, box=None) -> PIL.Image.Image:
    # Reduced by whole numbers to three times the result first: much faster for photographs, and
    # Pillow's own limit from which no difference is seen.
    return image.resize((width, height), PIL.Image.Resampling.BICUBIC, box=box, reducing_gap=3.0)


def _crop(image: PIL.Image.Image, size: int) -> PIL.Image.Image:
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return _resized(image, size, size, (left, top, left + side, top + side))


def _pad(image: PIL.Image.Image, size: int) -> PIL.Image.Image:
    longest = max(image.size)
    width, height = (max(1, round(side * size / longest)) for side in image.size)
    padded = PIL.Image.new(image.mode, (size, size))
    padded.paste(_resized(image, width, height), ((size - width) // 2, (size - height) // 2))
    return padded


def _stretch(image: PIL.Image.Image, size: int) -> PIL.Image.Image:
    return _resized(image, size, size)


RESIZERS: dict[str, Callable[[PIL.Image.Image, int], PIL.Image.Image]] = {
    "crop": _crop,
    "pad": _pad,
    "stretch": _stretch,
}
