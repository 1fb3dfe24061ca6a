"""How figures are measured, known before any sample is judged; and the mixture with its time."""

import functools
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ganapp.training.baselines import MixtureBaseline
from ganapp.training.data.spec import DataSpec
from ganapp.training.evaluation.checks import NotComputable
from ganapp.training.evaluation.evidence import Batch, Evidence
from ganapp.training.evaluation.measure import Measure


def figure_terms(
    measure: Measure, evidence: Evidence, reference: Batch, *, generated: int, matched: int
) -> dict[str, Any]:
    """Space and counts of a measure's figures, as a report names them.

    Args:
        measure: which.
        evidence: the real data.
        reference: the real examples that the value is compared with.
        generated: number of samples.
        matched: number of samples for the floor.
    """
    used = measure.used_count
    return {
        "space": _name_of(measure, evidence),
        "generated": used(generated),
        "real": used(measure.real(evidence, reference)),
        "matched_generated": used(matched),
        "matched_real": used(measure.real(evidence, evidence.train)),
    }


def known_before(evidence: Evidence, generated: int) -> dict[str, Any]:
    """Data, counts and network of a report on so many samples."""
    held_out = len(evidence.held_out or ())
    counts = {"generated": generated, "train": len(evidence.train), "held_out": held_out}
    return {
        "data": evidence.spec.name,
        "counts": counts | {"matched": min(generated, held_out)},
        "network": getattr(evidence.distance_space, "identity", ""),
    }


def _name_of(measure: Measure, evidence: Evidence) -> str:
    """Of the space that a measure is computed in; nothing where the real data do not make one."""
    try:
        return measure.space(evidence).name
    except NotComputable:
        return ""


class TimedMixture:
    """The baseline of every report, fitted at first use, and how long that took.

    Args:
        spec: the source's description.
        train: training examples in user units.
        options: of the mixture.
    """

    def __init__(self, spec: DataSpec, train: np.ndarray, **options: int) -> None:
        self._fit = functools.partial(MixtureBaseline, spec, train, **options)
        self._model: MixtureBaseline | None = None
        self.seconds: dict[str, float] = {}  # of the clock, to `fit` and to `sample`

    @property
    def model(self) -> MixtureBaseline:
        """The fitted mixture."""
        if self._model is None:
            self._model = self._timed("fit", self._fit)
        return self._model

    def sample(self, count: int, seed: int) -> np.ndarray:
        """Draws `count` samples in user units."""
        model = self.model
        return self._timed("sample", lambda: model.sample(count, seed))

    def _timed(self, name: str, work: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        found = work()
        self.seconds[name] = time.perf_counter() - began
        return found
