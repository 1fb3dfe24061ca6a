"""Points along curves with Gaussian noise around them: two moons, the Swiss roll, spirals.

References: the two moons and the Swiss roll as in scikit-learn's `make_moons` and, without its
third axis, `make_swiss_roll` (Marsland, 2009, "Machine Learning: An Algorithmic Perspective");
the spirals of Grathwohl et al., 2019, arXiv:1810.01367 (FFJORD), for any number of arms.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Annotated

import annotated_types
import numpy as np
import tensorflow as tf

from ganapp.training.data.source import Count, DrawnSource, Length, keys

# A panel of the quadrature is at most this long, in units of the noise, and has so many nodes:
# measured against eight times as many panels, the log-density is off by 1e-14 at the data and by
# 1e-7 thirty sigma away from them.
PANEL, NODES = 2.0, 16
MOST_PANELS = 100_000
BLOCK = 2_000_000  # pairs of points and nodes at a time: 16 MB an array


@dataclasses.dataclass(frozen=True)
class Curves:
    """Equally likely curves in the plane, convolved with a round Gaussian.

    Args:
        paths: each maps positions in [0, 1] `(n,)` to points `(n, 2)`, made of TensorFlow ops.
        sigma: standard deviation of the noise along each axis.
        power: a position is the `power`-th root of a uniform number: 1 for uniform positions, 2
            for as many more as a spiral needs in its outer turns.
    """

    paths: tuple[Callable[[tf.Tensor], tf.Tensor], ...]
    sigma: float
    power: int = 1

    @property
    def width(self) -> float:
        """The length over which the density changes."""
        return self.sigma

    def log_density(self, points: np.ndarray) -> np.ndarray:
        """Log-density in nats, by Gauss-Legendre quadrature along the curves: `(n, 2)` to `(n,)`.

        Exact to 1e-6 or better within thirty sigma of a curve.
        """
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
    def mean(self) -> np.ndarray:
        """Mean of each coordinate, exact to rounding."""
        nodes, log_weights = self._nodes
        return np.exp(log_weights) @ nodes

    @property
    def scale(self) -> np.ndarray:
        """Standard deviation of each coordinate, exact to rounding."""
        nodes, log_weights = self._nodes
        variance = np.exp(log_weights) @ (nodes - self.mean) ** 2
        return np.sqrt(variance + self.sigma**2)

    def draw(self, count: int, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """float32 `(count, 2)` points and the curve each came from; a pure function."""
        of_labels, of_noise, of_positions = keys(seed)
        labels = tf.random.stateless_uniform(
            (count,), of_labels, minval=0, maxval=len(self.paths), dtype=tf.int32
        )
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
        peak = exponents.max(axis=1, keepdims=True)
        return np.log(np.exp(exponents - peak).sum(axis=1)) + peak[:, 0]

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


def _source(name: str, curves: Curves, description: str) -> DrawnSource:
    """Draws along curves; the label is the curve where there are several."""
    count = len(curves.paths)
    classes = tuple(str(i) for i in range(count)) if count > 1 else ()
    return DrawnSource(name, curves, description, classes=classes)


def moons(*, noise: Length = 0.1) -> DrawnSource:
    """Two interleaving half circles of radius 1.

    Args:
        noise: standard deviation of the noise along each axis.
    """

    def half_circle(x: float, y: float, sign: float) -> Callable[[tf.Tensor], tf.Tensor]:
        def path(position: tf.Tensor) -> tf.Tensor:
            angle = np.pi * position
            return tf.stack([x + sign * tf.cos(angle), y + sign * tf.sin(angle)], axis=-1)

        return path

    paths = (half_circle(0.0, 0.0, 1.0), half_circle(1.0, 0.5, -1.0))
    return _source("moons", Curves(paths, noise), "Two interleaving half circles with noise.")


def swiss_roll(*, noise: Length = 0.5) -> DrawnSource:
    """The Swiss roll seen from its side: a spiral of one and a half turns, radius 4.7 to 14.1.

    Args:
        noise: standard deviation of the noise along each axis.
    """

    def path(position: tf.Tensor) -> tf.Tensor:
        angle = 1.5 * np.pi * (1 + 2 * position)
        return angle[..., None] * tf.stack([tf.cos(angle), tf.sin(angle)], axis=-1)

    return _source("swiss_roll", Curves((path,), noise), "A spiral of one and a half turns.")


def spirals(
    *,
    arms: Count = 2,
    turns: Annotated[float, annotated_types.Gt(0), annotated_types.Le(20)] = 1.5,
    noise: Length = 0.1,
) -> DrawnSource:
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

    paths = tuple(arm(number) for number in range(arms))
    # Twice as far out, twice as much of the arm: so it is evenly filled.
    return _source("spirals", Curves(paths, noise, power=2), f"{arms} arms of a spiral.")
