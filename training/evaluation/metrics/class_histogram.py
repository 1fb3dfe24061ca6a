"""The classes that samples show, according to a classifier trained on the real training data."""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from ganapp.training.evaluation.checks import NotComputable, as_features, check_labels, same_width
from ganapp.training.evaluation.features.classifier import ClassifierSpace
from ganapp.training.evaluation.metric import (
    LABELS,
    Comparison,
    Computed,
    EvaluationData,
    Figure,
    Metric,
    ReportData,
    Resampled,
)

# A support vector machine fits one boundary per pair of classes, and each costs more than
# linearly in the examples.
MOST_CLASSES = 100
MOST_EXAMPLES = 10_000
SURE_ENOUGH = 0.9  # held-out accuracy below which features of a classifier say little


@dataclasses.dataclass(frozen=True, kw_only=True)
class HistogramFigures:
    """A label histogram beside another one.

    `found`: classes with at least one sample. `smallest_share`, `largest_share`: of the samples.
    `kl`: KL(samples' histogram || training labels' histogram) in nats, lower is better. `histogram`
    `(c,)`: samples per class, in the order of the classifier's `classes`.
    """

    found: int
    smallest_share: float
    largest_share: float
    kl: float
    histogram: np.ndarray


class LabelClassifier:
    """A classifier of real data, used to label samples.

    A support vector machine with a radial kernel; the three nearest neighbours vote when there are
    more than 100 classes. At most 10,000 of the training examples `(n, d)`, drawn by `seed`, are
    used, with labels int `(n,)`.

    Raises:
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


def compare_histograms(histogram: ArrayLike, reference: ArrayLike) -> HistogramFigures:
    """Compares samples per class `(c,)`, at least one in total, with training examples per class
    `(c,)`, at least one in each.
    """
    histogram, reference = np.asarray(histogram), np.asarray(reference)
    shares, expected = histogram / histogram.sum(), reference / reference.sum()
    seen = shares > 0
    divergence = np.sum(shares[seen] * np.log(shares[seen] / expected[seen]))
    return HistogramFigures(
        found=int(np.count_nonzero(seen)),
        smallest_share=float(shares.min()),
        largest_share=float(shares.max()),
        kl=float(max(0.0, divergence)),
        histogram=histogram,
    )


def class_figures(
    classifier: ClassifierSpace | LabelClassifier, features: ArrayLike
) -> HistogramFigures:
    """Labels samples `(n, d)` and compares their histogram with the training labels'."""
    places = np.searchsorted(classifier.classes, classifier.labels(features))
    histogram = np.bincount(places, minlength=len(classifier.classes))
    return compare_histograms(histogram, classifier.training_histogram)


def fitted_classifier(data: EvaluationData) -> ClassifierSpace | LabelClassifier:
    """Tells classes by features of the label space: the network whose features they are, or else a
    classifier fitted on those of the training data. NotComputable without labels.
    """

    def fit() -> LabelClassifier:
        labels = data.train.labels
        if labels is None:
            raise NotComputable("Class figures need `train_labels`, and none were given")
        known = labels >= 0
        features = data.train.features(data.label_space)[known]
        return LabelClassifier(features, labels[known], seed=data.seed)

    if isinstance(data.label_space, ClassifierSpace):
        return data.label_space
    return data.cache.once("classifier", fit)


def _compute(given: Comparison) -> Computed:
    data, classifier = given.data, fitted_classifier(given.data)

    def held_out_accuracy() -> float | None:
        if data.held_out is None or not data.held_out.labelled:
            return None
        known = data.held_out.labels >= 0
        features = data.held_out.features(data.label_space)[known]
        return classifier.accuracy(features, data.held_out.labels[known])

    found = class_figures(classifier, given.samples.features(data.label_space))
    values = {
        "classes_found": found.found,
        "smallest_class_share": found.smallest_share,
        "largest_class_share": found.largest_share,
        "class_kl": found.kl,
    }
    return values, {
        "classifier_accuracy": data.cache.once("accuracy", held_out_accuracy),
        "names": [data.class_name(label) for label in classifier.classes],
        "histogram": found.histogram.tolist(),
        "training_histogram": classifier.training_histogram.tolist(),
    }


def _resample(given: Comparison, weights: np.ndarray) -> Resampled:
    """All but the number of classes: a resample never finds one that the samples have not."""
    classifier = fitted_classifier(given.data)
    labels = classifier.labels(given.samples.features(given.data.label_space))
    shares = weights @ (labels[:, None] == classifier.classes) / len(labels)
    expected = classifier.training_histogram / classifier.training_histogram.sum()
    logs = np.log(shares / expected, out=np.zeros(shares.shape), where=shares > 0)
    return {
        "smallest_class_share": shares.min(axis=1),
        "largest_class_share": shares.max(axis=1),
        "class_kl": np.sum(shares * logs, axis=1),
    }


def weak_features_note(report: ReportData) -> str | None:
    """A caution where the figures are in features of a classifier that is often wrong."""
    accuracy = report["details"].get("classes_found", {}).get("classifier_accuracy")
    spaces = {figure["space"] for figure in report["figures"].values()}
    if accuracy is None or accuracy >= SURE_ENOUGH or not any("classifier" in s for s in spaces):
        return None
    return (
        f"Figures in features of a classifier that is wrong on {1 - accuracy:.1%} of the held-out "
        "examples flatter: it sees little of what a person sees, so poor samples pass. Look at the "
        "pictures, and compare such figures with each other only."
    )


def _note(report: ReportData) -> list[str]:
    details, lines = report["details"].get("classes_found", {}), []
    if (accuracy := details.get("classifier_accuracy")) is not None:
        lines.append(f"The classifier labels {accuracy:.1%} of the held-out examples correctly.")
    if (caution := weak_features_note(report)) is not None:
        lines.append(caution)
    total, known = (sum(details.get(key, ())) for key in ("histogram", "training_histogram"))
    if not total or not known:
        return lines
    shares = [
        (count / total, name, count_of_training / known)
        for count, name, count_of_training in zip(
            details["histogram"], details["names"], details["training_histogram"], strict=True
        )
    ]
    ends = {"smallest": min(shares), "largest": max(shares)}
    text = ", ".join(
        f"{which} class: {name} ({share:.1%}; {training:.1%} of the training data)"
        for which, (share, name, training) in ends.items()
    )
    return [*lines, f"{text[0].upper()}{text[1:]}."]


CLASS_HISTOGRAM = Metric(
    figures={
        "classes_found": Figure("higher", group="classes"),
        "smallest_class_share": Figure("higher", group="classes", share=True, capped=True),
        "largest_class_share": Figure("lower", group="classes", share=True, capped=True),
        "class_kl": Figure("lower", "class KL", group="classes"),
    },
    compute=_compute,
    resample=_resample,
    # Where modes are known they are the classes.
    applies=lambda data: (
        (bool(data.spec.classes) or data.train.labels is not None)
        and data.modes is None
        and data.channel_images is None
    ),
    space=LABELS,
    real=lambda data, reference: data.train.labelled,
    note=_note,
)
