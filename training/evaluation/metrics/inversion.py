"""Reconstructions of held-out images from their features: are they the same, and of the same class?

References:
    Dosovitskiy and Brox, 2016, "Generating images with perceptual similarity metrics based on deep
    networks", arXiv:1602.02644: distances of features over the mean distance of two examples'.

The class is told by support vectors on pixels, which share nothing with the network that was
inverted but the training labels: that network would find its own features in anything that was
optimised to have them.
"""

import numpy as np
from scipy.spatial.distance import pdist

from ganapp.models.tensors import FEATURES
from ganapp.training.evaluation.checks import NotComputable
from ganapp.training.evaluation.frames import decibels
from ganapp.training.evaluation.metric import (
    PLAIN,
    Comparison,
    Computed,
    EvaluationData,
    Figure,
    Metric,
    ReportData,
)
from ganapp.training.rows_on_disk import take_rows

ACCURACY, DISTANCE, PSNR = "reconstruction_accuracy", "feature_distance", "reconstruction_psnr"
MOST_FITTED = 10_000  # training images of the judge: the cost grows with their square


def feature_distance(found: np.ndarray, wanted: np.ndarray) -> float:
    """Mean distance of features from the wanted ones, over that of two wanted ones: 0 is perfect.

    Args:
        found: `(n, ...)`, of reconstructions; 1 where they are as far off as other examples'.
        wanted: likewise, of the originals.
    """
    found, wanted = (np.float64(each).reshape(len(each), -1) for each in (found, wanted))
    if len(wanted) < 2 or not (apart := pdist(wanted).mean()) > 0:
        raise NotComputable("The features of the held-out examples do not differ")
    return float(np.linalg.norm(found - wanted, axis=1).mean() / apart)


def signal_to_noise(made: np.ndarray, real: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of all images together, in levels 0 to 255."""
    error = np.mean((np.float64(made) - np.float64(real)) ** 2)
    if not error:
        raise NotComputable("The reconstructions are the originals, to the last level")
    return float(decibels(error))


def independent_accuracy(
    data: EvaluationData, originals: np.ndarray, made: np.ndarray, labels: np.ndarray
) -> dict[str, float]:
    """Shares of images that support vectors on pixels give the label of their original.

    Args:
        data: whose labelled training images the support vectors are fitted on.
        originals: `(n, *shape)` in user units, not trained on.
        made: their reconstructions.
        labels: int `(n,)` of the originals.

    Returns:
        `originals`, `reconstructions`; `shuffled`, of reconstructions against labels of other
        originals; `chance`, what those would be right by chance.
    """
    judge = data.cache.once("independent classifier", lambda: _fitted(data))
    given, found = (judge.predict(_rows(images)) for images in (originals, made))
    # One image further in a random order: nobody keeps his own.
    order = np.random.default_rng(data.seed).permutation(len(labels))
    others = np.empty_like(order)
    others[order] = np.roll(order, 1)
    shares = np.unique(labels, return_counts=True)[1] / len(labels)
    return {
        "originals": float(np.mean(given == labels)),
        "reconstructions": float(np.mean(found == labels)),
        "shuffled": float(np.mean(found[others] == labels)),
        "chance": float(np.sum(shares**2)),
    }


def _fitted(data: EvaluationData):
    from sklearn.svm import SVC

    labels = data.train.labels
    if labels is None or len(np.unique(labels[labels >= 0])) < 2:
        raise NotComputable("An independent classifier needs labels of at least 2 classes")
    known = np.flatnonzero(labels >= 0)
    chosen = np.random.default_rng(data.seed).permutation(known)[:MOST_FITTED]
    return SVC(C=5.0).fit(_rows(take_rows(data.train.samples, chosen)), labels[chosen])


def _rows(images: np.ndarray) -> np.ndarray:
    return np.asarray(images, np.float32).reshape(len(images), -1) / 255.0


def _compute(given: Comparison) -> Computed:
    conditional, data = given.samples.conditional, given.data
    if conditional is None:
        raise NotComputable("Reconstructions come from a generator alone")
    held_out = conditional.held_out
    made = conditional.draw(1, data.seed)[:, 0]
    if not np.isfinite(made).all():
        raise NotComputable("The reconstructions are not finite")
    details = {"observations": len(conditional)}
    labels = None if data.held_out is None else data.held_out.labels

    def accuracy() -> float:
        if labels is None:
            raise NotComputable("An independent classifier needs held-out examples with labels")
        known = np.flatnonzero(labels[: len(conditional)] >= 0)
        parts = (held_out.examples[known], made[known], labels[known])
        details.update(independent_accuracy(data, *parts))
        return details["reconstructions"]

    wanted = held_out.observations[FEATURES]
    figures = {
        ACCURACY: accuracy,
        DISTANCE: lambda: feature_distance(conditional.observe(made)[FEATURES], wanted),
        PSNR: lambda: signal_to_noise(made, held_out.examples),
    }
    values = {}
    for key, compute in figures.items():
        try:
            values[key] = compute()
        except NotComputable as reason:
            values[key] = reason
    return values, details


def _note(report: ReportData) -> list[str]:
    details = report["details"].get(ACCURACY, {})
    if "originals" not in details:
        return []
    return [
        f"Reconstructions: one of each of {details['observations']:,} held-out examples from its "
        f"features. Support vectors on pixels, fitted on training images, are right on "
        f"{details['originals']:.1%} of the originals and {details['reconstructions']:.1%} of the "
        f"reconstructions; of reconstructions from other examples' features on "
        f"{details['shuffled']:.1%}, where chance is {details['chance']:.1%}."
    ]


INVERSION = Metric(
    figures={
        ACCURACY: Figure("higher", group="reconstruction", share=True, capped=True),
        DISTANCE: Figure("lower", "normalised feature distance", group="reconstruction"),
        PSNR: Figure("higher", "reconstruction PSNR", group="reconstruction"),
    },
    compute=_compute,
    applies=lambda data: FEATURES in data.spec.conditions,
    space=PLAIN,
    real=lambda data, reference: len(data.held_out) if data.held_out else 0,
    when="end",
    needs="conditional",
    note=_note,
)
