"""Mean and covariance of features that are never held all at once."""

import io
import os
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from ganapp.training.evaluation.checks import NotComputable, as_features
from ganapp.training.evaluation.distances import Moments, gaussian_moments
from ganapp.training.files import write_atomically


class FeatureStatistics:
    """Count, mean and covariance, gathered batch by batch in float64.

    Batches are merged by the formula of Chan, Golub and LeVeque, 1983, which stays exact where the
    spread is small beside the mean; sums of squares would not. The order and size of the batches
    change the result by rounding only.

    Args:
        dimension: d, at least 1.
    """

    def __init__(self, dimension: int) -> None:
        if dimension < 1:
            raise ValueError(f"`dimension` must be at least 1. Received: dimension={dimension}")
        self.count = 0
        self.mean = np.zeros(dimension)
        self._scatter = np.zeros((dimension, dimension))

    @property
    def dimension(self) -> int:
        """d."""
        return len(self.mean)

    def update(self, features: ArrayLike) -> "FeatureStatistics":
        """Adds a batch `(n, d)`, n at least 1; returns itself.

        Raises:
            ValueError: another dimension, or a value is not finite.
        """
        features = as_features("features", features).astype(np.float64, copy=False)
        if features.shape[1] != self.dimension:
            raise ValueError(
                f"`features` must have {self.dimension} columns like those before. "
                f"Received: shape={features.shape}"
            )
        mean = features.mean(axis=0)
        centred = features - mean
        self._merge(len(features), mean, centred.T @ centred)
        return self

    def merge(self, other: "FeatureStatistics") -> "FeatureStatistics":
        """Adds what another one has gathered; returns itself."""
        if other.dimension != self.dimension:
            raise ValueError(
                f"`other` must have {self.dimension} dimensions. Received: {other.dimension}"
            )
        if other.count:
            self._merge(other.count, other.mean, other._scatter)
        return self

    def covariance(self) -> np.ndarray:
        """The unbiased covariance, float64 `(d, d)`; NotComputable for fewer than 2 samples."""
        if self.count < 2:
            raise NotComputable(
                f"A covariance needs at least 2 samples. Received: {self.count} samples"
            )
        return self._scatter / (self.count - 1)

    def moments(self) -> Moments:
        """What the Fréchet distance needs; NotComputable for fewer than 2 samples."""
        return gaussian_moments(self.mean, self.covariance())

    def save(self, path: str | os.PathLike) -> None:
        """Writes an `.npz` with `count`, `mean` and `scatter`, whole or not at all."""
        buffer = io.BytesIO()
        np.savez(buffer, count=self.count, mean=self.mean, scatter=self._scatter)
        write_atomically(path, buffer.getvalue())

    @classmethod
    def load(cls, path: str | os.PathLike) -> "FeatureStatistics":
        """Reads what `save` wrote.

        Raises:
            ValueError: the file is no such file.
        """
        try:
            # Of a damaged file numpy would leave the handle open.
            content = io.BytesIO(Path(path).read_bytes())
            with np.load(content, allow_pickle=False) as saved:
                found = cls(len(saved["mean"]))
                found._merge(int(saved["count"]), saved["mean"], saved["scatter"])
        except Exception as error:  # a damaged archive fails in many ways
            raise ValueError(
                f"`path` must be a file of feature statistics. Received: path={str(path)!r}"
            ) from error
        return found

    def _merge(self, count: int, mean: np.ndarray, scatter: np.ndarray) -> None:
        total = self.count + count
        shift = mean - self.mean
        self._scatter += scatter
        self._scatter += np.outer(shift, shift) * (self.count * count / total)
        self.mean = self.mean + shift * (count / total)
        self.count = total
