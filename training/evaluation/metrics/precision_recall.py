"""Precision, recall, density and coverage from exact nearest neighbours.

References:
    Kynkaanniemi et al., 2019, "Improved precision and recall metric" (arXiv:1904.06991);
    Naeem et al., 2020, "Reliable fidelity and diversity metrics" (arXiv:2002.09797).
"""

import dataclasses
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from ganapp.training.evaluation.checks import as_features, same_width
from ganapp.training.evaluation.features.spaces import FeatureSpace
from ganapp.training.evaluation.metric import (
    MOST_NEIGHBOURS,
    NEIGHBOURS,
    Comparison,
    Computed,
    Figure,
    Metric,
    Resampled,
    SampleSet,
)

# Squared distances come from |x|^2 - 2xy + |y|^2, which is fast but leaves rounding errors of
# this share of the data's squared extent (large sets are float32); a point must not fall out of a
# ball of radius zero around its own duplicate because of them.
ROUNDING = {np.dtype(np.float64): 1e-12, np.dtype(np.float32): 1e-6}
BLOCK_MEBIBYTES = 64


@dataclasses.dataclass(frozen=True, kw_only=True)
class NeighbourFigures:
    """precision, recall and coverage are shares in [0, 1]; density is 0 or more, about 1 if equal.

    All four are better when higher.
    """

    precision: float
    recall: float
    density: float
    coverage: float


class NeighbourBalls:
    """One set's points, each with a ball that reaches its k-th nearest other point of the set.

    Args:
        features: `(n, d)`, at least `neighbours + 1` rows. Duplicates are other points.
        neighbours: k, at least 1.
    """

    def __init__(self, features: ArrayLike, *, neighbours: int = 5) -> None:
        from sklearn.neighbors import NearestNeighbors

        self.features = as_features("features", features, least=neighbours + 1)
        self.neighbours = neighbours
        index = NearestNeighbors(n_neighbors=neighbours).fit(self.features)
        # Without an argument scikit-learn leaves each point itself out, whatever its duplicates.
        distances, _ = index.kneighbors()
        self.squared_radii = distances[:, -1] ** 2


def neighbour_figures(real: NeighbourBalls, generated: NeighbourBalls) -> NeighbourFigures:
    """All four figures in one pass over the pairs, in blocks of bounded memory.

    With B(x) the closed ball around x that reaches its k-th neighbour in its own set: precision =
    share of generated points in at least one real ball; recall = share of real points in at least
    one generated ball; density = mean number of real balls around a generated point, over k;
    coverage = share of real balls with at least one generated point inside.

    Raises:
        ValueError: different k or different dimensions.
    """
    samples, points = len(generated.features), len(real.features)
    balls_around = np.zeros(samples, dtype=np.int64)
    covered = np.zeros(points, dtype=bool)
    recalled = np.zeros(points, dtype=bool)
    for rows, inside, reached in balls_in_blocks(real, generated):
        balls_around[rows] = np.count_nonzero(inside, axis=1)
        covered |= inside.any(axis=0)
        recalled |= reached.any(axis=0)
    return NeighbourFigures(
        precision=float(np.mean(balls_around > 0)),
        recall=float(recalled.mean()),
        density=float(balls_around.mean() / real.neighbours),
        coverage=float(covered.mean()),
    )


def balls_in_blocks(
    real: NeighbourBalls, generated: NeighbourBalls
) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Tells which points lie in which balls, some generated points at a time.

    Yields:
        Which generated points; bool `(k, m)`, whether each lies in the ball of each real one; bool
        `(k, m)`, whether each real one lies in the ball of it.
    """
    from sklearn.metrics import pairwise_distances_chunked

    same_width(real.features, generated.features)
    centre = real.features.mean(axis=0)  # small norms lose fewer digits to cancellation
    points, samples = real.features - centre, generated.features - centre
    # Of the real points alone: a sample far away would otherwise widen every ball to reach it.
    rounding = max(ROUNDING[points.dtype], ROUNDING[samples.dtype])
    slack = rounding * float(np.square(points).sum(1).max())
    real_limit = real.squared_radii + slack
    generated_limit = generated.squared_radii + slack
    start = 0
    for squared in pairwise_distances_chunked(
        samples, points, working_memory=BLOCK_MEBIBYTES, squared=True
    ):
        rows = slice(start, start + len(squared))
        yield rows, squared <= real_limit, squared <= generated_limit[rows, None]
        start = rows.stop


def compare_neighbours(
    real: ArrayLike, generated: ArrayLike, *, neighbours: int = 5
) -> NeighbourFigures:
    """`neighbour_figures` of two plain sets of features, `(m, d)` and `(n, d)`."""
    return neighbour_figures(
        NeighbourBalls(real, neighbours=neighbours),
        NeighbourBalls(generated, neighbours=neighbours),
    )


def sample_balls(samples: SampleSet, space: FeatureSpace) -> NeighbourBalls:
    """The balls of a set of samples in the given space, computed once."""
    return samples.cache.once(
        ("balls", space.name),
        lambda: NeighbourBalls(samples.features(space), neighbours=samples.neighbours),
    )


def _compute(given: Comparison) -> Computed:
    sides = (
        sample_balls(side, given.data.neighbour_space) for side in (given.reference, given.samples)
    )
    return dataclasses.asdict(neighbour_figures(*sides)), {}


def _resample(given: Comparison, weights: np.ndarray) -> Resampled:
    """Balls around generated points keep the radii of the whole set: copies would have radius 0."""
    real, generated = (
        sample_balls(side, given.data.neighbour_space) for side in (given.reference, given.samples)
    )
    shares = weights.astype(np.float32)
    resamples, (count, points) = len(shares), (len(generated.features), len(real.features))
    around = np.zeros(count)
    inside_real = np.zeros((resamples, points), np.float32)
    inside_generated = np.zeros((resamples, points), np.float32)
    for rows, inside, reached in balls_in_blocks(real, generated):
        around[rows] = np.count_nonzero(inside, axis=1)
        inside_real += shares[:, rows] @ inside.astype(np.float32)
        inside_generated += shares[:, rows] @ reached.astype(np.float32)
    return {
        "precision": weights @ (around > 0) / count,
        "recall": (inside_generated > 0).mean(axis=1),
        "density": weights @ around / (count * real.neighbours),
        "coverage": (inside_real > 0).mean(axis=1),
    }


PRECISION_RECALL = Metric(
    figures={
        "precision": Figure("higher", group="fidelity", share=True, essential=True),
        "recall": Figure("higher", group="diversity", share=True),
        "density": Figure("higher", group="fidelity", capped=True),
        "coverage": Figure("higher", group="diversity", share=True, essential=True),
    },
    compute=_compute,
    resample=_resample,
    space=NEIGHBOURS,
    most=MOST_NEIGHBOURS,
)
