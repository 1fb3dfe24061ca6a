"""Sprites: simple shapes of which everything that differs is known.

After dSprites (Matthey et al., 2017, https://github.com/deepmind/dsprites-dataset), which has the
same factors and 64 x 64 pixels; drawn on the fly.
"""

from typing import Annotated

import annotated_types
import numpy as np
import tensorflow as tf

from ganapp.training.data.source import HELD_OUT_VIEW, DrawnSource, keys
from ganapp.training.data.spec import DataSpec

SHAPES = ("square", "ellipse", "triangle")
# How many levels each factor has; they are equally likely, and independent of each other.
LEVELS = {"shape": len(SHAPES), "size": 4, "angle": 8, "across": 8, "down": 8}
SPRITES = 5_000  # in a view unless asked for fewer
SMALLEST, LARGEST = 0.12, 0.22  # half the side of a square, in sides of the picture
WIDEST = 40.0  # degrees to both sides: no square or triangle looks like another one turned
REACH = 0.17  # of the middle from the picture's, in sides of the picture
Side = Annotated[int, annotated_types.Ge(12), annotated_types.Le(128)]


class SpriteSource(DrawnSource):
    """A white shape on black, drawn from (seed, step); its shape is its label."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.spec = DataSpec(
            name="sprites",
            kind="image",
            shape=(size, size, 1),
            examples=None,
            held_out=SPRITES,
            classes=SHAPES,
            description="Squares, ellipses and triangles of known size, angle and place.",
            licence="drawn by ganapp",
        )

    def draw(self, count, seed, rows, *, held_out=False):
        factors = {name: levels[rows] for name, levels in self._levels(count, seed).items()}
        return draw_sprites(factors, self._size), factors["shape"]

    def held_out_factors(self, count=None):
        key = tf.constant([HELD_OUT_VIEW, 0], tf.int64)
        found = self._levels(self.spec.held_out, key)
        return {name: levels[:count].numpy() for name, levels in found.items()}

    @staticmethod
    def _levels(count: int, seed: tf.Tensor) -> dict[str, tf.Tensor]:
        """The level of each factor, int32 `(count,)` by name, below those of `LEVELS`."""
        uniform = tf.random.stateless_uniform((count, len(LEVELS)), keys(seed)[0])
        each = zip(LEVELS.items(), tf.unstack(uniform, axis=1), strict=True)
        return {name: tf.cast(column * levels, tf.int32) for (name, levels), column in each}


def draw_sprites(factors: dict[str, tf.Tensor], size: int) -> tf.Tensor:
    """Pictures uint8 `(n, size, size, 1)` of the levels of each factor, int `(n,)` by name.

    Edges are smooth over a pixel, so that every level of every factor shows.
    """

    def between(name: str, low: float, high: float) -> tf.Tensor:
        share = tf.cast(factors[name], tf.float32) / (LEVELS[name] - 1)
        return (low + (high - low) * share)[:, None, None]

    angle = between("angle", -WIDEST, WIDEST) * (np.pi / 180)
    half = between("size", SMALLEST, LARGEST)
    places = (tf.range(size, dtype=tf.float32) + 0.5) / size - 0.5
    x = places[None, None, :] - between("across", -REACH, REACH)
    y = places[None, :, None] - between("down", -REACH, REACH)
    along = (tf.cos(angle) * x + tf.sin(angle) * y) / half
    over = (tf.cos(angle) * y - tf.sin(angle) * x) / half
    # How far outside of each shape a pixel is, in halves: about a distance near the edge.
    outside = [
        tf.maximum(tf.abs(along), tf.abs(over)) - 1,
        (tf.sqrt(along**2 + (1.8 * over) ** 2 + 1e-9) - 1) / 1.3,
        tf.maximum(over, np.sqrt(3) / 2 * tf.abs(along) - over / 2) - 0.7,
    ]
    chosen = tf.one_hot(factors["shape"], len(SHAPES))
    distance = tf.einsum("nk,knij->nij", chosen, tf.stack(outside)) * half
    covered = tf.clip_by_value(0.5 - distance * size, 0.0, 1.0)
    return tf.cast(tf.round(255 * covered), tf.uint8)[..., None]


def sprites(*, size: Side = 16) -> SpriteSource:
    """White squares, ellipses and triangles: shape, size, angle and place are known.

    Args:
        size: height and width in pixels.
    """
    return SpriteSource(size)


sprites.reference = "Matthey et al., 2017, dSprites"
