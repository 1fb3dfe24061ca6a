"""More figures of samples drawn again with replacement, as in `resampling.py`.

Only the spread of the resamples is of use: the mean of a distance over them lies above the figure,
because a resample has fewer different samples. Near equality with the real data, where the
first order of a distance vanishes, the spread of the energy distance comes out up to 1.7 times too
wide (Arcones and Gine, 1992, "On the bootstrap of U and V statistics"); that of the sliced
Wasserstein distance was within a tenth of the true one in simulations, with and without a
difference. Drawing fewer with replacement and scaling, which theory offers for such cases, was no
better for the one and worse for the other.
"""

import numpy as np

from ganapp.training.evaluation.authenticity import duplicates
from ganapp.training.evaluation.checks import NotComputable
from ganapp.training.evaluation.evidence import Batch, Evidence
from ganapp.training.evaluation.modes import count_modes
from ganapp.training.evaluation.neighbours import NeighbourBalls, balls_in_blocks
from ganapp.training.evaluation.sliced import PROJECTIONS, random_directions
from ganapp.training.evaluation.tables import associations, marginals
from ganapp.training.evaluation.transport import BLOCK_MEBIBYTES, mean_distance

MOST_PAIRS = 120  # of columns: a hundred times their associations take some ten seconds
MOST_CELLS = 300_000  # of samples: a hundred times their marginals take some ten seconds

Resampled = dict[str, np.ndarray]


def sliced(evidence: Evidence, batch: Batch, reference: Batch, weights: np.ndarray) -> Resampled:
    """The sliced Wasserstein distance for weights int `(r, n)`: `(r,)`.

    Of each direction the area between both distribution functions.
    """
    real, samples = (part.features(evidence.plain_space) for part in (reference, batch))
    directions = random_directions(real.shape[1], PROJECTIONS, seed=evidence.seed)
    points = np.concatenate([samples, real]) @ directions.astype(real.dtype)
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


def energy(evidence: Evidence, batch: Batch, reference: Batch, weights: np.ndarray) -> Resampled:
    """The energy distance `(r,)`."""
    from sklearn.metrics import pairwise_distances_chunked

    real, samples = (part.features(evidence.distance_space) for part in (reference, batch))
    centre = samples.mean(axis=0)
    real, samples = real - centre, samples - centre
    shares, start = weights / len(samples), 0
    across, within = np.zeros(len(weights)), np.zeros(len(weights))
    for block in pairwise_distances_chunked(samples, samples, working_memory=BLOCK_MEBIBYTES):
        rows = slice(start, start := start + len(block))
        within += np.sum((shares[:, rows] @ block) * shares, axis=1)
    start = 0
    for block in pairwise_distances_chunked(samples, real, working_memory=BLOCK_MEBIBYTES):
        rows = slice(start, start := start + len(block))
        across += shares[:, rows] @ block.mean(axis=1)
    values = 2.0 * across - within - mean_distance(real, real)
    return {"energy_distance": np.maximum(0.0, values)}


def duplicated(
    evidence: Evidence, batch: Batch, reference: Batch, weights: np.ndarray
) -> Resampled:
    """The share of duplicates `(r,)`, to first order: what leaving each sample out would change.

    A copy that is drawn twice would be a duplicate of itself. Samples that are each other's only
    near ones come and go together, so this is the jackknife's error and not the binomial one; it
    may be up to 1.4 times too wide, never too narrow on average (Efron and Stein, 1981).
    """
    from sklearn.neighbors import NearestNeighbors

    real, samples = (part.features(evidence.plain_space) for part in (reference, batch))
    found = duplicates(samples, real, seed=evidence.seed)
    count = min(len(samples), len(real))
    chosen = np.random.default_rng(evidence.seed).permutation(len(samples))[:count]
    some = samples[chosen]
    nearest = NearestNeighbors(n_neighbors=2).fit(some).kneighbors(return_distance=False)
    near = np.stack(
        [np.linalg.norm(some - some[place], axis=1) <= found.threshold for place in nearest.T]
    )
    alone = near[0] & ~near[1]  # it has one near sample only: without that one it has none
    influence = near[0] + np.bincount(nearest[alone, 0], minlength=count)
    change = weights[:, chosen] @ (influence - influence.mean()) / count
    return {"duplicates": found.share + change}


def modes(evidence: Evidence, batch: Batch, reference: Batch, weights: np.ndarray) -> Resampled:
    """What modes of a known mixture look like, each `(r,)`; not how many there are.

    A resample never finds a mode that the samples have not, so its count says nothing of the error.
    """
    features, known = batch.features(evidence.plain_space), evidence.modes
    several = [
        count_modes(np.repeat(features, row, axis=0), centres=known.centres, sigma=known.sigma)
        for row in weights
    ]
    return {
        key: np.array([getattr(each, key) for each in several], float)  # None is NaN
        for key in ("fair_modes", "high_quality", "reverse_kl", "sigma_ratio")
    }


def stacks(evidence: Evidence, batch: Batch, reference: Batch, weights: np.ndarray) -> Resampled:
    """The divergence of the modes of stacks `(r,)`; not their number, for the same reason."""
    judge = evidence.stack_judge
    classes = judge.classes(batch.samples)
    kl = [judge.figures(np.repeat(classes, row, axis=0)).kl for row in weights]
    return {"mode_kl": np.array(kl)}


def columns(evidence: Evidence, batch: Batch, reference: Batch, weights: np.ndarray) -> Resampled:
    """Marginals and, of at most 120 pairs of columns, associations of a table, each `(r,)`.

    Nothing of more than 300,000 cells.
    """
    table, real = evidence.spec.table, reference.samples
    if batch.samples.size > MOST_CELLS:
        return {}
    drawn = [np.repeat(batch.samples, row, axis=0) for row in weights]
    found = {"marginals": np.array([marginals(table, rows, real).mean() for rows in drawn])}
    pairs = np.tril_indices(len(table.varying), -1)
    if 0 < len(pairs[0]) <= MOST_PAIRS:
        expected = associations(table, real)[pairs]
        errors = [np.abs(associations(table, rows)[pairs] - expected).mean() for rows in drawn]
        found["associations"] = np.array(errors)
    return found


def closeness(evidence: Evidence, batch: Batch, reference: Batch, weights: np.ndarray) -> Resampled:
    """The distance to the closest record `(r,)`: a weighted median over that of held-out rows."""
    test = evidence.memorisation_test
    if not test.median > 0:
        return {}
    distances = np.sort(test.train(batch.features(evidence.neighbour_space))[0])
    # Rows are exchangeable, so the weights need not be sorted with them.
    places = (np.cumsum(weights, axis=1) <= weights.sum(axis=1, keepdims=True) / 2).sum(axis=1)
    return {"closest_record": distances[np.minimum(places, len(distances) - 1)] / test.median}


def asked(evidence: Evidence, batch: Batch, reference: Batch, weights: np.ndarray) -> Resampled:
    """Share of samples that are told to be of the class that was asked for, `(r,)`."""
    labels = labels_of(batch)
    known = labels >= 0
    told = evidence.classifier.labels(batch.features(evidence.label_space)[known])
    drawn = weights[:, known]
    return {"asked_accuracy": drawn @ (told == labels[known]) / drawn.sum(axis=1)}


def class_coverage(
    evidence: Evidence, batch: Batch, reference: Batch, weights: np.ndarray
) -> Resampled:
    """Mean and smallest coverage within the classes, each `(r,)`."""
    space, each = evidence.neighbour_space, []
    real, samples = reference.features(space), batch.features(space)
    real_labels, labels = labels_of(reference), labels_of(batch)
    for label in np.unique(real_labels[real_labels >= 0]):
        of_label = labels == label
        sides = real[real_labels == label], samples[of_label]
        balls = [NeighbourBalls(some, neighbours=batch.neighbours) for some in sides]
        drawn = weights[:, of_label].astype(np.float32)
        reached = sum(
            drawn[:, rows] @ inside.astype(np.float32)
            for rows, inside, _ in balls_in_blocks(*balls)
        )
        each.append((reached > 0).mean(axis=1))
    if not each:
        raise NotComputable("No label of the real examples is known")
    return {
        "class_coverage": np.mean(each, axis=0),
        "smallest_class_coverage": np.min(each, axis=0),
    }


def labels_of(batch: Batch) -> np.ndarray:
    """The labels of a batch.

    Raises:
        NotComputable: it has none.
    """
    if batch.labels is None:
        raise NotComputable("These samples were not asked to be of a class")
    return batch.labels
