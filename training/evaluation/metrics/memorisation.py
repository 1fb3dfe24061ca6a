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

Authenticity, likewise without a threshold, is that of Alaa et al., 2022, "How faithful is your
synthetic data?" (arXiv:2102.08921); duplicates are samples that are copies of each other.
"""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from ganapp.training.evaluation.checks import (
    NotComputable,
    as_feature_pair,
    as_features,
    same_width,
)
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
    far_from_floor,
    number,
    training_count,
)

PERCENTILE = 5.0
LEAST = 20  # examples; fewer say nothing about a 5th percentile
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
    """Finds the nearest of rows that are computed a part at a time."""

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
    """Finds the nearest of at least two examples `(m, d)`; `FeatureRows` where all take much
    memory.
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

        The index's own carry rounding errors; an exact copy must be at exactly 0.
        """
        found, step = np.empty(len(samples)), max(1, CHUNK_BYTES // samples[:1].nbytes)
        for start in range(0, len(samples), step):
            part = slice(start, start + step)
            found[part] = np.linalg.norm(samples[part] - self.features[places[part]], axis=1)
        return found


class MemorisationTest:
    """The test with all that depends on real data only worked out in advance.

    At least 20 held-out examples are needed.
    """

    def __init__(self, train: ArrayLike | NearestExamples, held_out: ArrayLike) -> None:
        held_out = as_features("held_out", held_out)
        if len(held_out) < LEAST:
            raise NotComputable(
                f"A memorised share needs at least {LEAST} held-out examples. "
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
    """The test of these data, among plain values. NotComputable where the source never repeats an
    example, or there is no held-out data.
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


def _compute_memorised(given: Comparison) -> Computed:
    test = memorisation_test(given.data)
    found = dataclasses.asdict(test(given.samples.features(given.data.plain_space)))
    return {"memorised": found.pop("share")}, {"threshold": test.threshold, **found}


def _resample_memorised(given: Comparison, weights: np.ndarray) -> Resampled:
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
    compute=_compute_memorised,
    resample=_resample_memorised,
    applies=lambda data: (
        data.spec.examples is not None or (data.modes is None and data.channel_images is None)
    ),
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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Duplicates:
    """Shares of the samples that are near to another one (`share`, .05 for real data by
    construction), and equal to an earlier one (`exact`). `threshold` is the distance that counts
    as near.
    """

    share: float
    exact: float
    threshold: float


def authentic(train: NearestExamples, samples: ArrayLike) -> np.ndarray:
    """Tells which samples `(n, d)` are no copies; their share is the authenticity, higher is
    better.

    A sample is authentic when its nearest training example is farther from it than from the next
    training example. Of real data about half are: it is a figure to compare with its floor.
    """
    distances, nearest = train(samples)
    places, which = np.unique(nearest, return_inverse=True)
    return distances > train.gaps(places)[which]


def duplicates(samples: ArrayLike, real: ArrayLike, *, seed: int = 0) -> Duplicates:
    """Counts samples that resemble each other more than real examples do; lower is better.

    A sample counts when another one is nearer than 95 % of the real examples are to each other. Of
    the larger set, `(n, d)` or `(m, d)`, as many are drawn as the other has.

    Raises:
        ValueError: different dimensions.
        NotComputable: fewer than 20 of either.
    """
    samples, real = as_feature_pair(samples=samples, real=real)
    count, generator = min(len(samples), len(real)), np.random.default_rng(seed)
    if count < LEAST:
        raise NotComputable(
            f"Duplicates need at least {LEAST} samples and real examples. Received: "
            f"{len(samples)} and {len(real)}"
        )
    some, others = (
        NearestExamples(part[generator.permutation(len(part))[:count]]).to_each_other()
        for part in (samples, real)
    )
    threshold = float(np.percentile(others, PERCENTILE))
    return Duplicates(
        share=float(np.mean(some <= threshold)),
        exact=1.0 - len({row.tobytes() for row in samples + 0.0}) / len(samples),
        threshold=threshold,
    )


def _has_examples(data: EvaluationData) -> bool:
    return data.spec.examples is not None  # what never repeats an example cannot be copied


def _authentic(given: Comparison) -> np.ndarray:
    features = given.samples.features(given.data.plain_space)
    return authentic(training_neighbours(given.data), features)


def _compute_authenticity(given: Comparison) -> Computed:
    return {"authenticity": float(_authentic(given).mean())}, {}


def _resample_authenticity(given: Comparison, weights: np.ndarray) -> Resampled:
    found = _authentic(given)
    return {"authenticity": weights @ found / len(found)}


def _closeness_veto(report: ReportData) -> str | None:
    found = far_from_floor(report, "authenticity", usual=0.5, limit=lambda floor: floor - 0.2)
    if found is None:
        return None
    share, floor = map(number, found)
    return (
        f"The samples hug the training data: a share of {share} is authentic (held-out data: "
        f"{floor})."
    )


def _compute_duplicates(given: Comparison) -> Computed:
    sides = (side.features(given.data.plain_space) for side in (given.samples, given.reference))
    found = dataclasses.asdict(duplicates(*sides, seed=given.data.seed))
    return {"duplicates": found.pop("share")}, found


def _resample_duplicates(given: Comparison, weights: np.ndarray) -> Resampled:
    """To first order: what leaving each sample out would change.

    A copy that is drawn twice would be a duplicate of itself. Samples that are each other's only
    near ones come and go together, so this is the jackknife's error and not the binomial one; it
    may be up to 1.4 times too wide, never too narrow on average (Efron and Stein, 1981).
    """
    from sklearn.neighbors import NearestNeighbors

    features, real = (
        side.features(given.data.plain_space) for side in (given.samples, given.reference)
    )
    found = duplicates(features, real, seed=given.data.seed)
    count = min(len(features), len(real))
    chosen = np.random.default_rng(given.data.seed).permutation(len(features))[:count]
    some = features[chosen]
    nearest = NearestNeighbors(n_neighbors=2).fit(some).kneighbors(return_distance=False)
    near = np.stack(
        [np.linalg.norm(some - some[place], axis=1) <= found.threshold for place in nearest.T]
    )
    alone = near[0] & ~near[1]  # it has one near sample only: without that one it has none
    influence = near[0] + np.bincount(nearest[alone, 0], minlength=count)
    change = weights[:, chosen] @ (influence - influence.mean()) / count
    return {"duplicates": found.share + change}


AUTHENTICITY = Metric(
    figures={"authenticity": Figure("higher", share=True)},
    compute=_compute_authenticity,
    resample=_resample_authenticity,
    applies=_has_examples,
    real=training_count,
    most=MOST_NEIGHBOURS,
    when="end",
    veto=_closeness_veto,
)
DUPLICATES = Metric(
    figures={"duplicates": Figure("lower", "duplicates share", share=True)},
    compute=_compute_duplicates,
    resample=_resample_duplicates,
    applies=_has_examples,
    most=MOST_NEIGHBOURS,
    when="end",
    veto=excess_veto(
        "duplicates",
        "The samples repeat each other: a share of {share} are duplicates (real data: {floor}).",
        usual=0.05,
    ),
)
