"""Do samples of a class look like it, and can they stand in for real examples of it?

Reference: train on synthetic, test on real: Esteban et al., 2017, arXiv:1706.02633; Ravuri and
Vinyals, 2019, arXiv:1905.10887.
"""

import dataclasses

import numpy as np

from ganapp.training.evaluation.checks import NotComputable
from ganapp.training.evaluation.classes import ClassJudge
from ganapp.training.evaluation.neighbours import NeighbourBalls, neighbour_figures


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassCoverage:
    """Coverage of each class's real examples by the samples asked to be of it.

    `mean` and `smallest` over the classes; `each` in the order of `classes`.
    """

    mean: float
    smallest: float
    each: tuple[float, ...]
    classes: tuple[int, ...]


def asked_accuracy(told: np.ndarray, asked: np.ndarray) -> float:
    """Share of samples that a classifier takes for the class that was asked for.

    Args:
        told: int `(n,)`, the classifier's labels.
        asked: int `(n,)`.
    """
    return float(np.mean(np.asarray(told) == np.asarray(asked)))


def class_coverage(
    real: np.ndarray,
    real_labels: np.ndarray,
    samples: np.ndarray,
    asked: np.ndarray,
    *,
    neighbours: int = 5,
) -> ClassCoverage:
    """Coverage (Naeem et al., 2020, arXiv:2002.09797) within every class.

    Args:
        real: features `(n, d)`.
        real_labels: int `(n,)`; below 0 where the class is not known.
        samples: features `(m, d)` in the same space.
        asked: int `(m,)`, the class each sample was asked to be of.
        neighbours: k.

    Raises:
        NotComputable: a class has not more than k real examples, or not more than k samples; or no
            label is known.
    """
    classes = np.unique(real_labels[real_labels >= 0])
    if not len(classes):
        raise NotComputable("No label of the real examples is known")
    each = []
    for label in classes:
        of_real, of_samples = real[real_labels == label], samples[asked == label]
        if min(len(of_real), len(of_samples)) <= neighbours:
            raise NotComputable(
                f"Coverage of a class needs more than {neighbours} examples and samples of it; "
                f"class {label} has {len(of_real)} and {len(of_samples)}"
            )
        balls = (NeighbourBalls(some, neighbours=neighbours) for some in (of_real, of_samples))
        each.append(neighbour_figures(*balls).coverage)
    return ClassCoverage(
        mean=float(np.mean(each)),
        smallest=float(min(each)),
        each=tuple(each),
        classes=tuple(int(label) for label in classes),
    )


def transfer_accuracy(
    features: np.ndarray,
    labels: np.ndarray,
    real: np.ndarray,
    real_labels: np.ndarray,
    *,
    seed: int = 0,
) -> float:
    """Accuracy on real examples of a classifier that was trained on something else.

    Args:
        features: what it is trained on, `(n, d)`: samples (train on synthetic) or real examples.
        labels: int `(n,)`, below 0 where the class is not known.
        real: held-out real examples `(m, d)` in the same space.
        real_labels: int `(m,)`, likewise.
        seed: of the classifier.

    Raises:
        NotComputable: the labels name a single class, or none of the real ones is known.
    """
    known, tested = labels >= 0, real_labels >= 0
    if not tested.any():
        raise NotComputable("No label of the held-out examples is known")
    judge = ClassJudge(features[known], labels[known], seed=seed)
    return judge.accuracy(real[tested], real_labels[tested])
