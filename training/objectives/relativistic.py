"""Relativistic losses: the discriminator says how much more real one example is than another.

f(x) counts by differences only, so it is defined up to a constant and there is no
`log_density_ratio`. A higher score still means more real.

A loss is a function of the gap by which the example that should win scores higher; the three below
combine with two ways to compare: each real example with one generated one, or each with the
average of the other side.

Reference: Jolicoeur-Martineau, 2018, arXiv:1807.00734.
"""

import dataclasses
from collections.abc import Callable
from typing import ClassVar

import tensorflow as tf

from ganapp.models.replicas import global_mean
from ganapp.training.objectives.base import Objective
from ganapp.training.optimizers import OptimizerConfig, adam
from ganapp.training.terms import R1, R2, Term


def logistic(gap: tf.Tensor) -> tf.Tensor:
    """-log sigmoid(gap)."""
    return tf.nn.softplus(-gap)


def hinge(gap: tf.Tensor) -> tf.Tensor:
    """0 from a gap of 1 on."""
    return tf.nn.relu(1.0 - gap)


def least_squares(gap: tf.Tensor) -> tf.Tensor:
    """0 at a gap of 1 only."""
    return (gap - 1.0) ** 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Relativistic(Objective):
    """Losses of the gap between two scores; a member names its `loss_of_gap`."""

    loss_of_gap: ClassVar[Callable[[tf.Tensor], tf.Tensor]]
    reference = "Jolicoeur-Martineau, 2018, arXiv:1807.00734"
    relativistic = True

    def encoder_loss(self, real_scores, fake_scores):
        return tf.zeros_like(real_scores)  # the gap has both sides


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pairing(Relativistic):
    """Each real example against one generated one."""

    def discriminator_loss(self, real_scores, fake_scores):
        return self.loss_of_gap(real_scores - fake_scores)

    def generator_loss(self, real_scores, fake_scores):
        return self.loss_of_gap(fake_scores - real_scores)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Average(Relativistic):
    """Each example against the average of the other side, over all scores of the global batch.

    Both terms are in both losses, so the generator lowers the scores of the data relative to its
    own, too.
    """

    def discriminator_loss(self, real_scores, fake_scores):
        real_wins = self.loss_of_gap(real_scores - global_mean(fake_scores))
        return real_wins + self.loss_of_gap(global_mean(real_scores) - fake_scores)

    def generator_loss(self, real_scores, fake_scores):
        fake_wins = self.loss_of_gap(fake_scores - global_mean(real_scores))
        return fake_wins + self.loss_of_gap(global_mean(fake_scores) - real_scores)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RelativisticPairing(Pairing):
    """RpGAN with zero-centred gradient penalties on both sides, the loss of R3GAN."""

    terms: tuple[Term, ...] = (R1(weight=1.0), R2(weight=1.0))
    generator_optimizer: OptimizerConfig = adam(2e-4, 0.0, 0.99)
    discriminator_optimizer: OptimizerConfig = adam(2e-4, 0.0, 0.99)

    name = "relativistic"
    reference = "Jolicoeur-Martineau, 2018, arXiv:1807.00734; Huang et al., 2024, arXiv:2501.05441"
    # sigmoid(f(x) - f(y)) is best as p(x) q(y) / (p(x) q(y) + q(x) p(y)).
    log_ratio_but_for_a_constant = True
    formula = "D: softplus(f(G(z)) - f(x)) + gamma/2 (R1 + R2);  G: softplus(f(x) - f(G(z)))"
    loss_of_gap = staticmethod(logistic)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RelativisticHinge(Pairing):
    """Pairs with a margin of 1; Adam 2e-4 (0.5, 0.999)."""

    name = "relativistic_hinge"
    formula = "D: max(0, 1 - (f(x) - f(G(z))));  G: max(0, 1 - (f(G(z)) - f(x)))"
    loss_of_gap = staticmethod(hinge)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RelativisticLeastSquares(Pairing):
    """Pairs whose gap should be 1; Adam 2e-4 (0.5, 0.999)."""

    name = "relativistic_least_squares"
    formula = "D: (f(x) - f(G(z)) - 1)^2;  G: (f(G(z)) - f(x) - 1)^2"
    loss_of_gap = staticmethod(least_squares)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RelativisticAverage(Average):
    """RaSGAN: more real than the average of the other side; Adam 2e-4 (0.5, 0.999)."""

    name = "relativistic_average"
    formula = (
        "D: h(f(x) - E f(G(z))) + h(E f(x) - f(G(z)));  G: h(f(G(z)) - E f(x)) + "
        "h(E f(G(z)) - f(x));  h(d) = softplus(-d)"
    )
    loss_of_gap = staticmethod(logistic)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RelativisticAverageHinge(Average):
    """RaHingeGAN: margins of 1 to the average of the other side; Adam 2e-4 (0.5, 0.999)."""

    name = "relativistic_average_hinge"
    formula = (
        "D: h(f(x) - E f(G(z))) + h(E f(x) - f(G(z)));  G: h(f(G(z)) - E f(x)) + "
        "h(E f(G(z)) - f(x));  h(d) = max(0, 1 - d)"
    )
    loss_of_gap = staticmethod(hinge)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RelativisticAverageLeastSquares(Average):
    """RaLSGAN: gaps of 1 to the average of the other side; Adam 2e-4 (0.5, 0.999)."""

    name = "relativistic_average_least_squares"
    formula = (
        "D: h(f(x) - E f(G(z))) + h(E f(x) - f(G(z)));  G: h(f(G(z)) - E f(x)) + "
        "h(E f(G(z)) - f(x));  h(d) = (d - 1)^2"
    )
    loss_of_gap = staticmethod(least_squares)
