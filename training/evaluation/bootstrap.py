"""How much figures would differ for other samples of the same generator."""

from collections.abc import Iterable

import numpy as np

from ganapp.training.evaluation.checks import NotComputable
from ganapp.training.evaluation.evidence import Batch, Evidence
from ganapp.training.evaluation.measure import Measure

ROUNDING = 1e-12  # of a figure: what summing in another order makes of equal resamples


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
    only figures for which that is cheap, and whose resamples vary, are there.

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
            # Of a diverged generator squares overflow; what is not finite is left out below.
            with np.errstate(over="ignore", invalid="ignore"):
                values = measure.resample(evidence, *sides, drawn)
                errors = {key: float(np.std(each, ddof=1)) for key, each in values.items()}
        except NotComputable:
            continue
        # Resamples that never vary, as of a share of 0, say nothing: the truth need not be 0.
        least = {key: ROUNDING * np.abs(each).max() for key, each in values.items()}
        found |= {key: e for key, e in errors.items() if np.isfinite(e) and e > least[key]}
    return found
