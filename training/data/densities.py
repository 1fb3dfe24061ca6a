"""Known densities of points: mixtures, curves with noise, and others without modes.

References: ring and grid: Srivastava et al., 2017, arXiv:1705.07761 (VEEGAN), and the protocol of
Lin et al., 2018, arXiv:1712.04086 (PacGAN); the two moons and the Swiss roll as in scikit-learn's
`make_moons` and, without its third axis, `make_swiss_roll` (Marsland, 2009, "Machine Learning: An
Algorithmic Perspective"); the spirals, for any number of arms, and the checkerboard, which has
sharp edges: Grathwohl et al., 2019, arXiv:1810.01367 (FFJORD); the funnel: Neal, 2003, "Slice
sampling", Annals of Statistics 31(3), section 8.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Annotated

import annotated_types
import numpy as np
import tensorflow as tf

from ganapp.training.data.source import Count, DensitySource, Length, keys

# A panel of the quadrature is at most this long, in units of the noise, and has so many nodes:
# measured against eight times as many panels, the log-density is off by 1e-14 at the data and by
# 1e-7 thirty sigma away from them.
PANEL, NODES = 2.0, 16
MOST_PANELS = 100_000
BLOCK = 2_000_000  # pairs of points and nodes at a time: 16 MB an array
CELLS = 20  # of a quadrature, along the side of a square
Dimensions = Annotated[int, annotated_types.Ge(2), annotated_types.Le(1000)]
Correlation = Annotated[float, annotated_types.Gt(-1), annotated_types.Lt(1)]


def _choices(count: int, key: tf.Tensor, parts: int) -> tf.Tensor:
    return tf.random.stateless_uniform((count,), key, minval=0, maxval=parts, dtype=tf.int32)


def _log_sum(exponents: np.ndarray) -> np.ndarray:
    peak = exponents.max(axis=1, keepdims=True)
    return np.log(np.exp(exponents - peak).sum(axis=1)) + peak[:, 0]


@dataclasses.dataclass(frozen=True)
class Mixture:
    """Equally likely round Gaussians."""

    centres: np.ndarray  # float64 `(modes, 2)`
    sigma: float  # standard deviation of every mode along each axis

    def log_density(self, points: np.ndarray) -> np.ndarray:
        squares = ((points[:, None, :] - self.centres[None]) ** 2).sum(-1)
        total = _log_sum(-0.5 * squares / self.sigma**2)
        return total - np.log(len(self.centres)) - np.log(2 * np.pi * self.sigma**2)

    @property
    def width(self) -> float:
        return self.sigma

    @property
    def mean(self) -> np.ndarray:
        return self.centres.mean(axis=0)

    @property
    def scale(self) -> np.ndarray:
        return np.sqrt(self.centres.var(axis=0) + self.sigma**2)

    def draw(self, count: int, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        of_labels, of_noise, _ = keys(seed)
        labels = _choices(count, of_labels, len(self.centres))
        noise = tf.random.stateless_normal((count, 2), of_noise)
        return tf.gather(tf.constant(self.centres, tf.float32), labels) + self.sigma * noise, labels


@dataclasses.dataclass(frozen=True)
class Curves:
    """Equally likely curves in the plane, convolved with a round Gaussian.

    The log-density is exact to 1e-6 or better within thirty sigma of a curve.
    """

    # each maps positions in [0, 1] `(n,)` to points `(n, 2)`, made of TensorFlow ops
    paths: tuple[Callable[[tf.Tensor], tf.Tensor], ...]
    sigma: float  # standard deviation of the noise along each axis
    # a position is the `power`-th root of a uniform number: 1 for uniform positions, 2 for as
    # many more as a spiral needs in its outer turns
    power: int = 1

    def log_density(self, points: np.ndarray) -> np.ndarray:
        points = np.asarray(points, np.float64)
        nodes, log_weights = self._nodes
        rows = max(1, BLOCK // len(nodes))
        parts = [
            self._block(points[start : start + rows], nodes, log_weights)
            for start in range(0, len(points), rows)
        ]
        total = np.concatenate(parts) if parts else np.zeros(0)
        return total - np.log(2 * np.pi * self.sigma**2)

    @property
    def width(self) -> float:
        return self.sigma

    @property
    def mean(self) -> np.ndarray:
        nodes, log_weights = self._nodes
        return np.exp(log_weights) @ nodes

    @property
    def scale(self) -> np.ndarray:
        nodes, log_weights = self._nodes
        variance = np.exp(log_weights) @ (nodes - self.mean) ** 2
        return np.sqrt(variance + self.sigma**2)

    def draw(self, count: int, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        of_labels, of_noise, of_positions = keys(seed)
        labels = _choices(count, of_labels, len(self.paths))
        positions = tf.random.stateless_uniform((count,), of_positions) ** (1 / self.power)
        all_paths = tf.stack([path(positions) for path in self.paths], axis=1)
        noise = self.sigma * tf.random.stateless_normal((count, 2), of_noise)
        return tf.gather(all_paths, labels, batch_dims=1) + noise, labels

    def _block(self, points: np.ndarray, nodes: np.ndarray, log_weights: np.ndarray) -> np.ndarray:
        # Coordinate by coordinate: expanded squares would lose the digits that small noise needs.
        exponents = np.square(points[:, None, 0] - nodes[:, 0])
        exponents += np.square(points[:, None, 1] - nodes[:, 1])
        exponents *= -0.5 / self.sigma**2
        exponents += log_weights
        return _log_sum(exponents)

    @functools.cached_property
    def _nodes(self) -> tuple[np.ndarray, np.ndarray]:
        """Points along all curves, float64 `(m, 2)`, and the logarithms of their weights `(m,)`."""
        fine = tf.linspace(tf.constant(0.0, tf.float64), 1.0, 10_001)
        places, weights = [], []
        for path in self.paths:
            steps = np.linalg.norm(np.diff(path(fine).numpy(), axis=0), axis=1)
            panels = int(np.ceil(steps.max() * len(steps) / (PANEL * self.sigma)))
            positions, shares = _legendre(min(max(panels, 1), MOST_PANELS))
            places.append(path(tf.constant(positions)).numpy())
            weights.append(shares * self.power * positions ** (self.power - 1) / len(self.paths))
        return np.concatenate(places), np.log(np.concatenate(weights))


def _legendre(panels: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes in (0, 1) and weights that sum to 1, of Gauss-Legendre on equal panels."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    places = (np.arange(panels)[:, None] + (nodes + 1) / 2) / panels
    return places.ravel(), np.tile(weights / 2 / panels, panels)


@dataclasses.dataclass(frozen=True)
class Funnel:
    """v ~ N(0, spread^2), the first coordinate, and the others ~ N(0, e^v) given v."""

    dimensions: int
    spread: float

    @property
    def width(self) -> float:
        """The narrow end that 1 % of the points reach: the density has no width of its own."""
        return float(np.exp(-2.326 * self.spread / 2))

    def log_density(self, points: np.ndarray) -> np.ndarray:
        points = np.asarray(points, np.float64)
        v, others = points[:, 0], points[:, 1:]
        of_v = -0.5 * (v / self.spread) ** 2 - np.log(self.spread)
        of_others = -0.5 * (np.square(others).sum(axis=1) * np.exp(-v) + others.shape[1] * v)
        return of_v + of_others - 0.5 * self.dimensions * np.log(2 * np.pi)

    @property
    def scale(self) -> np.ndarray:
        others = np.exp(self.spread**2 / 4)
        return np.array([self.spread, *[others] * (self.dimensions - 1)])

    @property
    def mean(self) -> np.ndarray:
        return np.zeros(self.dimensions)

    def draw(self, count: int, seed: tf.Tensor) -> tuple[tf.Tensor, None]:
        of_v, of_others, _ = keys(seed)
        v = self.spread * tf.random.stateless_normal((count, 1), of_v)
        others = tf.random.stateless_normal((count, self.dimensions - 1), of_others)
        return tf.concat([v, tf.exp(v / 2) * others], axis=1), None


@dataclasses.dataclass(frozen=True)
class CorrelatedGaussian:
    """Unit variances and the correlation `correlation`^|i - j| of coordinates i and j."""

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
        root = np.linalg.cholesky(self.covariance)
        white = np.linalg.solve(root, np.asarray(points, np.float64).T)
        constant = self.dimensions * np.log(2 * np.pi) / 2 + np.log(np.diag(root)).sum()
        return -0.5 * np.square(white).sum(axis=0) - constant

    @property
    def mean(self) -> np.ndarray:
        return np.zeros(self.dimensions)

    @property
    def scale(self) -> np.ndarray:
        return np.ones(self.dimensions)

    def draw(self, count: int, seed: tf.Tensor) -> tuple[tf.Tensor, None]:
        normal = tf.random.stateless_normal((count, self.dimensions), seed)
        root = tf.constant(np.linalg.cholesky(self.covariance), tf.float32)
        return tf.matmul(normal, root, transpose_b=True), None


@dataclasses.dataclass(frozen=True)
class Checkerboard:
    """Uniform on every other square of a board around the origin, the lower left one included."""

    squares: int  # along each side of the board
    side: float  # of a square

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
        places = np.floor(np.asarray(points, np.float64) / self.side + self.squares / 2)
        inside = ((places >= 0) & (places < self.squares)).all(axis=1)
        filled = inside & (places.sum(axis=1) % 2 == 0)
        area = len(self.corners) * self.side**2
        return np.where(filled, -np.log(area), -np.inf)

    @property
    def mean(self) -> np.ndarray:
        return self.corners.mean(axis=0) + self.side / 2

    @property
    def scale(self) -> np.ndarray:
        return np.sqrt(self.corners.var(axis=0) + self.side**2 / 12)

    def draw(self, count: int, seed: tf.Tensor) -> tuple[tf.Tensor, None]:
        of_squares, of_places, _ = keys(seed)
        corners = tf.constant(self.corners, tf.float32)
        chosen = _choices(count, of_squares, len(corners))
        within = self.side * tf.random.stateless_uniform((count, 2), of_places)
        return tf.gather(corners, chosen) + within, None


class MixtureSource(DensitySource):
    """Draws from a mixture whose modes can be counted, and are the labels."""

    metrics = ("reverse_kl", "high_quality")

    def __init__(self, name: str, mixture: Mixture, description: str) -> None:
        super().__init__(name, mixture, description, parts=len(mixture.centres))
        self.modes = mixture


def ring(*, radius: Length = 1.0, sigma: Length = 0.01, modes: Count = 8) -> MixtureSource:
    """Gaussians evenly spaced on a circle, the first on the positive x axis.

    Args:
        radius: of the circle.
        sigma: standard deviation of a mode.
        modes: how many.
    """
    angles = 2 * np.pi * np.arange(modes) / modes  # no end point, or two modes would coincide
    centres = radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return MixtureSource(
        "ring", Mixture(centres, sigma), f"{modes} Gaussians on a circle of radius {radius:g}."
    )


def grid(*, spacing: Length = 2.0, sigma: Length = 0.05, side: Count = 5) -> MixtureSource:
    """Gaussians on a square lattice around the origin.

    Args:
        spacing: distance of neighbouring modes.
        sigma: standard deviation of a mode.
        side: modes along each axis.
    """
    axis = spacing * (np.arange(side) - (side - 1) / 2)
    centres = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    return MixtureSource(
        "grid", Mixture(centres, sigma), f"{side * side} Gaussians on a square lattice."
    )


ring.reference = grid.reference = (
    "Srivastava et al., 2017, arXiv:1705.07761 (VEEGAN); the protocol of Lin et al., 2018, "
    "arXiv:1712.04086 (PacGAN)"
)


def moons(*, noise: Length = 0.1) -> DensitySource:
    """Two interleaving half circles of radius 1.

    Args:
        noise: standard deviation of the noise along each axis.
    """

    def half_circle(x: float, y: float, sign: float) -> Callable[[tf.Tensor], tf.Tensor]:
        def path(position: tf.Tensor) -> tf.Tensor:
            angle = np.pi * position
            return tf.stack([x + sign * tf.cos(angle), y + sign * tf.sin(angle)], axis=-1)

        return path

    curves = Curves((half_circle(0.0, 0.0, 1.0), half_circle(1.0, 0.5, -1.0)), noise)
    return DensitySource("moons", curves, "Two interleaving half circles with noise.", parts=2)


def swiss_roll(*, noise: Length = 0.5) -> DensitySource:
    """The Swiss roll seen from its side: a spiral of one and a half turns, radius 4.7 to 14.1.

    Args:
        noise: standard deviation of the noise along each axis.
    """

    def path(position: tf.Tensor) -> tf.Tensor:
        angle = 1.5 * np.pi * (1 + 2 * position)
        return angle[..., None] * tf.stack([tf.cos(angle), tf.sin(angle)], axis=-1)

    about = "A spiral of one and a half turns."
    return DensitySource("swiss_roll", Curves((path,), noise), about)


def spirals(
    *,
    arms: Count = 2,
    turns: Annotated[float, annotated_types.Gt(0), annotated_types.Le(20)] = 1.5,
    noise: Length = 0.1,
) -> DensitySource:
    """Spirals that wind out of the origin, evenly turned against each other.

    Args:
        arms: how many.
        turns: of each arm; neighbouring turns of an arm lie pi apart.
        noise: standard deviation of the noise along each axis.
    """

    def arm(number: int) -> Callable[[tf.Tensor], tf.Tensor]:
        def path(position: tf.Tensor) -> tf.Tensor:
            angle = 2 * np.pi * turns * position
            turned = angle + 2 * np.pi * number / arms
            directions = tf.stack([tf.cos(turned), tf.sin(turned)], axis=-1)
            return 0.5 * angle[..., None] * directions

        return path

    # Twice as far out, twice as much of the arm: so it is evenly filled.
    curves = Curves(tuple(arm(number) for number in range(arms)), noise, power=2)
    about = f"{arms} arms of a spiral."
    return DensitySource("spirals", curves, about, parts=arms if arms > 1 else 0)


def funnel(
    *,
    dimensions: Dimensions = 2,
    spread: Annotated[float, annotated_types.Gt(0), annotated_types.Le(6)] = 3.0,
) -> DensitySource:
    """Neal's funnel: the first coordinate is the logarithm of the others' variance.

    Args:
        dimensions: of a point.
        spread: standard deviation of the first coordinate.
    """
    about = "Neal's funnel: the first coordinate sets the scale of the others."
    return DensitySource("funnel", Funnel(dimensions, spread), about)


def gaussian(*, dimensions: Dimensions = 2, correlation: Correlation = 0.8) -> DensitySource:
    """One Gaussian with unit variances.

    Args:
        dimensions: of a point.
        correlation: of neighbouring coordinates; its k-th power for those k apart.
    """
    about = "One Gaussian with unit variances and correlated coordinates."
    return DensitySource("gaussian", CorrelatedGaussian(dimensions, correlation), about)


def checkerboard(
    *, squares: Annotated[int, annotated_types.Ge(1), annotated_types.Le(100)] = 4, side: Length = 1
) -> DensitySource:
    """Uniform on every other square of a board around the origin.

    Args:
        squares: along each side of the board.
        side: of a square.
    """
    about = f"Every other square of a board of {squares} by {squares}."
    return DensitySource("checkerboard", Checkerboard(squares, float(side)), about)
