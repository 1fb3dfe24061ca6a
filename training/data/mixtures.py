"""Gaussian mixtures in the plane whose modes can be counted: ring and grid.

Reference: Srivastava et al., 2017, arXiv:1705.07761 (VEEGAN); the protocol of
Lin et al., 2018, arXiv:1712.04086 (PacGAN).
"""

import dataclasses

import numpy as np
import tensorflow as tf

from ganapp.training.data.source import Count, DrawnSource, Length, keys


@dataclasses.dataclass(frozen=True)
class Mixture:
    """Equally likely round Gaussians.

    Args:
        centres: float64 `(modes, 2)`.
        sigma: standard deviation of every mode along each axis.
    """

    centres: np.ndarray
    sigma: float

    def log_density(self, points: np.ndarray) -> np.ndarray:
        """Exact log-density in nats: `(n, 2)` to `(n,)`."""
        squares = ((points[:, None, :] - self.centres[None]) ** 2).sum(-1)
        exponents = -0.5 * squares / self.sigma**2
        peak = exponents.max(axis=1, keepdims=True)
        total = np.log(np.exp(exponents - peak).sum(axis=1)) + peak[:, 0]
        return total - np.log(len(self.centres)) - np.log(2 * np.pi * self.sigma**2)

    @property
    def width(self) -> float:
        """The length over which the density changes."""
        return self.sigma

    @property
    def mean(self) -> np.ndarray:
        """Exact mean of each coordinate."""
        return self.centres.mean(axis=0)

    @property
    def scale(self) -> np.ndarray:
        """Exact standard deviation of each coordinate."""
        return np.sqrt(self.centres.var(axis=0) + self.sigma**2)

    def draw(self, count: int, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Points and the mode each came from; a pure function."""
        of_labels, of_noise, _ = keys(seed)
        labels = tf.random.stateless_uniform(
            (count,), of_labels, minval=0, maxval=len(self.centres), dtype=tf.int32
        )
        noise = tf.random.stateless_normal((count, 2), of_noise)
        return tf.gather(tf.constant(self.centres, tf.float32), labels) + self.sigma * noise, labels


class MixtureSource(DrawnSource):
    """Draws from a mixture whose modes can be counted, and are the labels."""

    metrics = ("reverse_kl", "high_quality")

    def __init__(self, name: str, mixture: Mixture, description: str) -> None:
        classes = tuple(str(i) for i in range(len(mixture.centres)))
        super().__init__(name, mixture, description, classes=classes)
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
