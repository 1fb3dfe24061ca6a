"""What an entry in the list of figures says: when it applies, what it costs, how it is computed."""

import dataclasses
import operator
from collections.abc import Callable, Collection
from typing import Any, Literal

import numpy as np

from ganapp.training.evaluation.checks import NotComputable
from ganapp.training.evaluation.evidence import Batch, Evidence
from ganapp.training.evaluation.features import FeatureSpace

Values = dict[str, float | NotComputable]
Details = dict[str, Any]
When = Literal["always", "end", "request"]

# Samples of a side in the neighbour figures, whose cost grows with the square: 4 s at 10,000.
MOST_NEIGHBOURS = 10_000

# Of the evidence: the spaces that figures are measured in.
PLAIN, DISTANCES, NEIGHBOURS, LABELS = (
    operator.attrgetter(f"{kind}_space") for kind in ("plain", "distance", "neighbour", "label")
)


def everywhere(evidence: Evidence) -> bool:
    """Applies to every source."""
    return True


def of_reference(evidence: Evidence, reference: Batch) -> int:
    """Depends on the real examples that samples are compared with."""
    return len(reference)


def of_training(evidence: Evidence, reference: Batch) -> int:
    """Depends on the training examples, whatever the reference is."""
    return len(evidence.train)


def of_held_out(evidence: Evidence, reference: Batch) -> int:
    """Depends on the held-out examples, whatever the reference is."""
    return len(evidence.held_out or ())


def of_none(evidence: Evidence, reference: Batch) -> None:
    """Depends on no real examples."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measure:
    """Figures that are computed together.

    Args:
        better: figure key -> `"higher"`, `"lower"`, `"one"` when both sides of 1 are worse, or
            `"half"` when both sides of 0.5 are.
        compute: of (evidence, samples, real reference): the value of each figure (or the reason
            why it has none) and JSON-ready details. May raise NotComputable for all of them.
        applies: whether a source has these figures at all; every source when not given.
        space: the feature space they are measured in.
        real: how many real examples the figures depend on; `None` when on none.
        most: samples of each side that are used, drawn if there are more; all when `None`.
        when: `"always"`, also along the training; `"end"`, in a report only; `"request"`, in a
            report that asks for it.
        costly: whether it takes longer than a short training; along the training it is then
            computed only where it was asked for.
        needs: what of a `Batch` beside its samples it is computed from (`"paths"`, `"labels"`); a
            report on samples without has no such figures.
        perfect: the real examples that stand for a perfect sampler in the floor; the held-out ones
            when `None`. Matched uses as many samples.
        resample: of (evidence, samples, real reference, weights int `(r, n)`: how often each of
            the samples occurs in each of r resamples): the values `(r,)` by figure. `None` where
            that would cost too much.
    """

    better: dict[str, str]
    compute: Callable[[Evidence, Batch, Batch], tuple[Values, Details]]
    applies: Callable[[Evidence], bool] = everywhere
    space: Callable[[Evidence], FeatureSpace] = PLAIN
    real: Callable[[Evidence, Batch], int | None] = of_reference
    most: int | None = None
    when: When = "always"
    costly: bool = False
    needs: Literal["paths", "labels"] | None = None
    perfect: Callable[[Evidence], Batch] | None = None
    resample: Callable[[Evidence, Batch, Batch, np.ndarray], dict[str, np.ndarray]] | None = None

    def fits(self, batch: Batch) -> bool:
        """Whether the samples have all that it needs."""
        return self.needs is None or getattr(batch, self.needs) is not None

    def used(self, batch: Batch, seed: int) -> Batch:
        """What of the samples the figures are computed from."""
        return batch if self.most is None else batch.at_most(self.most, seed)

    def used_count(self, count: int | None) -> int | None:
        """How many of `count` samples that are; `None` stays `None`."""
        return count if None in (count, self.most) else min(count, self.most)

    def wanted(self, *, report: bool, asked: Collection[str]) -> bool:
        """Whether it is computed: in a report or without one, for figures asked for."""
        asked_for = not set(self.better).isdisjoint(asked)
        return self.when == "always" or asked_for or (report and self.when == "end")
