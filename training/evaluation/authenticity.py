"""Copies of the training data one by one, and samples that are copies of each other.

Reference: Alaa et al., 2022, "How faithful is your synthetic data?" (arXiv:2102.08921).
"""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from ganapp.training.evaluation.checks import NotComputable, as_feature_pair
from ganapp.training.evaluation.memorisation import PERCENTILE, NearestExamples

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
    """Which samples are no copies; their share is the authenticity, higher is better.

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
    """Do samples resemble each other more than as many real examples do? Lower is better.

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
