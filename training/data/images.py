"""One image file of any kind as pixels: orientation, transparency, bit depth, size, channels."""

import contextlib
import io
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import PIL.Image
import PIL.ImageOps

# Others that Pillow could open are refused; one of them (EPS) would start another program.
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP")
SUFFIXES = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".bmp", ".webp")
Resize = Literal["crop", "pad", "stretch"]


class BadImageError(Exception):
    """Why a file cannot be used as an image: the end of a sentence."""


def open_image(file: Path | bytes, max_pixels: int) -> PIL.Image.Image:
    """Reads the first frame of an image file, upright.

    Args:
        file: its path or its content.
        max_pixels: an image that says in its header that it is larger is refused undecoded.

    Returns:
        An image of mode L, RGB or RGBA; RGBA where anything may be transparent.

    Raises:
        BadImageError: with the reason.
    """
    try:
        with PIL.Image.open(
            io.BytesIO(file) if isinstance(file, bytes) else file, formats=FORMATS
        ) as image:
            width, height = image.size
            if width * height > max_pixels:
                raise BadImageError(f"it has {width} x {height} pixels, more than {max_pixels:,}")
            image.load()
            return _eight_bits(PIL.ImageOps.exif_transpose(image))
    except BadImageError:
        raise
    except PIL.UnidentifiedImageError as error:
        raise BadImageError("it is none of " + ", ".join(FORMATS)) from error
    except Exception as error:  # Pillow's decoders raise whatever they meet in a damaged file
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise BadImageError(f"it cannot be decoded ({reason[0]})") from error


def read_pixels(
    file: Path | bytes,
    *,
    max_pixels: int,
    size: int = 0,
    resize: Resize = "crop",
    channels: int = 3,
) -> np.ndarray:
    """An image file as an array, see `open_image` and `as_pixels`.

    Raises:
        BadImageError: with the reason.
    """
    with own_limit():
        image = open_image(file, max_pixels)
        return as_pixels(image, size=size, resize=resize, channels=channels)


@contextlib.contextmanager
def own_limit() -> Iterator[None]:
    """Within the block `max_pixels` alone decides, not Pillow's own limit beside it."""
    before = PIL.Image.MAX_IMAGE_PIXELS
    PIL.Image.MAX_IMAGE_PIXELS = None
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # of Pillow on oddities in a file that it reads all the same
        try:
            yield
        finally:
            PIL.Image.MAX_IMAGE_PIXELS = before


def _eight_bits(image: PIL.Image.Image) -> PIL.Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        levels = np.asarray(image, np.float64)
        if levels.min() < 0 or levels.max() > 65535:
            raise BadImageError("it has more than 16 bits a channel")
        return PIL.Image.fromarray(np.round(levels / 257).astype(np.uint8))
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


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
