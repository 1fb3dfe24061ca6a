"""Features and statistics of real data on disk: a network need not see the same data twice."""

import hashlib
import io
import logging
import zipfile
from pathlib import Path

import numpy as np

from ganapp.training.evaluation.checks import LARGE, as_features
from ganapp.training.evaluation.features import FeatureSpace, chunks, features_of
from ganapp.training.evaluation.statistics import FeatureStatistics
from ganapp.training.files import write_atomically
from ganapp.training.rows_on_disk import forget


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
