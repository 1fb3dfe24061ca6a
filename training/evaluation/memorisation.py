"""Does the generator copy its training examples?

A sample counts as memorised when it is nearer to some training example than 95 % of the training
examples are to each other (leave-one-out; the 5th percentile rather than a smaller one, because the
floor must be more than noise: 1 % of 300 held-out examples are three). Held-out data cannot have
been copied; their share, measured likewise, is the floor. A share well above it is copying, or
samples crowded into the densest parts of the data: look at the picture of nearest neighbours.
Comparing the two distributions of distances is the test of Meehan et al., 2020, "A non-parametric
test to detect data-copying in generative models" (arXiv:2004.05675); the fixed percentile makes
it a share that can be read.

The second view needs no threshold. If nothing was copied, training and held-out examples are
exchangeable, so the nearest real example of a sample is a training one as often as training
examples occur among the real ones. A higher share is evidence of copying.
"""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from ganapp.training.evaluation.checks import NotComputable, as_features, same_width
from ganapp.training.evaluation.feature_rows import FeatureRows, PartedIndex
from ganapp.training.evaluation.features import CHUNK_BYTES

PERCENTILE = 5.0
LEAST_HELD_OUT = 20  # fewer say nothing about a 5th percentile
MOST_COMPARED = 10_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Memorisation:
    """What `memorisation` found.

    `share`: memorised share, lower is better. `median_ratio`: median distance of the samples to
    training data over that of held-out data; 1 is as far as unseen real data, 0 is copies.
    `nearest_in_training` against `nearest_in_training_expected`: share of samples whose nearest
    real example is a training one, and what it would be without copying.
    """

    share: float
    median_ratio: float | None
    nearest_in_training: float
    nearest_in_training_expected: float


class NearestExamples:
    """Finds the nearest of a fixed set of at least two examples.

    Args:
        features: `(m, d)`; `FeatureRows` where all at once would take much memory.
    """

    def __init__(self, features: ArrayLike | FeatureRows) -> None:
        from sklearn.neighbors import NearestNeighbors

        if isinstance(features, FeatureRows):
            self.features, self._index = features, PartedIndex(features)
        else:
            self.features = as_features("features", features)
            self._index = NearestNeighbors(n_neighbors=1).fit(self.features)

    def __call__(self, samples: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """For samples `(n, d)`: distances float64 `(n,)` and indices int `(n,)` of the nearest."""
        samples = as_features("samples", samples)
        same_width(samples, self.features)
        # Blocks of the other type would make scikit-learn copy the large set of the two.
        samples = samples.astype(self.features.dtype, copy=False)
        indices = self._nearest(samples, 1)[:, 0]
        return self._distances(samples, indices), indices

    def to_each_other(self, *, most: int = MOST_COMPARED, seed: int = 0) -> np.ndarray:
        """Distance of each example to the nearest of the others: float64 `(m,)`.

        Of more than `most` examples that many are drawn: all pairs would take long.
        """
        places = np.arange(len(self.features))
        if len(places) > most:
            places = np.random.default_rng(seed).choice(len(places), most, replace=False)
        return self.gaps(places)

    def gaps(self, places: np.ndarray) -> np.ndarray:
        """Distance of the examples at `places` `(k,)` to the nearest of the others: `(k,)`."""
        some = self.features[places]
        found = self._nearest(some, 2)
        # The example itself is one of the two, unless there are two copies of it.
        other = np.where(found[:, 0] == places, found[:, 1], found[:, 0])
        return self._distances(some, other)

    def _nearest(self, samples: np.ndarray, count: int) -> np.ndarray:
        if isinstance(self._index, PartedIndex):
            return self._index.kneighbors(samples, count)
        return self._index.kneighbors(samples, count, return_distance=False)

    def _distances(self, samples: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Of samples `(n, d)` to the examples at `places` `(n,)`.

        The index's own distances carry rounding errors; an exact copy must be at exactly 0.
        """
        found, step = np.empty(len(samples)), max(1, CHUNK_BYTES // samples[:1].nbytes)
        for start in range(0, len(samples), step):
            part = slice(start, start + step)
            found[part] = np.linalg.norm(samples[part] - self.features[places[part]], axis=1)
        return found


class MemorisationTest:
    """The test with all that depends on real data only worked out in advance.

    Args:
        train: features of the training examples `(m, d)`, or what finds the nearest of them.
        held_out: features of real examples not trained on `(h, d)`, at least 20.

    Raises:
        NotComputable: too few held-out examples.
    """

    def __init__(self, train: ArrayLike | NearestExamples, held_out: ArrayLike) -> None:
        held_out = as_features("held_out", held_out)
        if len(held_out) < LEAST_HELD_OUT:
            raise NotComputable(
                f"A memorised share needs at least {LEAST_HELD_OUT} held-out examples. "
                f"Received: {len(held_out)} examples"
            )
        self.train = train if isinstance(train, NearestExamples) else NearestExamples(train)
        self.held_out = NearestExamples(held_out)
        self.threshold = float(np.percentile(self.train.to_each_other(), PERCENTILE))
        self.median = float(np.median(self.train(held_out)[0]))

    def share(self, samples: ArrayLike) -> float:
        """Share of samples `(n, d)` at most `threshold` from their nearest training example."""
        return float(np.mean(self.train(samples)[0] <= self.threshold))

    def __call__(self, samples: ArrayLike) -> Memorisation:
        """Both views of samples `(n, d)`, which must not be the held-out data themselves."""
        to_train, _ = self.train(samples)
        to_held_out, _ = self.held_out(samples)
        examples = len(self.train.features) + len(self.held_out.features)
        # An example that occurs in both sets is evidence for neither: half each.
        nearer = np.mean(to_train < to_held_out) + 0.5 * np.mean(to_train == to_held_out)
        return Memorisation(
            share=float(np.mean(to_train <= self.threshold)),
            median_ratio=float(np.median(to_train)) / self.median if self.median > 0 else None,
            nearest_in_training=float(nearer),
            nearest_in_training_expected=len(self.train.features) / examples,
        )
