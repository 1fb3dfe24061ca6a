"""How much figures would differ for other samples of the same generator."""

from collections.abc import Iterable

import numpy as np

from training.evaluation.checks import NotComputable
from training.evaluation.evidence import Batch, Evidence
from training.evaluation.measure import Measure


def spreads(
    measures: Iterable[Measure],
    evidence: Evidence,
    batch: Batch,
    reference: Batch,
    *,
    resamples: int,
    seed: int,
) -> dict[str, float]:
    """Standard errors of figures, by the bootstrap over the generated samples.

    They are drawn again with replacement, `resamples` times, and the real data stay as they are;
    only figures for which that is cheap are there.

    Args:
        measures: which of them.
        evidence: the real data.
        batch: the samples.
        reference: the real examples they are compared with.
        resamples: at least 2.
        seed: of the draws.

    Raises:
        ValueError: fewer than 2 resamples.
    """
    if resamples < 2:
        raise ValueError(f"`resamples` must be at least 2. Received: resamples={resamples}")
    found: dict[str, float] = {}
    for measure in measures:
        if measure.resample is None:
            continue
        sides = [measure.used(side, seed) for side in (batch, reference)]
        count = len(sides[0])
        drawn = np.random.default_rng(seed).multinomial(
            count, np.full(count, 1.0 / count), size=resamples
        )
        try:
            values = measure.resample(evidence, *sides, drawn)
        except NotComputable:
            continue
        errors = {key: float(np.std(each, ddof=1)) for key, each in values.items()}
        found |= {key: error for key, error in errors.items() if np.isfinite(error)}
    return found
