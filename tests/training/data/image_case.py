"""Image files of every kind, made for a test."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import PIL.Image


def noise(seed: int, height: int = 16, width: int = 16, channels: int = 3) -> np.ndarray:
    """uint8 `(height, width, channels)`, without the last axis for one channel."""
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def encoded(image: PIL.Image.Image | np.ndarray, kind: str = "PNG", **options) -> bytes:
    """The content of an image file."""
    image = image if isinstance(image, PIL.Image.Image) else PIL.Image.fromarray(image)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def put(folder: Path, files: dict[str, bytes]) -> Path:
    """Writes files by relative name; returns the folder."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def pictures(count: int, prefix: str = "", first: int = 0, **options) -> dict[str, bytes]:
    """PNG files of noise by name, each of its own seed."""
    return {
        f"{prefix}{seed}.png": encoded(noise(seed, **options))
        for seed in range(first, first + count)
    }


def bomb(side):
    """A PNG of 1 bit a pixel, all black, in a few bytes."""

    def chunk(name, data):
        crc = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + crc

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((side // 8 + 1) * side), 9)
    end = chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + end
