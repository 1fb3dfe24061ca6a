"""Alarms on the discriminator's scores."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ganapp.training.diagnostics.alarms import remedies
from ganapp.training.diagnostics.alarms.base import Alarm
from ganapp.training.diagnostics.alarms.checks import finite_vector

# Of the generator's slope where all scores are 0. Of the loss log(1 - D) the slope is D, so this
# is D(G(z)) below 0.01 instead of the 1/2 of the equilibrium.
SATURATED = 0.02
# One half: below it most of a minibatch still teaches the generator.
SATURATED_SHARE = 0.5
# Standard errors of the difference between training and held-out scores. Two thousand looks in
# a long run then cry wolf less than once in ten runs (one-sided 3e-5 each).
OVERFIT_ERRORS = 4.0
# Of the way from generated to training scores. A difference can be significant and of no
# consequence; a quarter of all that the discriminator tells apart is memory, not knowledge.
OVERFIT_SHARE = 0.25


def saturation(objective: Any, real: ArrayLike, fake: ArrayLike) -> Alarm | None:
    """Most generated examples are rejected with a certainty that leaves no gradient.

    Rejected: by a score below 0, of relativistic objectives below that of a real example. A loss
    that is flat where the generator has won (-log D near D = 1) does not count.

    Args:
        objective: has `generator_slope(real_scores, fake_scores)` and `relativistic`.
        real: raw scores of real examples, `(n,)`.
        fake: of generated examples, `(m,)`; beyond the shorter of the two none are looked at.
    """
    real, fake = finite_vector("real", real), finite_vector("fake", fake)
    count = min(len(real), len(fake))
    real, fake = real[:count], fake[:count]
    reference = np.asarray(objective.generator_slope(np.zeros(1), np.zeros(1)))[0]
    flat = np.asarray(objective.generator_slope(real, fake)) < SATURATED * reference
    rejected = fake < (real if objective.relativistic else 0.0)
    share = float(np.mean(flat & rejected))
    if share <= SATURATED_SHARE:
        return None
    return Alarm(
        name="saturation",
        seen=f"{share:.0%} of {count} generated examples are rejected with scores at which the "
        f"generator's loss is less than {SATURATED:.0%} as steep as at 0",
        meaning="its loss saturates and leaves the generator almost no gradient there",
        remedies=(remedies.ALTERNATIVE_GOAL, remedies.NON_SATURATING, remedies.INSTANCE_NOISE),
    )


def discriminator_overfitting(
    train: ArrayLike, held_out: ArrayLike, fake: ArrayLike
) -> Alarm | None:
    """The discriminator knows its training examples by heart: unseen real ones score lower.

    Judged by the difference in pooled standard errors, and as a share of the way from generated to
    training scores (the quantity r_v of Karras et al., 2020, arXiv:2006.06676).

    Args:
        train: raw scores of training examples, `(n,)`, at least two.
        held_out: of real examples not trained on, `(m,)`, at least two.
        fake: of generated examples, `(k,)`.
    """
    train = finite_vector("train", train, least=2)
    held_out = finite_vector("held_out", held_out, least=2)
    fake = finite_vector("fake", fake)
    difference = train.mean() - held_out.mean()
    error = np.sqrt(train.var(ddof=1) / len(train) + held_out.var(ddof=1) / len(held_out))
    if not difference > OVERFIT_ERRORS * error:
        return None
    # When the generated ones score no lower than the held-out, all that is told apart is memory.
    share = difference / max(train.mean() - fake.mean(), difference)
    if share <= OVERFIT_SHARE:
        return None
    errors = f"{difference / error:.1f} standard errors" if error > 0 else "a certain difference"
    return Alarm(
        name="discriminator_overfitting",
        seen=f"{len(train)} training examples score {difference:.3g} higher than {len(held_out)} "
        f"held-out ones ({errors}), {share:.0%} of what separates them from generated ones",
        meaning="the discriminator has memorised its training examples, and the generator will "
        "be pulled towards them",
        remedies=(
            remedies.ADAPTIVE_AUGMENT,
            remedies.DIFF_AUGMENT,
            remedies.R1,
            remedies.STRONGER_PENALTY,
            remedies.MORE_DATA,
            remedies.SMALLER_DISCRIMINATOR,
        ),
    )
