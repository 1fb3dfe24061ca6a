"""Which classes the samples show, according to a classifier trained on the real training data."""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from ganapp.training.evaluation.checks import NotComputable, as_features, check_labels, same_width

# A support vector machine fits one boundary per pair of classes, and each costs more than
# linearly in the examples.
MOST_CLASSES = 100
MOST_EXAMPLES = 10_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassFigures:
    """What a label histogram says.

    `found`: classes with at least one sample. `smallest_share`, `largest_share`: of the samples.
    `kl`: KL(samples' histogram || training labels' histogram) in nats, lower is better.
    `histogram` `(c,)`: samples per class, in the order of the classifier's `classes`.
    """

    found: int
    smallest_share: float
    largest_share: float
    kl: float
    histogram: np.ndarray


class ClassJudge:
    """A classifier of real data, used to label samples.

    A support vector machine with a radial kernel; the three nearest neighbours vote when there
    are more than 100 classes. At most 10,000 training examples are used.

    Args:
        features: training examples `(n, d)`.
        labels: int `(n,)`, at least two classes.
        seed: of the choice of examples.

    Raises:
        ValueError: labels and features do not fit.
        NotComputable: a single class.
    """

    def __init__(self, features: ArrayLike, labels: ArrayLike, *, seed: int = 0) -> None:
        from sklearn.neighbors import KNeighborsClassifier
        from sklearn.svm import SVC

        features = as_features("features", features)
        labels = check_labels("labels", labels, len(features))
        self.classes, counts = np.unique(labels, return_counts=True)
        if len(self.classes) < 2:
            raise NotComputable(
                "A classifier needs at least 2 classes in the training labels. "
                f"Received: {len(self.classes)} class"
            )
        self.training_histogram = counts
        chosen = np.arange(len(features))
        if len(features) > MOST_EXAMPLES:
            chosen = np.random.default_rng(seed).choice(chosen, MOST_EXAMPLES, replace=False)
        few = len(self.classes) <= MOST_CLASSES
        model = SVC(gamma="scale", C=10.0) if few else KNeighborsClassifier(n_neighbors=3)
        self._width = features[:1]
        self._model = model.fit(features[chosen], labels[chosen])

    def labels(self, samples: ArrayLike) -> np.ndarray:
        """The label of each of the samples `(n, d)`: int `(n,)`."""
        samples = as_features("samples", samples)
        same_width(samples, self._width)
        return self._model.predict(samples)

    def accuracy(self, features: ArrayLike, labels: ArrayLike) -> float:
        """Share of examples `(n, d)` that get their own label."""
        predicted = self.labels(features)
        return float(np.mean(predicted == check_labels("labels", labels, len(predicted))))

    def figures(self, samples: ArrayLike) -> ClassFigures:
        """Labels samples `(n, d)` and compares their histogram with the training labels'."""
        predicted = self.labels(samples)
        histogram = np.bincount(
            np.searchsorted(self.classes, predicted), minlength=len(self.classes)
        )
        return compare_histograms(histogram, self.training_histogram)


def compare_histograms(histogram: ArrayLike, reference: ArrayLike) -> ClassFigures:
    """The figures of one label histogram against another.

    Args:
        histogram: samples per class `(c,)`, at least one in total.
        reference: training examples per class `(c,)`, at least one in each.
    """
    histogram, reference = np.asarray(histogram), np.asarray(reference)
    if histogram.shape != reference.shape or not histogram.any() or not reference.all():
        raise ValueError(
            "`histogram` must count at least one sample over the classes of `reference`, which "
            f"must all occur. Received: histogram={histogram}, reference={reference}"
        )
    shares, expected = histogram / histogram.sum(), reference / reference.sum()
    seen = shares > 0
    divergence = np.sum(shares[seen] * np.log(shares[seen] / expected[seen]))
    return ClassFigures(
        found=int(np.count_nonzero(seen)),
        smallest_share=float(shares.min()),
        largest_share=float(shares.max()),
        kl=float(max(0.0, divergence)),
        histogram=histogram,
    )
