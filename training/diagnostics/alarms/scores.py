"""Alarms on the discriminator's scores."""

import numpy as np
from numpy.typing import ArrayLike

from training.diagnostics.alarms.base import Alarm
from training.diagnostics.alarms.checks import finite_vector

# D(G(z)) below this: the gradient of log(1 - D) by the score is -D, so at most a fiftieth of
# the 1/2 that it is at the equilibrium.
SATURATED = 0.01
# One half: below it most of a minibatch still teaches the generator.
SATURATED_SHARE = 0.5
# Standard errors of the difference between training and held-out scores. Two thousand looks in
# a long run then cry wolf less than once in ten runs (one-sided 3e-5 each).
OVERFIT_ERRORS = 4.0
# Of the way from generated to training scores. A difference can be significant and of no
# consequence; a quarter of all that the discriminator tells apart is memory, not knowledge.
OVERFIT_SHARE = 0.25


def saturation(fake_log_ratios: ArrayLike) -> Alarm | None:
    """Most generated examples are rejected with a certainty that leaves no gradient.

    For the saturating loss log(1 - D(G(z))) alone; the others keep theirs.

    Args:
        fake_log_ratios: logit of D at generated examples, `(n,)`: the raw scores of `minimax`.
    """
    scores = finite_vector("fake_log_ratios", fake_log_ratios)
    limit = np.log(SATURATED) - np.log1p(-SATURATED)
    share = float(np.mean(scores < limit))
    if share <= SATURATED_SHARE:
        return None
    return Alarm(
        name="saturation",
        seen=f"D(G(z)) is below {SATURATED:g} for {share:.0%} of {len(scores)} generated examples",
        meaning="the saturating loss log(1 - D) leaves the generator almost no gradient there",
        remedy='try `[objective] name = "non_saturating"`, or overlapping supports by '
        "`[objective.stabilisers] instance_noise = { sigma = 0.1 }`",
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
        remedy="try `[objective.stabilisers] adaptive_augment = {}` (images), a stronger "
        "`[objective.penalties] r1`, more data or a smaller discriminator",
    )
