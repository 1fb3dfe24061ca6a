"""Can a classifier tell generated samples from real ones? At 1/2 it cannot.

References:
    Lopez-Paz and Oquab, 2017, "Revisiting classifier two-sample tests" (arXiv:1610.06545);
    Xu et al., 2018, "An empirical study on evaluation metrics of GANs" (arXiv:1806.07755), for the
    nearest neighbour left one out and its two accuracies.
"""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binom

from ganapp.training.evaluation.checks import NotComputable, as_feature_pair

LEAST = 10  # of each side


@dataclasses.dataclass(frozen=True, kw_only=True)
class TwoSampleTest:
    """What a classifier of real against generated found.

    `accuracy`: share of examples told apart; 1/2 is indistinguishable. `p_value`: the chance of at
    least that many right answers if both are the same distribution, from the binomial.
    `real_accuracy`, `generated_accuracy`: by side. `judged`: examples behind `accuracy`.
    """

    accuracy: float
    p_value: float
    real_accuracy: float
    generated_accuracy: float
    judged: int


def neighbour_test(real: ArrayLike, generated: ArrayLike, *, seed: int = 0) -> TwoSampleTest:
    """Each example gets the label of its nearest neighbour among all the others.

    Below 1/2, samples are nearer to real examples than those are to each other: copies. Of
    generated accuracy far above the real one, samples lie crowded. The answers depend on each
    other, so the p-value is approximate.

    Args:
        real: `(n, d)`.
        generated: `(m, d)`; of the larger set as many are drawn as the other has.
        seed: of that draw.

    Raises:
        ValueError: different dimensions.
        NotComputable: fewer than 10 of either.
    """
    from sklearn.neighbors import NearestNeighbors

    points, labels = _balanced(real, generated, seed)
    nearest = NearestNeighbors(n_neighbors=1).fit(points).kneighbors(return_distance=False)[:, 0]
    return _judged(labels[nearest] == labels, labels)


def logistic_test(real: ArrayLike, generated: ArrayLike, *, seed: int = 0) -> TwoSampleTest:
    """A logistic regression, trained on one half of both, judges the other half.

    It sees differences of means (in the given space) and little else, but its p-value is exact.

    Args:
        real: `(n, d)`.
        generated: `(m, d)`; of the larger set as many are drawn as the other has.
        seed: of the draw and the halves.

    Raises:
        ValueError: different dimensions.
        NotComputable: fewer than 10 of either.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    points, labels = _balanced(real, generated, seed)
    order = np.random.default_rng(seed).permutation(len(points))
    train, judged = order[::2], order[1::2]
    if len(np.unique(labels[train])) < 2 or not np.ptp(points[train], axis=0).any():
        raise NotComputable("All examples of the half to learn from are the same")
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    model.fit(points[train], labels[train])
    return _judged(model.predict(points[judged]) == labels[judged], labels[judged])


def _balanced(real: ArrayLike, generated: ArrayLike, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """As many of either: points `(2 n, d)`, and whether each is generated."""
    real, generated = as_feature_pair(real=real, generated=generated, least=LEAST)
    count, generator = min(len(real), len(generated)), np.random.default_rng(seed)
    chosen = [part[generator.permutation(len(part))[:count]] for part in (real, generated)]
    return np.concatenate(chosen), np.repeat([False, True], count)


def _judged(right: np.ndarray, labels: np.ndarray) -> TwoSampleTest:
    return TwoSampleTest(
        accuracy=float(right.mean()),
        p_value=float(binom.sf(right.sum() - 1, len(right), 0.5)),
        real_accuracy=float(right[~labels].mean()),
        generated_accuracy=float(right[labels].mean()),
        judged=len(right),
    )
