"""Copies of the training data one by one, and samples that are copies of each other.

Reference: Alaa et al., 2022, "How faithful is your synthetic data?" (arXiv:2102.08921).
"""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from ganapp.training.evaluation.checks import NotComputable, as_feature_pair
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
from ganapp.training.evaluation.metrics.memorisation import (
    PERCENTILE,
    NearestExamples,
    training_neighbours,
)

LEAST = 20  # fewer say nothing about a 5th percentile


@dataclasses.dataclass(frozen=True, kw_only=True)
class Duplicates:
    """Shares of the samples that are near to another one, and equal to another one.

    `share` is .05 for real data by construction, `exact` counts samples of which there is an
    earlier copy. `threshold` is the distance that counts as near.
    """

    share: float
    exact: float
    threshold: float


def authentic(train: NearestExamples, samples: ArrayLike) -> np.ndarray:
    """Tells samples that are no copies; their share is the authenticity, higher is better.

    A sample is authentic when its nearest training example is farther from it than from the next
    training example. Of real data about half are: it is a figure to compare with its floor.

    Args:
        train: the training examples, at least two.
        samples: `(n, d)`.

    Returns:
        bool `(n,)`.
    """
    distances, nearest = train(samples)
    places, which = np.unique(nearest, return_inverse=True)
    return distances > train.gaps(places)[which]


def duplicates(samples: ArrayLike, real: ArrayLike, *, seed: int = 0) -> Duplicates:
    """Counts samples that resemble each other more than real examples do; lower is better.

    A sample counts when another one is nearer than 95 % of the real examples are to each other.

    Args:
        samples: `(n, d)`.
        real: `(m, d)`; of the larger set as many are drawn as the other has.
        seed: of that draw.

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


def _compute_authenticity(given: Comparison) -> Computed:
    found = authentic(
        training_neighbours(given.data), given.samples.features(given.data.plain_space)
    )
    return {"authenticity": float(found.mean())}, {}


def _resample_authenticity(given: Comparison, weights: np.ndarray) -> Resampled:
    found = authentic(
        training_neighbours(given.data), given.samples.features(given.data.plain_space)
    )
    return {"authenticity": weights @ found / len(found)}


def _closeness_veto(report: ReportData) -> str | None:
    """Whether samples lie nearer to training examples than real data do."""
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
