"""Alarms on generated samples: mode collapse in its disguises."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import pdist
from scipy.stats import binom

from ganapp.training.diagnostics.alarms import remedies
from ganapp.training.diagnostics.alarms.base import Alarm
from ganapp.training.evaluation.checks import as_features, same_width
from ganapp.training.evaluation.metrics.lost_tails import LostTail
from ganapp.training.evaluation.metrics.modes import FAIR_PART

# Pairs of real examples this near are its near-duplicates: one in a thousand of them, so that a
# few hundred examples already have some.
NEAR_QUANTILE = 1e-3
# Times as many among generated pairs. Halving the width of every mode in the plane gives four;
# chance, between two draws of 500 of the same data, gave at most 1.7 in 800 trials, but up to 6
# between draws of 100, whose thousandth is five pairs.
DUPLICATE_RATIO = 3.0
LEAST_SAMPLES, MOST_SAMPLES = 300, 2000  # pairs grow with the square
# Of the coverage that held-out real data reach. Coverage of two draws of the same data differs
# by a few hundredths; what is lost below this is whole regions.
COVERAGE_SHARE = 0.7
# Of the precision of held-out examples: below it most samples are no sketch of the data even.
PRECISION_SHARE = 0.5
# Chance that a perfect sampler has as poor a mode somewhere, over all modes together.
MODE_CHANCE = 1e-4
MOST_TAILS = 3  # findings that an alarm names


def duplicates(generated: ArrayLike, real: ArrayLike, *, seed: int = 0) -> Alarm | None:
    """Generated samples resemble each other more often than real ones do.

    The birthday test of Arora and Zhang, 2017 (arXiv:1706.08224), with a measured instead of a
    looked-at resemblance: a pair counts when it is nearer than the nearest thousandth of all pairs
    of real examples. `None` for fewer than 300 of either.

    Args:
        generated: features `(n, d)`.
        real: features `(m, d)` in the same space.
        seed: of the 2,000 that are compared when there are more.
    """
    generated = _some(as_features("generated", generated), seed)
    real = _some(as_features("real", real), seed)
    same_width(generated, real)
    count = min(len(generated), len(real))
    if count < LEAST_SAMPLES:
        return None
    among_real, among_generated = pdist(real), pdist(generated)
    near = float(np.quantile(among_real, NEAR_QUANTILE))
    expected = float(np.mean(among_real <= near))  # more than the quantile where distances tie
    share = float(np.mean(among_generated <= near))
    if share <= DUPLICATE_RATIO * expected:
        return None
    return Alarm(
        name="duplicates",
        seen=f"{share:.2%} of the pairs of {len(generated)} generated samples are nearer than "
        f"{near:.3g} ({near / float(np.median(among_real)):.2g} of the median distance of real "
        f"ones), as only {expected:.2%} of real pairs are",
        meaning="the generator makes few different samples, or some far too often",
        remedies=(*remedies.AGAINST_COLLAPSE, remedies.PULLING_AWAY),
    )


def low_coverage(coverage: float, floor: float, *, generated: int, real: int) -> Alarm | None:
    """Whole regions of the data have no generated sample.

    Args:
        coverage: share of real examples with a generated one in their neighbourhood.
        floor: what as many held-out real examples reach.
        generated: samples behind `coverage`.
        real: examples behind it.
    """
    _shares(coverage=coverage, floor=floor)
    if coverage >= COVERAGE_SHARE * floor:
        return None
    return Alarm(
        name="low_coverage",
        seen=f"{generated} generated samples cover {coverage:.2f} of {real} real examples, where "
        f"held-out ones cover {floor:.2f}",
        meaning="parts of the data are never generated",
        remedies=remedies.AGAINST_COLLAPSE,
    )


def low_precision(precision: float, floor: float, *, generated: int, real: int) -> Alarm | None:
    """Most samples lie nowhere near the data.

    Args:
        precision: share of generated samples in the neighbourhood of a real example.
        floor: of as many held-out real examples.
        generated: samples behind `precision`.
        real: examples behind it.
    """
    _shares(precision=precision, floor=floor)
    if precision >= PRECISION_SHARE * floor:
        return None
    return Alarm(
        name="low_precision",
        seen=f"{precision:.0%} of {generated} generated samples lie near one of {real} real "
        f"examples, where {floor:.0%} of held-out ones do",
        meaning="most of what is generated resembles nothing in the data, because the generator "
        "has not learnt yet or has lost its way",
        remedies=(
            remedies.LONGER,
            remedies.R1,
            remedies.SPECTRAL_NORM,
            remedies.RELATIVISTIC,
            remedies.SMALLER_RATES,
        ),
    )


def missing_modes(
    histogram: ArrayLike,
    shares: ArrayLike | None = None,
    *,
    kind: str = "modes",
    names: Sequence[str] = (),
) -> Alarm | None:
    """Known modes or classes have fewer samples than a perfect sampler would give them.

    A mode is missing with less than 20 % of its share and fewer samples than chance explains.

    Args:
        histogram: generated samples per mode, int `(m,)`, at least one in total.
        shares: of the data per mode `(m,)`, summing to 1; equal when not given.
        kind: `"modes"` or `"classes"`, for the sentence.
        names: of the modes; their numbers when there are none.
    """
    histogram = np.asarray(histogram)
    count = len(histogram)
    shares = np.full(count, 1 / count) if shares is None else np.asarray(shares, np.float64)
    if histogram.ndim != 1 or shares.shape != histogram.shape or (histogram < 0).any():
        raise ValueError(
            "`histogram` must hold counts of at least 0 and `shares` one number for each. "
            f"Received: shapes {histogram.shape} and {shares.shape}"
        )
    total = int(histogram.sum())
    if total == 0 or not np.isclose(shares.sum(), 1):
        raise ValueError(
            "`histogram` must hold at least one sample and `shares` sum to 1. "
            f"Received: {total} samples and shares that sum to {shares.sum():.4g}"
        )
    poor = histogram < FAIR_PART * shares * total
    unlikely = binom.cdf(histogram, total, shares) < MODE_CHANCE / count
    missing = np.flatnonzero(poor & unlikely)
    if len(missing) == 0:
        return None
    named = [names[place] if len(names) else str(place) for place in missing[:8]]
    shown = ", ".join(named) + (", ..." if len(missing) > 8 else "")
    return Alarm(
        name="missing_modes",
        seen=f"{len(missing)} of {count} {kind} ({shown}) have less than {FAIR_PART:.0%} of their "
        f"share of {total} samples",
        meaning="the generator has dropped them",
        remedies=remedies.AGAINST_COLLAPSE,
    )


def lost_tails(found: Sequence[LostTail], *, generated: int) -> Alarm | None:
    """Columns whose spread, extremes, rare categories or missing shares are not the data's.

    Args:
        found: by `find_lost_tails`.
        generated: samples it was found in.
    """
    if not found:
        return None
    columns = len({each.column for each in found})
    shown = "; ".join(each.sentence for each in found[:MOST_TAILS])
    more = f"; and {len(found) - MOST_TAILS} more" if len(found) > MOST_TAILS else ""
    numbers = any(each.kind.endswith("tail") or each.kind == "spread" for each in found)
    return Alarm(
        name="lost_tails",
        seen=f"of {generated} samples {columns} column{'s are' if columns > 1 else ' is'} not like "
        f"the data beyond chance ({shown}{more})",
        meaning="averages hide that the rarest values are missing or too many",
        remedies=(
            *([remedies.COMPONENTS] if numbers else []),
            remedies.PACKING,
            remedies.MINIBATCH,
            remedies.LONGER,
        ),
    )


def _shares(**values: float) -> None:
    if not all(0 <= value <= 1 for value in values.values()):
        names = " and ".join(f"`{name}`" for name in values)
        received = ", ".join(f"{name}={value}" for name, value in values.items())
        raise ValueError(f"{names} must lie in [0, 1]. Received: {received}")


def _some(features: np.ndarray, seed: int) -> np.ndarray:
    if len(features) <= MOST_SAMPLES:
        return features
    return np.random.default_rng(seed).choice(features, MOST_SAMPLES, replace=False)
