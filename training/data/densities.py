"""Densities without modes: a correlated Gaussian, Neal's funnel, a checkerboard.

References: Neal, 2003, "Slice sampling", Annals of Statistics 31(3), section 8 (the funnel);
Grathwohl et al., 2019, arXiv:1810.01367 (FFJORD; the checkerboard, which has sharp edges).
"""

import dataclasses
from typing import Annotated

import annotated_types
import numpy as np
import tensorflow as tf

from ganapp.training.data.source import DrawnSource, Length, keys

Dimensions = Annotated[int, annotated_types.Ge(2), annotated_types.Le(1000)]
Correlation = Annotated[float, annotated_types.Gt(-1), annotated_types.Lt(1)]
CELLS = 20  # of a quadrature, along the side of a square


@dataclasses.dataclass(frozen=True)
class Funnel:
    """v ~ N(0, spread^2), and the other coordinates ~ N(0, e^v) given v.

    Args:
        dimensions: of a point, v included, which comes first.
        spread: standard deviation of v.
    """

    dimensions: int
    spread: float

    @property
    def width(self) -> float:
        """The narrow end that 1 % of the points reach: the density has no width of its own."""
        return float(np.exp(-2.326 * self.spread / 2))

    def log_density(self, points: np.ndarray) -> np.ndarray:
        """Exact log-density in nats: `(n, dimensions)` to `(n,)`."""
        points = np.asarray(points, np.float64)
        v, others = points[:, 0], points[:, 1:]
        of_v = -0.5 * (v / self.spread) ** 2 - np.log(self.spread)
        of_others = -0.5 * (np.square(others).sum(axis=1) * np.exp(-v) + others.shape[1] * v)
        return of_v + of_others - 0.5 * self.dimensions * np.log(2 * np.pi)

    @property
    def scale(self) -> np.ndarray:
        """Exact standard deviation of each coordinate: that of the others is e^(spread^2 / 4)."""
        others = np.exp(self.spread**2 / 4)
        return np.array([self.spread, *[others] * (self.dimensions - 1)])

    @property
    def mean(self) -> np.ndarray:
        """Exact mean of each coordinate."""
        return np.zeros(self.dimensions)

    def draw(self, count: int, seed: tf.Tensor) -> tuple[tf.Tensor, None]:
        """float32 `(count, dimensions)`; a pure function."""
        of_v, of_others, _ = keys(seed)
        v = self.spread * tf.random.stateless_normal((count, 1), of_v)
        others = tf.random.stateless_normal((count, self.dimensions - 1), of_others)
        return tf.concat([v, tf.exp(v / 2) * others], axis=1), None


@dataclasses.dataclass(frozen=True)
class CorrelatedGaussian:
    """Unit variances and the correlation `correlation`^|i - j| of coordinates i and j.

    Args:
        dimensions: of a point.
        correlation: of neighbouring coordinates.
    """

    dimensions: int
    correlation: float

    @property
    def width(self) -> float:
        """The standard deviation of a coordinate given its neighbours."""
        return float(np.sqrt((1 - self.correlation**2) / (1 + self.correlation**2)))

    @property
    def covariance(self) -> np.ndarray:
        """float64 `(d, d)`."""
        places = np.arange(self.dimensions)
        return self.correlation ** np.abs(places[:, None] - places).astype(float)

    def log_density(self, points: np.ndarray) -> np.ndarray:
        """Exact log-density in nats: `(n, d)` to `(n,)`."""
        root = np.linalg.cholesky(self.covariance)
        white = np.linalg.solve(root, np.asarray(points, np.float64).T)
        constant = self.dimensions * np.log(2 * np.pi) / 2 + np.log(np.diag(root)).sum()
        return -0.5 * np.square(white).sum(axis=0) - constant

    @property
    def mean(self) -> np.ndarray:
        """Exact mean of each coordinate."""
        return np.zeros(self.dimensions)

    @property
    def scale(self) -> np.ndarray:
        """Exact standard deviation of each coordinate."""
        return np.ones(self.dimensions)

    def draw(self, count: int, seed: tf.Tensor) -> tuple[tf.Tensor, None]:
        """float32 `(count, dimensions)`; a pure function."""
        normal = tf.random.stateless_normal((count, self.dimensions), seed)
        root = tf.constant(np.linalg.cholesky(self.covariance), tf.float32)
        return tf.matmul(normal, root, transpose_b=True), None


def funnel(
    *,
    dimensions: Dimensions = 2,
    spread: Annotated[float, annotated_types.Gt(0), annotated_types.Le(6)] = 3.0,
) -> DrawnSource:
    """Neal's funnel: the first coordinate is the logarithm of the others' variance.

    Args:
        dimensions: of a point.
        spread: standard deviation of the first coordinate.
    """
    about = "Neal's funnel: the first coordinate sets the scale of the others."
    return DrawnSource("funnel", Funnel(dimensions, spread), about)


def gaussian(*, dimensions: Dimensions = 2, correlation: Correlation = 0.8) -> DrawnSource:
    """One Gaussian with unit variances.

    Args:
        dimensions: of a point.
        correlation: of neighbouring coordinates; its k-th power for those k apart.
    """
    about = "One Gaussian with unit variances and correlated coordinates."
    return DrawnSource("gaussian", CorrelatedGaussian(dimensions, correlation), about)


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

    def draw(self, count: int, seed: tf.Tensor) -> tuple[tf.Tensor, None]:
        """float32 `(count, 2)`; a pure function."""
        of_squares, of_places, _ = keys(seed)
        corners = tf.constant(self.corners, tf.float32)
        chosen = tf.random.stateless_uniform(
            (count,), of_squares, minval=0, maxval=len(corners), dtype=tf.int32
        )
        within = self.side * tf.random.stateless_uniform((count, 2), of_places)
        return tf.gather(corners, chosen) + within, None


def checkerboard(
    *, squares: Annotated[int, annotated_types.Ge(1), annotated_types.Le(100)] = 4, side: Length = 1
) -> DrawnSource:
    """Uniform on every other square of a board around the origin.

    Args:
        squares: along each side of the board.
        side: of a square.
    """
    about = f"Every other square of a board of {squares} by {squares}."
    return DrawnSource("checkerboard", Checkerboard(squares, float(side)), about)
