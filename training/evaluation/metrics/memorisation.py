"""The memorised share: does the generator copy its training examples?

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
from ganapp.training.evaluation.features.spaces import CHUNK_BYTES, FeatureRows
from ganapp.training.evaluation.metric import (
    MOST_NEIGHBOURS,
    Comparison,
    Computed,
    EvaluationData,
    Figure,
    Metric,
    ReportData,
    Resampled,
    excess_veto,
    training_count,
)

PERCENTILE = 5.0
LEAST_HELD_OUT = 20  # fewer say nothing about a 5th percentile
MOST_COMPARED = 10_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Memorisation:
    """Distances of samples to training examples beside those of held-out data.

    `share`: memorised share, lower is better. `median_ratio`: median distance of the samples to
    training data over that of held-out data; 1 is as far as unseen real data, 0 is copies.
    `nearest_in_training` against `nearest_in_training_expected`: share of samples whose nearest
    real example is a training one, and what it would be without copying.
    """

    share: float
    median_ratio: float | None
    nearest_in_training: float
    nearest_in_training_expected: float


class PartedIndex:
    """Finds the nearest of rows that are computed a part at a time.

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
        """Distances of samples `(n, d)` to the examples at `places` `(n,)`.

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


def training_neighbours(data: EvaluationData) -> NearestExamples:
    """Finds the nearest training examples among plain values."""
    return data.cache.once(
        "training neighbours",
        lambda: NearestExamples(data.train.features_or_rows(data.plain_space)),
    )


def memorisation_test(data: EvaluationData) -> MemorisationTest:
    """The test of these data, among plain values.

    Raises:
        NotComputable: the source never repeats an example, or there is no held-out data.
    """
    if data.spec.examples is None:
        raise NotComputable("The source never repeats an example, so there is nothing to memorise")
    if data.held_out is None:
        raise NotComputable("A memorised share needs `held_out`, and none was given")
    return data.cache.once(
        "memorisation",
        lambda: MemorisationTest(
            training_neighbours(data), data.held_out.features(data.plain_space)
        ),
    )


def _compute(given: Comparison) -> Computed:
    test = memorisation_test(given.data)
    found = dataclasses.asdict(test(given.samples.features(given.data.plain_space)))
    return {"memorised": found.pop("share")}, {"threshold": test.threshold, **found}


def _resample(given: Comparison, weights: np.ndarray) -> Resampled:
    test = memorisation_test(given.data)
    distances, _ = test.train(given.samples.features(given.data.plain_space))
    return {"memorised": weights @ (distances <= test.threshold) / len(distances)}


def _note(report: ReportData) -> list[str]:
    copies = report["details"].get("memorised")
    if copies is None:
        return []
    return [
        "Memorised: nearer to a training example than 95 % of the training examples are to "
        f"each other. The nearest real example is a training one for "
        f"{copies['nearest_in_training']:.1%} of the samples; without copying it would "
        f"be about {copies['nearest_in_training_expected']:.1%}."
    ]


MEMORISED = Metric(
    figures={
        "memorised": Figure("lower", "memorised share", group="copies", share=True, capped=True)
    },
    compute=_compute,
    resample=_resample,
    applies=lambda data: data.spec.examples is not None or not data.has_known_modes,
    real=training_count,
    most=MOST_NEIGHBOURS,
    note=_note,
    veto=excess_veto(
        "memorised",
        "A share of {share} of the samples is as good as copied from the training data "
        "(memorised share; held-out data: {floor}).",
        usual=0.05,
    ),
)
