"""Features and statistics of real data on disk: a network need not see the same data twice."""

import hashlib
import io
import logging
import os
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from ganapp.training.evaluation.checks import LARGE, NotComputable, as_features
from ganapp.training.evaluation.features.spaces import FeatureSpace, chunks, features_of
from ganapp.training.files import write_atomically
from ganapp.training.rows_on_disk import forget


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

    def covariance(self) -> np.ndarray:
        """The unbiased covariance, float64 `(d, d)`; NotComputable for fewer than 2 samples."""
        if self.count < 2:
            raise NotComputable(
                f"A covariance needs at least 2 samples. Received: {self.count} samples"
            )
        return self._scatter / (self.count - 1)

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


class FeatureStore:
    """Works features and statistics out, or finds them again under a hash of samples and space.

    Only what a space with an `identity` (a network) says is kept; the others are quick.

    Args:
        folder: where; nothing is kept when `None`.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def features(self, space: FeatureSpace, samples: np.ndarray) -> np.ndarray:
        """All features `(n, d)`, float64 or, where that would take more than 256 MiB, float32."""
        path = self._path("features", space, samples, "npy")
        found = None if path is None else _read(path)
        if found is None or len(found) != len(samples):
            found = features_of(space, samples)
            if path is not None and found.nbytes <= LARGE:
                buffer = io.BytesIO()
                np.save(buffer, found)
                _keep(path, buffer.getvalue())
        return as_features("features", found)

    def statistics(
        self, space: FeatureSpace, samples: np.ndarray, features: np.ndarray | None = None
    ) -> FeatureStatistics:
        """Mean and covariance of the features, from `features` if they are known already."""
        path = self._path("statistics", space, samples, "npz")
        if path is not None and path.is_file():
            try:
                return FeatureStatistics.load(path)
            except ValueError:  # damaged: made anew
                path.unlink(missing_ok=True)
        parts = chunks(space, samples) if features is None else iter([features])
        first = next(parts)
        found = FeatureStatistics(np.shape(first)[1]).update(first)
        for part in parts:
            found.update(part)
        if path is not None:
            try:
                found.save(path)
            except OSError as error:
                _complain(path, error)
        return found

    def _path(
        self, what: str, space: FeatureSpace, samples: np.ndarray, suffix: str
    ) -> Path | None:
        identity = getattr(space, "identity", None)
        if self.folder is None or identity is None:
            return None
        digest = hashlib.sha256(f"{space.name} {identity} {samples.shape}".encode())
        for start in range(0, len(samples), 1000):  # a memory-mapped array piece by piece
            digest.update(np.ascontiguousarray(samples[start : start + 1000]))
            forget(samples)
        return self.folder / f"{what}-{digest.hexdigest()[:32]}.{suffix}"


def _read(path: Path) -> np.ndarray | None:
    try:
        return np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None


def _keep(path: Path, content: bytes) -> None:
    """A full disk makes the next evaluation slower, and this one no less right."""
    try:
        write_atomically(path, content)
    except OSError as error:
        _complain(path, error)


def _complain(path: Path, error: OSError) -> None:
    logging.getLogger("ganapp").warning("%s is not kept: %s.", path, error.strerror)
