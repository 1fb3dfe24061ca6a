"""Changes of images `(batch, height, width, channels)`, each image its own.

All are made of operations whose gradients of any order are right (gathering, products, sums), so
that a gradient penalty behind them is right too; bilinear resizing as TensorFlow has it would not
be. A neutral argument (factor 1, angle 0, whole pixels) changes no bit: colours are written as
differences for that.
"""

import math
from collections.abc import Sequence

import tensorflow as tf


def part(size: int, ratio: float) -> int:
    """A part of `size` pixels, rounded half up."""
    return int(size * ratio + 0.5)


def per_image(values: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """Numbers `(batch,)` as `(batch, 1, 1, 1)`, in the dtype of `images`."""
    return tf.cast(tf.reshape(values, (-1, 1, 1, 1)), images.dtype)


def contrasted(images: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """The distance of every value from the image's mean, times `factor` `(batch,)`."""
    mean = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
    return images + (images - mean) * per_image(factor - 1.0, images)


def saturated(images: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """The distance of every channel from the pixel's grey, times `factor` `(batch,)`."""
    grey = tf.reduce_mean(images, axis=3, keepdims=True)
    return images + (images - grey) * per_image(factor - 1.0, images)


def hue_turned(images: tf.Tensor, angle: tf.Tensor) -> tf.Tensor:
    """Colours of three channels turned about the grey axis by `angle` `(batch,)` in radians."""
    grey = tf.reduce_mean(images, axis=3, keepdims=True)
    # Rodrigues' formula; the cross product with the unit grey axis is a difference of neighbours.
    across = (tf.roll(images, 1, axis=3) - tf.roll(images, -1, axis=3)) / math.sqrt(3.0)
    cosine, sine = per_image(tf.cos(angle) - 1.0, images), per_image(tf.sin(angle), images)
    return images + (images - grey) * cosine + across * sine


def luma_mirrored(images: tf.Tensor, amount: tf.Tensor) -> tf.Tensor:
    """Where `amount` `(batch,)` is 1, the grey of every pixel negated and its colour kept."""
    grey = tf.reduce_mean(images, axis=3, keepdims=True)
    return images - 2.0 * grey * per_image(amount, images)


def shifted(images: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
    """Images moved down by `rows` and right by `columns`, int32 `(batch,)`; zeros come in."""
    for axis, distance in ((1, rows), (2, columns)):
        size = images.shape[axis]
        padding = [[1, 1] if place == axis else [0, 0] for place in range(4)]
        source = tf.range(size)[tf.newaxis] - distance[:, tf.newaxis]
        index = tf.clip_by_value(source + 1, 0, size + 1)
        images = tf.gather(tf.pad(images, padding), index, axis=axis, batch_dims=1)
    return images


def resampled(images: tf.Tensor, matrix: tf.Tensor) -> tf.Tensor:
    """Images bilinearly read at other places, reflected beyond their borders.

    Args:
        images: `(batch, height, width, channels)`.
        matrix: float32 `(batch, 3, 3)`: where (row, column, 1) of the result, in pixels from the
            centre, is to be read.
    """
    height, width = images.shape[1:3]
    centre = (height - 1) / 2, (width - 1) / 2
    down = tf.range(height, dtype=tf.float32)[tf.newaxis, :, tf.newaxis] - centre[0]
    right = tf.range(width, dtype=tf.float32)[tf.newaxis, tf.newaxis, :] - centre[1]
    m = matrix[:, :, :, tf.newaxis, tf.newaxis]
    rows = m[:, 0, 0] * down + m[:, 0, 1] * right + m[:, 0, 2] + centre[0]
    columns = m[:, 1, 0] * down + m[:, 1, 1] * right + m[:, 1, 2] + centre[1]
    top, left = tf.floor(rows), tf.floor(columns)
    result = tf.zeros_like(images)
    for row, vertical in ((top, top + 1 - rows), (top + 1, rows - top)):
        for column, horizontal in ((left, left + 1 - columns), (left + 1, columns - left)):
            share = tf.cast(vertical * horizontal, images.dtype)[..., tf.newaxis]
            result += share * _pixels(images, row, column)
    return result


def _pixels(images: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
    height, width, channels = images.shape[1:]
    index = _reflected(rows, height) * width + _reflected(columns, width)
    flat = tf.reshape(images, (-1, height * width, channels))
    return tf.gather(flat, index, batch_dims=1)


def _reflected(places: tf.Tensor, size: int) -> tf.Tensor:
    """Whole places mirrored about the first and the last of `size` pixels: int32."""
    turn = max(2 * (size - 1), 1)
    within = tf.math.floormod(tf.cast(places, tf.int32), turn)
    return size - 1 - tf.abs(within - (size - 1))


def outside_box(
    images: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor, size: Sequence[int]
) -> tf.Tensor:
    """1 outside and 0 inside of a box: `(batch, height, width, 1)` in the dtype of `images`.

    `rows` and `columns` are its first ones, int32 `(batch,)`, `size` its height and width.
    """
    inside = []
    for axis, first in ((1, rows), (2, columns)):
        distance = tf.range(images.shape[axis])[tf.newaxis] - first[:, tf.newaxis]
        inside.append((distance >= 0) & (distance < size[axis - 1]))
    box = inside[0][:, :, tf.newaxis] & inside[1][:, tf.newaxis, :]
    return tf.cast(~box, images.dtype)[..., tf.newaxis]
