"""`checkerboard`: a uniform density with sharp edges, all or nothing.

Reference: Grathwohl et al., 2019, arXiv:1810.01367 (FFJORD).
"""

import dataclasses
from typing import Annotated

import annotated_types
import numpy as np
import tensorflow as tf

from ganapp.training.data.drawn import DrawnSource, Length, keys

CELLS = 20  # of a quadrature, along the side of a square


@dataclasses.dataclass(frozen=True)
class Checkerboard:
    """Uniform on every other square of a board around the origin, the lower left one included.

    Args:
        squares: along each side of the board.
        side: of a square.
    """

    squares: int
    side: float

    @property
    def width(self) -> float:
        """A small part of a square: there is no length over which a jump happens."""
        return self.side / CELLS

    @property
    def corners(self) -> np.ndarray:
        """Lower left corners of the filled squares, float64 `(m, 2)`."""
        places = np.indices((self.squares, self.squares)).reshape(2, -1).T
        filled = places[places.sum(axis=1) % 2 == 0]
        return self.side * (filled - self.squares / 2)

    def log_density(self, points: np.ndarray) -> np.ndarray:
        """Exact log-density in nats: `(n, 2)` to `(n,)`; -inf on empty squares and outside."""
        places = np.floor(np.asarray(points, np.float64) / self.side + self.squares / 2)
        inside = ((places >= 0) & (places < self.squares)).all(axis=1)
        filled = inside & (places.sum(axis=1) % 2 == 0)
        area = len(self.corners) * self.side**2
        return np.where(filled, -np.log(area), -np.inf)

    @property
    def mean(self) -> np.ndarray:
        """Exact mean of each coordinate."""
        return self.corners.mean(axis=0) + self.side / 2

    @property
    def scale(self) -> np.ndarray:
        """Exact standard deviation of each coordinate."""
        return np.sqrt(self.corners.var(axis=0) + self.side**2 / 12)


class CheckerboardSource(DrawnSource):
    """Draws from a checkerboard."""

    def __init__(self, board: Checkerboard) -> None:
        super().__init__(
            "checkerboard",
            mean=board.mean,
            scale=board.scale,
            description=f"Every other square of a board of {board.squares} by {board.squares}.",
        )
        self.density = board

    def _draw(self, count, seed):
        of_squares, of_places, _ = keys(seed)
        corners = tf.constant(self.density.corners, tf.float32)
        chosen = tf.random.stateless_uniform(
            (count,), of_squares, minval=0, maxval=len(corners), dtype=tf.int32
        )
        within = self.density.side * tf.random.stateless_uniform((count, 2), of_places)
        return tf.gather(corners, chosen) + within, None


def checkerboard(
    *, squares: Annotated[int, annotated_types.Ge(1), annotated_types.Le(100)] = 4, side: Length = 1
) -> CheckerboardSource:
    """Uniform on every other square of a board around the origin.

    Args:
        squares: along each side of the board.
        side: of a square.
    """
    return CheckerboardSource(Checkerboard(squares, float(side)))
