"""Clips as pictures: film strips in a file, or a grid of them that moves."""

import io

import numpy as np
from PIL import Image

from ganapp.training.evaluation.pictures import BACKGROUND, image_grid

GAP = 2  # pixels between frames
MILLISECONDS = 100  # a frame


def film_strips(clips: np.ndarray, *, most: int = 20) -> Image.Image:
    """Each clip a row, its frames from left to right.

    Args:
        clips: uint8 `(n, frames, height, width, channels)`, at least one.
        most: clips shown, the first ones.
    """
    clips = clips[:most]
    return image_grid(clips.reshape(-1, *clips.shape[2:]), columns=clips.shape[1])


def films(clips: np.ndarray) -> np.ndarray:
    """Each clip as one wide image, its frames from left to right with a gap between them.

    Args:
        clips: uint8 `(n, frames, height, width, channels)`.

    Returns:
        uint8 `(n, height, frames (width + 2) - 2, channels)`.
    """
    apart = np.pad(
        clips, ((0, 0), (0, 0), (0, 0), (0, GAP), (0, 0)), constant_values=BACKGROUND
    ).swapaxes(1, 2)
    return apart.reshape(*apart.shape[:2], -1, apart.shape[-1])[:, :, :-GAP]


def clip_grid(clips: np.ndarray) -> list[Image.Image]:
    """One picture for every point in time, with all clips beside each other.

    Args:
        clips: uint8 `(n, frames, height, width, channels)`, at least one.
    """
    return [image_grid(clips[:, frame]) for frame in range(clips.shape[1])]


def animated(pictures: list[Image.Image], *, milliseconds: int = MILLISECONDS) -> bytes:
    """An endless GIF of pictures of one size."""
    first, *others = (picture.convert("P", palette=1) for picture in pictures)
    buffer = io.BytesIO()
    first.save(
        buffer,
        format="GIF",
        save_all=True,
        append_images=others,
        duration=milliseconds,
        loop=0,
    )
    return buffer.getvalue()
