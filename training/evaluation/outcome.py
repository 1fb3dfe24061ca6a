"""What a judge hands over: plain values with their reasons, and the whole report."""

import dataclasses
import math
from typing import Any

import numpy as np

from ganapp.training.evaluation.checks import NotComputable

NAMES = {  # as printed, where the key with spaces is not how it is written
    "frechet_distance": "Fréchet distance",
    "class_kl": "class KL",
    "reverse_kl": "reverse KL",
    "high_quality": "high-quality share",
    "memorised": "memorised share",
    "mode_kl": "mode KL",
    "sliced_wasserstein": "sliced Wasserstein distance",
    "pyramid_wasserstein": "sliced Wasserstein, Laplacian pyramid",
    "exact_wasserstein": "Wasserstein distance, exact",
    "neighbour_test": "two-sample test, 1-NN",
    "logistic_test": "two-sample test, logistic",
    "path_length": "perceptual path length",
    "duplicates": "duplicates share",
    "tstr": "TSTR accuracy",
    "asked_accuracy": "asked-class accuracy",
    "class_coverage": "coverage within classes",
    "smallest_class_coverage": "smallest class's coverage",
    "transfer_accuracy": "train on samples, test on real",
    "copied": "copied share",
    "closest_record": "distance to closest record",
    "frame_distance": "Fréchet distance of frames",
    "change_distance": "Fréchet distance of changes",
    "lost_tails": "columns with wrong tails",
}


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Values by figure key, the reason of each value that is `None`, details by measure."""

    values: dict[str, float | None]
    reasons: dict[str, str]
    details: dict[str, dict[str, Any]]

    def update(self, other: "Outcome") -> None:
        """Takes over all that another one says."""
        for key in other.values:
            self.reasons.pop(key, None)
        for field in dataclasses.fields(self):
            getattr(self, field.name).update(getattr(other, field.name))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
    """Every figure with its floor, its matched value and its baseline; plain JSON-ready values.

    Args:
        data: name of the source.
        reference: `"all"` or `"train"`: the real examples `value` and `baseline` compare with.
        counts: generated, train, held_out, matched: numbers of samples.
        neighbours: k.
        seed: of everything drawn.
        network: hash of the feature space's network and its options; empty where it has none.
        baseline: name of the baseline.
        figures: by key: name, better, space, value, generated, real, matched, floor,
            matched_generated, matched_real, baseline, `reasons` for those that are `None`, `main`:
            whether a verdict counts it, and `standard_error` of the value where it was resampled.
        details: by the first key of a measure: what else it found about the generated samples.
    """

    data: str
    reference: str
    counts: dict[str, int]
    neighbours: int
    seed: int
    network: str = ""
    baseline: str
    figures: dict[str, dict[str, Any]]
    details: dict[str, dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        """A JSON-ready copy: no NaN, no infinities, no numpy types."""
        return dataclasses.asdict(self)


def plain(value: float | NotComputable) -> tuple[float | None, str]:
    """A plain number, or `None` and the reason."""
    if isinstance(value, NotComputable):
        return None, str(value)
    if not math.isfinite(value):
        return None, f"The figure came out as {value}"
    return (int(value) if isinstance(value, int | np.integer) else float(value)), ""
