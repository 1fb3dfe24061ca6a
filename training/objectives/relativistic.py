"""Relativistic pairing: the discriminator says which of two examples is the real one."""

import dataclasses

import tensorflow as tf

from training.objectives.base import Objective
from training.optimizers import OptimizerConfig, adam
from training.penalties import R1, R2, Penalty


@dataclasses.dataclass(frozen=True, kw_only=True)
class RelativisticPairing(Objective):
    """RpGAN with zero-centred gradient penalties on both sides, the loss of R3GAN.

    D minimises softplus(-(D(x) - D(G(z)))) + gamma / 2 (R1 + R2), G softplus(D(x) - D(G(z))).
    """

    penalties: tuple[Penalty, ...] = (R1(weight=1.0), R2(weight=1.0))
    generator_optimizer: OptimizerConfig = adam(2e-4, 0.0, 0.99)
    discriminator_optimizer: OptimizerConfig = adam(2e-4, 0.0, 0.99)

    name = "relativistic"
    reference = "Jolicoeur-Martineau, 2018, arXiv:1807.00734; Huang et al., 2024, arXiv:2501.05441"
    formula = "D: softplus(f(G(z)) - f(x)) + gamma/2 (R1 + R2);  G: softplus(f(x) - f(G(z)))"
    relativistic = True

    def discriminator_loss(self, real_scores, fake_scores):
        return tf.nn.softplus(fake_scores - real_scores)

    def generator_loss(self, real_scores, fake_scores):
        return tf.nn.softplus(real_scores - fake_scores)

    # f(x) is defined up to a constant only, so there is no log_density_ratio.
