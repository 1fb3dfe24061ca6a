"""How near a predicted frame comes to the true one, in the pixels that move.

Mathieu et al., 2016, arXiv:1511.05440, judge the moving part of a frame alone, for what stands
still is predicted by copying it.
"""

import numpy as np
import tensorflow as tf

MOVES = 8  # levels by which a pixel of a moving part changes, of 255
AROUND = 1  # pixels around one that changes, which belong to the moving part


def moving_pixels(before: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Where a frame differs from the one before it, and next to that.

    Args:
        before: uint8 `(n, height, width, channels)`.
        frames: likewise, one frame later.

    Returns:
        bool `(n, height, width)`.
    """
    from scipy.ndimage import maximum_filter

    changes = np.abs(frames.astype(np.int16) - before).max(axis=-1) >= MOVES
    side = 2 * AROUND + 1
    return maximum_filter(changes, size=(1, side, side))


def psnr(real: np.ndarray, made: np.ndarray, moving: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio of each frame in dB, over its moving pixels.

    Args:
        real: in levels 0 to 255, `(n, height, width, channels)`.
        made: likewise, rounded or not.
        moving: bool `(n, height, width)`.

    Returns:
        float64 `(n,)`: 10 log10(255^2 / mean squared difference), inf for equal pixels; NaN where
        nothing moves.
    """
    squares = (np.float64(real) - np.float64(made)) ** 2
    return decibels(_means(squares.mean(axis=-1), moving))


def sharpness(real: np.ndarray, made: np.ndarray, moving: np.ndarray) -> np.ndarray:
    """How well the sizes of the gradients agree, in dB, over the moving pixels.

    10 log10(255 / mean | (|dx real| + |dy real|) - (|dx made| + |dy made|) |), differences to the
    pixel above and to the left; higher is better. As for `psnr`.
    """
    difference = np.abs(_gradients(real) - _gradients(made)).mean(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return 10 * np.log10(255.0 / _means(difference, moving))


def ssim(real: np.ndarray, made: np.ndarray, moving: np.ndarray) -> np.ndarray:
    """Structural similarity (Wang et al., 2004) of windows around the moving pixels: `(n,)`.

    Windows are Gaussian, 11 pixels or as many as the smaller side has.
    """
    side = min(11, *real.shape[1:3])
    maps = tf.image.ssim(
        tf.cast(real, tf.float32),
        tf.cast(made, tf.float32),
        max_val=255.0,
        filter_size=side,
        return_index_map=True,
    ).numpy()
    # A window's place is that of its centre.
    first, spare = (side - 1) // 2, side // 2
    height, width = moving.shape[1:]
    inside = moving[:, first : height - spare, first : width - spare]
    return _means(np.float64(maps), inside)


def copied(past: np.ndarray, steps: int) -> np.ndarray:
    """The last of past frames `(n, p, ...)` again and again: `(n, steps, ...)`."""
    return np.repeat(past[:, -1:], steps, axis=1)


def with_constant_velocity(
    past: np.ndarray, steps: int, *, block: int = 4, reach: int = 3
) -> np.ndarray:
    """Past frames continued: each block moves on as it came.

    Of each block of the last frame the shift within `reach` pixels is looked for by which it is
    most like the frame before; the block goes on by it. Where blocks meet, the brighter pixel is
    seen; nothing comes in from outside.

    Args:
        past: uint8 `(n, p, height, width, channels)`, p at least 2.
        steps: how many frames.
        block: side of a block in pixels.
        reach: largest shift along an axis, in pixels a frame.

    Returns:
        uint8 `(n, steps, height, width, channels)`.
    """
    frames = [past[:, -2], past[:, -1]]
    for _ in range(steps):
        frames.append(_moved_on(*frames[-2:], block, reach))
    return np.stack(frames[2:], axis=1)


def _moved_on(before: np.ndarray, last: np.ndarray, block: int, reach: int) -> np.ndarray:
    """The frames after two others, `(n, height, width, channels)` each."""
    _, height, width, _ = last.shape
    background = np.median(last, axis=(1, 2), keepdims=True).astype(last.dtype)
    following = np.broadcast_to(background, last.shape).copy()
    edge = [(0, 0), (reach, reach), (reach, reach), (0, 0)]
    around = np.pad(before.astype(np.int16), edge, mode="edge")
    steps = range(-reach, reach + 1)
    # The shortest first, which is taken of several that are as good.
    shifts = sorted(((y, x) for y in steps for x in steps), key=lambda shift: np.abs(shift).sum())
    for top in range(0, height, block):
        for left in range(0, width, block):
            piece = last[:, top : top + block, left : left + block]
            rows, columns = piece.shape[1:3]
            errors = []
            for down, right in shifts:
                y, x = top - down + reach, left - right + reach
                there = around[:, y : y + rows, x : x + columns]
                errors.append(np.abs(there - piece).sum(axis=(1, 2, 3)))
            shown = (piece != background).any(axis=(1, 2, 3))
            best = np.where(shown, np.argmin(errors, axis=0), -1)
            for number in np.unique(best[shown]):
                own = np.flatnonzero(best == number)
                y, x = top + shifts[number][0], left + shifts[number][1]
                first, last_row = max(0, -y), min(rows, height - y)
                start, end = max(0, -x), min(columns, width - x)
                if first >= last_row or start >= end:
                    continue
                place = own, slice(y + first, y + last_row), slice(x + start, x + end)
                seen = piece[own, first:last_row, start:end]
                following[place] = np.maximum(following[place], seen)
    return following


def _gradients(images: np.ndarray) -> np.ndarray:
    images = np.float64(images)
    down, right = np.zeros_like(images), np.zeros_like(images)
    down[:, 1:] = np.abs(np.diff(images, axis=1))
    right[:, :, 1:] = np.abs(np.diff(images, axis=2))
    return down + right


def _means(values: np.ndarray, moving: np.ndarray) -> np.ndarray:
    """The mean of each row over its moving pixels; NaN without any."""
    counts = moving.sum(axis=(1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(counts > 0, (values * moving).sum(axis=(1, 2)) / counts, np.nan)


def decibels(squares: np.ndarray | float) -> np.ndarray | float:
    """Peak signal-to-noise ratio of mean squared differences of levels 0 to 255; inf for none."""
    with np.errstate(divide="ignore"):
        return 10 * np.log10(255.0**2 / squares)
