"""Counting the modes of stacked images: one class per channel, all combinations equally likely.

Reference: the protocol of Metz et al., 2016 (arXiv:1611.02163), Srivastava et al., 2017
(VEEGAN, arXiv:1705.07761) and Lin et al., 2018 (PacGAN, arXiv:1712.04086): a classifier of single
images, trained on real ones, names the class in each channel; the combination is the mode; the
divergence is KL(samples' histogram of modes || uniform), in nats, over 26,000 samples. The
classifier names something in every image, so both figures are of diversity only: blurred stacks may
show all the modes. Read them beside precision and the baseline's.
"""

import numpy as np
from scipy.stats import binom

from ganapp.training.evaluation.features.spaces import Pixels
from ganapp.training.evaluation.metric import (
    ChannelImages,
    Comparison,
    Computed,
    EvaluationData,
    Figure,
    Metric,
    ReportData,
    Resampled,
    number,
)
from ganapp.training.evaluation.metrics.class_histogram import (
    HistogramFigures,
    LabelClassifier,
    compare_histograms,
)


class StackClassifier:
    """Names the class in every channel of stacked images.

    Args:
        channel_images: real single images; the classifier sees the training ones only.
        seed: of the classifier.
    """

    def __init__(self, channel_images: ChannelImages, *, seed: int = 0) -> None:
        self._pixels = Pixels()
        features = self._pixels(channel_images.train)
        self.classifier = LabelClassifier(features, channel_images.train_labels, seed=seed)
        self.accuracy = (
            self.classifier.accuracy(
                self._pixels(channel_images.held_out), channel_images.held_out_labels
            )
            if len(channel_images.held_out)
            else None
        )

    def classes(self, samples: np.ndarray) -> np.ndarray:
        """The place of each channel's class among the classifier's: int `(n, channels)`.

        Args:
            samples: uint8 `(n, height, width, channels)`.
        """
        channel_images = np.moveaxis(samples, -1, 1)
        # All channels in one call; a single image keeps its own channel axis.
        features = self._pixels(channel_images.reshape(-1, *channel_images.shape[2:]))
        labels = self.classifier.labels(features)
        return np.searchsorted(self.classifier.classes, labels).reshape(channel_images.shape[:2])

    def figures(self, classes: np.ndarray) -> HistogramFigures:
        """Counts modes: `found` of them have a sample, `kl` is the divergence from uniform.

        Args:
            classes: int `(n, channels)`, as from `classes`.
        """
        return count_stacks(classes, classes_per_channel=len(self.classifier.classes))


def count_stacks(classes: np.ndarray, *, classes_per_channel: int) -> HistogramFigures:
    """The figures of the histogram of combinations against the uniform one.

    A sampler that draws m of the M combinations equally often has kl = log(M / m).

    Args:
        classes: int `(n, channels)` in 0 to `classes_per_channel - 1`, at least one row.
        classes_per_channel: k; there are k^channels modes.

    Raises:
        ValueError: not a matrix of such numbers, or no rows.
    """
    classes = np.asarray(classes)
    fits = classes.ndim == 2 and classes.size > 0 and np.issubdtype(classes.dtype, np.integer)
    if not fits or classes.min() < 0 or classes.max() >= classes_per_channel:
        raise ValueError(
            f"`classes` must be integers from 0 to {classes_per_channel - 1} of shape "
            f"(n, channels). Received: shape={classes.shape}, dtype={classes.dtype}"
        )
    channels = classes.shape[1]
    modes = classes @ classes_per_channel ** np.arange(channels)[::-1]
    histogram = np.bincount(modes, minlength=classes_per_channel**channels)
    return compare_histograms(histogram, np.ones_like(histogram))


def expected_figures(count: int, modes: int) -> tuple[float, float]:
    """The modes and the divergence that a perfect sampler has by counting alone.

    A mode's number of samples X is binomial. Exactly, E[modes] = M (1 - (1 - 1/M)^n) and
    E[kl] = M E[X/n log(M X/n)], which is about (M - 1) / 2n once n is well above M: .0194 for
    1,000 modes and 26,000 samples.

    Args:
        count: n, at least 1.
        modes: M, equally likely.
    """
    hits = np.arange(1, count + 1)
    chances = binom.pmf(hits, count, 1.0 / modes)
    shares = hits / count
    found = modes * -np.expm1(count * np.log1p(-1.0 / modes)) if modes > 1 else 1.0
    return float(found), float(modes * np.sum(chances * shares * np.log(modes * shares)))


def _stack_classifier(data: EvaluationData) -> StackClassifier:
    return data.cache.once(
        "stack classifier", lambda: StackClassifier(data.channel_images, seed=data.seed)
    )


def _compute(given: Comparison) -> Computed:
    classifier = _stack_classifier(given.data)
    classes = classifier.classes(given.samples.samples)
    found = classifier.figures(classes)
    modes, each = len(found.histogram), len(classifier.classifier.classes)
    expected_modes, expected_kl = expected_figures(len(given.samples), modes)
    return {"modes": found.found, "mode_kl": found.kl}, {
        "classifier_accuracy": classifier.accuracy,
        "true_modes": modes,
        "expected_modes": expected_modes,
        "expected_kl": expected_kl,
        "channel_histograms": [np.bincount(c, minlength=each).tolist() for c in classes.T],
    }


def _resample(given: Comparison, weights: np.ndarray) -> Resampled:
    """The divergence only: a resample never finds a mode that the samples have not."""
    classifier = _stack_classifier(given.data)
    classes = classifier.classes(given.samples.samples)
    kl = [classifier.figures(np.repeat(classes, row, axis=0)).kl for row in weights]
    return {"mode_kl": np.array(kl)}


def _note(report: ReportData) -> list[str]:
    found = report["details"].get("modes", {})
    if "expected_kl" not in found:
        return []
    accuracy = found["classifier_accuracy"]
    known = "" if accuracy is None else f", right on {accuracy:.1%} of the held-out ones"
    return [
        f"Modes: {found['true_modes']:,} combinations of one class per channel, told by a "
        f"classifier of single images{known}; mode KL is from their histogram to the uniform one, "
        f"in nats. For {report['counts']['generated']:,} samples of a perfect sampler, expect "
        f"{found['expected_modes']:,.1f} modes and a mode KL of {number(found['expected_kl'])}."
    ]


STACKED_MODES = Metric(
    figures={
        "modes": Figure("higher", group="modes"),
        "mode_kl": Figure("lower", "mode KL", group="modes"),
    },
    compute=_compute,
    resample=_resample,
    applies=lambda data: data.channel_images is not None,
    real=lambda data, reference: len(data.channel_images.train),
    note=_note,
)
