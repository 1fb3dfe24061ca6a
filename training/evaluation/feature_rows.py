"""Features that are worked out where they are used: what is held are the samples alone.

Neighbours are looked for among all training examples, and their pixels as float32 take four times
the room of the examples themselves, which lie on the disk where they are many.
"""

from collections.abc import Iterator

import numpy as np

from ganapp.training.evaluation.checks import storage_type
from ganapp.training.evaluation.features import FeatureSpace, features_of, rows_at_once


class FeatureRows:
    """Features `(n, d)` of samples, as `features_of` gives them, a part at a time.

    Args:
        space: gives one row for each sample, the same whichever others come with it.
        samples: `(n, *shape)` in user units, perhaps memory-mapped.
    """

    def __init__(self, space: FeatureSpace, samples: np.ndarray) -> None:
        self._space, self._samples = space, samples
        self.shape = (len(samples), space(samples[:1]).shape[1])
        self.dtype = np.dtype(storage_type(self.shape[0] * self.shape[1]))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, places: np.ndarray | slice) -> np.ndarray:
        """The rows at `places`, `(k, d)`."""
        return features_of(self._space, self._samples[places]).astype(self.dtype, copy=False)

    def parts(self) -> Iterator[np.ndarray]:
        """All rows in their order, in parts of bounded memory."""
        size = rows_at_once(self._samples)
        for start in range(0, len(self), size):
            yield self[start : start + size]


class PartedIndex:
    """Finds nearest rows by looking at one part after the other.

    Args:
        rows: to look among.
    """

    def __init__(self, rows: FeatureRows) -> None:
        self._rows = rows

    def kneighbors(self, samples: np.ndarray, count: int) -> np.ndarray:
        """The `count` nearest rows of samples `(n, d)`, nearest first: int `(n, count)`."""
        from sklearn import config_context
        from sklearn.neighbors import NearestNeighbors

        distances, places, first = [], [], 0
        for part in self._rows.parts():
            with config_context(assume_finite=True):  # not to look at all samples in every part
                index = NearestNeighbors(algorithm="brute").fit(part)
                near, which = index.kneighbors(samples, min(count, len(part)))
            distances, places = [*distances, near], [*places, which + first]
            first += len(part)
            # Only the best so far are kept: many parts would be many columns.
            together, found = np.concatenate(distances, axis=1), np.concatenate(places, axis=1)
            order = np.argsort(together, axis=1, kind="stable")[:, :count]
            distances = [np.take_along_axis(together, order, axis=1)]
            places = [np.take_along_axis(found, order, axis=1)]
        return places[0]
