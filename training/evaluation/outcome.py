"""What measures found, with reasons where there is no value, and the names of figures."""

import dataclasses
import math
from typing import Any

import numpy as np

from training.evaluation.checks import NotComputable

NAMES = {  # as printed, where the key with spaces is not how it is written
    "frechet_distance": "Fréchet distance",
    "class_kl": "class KL",
    "reverse_kl": "reverse KL",
    "high_quality": "high-quality share",
    "memorised": "memorised share",
    "mode_kl": "mode KL",
    "tstr": "TSTR accuracy",
    "copied": "copied share",
    "closest_record": "distance to closest record",
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


def plain(value: float | NotComputable) -> tuple[float | None, str]:
    """A plain number, or `None` and the reason."""
    if isinstance(value, NotComputable):
        return None, str(value)
    if not math.isfinite(value):
        return None, f"The figure came out as {value}"
    return (int(value) if isinstance(value, int | np.integer) else float(value)), ""
