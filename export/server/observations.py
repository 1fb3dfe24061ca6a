"""Observations that people give: numbers, or pictures in the formats of cameras and browsers."""

import io
import math

import numpy as np

from ganapp.export.layout import Input
from ganapp.export.server.errors import InvalidArgument
from ganapp.export.server.servable import CHANNELS
from ganapp.export.server.tensors import Json, is_base64, to_array

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")  # all that is decoded


def picture_counts(shape: tuple[int, ...]) -> list[int]:
    """How many pictures make one observation of a shape; none where they cannot.

    Args:
        shape: `(height, width, channels)`, whose channels are those of one picture or of several in
            order, or `(frames, height, width, channels)`, a picture a frame.
    """
    if len(shape) == 4:
        return [shape[0]] if shape[-1] in CHANNELS else []
    if len(shape) != 3:
        return []
    return sorted(shape[-1] // each for each in CHANNELS if shape[-1] % each == 0)


def read_observation(value: Json, each: Input, *, most_pixels: int) -> np.ndarray:
    """One observation, float32 of the shape of its input.

    Args:
        value: numbers, flat or nested; or one picture, `{"b64": ...}`, or an array of them, which
            are cropped in the middle and resized to the input's height and width, and scaled to
            [-1, 1].
        each: the input.
        most_pixels: of one picture, before it is resized.

    Raises:
        InvalidArgument: there are too many or too few numbers or pictures, or one is no picture.
    """
    pictures = value if isinstance(value, list) else [value]
    if pictures and all(map(is_base64, pictures)):
        return _of_pictures([*to_array(pictures, "DT_STRING")], each, most_pixels)
    try:
        numbers = to_array(value, "DT_FLOAT")
    except InvalidArgument as error:
        raise InvalidArgument(f"`{each.name}`: {error.sentence}") from None
    if numbers.size != math.prod(each.shape):
        raise InvalidArgument(
            f"`{each.name}`: expected {math.prod(each.shape)} numbers. Received: {numbers.size}"
        )
    return numbers.reshape(each.shape)


def _of_pictures(files: list[bytes], each: Input, most_pixels: int) -> np.ndarray:
    counts = picture_counts(each.shape)
    if len(files) not in counts:
        expected = " or ".join(map(str, counts)) or "numbers and no"
        raise InvalidArgument(
            f"`{each.name}`: expected {expected} pictures. Received: {len(files)}"
        )
    *frames, height, width, channels = each.shape
    mode = CHANNELS[channels if frames else channels // len(files)]
    images = [
        _pixels(file, f"`{each.name}`: picture {number}", (width, height), mode, most_pixels)
        for number, file in enumerate(files, start=1)
    ]
    levels = np.stack(images) if frames else np.concatenate(images, axis=-1)
    return levels.astype(np.float32) / np.float32(127.5) - np.float32(1)


def _pixels(
    file: bytes, what: str, sides: tuple[int, int], mode: str, most_pixels: int
) -> np.ndarray:
    """uint8 `(height, width, channels)`; read as training reads its pictures by default.

    Upright, the middle of the right proportions, resized bicubically; transparent parts are white.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(file), formats=FORMATS) as image:
            if image.width * image.height > most_pixels:
                raise InvalidArgument(
                    f"{what} must have at most {most_pixels} pixels. "
                    f"Received: {image.width} x {image.height}"
                )
            upright = ImageOps.exif_transpose(image)
            if upright.mode.startswith("I"):  # 16 bits
                levels = np.clip(np.asarray(upright) / 257, 0, 255)
                upright = Image.fromarray(np.round(levels).astype(np.uint8))
            if upright.has_transparency_data and mode != "RGBA":
                white = Image.new("RGBA", upright.size, "white")
                upright = Image.alpha_composite(white, upright.convert("RGBA"))
            fitted = ImageOps.fit(upright.convert(mode), sides, Image.Resampling.BICUBIC)
    except InvalidArgument:
        raise
    except UnidentifiedImageError:
        raise InvalidArgument(
            f"{what} must be one of {', '.join(FORMATS)}. Received: something else"
        ) from None
    except Exception as error:  # whatever a decoder raises for a damaged file
        raise InvalidArgument(f"{what} cannot be decoded: {str(error)[:80]}") from error
    return np.asarray(fitted).reshape(*sides[::-1], -1)
