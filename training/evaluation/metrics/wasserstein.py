"""Wasserstein distances: exact ones, and sliced ones, where transport along a line is only sorting.

References:
    Villani, 2009, "Optimal transport"; Flamary et al., 2021, "POT" (JMLR 22), the exact solver;
    Rabin et al., 2011, "Wasserstein barycenter and its application to texture mixing";
    Karras et al., 2018, "Progressive growing of GANs" (arXiv:1710.10196), for the pyramid.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import convolve1d
from scipy.spatial.distance import cdist
from scipy.stats import wasserstein_distance

from ganapp.training.evaluation.checks import NotComputable, as_feature_pair
from ganapp.training.evaluation.metric import (
    DISTANCES,
    MOST_NEIGHBOURS,
    Comparison,
    Computed,
    Figure,
    Metric,
    Resampled,
)

PROJECTIONS = 128  # random directions
PATCH = 7  # pixels of a descriptor's side
TAPS = np.array([1.0, 4.0, 6.0, 4.0, 1.0], np.float32) / 16.0
LEAST_SIDE = 14  # of a further level: two patches
MOST_PYRAMIDS = 1000  # images of a side
MOST_TRANSPORTED = 1000  # exact transport takes a second then, eight times as long for twice


def random_directions(dimension: int, count: int, *, seed: int = 0) -> np.ndarray:
    """`count` directions drawn uniformly from the unit sphere: float64 `(dimension, count)`."""
    drawn = np.random.default_rng(seed).normal(size=(dimension, count))
    return drawn / np.linalg.norm(drawn, axis=0)


def sliced_wasserstein(
    first: ArrayLike, second: ArrayLike, *, projections: int = PROJECTIONS, seed: int = 0
) -> float:
    """Mean 1-Wasserstein distance of the projections of `(n, d)` and `(m, d)`; lower is better.

    The random directions, at least one, are the same for all sets. NotComputable for fewer than 2
    rows.
    """
    first, second = as_feature_pair(first=first, second=second, least=2)
    directions = random_directions(first.shape[1], projections, seed=seed).astype(first.dtype)
    first, second = first @ directions, second @ directions
    if len(first) == len(second):
        distances = np.abs(np.sort(first, axis=0) - np.sort(second, axis=0)).mean(axis=0)
    else:
        distances = [wasserstein_distance(x, y) for x, y in zip(first.T, second.T, strict=True)]
    return float(np.mean(distances))


def laplacian_pyramid(images: np.ndarray) -> list[np.ndarray]:
    """Band-pass levels of images `(n, height, width, channels)`, finest first; the last is the
    rest.

    float32, each half as large as the one before, while both sides have 14 pixels.
    """
    levels, image = [], np.asarray(images, np.float32)
    while min(image.shape[1:3]) >= 2 * LEAST_SIDE:
        smaller = _blur(image)[:, ::2, ::2]
        levels.append(image - _enlarge(smaller, image.shape))
        image = smaller
    return [*levels, image]


def pyramid_distances(
    first: np.ndarray,
    second: np.ndarray,
    *,
    patches: int = 32,
    projections: int = PROJECTIONS,
    seed: int = 0,
) -> dict[str, float]:
    """Sliced Wasserstein distance of 7x7 patches at each level of the Laplacian pyramid.

    Patches are normalised by their set's mean and standard deviation per channel, as in the paper:
    the distance is one of textures, not of brightness or contrast. Of images `(n, height, width,
    channels)` in user units, so many `patches` each: the distance by `"<height>x<width>"` of the
    level, finest first. The paper prints thousands.

    Raises:
        NotComputable: a side below 7 pixels, fewer than 2 images, or a level without any contrast.
    """
    if min(first.shape[1:3]) < PATCH:
        raise NotComputable(
            f"Patches need images of at least {PATCH} x {PATCH} pixels. "
            f"Received: {first.shape[1]} x {first.shape[2]}"
        )
    count = min(len(first), len(second))
    if count < 2:
        raise NotComputable(f"Patches need at least 2 images of each side. Received: {count}")
    distances = {}
    for ours, theirs in zip(*map(laplacian_pyramid, (first[:count], second[:count])), strict=True):
        # The same places in both sets: their choice adds nothing to the difference.
        described = [_descriptors(level, patches, seed) for level in (ours, theirs)]
        name = f"{ours.shape[1]}x{ours.shape[2]}"
        distances[name] = sliced_wasserstein(*described, projections=projections, seed=seed)
    return distances


def _descriptors(level: np.ndarray, patches: int, seed: int) -> np.ndarray:
    """Normalised random patches of a level: float32 `(n * patches, 7 * 7 * channels)`."""
    count, height, width, channels = level.shape
    generator = np.random.default_rng(seed)
    top = generator.integers(height - PATCH + 1, size=(count, patches, 1, 1))
    left = generator.integers(width - PATCH + 1, size=(count, patches, 1, 1))
    rows, columns = np.ogrid[:PATCH, :PATCH]
    image = np.arange(count).reshape(-1, 1, 1, 1)
    found = level[image, top + rows, left + columns].reshape(-1, PATCH, PATCH, channels)
    mean = found.mean(axis=(0, 1, 2), dtype=np.float64)
    spread = found.std(axis=(0, 1, 2), dtype=np.float64)
    if not (spread > 0).all():
        raise NotComputable("A level of the pyramid has a channel without any contrast")
    return ((found - mean) / spread).astype(np.float32).reshape(len(found), -1)


def _blur(images: np.ndarray) -> np.ndarray:
    for axis in (1, 2):
        images = convolve1d(images, TAPS, axis=axis, mode="mirror")
    return images


def _enlarge(images: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    spread = np.zeros(shape, np.float32)
    spread[:, ::2, ::2] = images
    return 4.0 * _blur(spread)


def _compute_sliced(given: Comparison) -> Computed:
    sides = given.features(given.data.plain_space)
    return {"sliced_wasserstein": sliced_wasserstein(*sides, seed=given.data.seed)}, {}


def _resample_sliced(given: Comparison, weights: np.ndarray) -> Resampled:
    """The area between both distribution functions of each direction.

    Only the spread of the resamples is of use: the mean of a distance over them lies above the
    figure, because a resample has fewer different samples. In simulations, with and without a
    difference, the spread was within a tenth of the true one.
    """
    real, features = given.features(given.data.plain_space)
    directions = random_directions(real.shape[1], PROJECTIONS, seed=given.data.seed)
    points = np.concatenate([features, real]) @ directions.astype(real.dtype)
    resamples, count = weights.shape
    jumps = np.concatenate(
        [weights / count, np.full((resamples, len(real)), -1.0 / len(real))], axis=1
    )
    total = np.zeros(resamples)
    for column in points.T:
        order = np.argsort(column)
        heights = np.cumsum(jumps[:, order], axis=1)[:, :-1]
        total += np.abs(heights, out=heights) @ np.diff(column[order])
    return {"sliced_wasserstein": total / PROJECTIONS}


def _compute_pyramid(given: Comparison) -> Computed:
    levels = pyramid_distances(given.reference.samples, given.samples.samples, seed=given.data.seed)
    return {"pyramid_wasserstein": float(np.mean(list(levels.values())))}, {"levels": levels}


SLICED_WASSERSTEIN = Metric(
    figures={"sliced_wasserstein": Figure("lower", "sliced Wasserstein distance")},
    compute=_compute_sliced,
    resample=_resample_sliced,
    most=MOST_NEIGHBOURS,
    when="end",
)
PYRAMID_WASSERSTEIN = Metric(
    figures={"pyramid_wasserstein": Figure("lower", "sliced Wasserstein, Laplacian pyramid")},
    compute=_compute_pyramid,
    applies=lambda data: data.spec.kind == "image" and min(data.spec.shape[:2]) >= 2 * LEAST_SIDE,
    most=MOST_PYRAMIDS,
    when="request",
)


def exact_wasserstein(first: ArrayLike, second: ArrayLike) -> float:
    """The 1-Wasserstein distance of `(n, d)` and `(m, d)` under the Euclidean metric; lower is
    better.

    It solves the transport problem exactly, in time between n^2 and n^3: for small samples. Even of
    equal distributions it is well above 0 in many dimensions, about n^(-1/d); compare it with the
    floor at the same counts.
    """
    import ot

    first, second = as_feature_pair(first=first, second=second)
    # Shorter than it need be, the default number of iterations ends with a warning at 1,000 points.
    costs = cdist(first, second)
    scale = float(costs.max())
    if scale == 0:
        return 0.0
    cost = ot.emd2([], [], costs / scale, numItermax=5_000_000)
    return scale * max(0.0, float(cost))


def _compute_exact(given: Comparison) -> Computed:
    sides = given.features(given.data.distance_space)
    return {"exact_wasserstein": exact_wasserstein(*sides)}, {}


EXACT_WASSERSTEIN = Metric(
    figures={"exact_wasserstein": Figure("lower", "Wasserstein distance, exact")},
    compute=_compute_exact,
    space=DISTANCES,
    most=MOST_TRANSPORTED,
    when="request",
)
