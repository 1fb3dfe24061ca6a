"""Figures of samples drawn again with replacement, quick enough for a hundred times.

Efron's bootstrap over the generated samples; the real data stay as they are. What depends on one
sample at a time is worked out once and weighted by how often the sample was drawn. Balls around
generated points keep the radii of the whole set: copies of a point would have radius 0.
"""

import numpy as np

from ganapp.training.evaluation.distances import frechet_distance, gaussian_moments
from ganapp.training.evaluation.evidence import Batch, Evidence
from ganapp.training.evaluation.neighbours import balls_in_blocks

# Wider covariances take seconds each.
WIDEST = 256

Resampled = dict[str, np.ndarray]


def neighbours(
    evidence: Evidence, batch: Batch, reference: Batch, weights: np.ndarray
) -> Resampled:
    """Precision, recall, density and coverage for weights int `(r, n)`: each `(r,)`."""
    space = evidence.neighbour_space
    real, generated = reference.balls(space), batch.balls(space)
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


def frechet(evidence: Evidence, batch: Batch, reference: Batch, weights: np.ndarray) -> Resampled:
    """The Fréchet distance `(r,)`; nothing in more than 256 dimensions."""
    space = evidence.distance_space
    features = batch.features(space)
    count, width = features.shape
    if width > WIDEST or count < 2:
        return {}
    real, values = reference.moments(space), []
    for row in weights:
        mean = row @ features / count
        centred = features - mean
        covariance = (centred * row[:, None]).T @ centred / (count - 1)
        values.append(frechet_distance(real, gaussian_moments(mean, covariance)))
    return {"frechet_distance": np.array(values)}


def classes(evidence: Evidence, batch: Batch, reference: Batch, weights: np.ndarray) -> Resampled:
    """Smallest and largest share of a class and the divergence, each `(r,)`."""
    judge = evidence.classifier
    labels = judge.labels(batch.features(evidence.label_space))
    shown = labels[:, None] == judge.classes
    shares = weights @ shown / len(labels)
    expected = judge.training_histogram / judge.training_histogram.sum()
    logs = np.log(shares / expected, out=np.zeros(shares.shape), where=shares > 0)
    return {
        "smallest_class_share": shares.min(axis=1),
        "largest_class_share": shares.max(axis=1),
        "class_kl": np.sum(shares * logs, axis=1),
    }


def memorised(evidence: Evidence, batch: Batch, reference: Batch, weights: np.ndarray) -> Resampled:
    """The memorised share `(r,)`."""
    test = evidence.memorisation_test
    distances, _ = test.train(batch.features(evidence.plain_space))
    return {"memorised": weights @ (distances <= test.threshold) / len(distances)}
