"""Counting the modes of stacked images: one class per channel, all combinations equally likely.

Reference: the protocol of Metz et al., 2016 (arXiv:1611.02163), Srivastava et al., 2017
(VEEGAN, arXiv:1705.07761) and Lin et al., 2018 (PacGAN, arXiv:1712.04086): a classifier of single
images, trained on real ones, names the class in each channel; the combination is the mode; the
divergence is KL(samples' histogram of modes || uniform), in nats, over 26,000 samples. The
classifier names something in every image, so both figures are of diversity only: blurred stacks may
show all the modes. Read them beside precision and the baseline's.
"""

from typing import Protocol

import numpy as np
from scipy.stats import binom

from ganapp.training.evaluation.classes import ClassFigures, ClassJudge, compare_histograms
from ganapp.training.evaluation.features import Pixels


class Singles(Protocol):
    """Real grey images that stacks are made of: uint8 `(n, height, width, 1)`, int labels `(n,)`.

    The held-out ones may be none; they only tell how often the classifier is right.
    """

    train: np.ndarray
    train_labels: np.ndarray
    held_out: np.ndarray
    held_out_labels: np.ndarray


class StackJudge:
    """Names the class in every channel of stacked images.

    Args:
        singles: real single images; the classifier sees the training ones only.
        seed: of the classifier.
    """

    def __init__(self, singles: Singles, *, seed: int = 0) -> None:
        self._pixels = Pixels()
        features = self._pixels(singles.train)
        self.classifier = ClassJudge(features, singles.train_labels, seed=seed)
        self.accuracy = (
            self.classifier.accuracy(self._pixels(singles.held_out), singles.held_out_labels)
            if len(singles.held_out)
            else None
        )

    def classes(self, samples: np.ndarray) -> np.ndarray:
        """The place of each channel's class among the classifier's: int `(n, channels)`.

        Args:
            samples: uint8 `(n, height, width, channels)`.
        """
        singles = np.moveaxis(samples, -1, 1)
        # All channels in one call; a single image keeps its own channel axis.
        features = self._pixels(singles.reshape(-1, *singles.shape[2:]))
        labels = self.classifier.labels(features)
        return np.searchsorted(self.classifier.classes, labels).reshape(singles.shape[:2])

    def figures(self, classes: np.ndarray) -> ClassFigures:
        """Counts modes: `found` of them have a sample, `kl` is the divergence from uniform.

        Args:
            classes: int `(n, channels)`, as from `classes`.
        """
        return count_stacks(classes, classes_per_channel=len(self.classifier.classes))


def count_stacks(classes: np.ndarray, *, classes_per_channel: int) -> ClassFigures:
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
    """What counting alone does to a perfect sampler: the modes and the divergence to expect.

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
