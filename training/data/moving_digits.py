"""`moving_digits`: clips of handwritten digits that move straight and bounce off the edges.

Reference: Srivastava et al., 2015, arXiv:1502.04681 (moving MNIST); here with 8x8 digits.
"""

from typing import Annotated

import annotated_types
import numpy as np
import tensorflow as tf

from ganapp.training.data.cache import CacheDir
from ganapp.training.data.digits import digits as digit_images
from ganapp.training.data.source import (
    HELD_OUT_VIEW,
    TRAINING_DRAWS,
    TRAINING_VIEW,
    ArraySource,
    Source,
    keys,
)
from ganapp.training.data.spec import DataSpec
from ganapp.training.data.video import NextFrames, Whole, next_frames

VIEW = 2_000  # clips in a view unless asked for fewer: 10 MB at the default size
SLOWEST, FASTEST = 0.5, 2.0  # pixels a frame
Frames = Annotated[int, annotated_types.Ge(2), annotated_types.Le(256)]
Side = Annotated[int, annotated_types.Ge(9), annotated_types.Le(256)]
Several = Annotated[int, annotated_types.Ge(1), annotated_types.Le(8)]


class MovingSource(Source):
    """Small images that move and bounce, drawn on the fly from (seed, step).

    Each starts anywhere, moves in any direction at half a pixel to two pixels a frame, and turns
    back where it would leave the picture; where two overlap, the brighter pixel is seen.

    Args:
        name: of the source.
        singles: grey square images; training clips show those for training.
        frames: of a clip.
        size: height and width of a frame, more than those of the images.
        count: images in a clip.
    """

    def __init__(
        self, name: str, singles: ArraySource, *, frames: int, size: int, count: int
    ) -> None:
        self._frames, self._size, self._count = frames, size, count
        with tf.device("CPU:0"):
            self._train, self._held_out = tf.constant(singles.train), tf.constant(singles.held_out)
        self._side = singles.spec.shape[0]
        self.spec = DataSpec(
            name=name,
            kind="video",
            shape=(frames, size, size, 1),
            examples=None,
            held_out=VIEW,
            description=f"Clips of {count} handwritten digits that move and bounce.",
            licence=singles.spec.licence,
        )

    def rows(self, step, first, count, *, batch_size, seed):
        key = tf.stack([tf.constant(TRAINING_DRAWS + seed, tf.int64), step])
        places, chosen = self._draw(self._train, batch_size, key)
        # Drawn for all, because rows are those of the batch; rendered for the slice alone.
        places, chosen = places[first : first + count], chosen[first : first + count]
        clips = self._render(self._train, places, chosen)
        clips = tf.ensure_shape(clips, (count, *self.spec.shape))
        return {"x": self.spec.to_model_units(clips)}

    def training_examples(self, count=None):
        return self._view(self._train, count, TRAINING_VIEW)

    def held_out_examples(self, count=None):
        return self._view(self._held_out, count, HELD_OUT_VIEW)

    def _view(self, images: tf.Tensor, count: int | None, seed: int):
        places, chosen = self._draw(images, VIEW, tf.constant([seed, 0], tf.int64))
        return self._render(images, places[:count], chosen[:count]).numpy(), None

    def _draw(self, images: tf.Tensor, count: int, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Upper left corners, int32 `(count, digits, frames, 2)`, and images `(count, digits)`."""
        of_images, of_starts, of_moves = keys(seed)
        shape = (count, self._count)
        chosen = tf.random.stateless_uniform(
            shape, of_images, minval=0, maxval=len(images), dtype=tf.int32
        )
        room = float(self._size - self._side)
        starts = room * tf.random.stateless_uniform((*shape, 1, 2), of_starts)
        turn, pace = tf.unstack(tf.random.stateless_uniform((*shape, 2), of_moves), axis=-1)
        speed = SLOWEST + (FASTEST - SLOWEST) * pace
        velocity = tf.stack([tf.sin(2 * np.pi * turn), tf.cos(2 * np.pi * turn)], axis=-1)
        velocity = (speed[..., None] * velocity)[:, :, None]
        time = tf.range(self._frames, dtype=tf.float32)[:, None]
        # A mirror at both ends: there and back is a period of twice the room.
        places = room - tf.abs(tf.math.floormod(starts + velocity * time, 2 * room) - room)
        return tf.cast(tf.round(places), tf.int32), chosen

    def _render(self, images: tf.Tensor, places: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
        """uint8 `(n, frames, size, size, 1)`."""
        # One black pixel around: every place outside an image reads that.
        padded = tf.pad(images[..., 0], ((0, 0), (1, 1), (1, 1)))
        tiles = tf.gather(padded, chosen)[:, :, None]  # (n, digits, 1, side + 2, side + 2)
        tiles = tf.repeat(tiles, self._frames, axis=2)
        pixels = tf.range(self._size)
        index = tf.clip_by_value(pixels - places[..., None] + 1, 0, self._side + 1)
        rows = tf.gather(tiles, index[..., 0, :], batch_dims=3)
        columns = tf.gather(tf.linalg.matrix_transpose(rows), index[..., 1, :], batch_dims=3)
        seen = tf.reduce_max(tf.linalg.matrix_transpose(columns), axis=1)
        return seen[..., None]


def moving_digits(
    *,
    frames: Frames = 10,
    size: Side = 20,
    digits: Several = 2,
    past: Whole = 0,
    cache_dir: CacheDir = "",
) -> MovingSource | NextFrames:
    """Clips of scikit-learn's 8x8 digits that move straight and bounce off the edges.

    Args:
        frames: of a clip.
        size: height and width of a frame in pixels.
        digits: in a clip.
        past: 0 for whole clips as examples; else a frame of each, with so many frames before it as
            its observation `frames`, stacked along the channels.
        cache_dir: without effect, as for `digits`.
    """
    singles = digit_images(cache_dir=cache_dir)
    clips = MovingSource("moving_digits", singles, frames=frames, size=size, count=digits)
    return next_frames(clips, past)
