"""The hinge loss, by default with a spectrally normalised discriminator."""

import dataclasses

import tensorflow as tf

from ganapp.training.constraints import Constraint, SpectralNorm
from ganapp.training.objectives.base import Objective
from ganapp.training.optimizers import OptimizerConfig, adam


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hinge(Objective):
    """SNGAN's objective: margins of 1 on both sides, 5 discriminator updates, Adam 2e-4 (0, 0.9).

    First by Lim and Ye, 2017, arXiv:1705.02894.
    """

    discriminator_steps: int = 5
    constraint: Constraint = SpectralNorm()
    generator_optimizer: OptimizerConfig = adam(2e-4, 0.0, 0.9)
    discriminator_optimizer: OptimizerConfig = adam(2e-4, 0.0, 0.9)

    name = "hinge"
    reference = "Miyato et al., 2018, arXiv:1802.05957"
    score_sign_means_real = True  # the optimal score is the sign of p - q
    formula = "D: max(0, 1 - f(x)) + max(0, 1 + f(G(z)));  G: -f(G(z))"

    def discriminator_loss(self, real_scores, fake_scores):
        return tf.nn.relu(1.0 - real_scores) + tf.nn.relu(1.0 + fake_scores)

    def generator_loss(self, real_scores, fake_scores):
        return -fake_scores

    def encoder_loss(self, real_scores, fake_scores):
        return real_scores
