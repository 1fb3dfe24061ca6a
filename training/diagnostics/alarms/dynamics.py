"""Alarms on series recorded along the training."""

import numpy as np
from numpy.typing import ArrayLike

from ganapp.training.diagnostics.alarms import remedies
from ganapp.training.diagnostics.alarms.base import Alarm
from ganapp.training.diagnostics.alarms.checks import finite_vector
from ganapp.training.diagnostics.spectrum import spectrum
from ganapp.training.evaluation.checks import NotComputable

# Of the variance about a straight line, in the dominant frequency and its neighbours: less is
# seen in noise with a long memory, too.
OSCILLATING_SHARE = 0.4
# Fewer turns than this can be the slow drift of any noise.
OSCILLATING_CYCLES = 4.0
# Noise with memory is not exactly the autoregression it is compared with. Measured on 400 series
# each of 64, 200 and 1,000 values: white noise, random walks and autoregressions of .5 to .98
# gave 2 false alarms in 6,000 at this level, 27 at 1e-3.
OSCILLATING_CHANCE = 1e-6
# Distance to the historical average at the end over that at half of the run. A run that
# converges moves away from its average like 1 / t, which halves it; one that circles keeps it.
WANDERING_RATIO = 0.9
LEAST_DISTANCES = 20
# Present gradient norms (the last tenth) over those before. Healthy runs lose and gain one or
# two orders of magnitude when penalties are annealed; float32 keeps seven.
VANISHED, EXPLODED = 1e-4, 1e3
LEAST_NORMS = 20


def oscillation(score_gap: ArrayLike, *, every: float = 1.0) -> Alarm | None:
    """The two players chase each other: the score gap swings with one frequency.

    `None` for fewer than 32 values, and for a gap that is a straight line.

    Args:
        score_gap: mean score of real less that of generated examples, `(n,)`, evenly recorded and
            not smoothed.
        every: steps between two values.
    """
    gap = finite_vector("score_gap", score_gap)
    try:
        found = spectrum(gap, every=every)
    except NotComputable:
        return None
    swings = (
        found.share >= OSCILLATING_SHARE
        and found.cycles >= OSCILLATING_CYCLES
        and found.p_value < OSCILLATING_CHANCE
    )
    if not swings:
        return None
    return Alarm(
        name="oscillation",
        seen=f"the score gap swings with a period of {found.period:,.0f} steps, which holds "
        f"{found.share:.0%} of its variance in {len(gap)} values",
        meaning="the players go round their equilibrium instead of into it",
        remedies=(remedies.R1, remedies.HISTORICAL_AVERAGE, remedies.SMALLER_RATES),
    )


def wandering(distances: ArrayLike, *, player: str) -> Alarm | None:
    """The weights do not settle: they stay as far from their own average as at half of the run.

    `None` for fewer than 20 values, and where the weights never moved.

    Args:
        distances: of the weights from their historical average, `(n,)`, evenly recorded from the
            start of the training on.
        player: `"generator"` or `"discriminator"`, for the sentence.
    """
    distances = finite_vector("distances", distances, least=0)
    if len(distances) < LEAST_DISTANCES:
        return None
    part = max(len(distances) // 10, 2)
    middle = len(distances) // 2
    before = float(np.median(distances[middle - part // 2 : middle + part - part // 2]))
    now = float(np.median(distances[-part:]))
    if before <= 0 or now < WANDERING_RATIO * before:
        return None
    return Alarm(
        name="wandering",
        player=player,
        seen=f"the {player}'s weights are {now:.3g} from their historical average, "
        f"{now / before:.2f} times as far as at half of the run ({len(distances)} values)",
        meaning="they circle or drift instead of settling",
        remedies=(remedies.FALLING_RATES, remedies.HISTORICAL_AVERAGE),
    )


def gradient_norms(norms: ArrayLike, *, player: str) -> Alarm | None:
    """The gradients have vanished or exploded, compared with those of the run so far.

    `None` for fewer than 20 values.

    Args:
        norms: Euclidean norm of a player's gradient, `(n,)`, evenly recorded; may be infinite or
            NaN, which is an explosion.
        player: `"generator"` or `"discriminator"`, for the sentence.
    """
    norms = np.asarray(norms, dtype=np.float64).reshape(-1)
    broken = int(np.count_nonzero(~np.isfinite(norms)))
    if broken:
        return _exploded(player, f"is not finite in {broken} of {len(norms)} values")
    if len(norms) < LEAST_NORMS:
        return None
    part = max(len(norms) // 10, 5)
    # Medians: a single large step is no explosion, and a single small one no standstill.
    before, now = float(np.median(norms[:-part])), float(np.median(norms[-part:]))
    if now > EXPLODED * before > 0:
        return _exploded(player, f"is {now:.2g} after {before:.2g} before")
    if now >= VANISHED * before and now > 0:
        return None
    return Alarm(
        name="vanishing_gradients",
        player=player,
        seen=f"the gradient norm of the {player} is {now:.2g} (median of {part} values) after "
        f"{before:.2g} before",
        meaning="it no longer learns",
        remedies=(
            remedies.NON_SATURATING,
            remedies.WGAN_GP,
            remedies.FEWER_DISCRIMINATOR_STEPS,
            remedies.INSTANCE_NOISE,
        ),
    )


def _exploded(player: str, seen: str) -> Alarm:
    return Alarm(
        name="exploding_gradients",
        player=player,
        seen=f"the gradient norm of the {player} {seen}",
        meaning="the next steps will throw the weights far out",
        remedies=(remedies.SMALLER_RATES, remedies.CLIPNORM, remedies.R1, remedies.SPECTRAL_NORM),
    )
