"""All of some measures, each with its reasons where it has no value."""

from collections.abc import Iterable

import numpy as np

from ganapp.training.evaluation.checks import NotComputable
from ganapp.training.evaluation.evidence import Batch, Evidence
from ganapp.training.evaluation.measure import Measure
from ganapp.training.evaluation.outcome import Outcome, plain


def computed(
    measures: Iterable[Measure], evidence: Evidence, batch: Batch, reference: Batch, *, seed: int
) -> Outcome:
    """What the measures say of samples.

    Args:
        measures: which of them.
        evidence: the real data.
        batch: the samples.
        reference: the real examples they are compared with.
        seed: of which samples are used where not all are.
    """
    outcome = Outcome({}, {}, {})
    for measure in measures:
        try:
            sides = (measure.used(side, seed) for side in (batch, reference))
            # Of a diverged generator squares overflow; what is not finite gets its sentence.
            with np.errstate(over="ignore", invalid="ignore"):
                values, details = measure.compute(evidence, *sides)
        except NotComputable as reason:
            values, details = dict.fromkeys(measure.better, reason), {}
        for key in measure.better:
            number, reason = plain(values[key])
            outcome.values[key] = number
            if number is None:
                outcome.reasons[key] = reason
        if details:
            outcome.details[next(iter(measure.better))] = details
    return outcome
