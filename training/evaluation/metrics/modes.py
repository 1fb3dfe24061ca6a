"""Counting modes: of a known mixture of equal round Gaussians, and of stacked images.

The mode of a stack is the combination of the classes that a classifier of single images, trained on
real ones, names in its channels. It names something in every image, so both figures of stacks are
of diversity only: blurred stacks may show all the modes. Read them beside precision and the
baseline's; the protocol draws 26,000 stacks.

Reference: the protocol of Metz et al., 2016 (arXiv:1611.02163), Srivastava et al., 2017
(VEEGAN, arXiv:1705.07761) and Lin et al., 2018 (PacGAN, arXiv:1712.04086).
"""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial import KDTree
from scipy.stats import binom, chi2

from ganapp.training.data.source import ArraySource
from ganapp.training.evaluation.checks import NotComputable, as_feature_pair
from ganapp.training.evaluation.features.spaces import Pixels
from ganapp.training.evaluation.metric import (
    Comparison,
    Computed,
    EvaluationData,
    Figure,
    Metric,
    ReportData,
    Resampled,
    no_count,
    number,
)
from ganapp.training.evaluation.metrics.class_histogram import (
    HistogramFigures,
    LabelClassifier,
    compare_histograms,
)

HIGH_QUALITY_RADIUS = 3.0  # in sigma
FAIR_PART = 0.2


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModeFigures:
    """The result of `count_modes`.

    `modes`: with at least one high-quality sample. `fair_modes`: with at least 20 % of their fair
    share, which is one m-th of *all* samples. `high_quality`: share of samples within 3 sigma of
    their nearest centre. `reverse_kl`: KL(high-quality histogram || uniform) in nats, `None`
    without a high-quality sample. `sigma_ratio`: 1 when the modes are as wide as the true ones,
    below 1 when they are too narrow; `None` when no mode has two high-quality samples. `histogram`
    `(m,)`: high-quality samples per mode. `sigma_ratios` `(m,)`: per mode, NaN where there are
    fewer than two.
    """

    modes: int
    fair_modes: int
    high_quality: float
    reverse_kl: float | None
    sigma_ratio: float | None
    histogram: np.ndarray
    sigma_ratios: np.ndarray


def truncated_sigma(dimension: int = 2) -> float:
    """Standard deviation per coordinate of a unit Gaussian cut off at 3 sigma from its centre.

    .974 in the plane. E[x_i^2 ; |x| < r] is the chi-squared distribution function with d + 2
    degrees of freedom at r^2.
    """
    limit = HIGH_QUALITY_RADIUS**2
    return float(np.sqrt(chi2.cdf(limit, dimension + 2) / chi2.cdf(limit, dimension)))


def count_modes(samples: ArrayLike, *, centres: ArrayLike, sigma: float) -> ModeFigures:
    """Counts the modes that samples `(n, d)` of a mixture of known, equally heavy modes show.

    The sigma ratio divides the spread of a mode's high-quality samples about their own mean by what
    a true mode has after the same cut at 3 sigma, so a perfect sampler scores 1. Over modes it is
    the root of the mean squared ratio. Take 2,500 samples in user units to compare with published
    tables; `centres` are `(m, d)`, `sigma` is the standard deviation of each mode per coordinate.
    """
    samples, centres = as_feature_pair(samples=samples, centres=centres)
    if not sigma > 0:
        raise ValueError(f"`sigma` must be above 0. Received: sigma={sigma}")
    distances, nearest = KDTree(centres).query(samples)
    good = distances <= HIGH_QUALITY_RADIUS * sigma
    histogram = np.bincount(nearest[good], minlength=len(centres))
    # Per mode: root of the unbiased variance per coordinate, over the truncated unit sigma.
    ratios = np.full(len(centres), np.nan)
    for mode in np.flatnonzero(histogram >= 2):
        variance = samples[good][nearest[good] == mode].var(axis=0, ddof=1).mean()
        ratios[mode] = np.sqrt(variance) / truncated_sigma(samples.shape[1])
    ratios /= sigma
    known = ratios[np.isfinite(ratios)]
    shares = histogram[histogram > 0] / max(1, histogram.sum())
    divergence = float(max(0.0, np.sum(shares * np.log(shares * len(histogram)))))
    return ModeFigures(
        modes=int(np.count_nonzero(histogram)),
        fair_modes=int(np.count_nonzero(histogram >= FAIR_PART * len(samples) / len(centres))),
        high_quality=float(good.mean()),
        reverse_kl=divergence if histogram.any() else None,
        sigma_ratio=float(np.sqrt(np.mean(known**2))) if len(known) else None,
        histogram=histogram,
        sigma_ratios=ratios,
    )


def _compute(given: Comparison) -> Computed:
    features, known = given.samples.features(given.data.plain_space), given.data.modes
    found = count_modes(features, centres=known.centres, sigma=known.sigma)
    too_few = NotComputable("No mode has two high-quality samples")
    none_good = NotComputable("No sample is of high quality")
    values = {
        "modes": found.modes,
        "fair_modes": found.fair_modes,
        "high_quality": found.high_quality,
        "reverse_kl": none_good if found.reverse_kl is None else found.reverse_kl,
        "sigma_ratio": too_few if found.sigma_ratio is None else found.sigma_ratio,
    }
    ratios = [float(ratio) if np.isfinite(ratio) else None for ratio in found.sigma_ratios]
    return values, {
        "true_modes": len(found.histogram),
        "histogram": found.histogram.tolist(),
        "sigma_ratios": ratios,
    }


def _resample(given: Comparison, weights: np.ndarray) -> Resampled:
    """All but `modes`: a resample never finds a mode that the samples have not."""
    features, known = given.samples.features(given.data.plain_space), given.data.modes
    several = [
        count_modes(np.repeat(features, row, axis=0), centres=known.centres, sigma=known.sigma)
        for row in weights
    ]
    return {
        key: np.array([getattr(each, key) for each in several], float)  # None is NaN
        for key in ("fair_modes", "high_quality", "reverse_kl", "sigma_ratio")
    }


MODES = Metric(
    figures={
        "modes": Figure("higher", group="modes"),
        "fair_modes": Figure("higher", group="modes"),
        "high_quality": Figure("higher", "high-quality share", group="shape of modes", share=True),
        "reverse_kl": Figure("lower", "reverse KL", group="modes"),
        "sigma_ratio": Figure("one", group="shape of modes"),
    },
    compute=_compute,
    resample=_resample,
    applies=lambda data: data.modes is not None,
    real=no_count,
)


class StackClassifier:
    """Names the class in every channel of stacked images; it is trained on real single images."""

    def __init__(self, channel_images: ArraySource, *, seed: int = 0) -> None:
        self._pixels, self.accuracy = Pixels(), None
        features = self._pixels(channel_images.train)
        self.classifier = LabelClassifier(features, channel_images.train_labels, seed=seed)
        if len(channel_images.held_out):
            features = self._pixels(channel_images.held_out)
            self.accuracy = self.classifier.accuracy(features, channel_images.held_out_labels)

    def classes(self, samples: np.ndarray) -> np.ndarray:
        """The place of each channel's class among the classifier's, int `(n, channels)`, of uint8
        `(n, height, width, channels)`.
        """
        channels = np.moveaxis(samples, -1, 1)
        # All channels in one call; a single image keeps its own channel axis.
        features = self._pixels(channels.reshape(-1, *channels.shape[2:]))
        labels = self.classifier.labels(features)
        return np.searchsorted(self.classifier.classes, labels).reshape(channels.shape[:2])

    def figures(self, classes: np.ndarray) -> HistogramFigures:
        """Counts modes in `classes`: `found` have a sample, `kl` is the divergence from uniform."""
        return count_stacks(classes, classes_per_channel=len(self.classifier.classes))


def count_stacks(classes: np.ndarray, *, classes_per_channel: int) -> HistogramFigures:
    """The figures of the histogram of combinations against the uniform one.

    A sampler that draws m of the M = `classes_per_channel`^channels combinations equally often has
    kl = log(M / m). Classes are int `(n, channels)`, at least one row.
    """
    channels = classes.shape[1]
    modes = classes @ classes_per_channel ** np.arange(channels)[::-1]
    histogram = np.bincount(modes, minlength=classes_per_channel**channels)
    return compare_histograms(histogram, np.ones_like(histogram))


def expected_figures(count: int, modes: int) -> tuple[float, float]:
    """The modes and the divergence that a perfect sampler has by counting alone.

    Of `count` samples n and equally likely `modes` M. A mode's number of samples X is binomial.
    Exactly, E[modes] = M (1 - (1 - 1/M)^n) and E[kl] = M E[X/n log(M X/n)], which is about (M - 1)
    / 2n once n is well above M: .0194 for 1,000 modes and 26,000 samples.
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


def _compute_stacks(given: Comparison) -> Computed:
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


def _resample_stacks(given: Comparison, weights: np.ndarray) -> Resampled:
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
    compute=_compute_stacks,
    resample=_resample_stacks,
    applies=lambda data: data.channel_images is not None,
    real=lambda data, reference: len(data.channel_images.train),
    note=_note,
)
