"""The two losses of the first GAN: D(x) = sigmoid(score) estimates the chance that x is real."""

import dataclasses

import tensorflow as tf

from training.objectives.base import Objective


@dataclasses.dataclass(frozen=True, kw_only=True)
class Minimax(Objective):
    """The saturating game: the generator minimises what the discriminator maximises.

    D minimises -log D(x) - log(1 - D(G(z))), G minimises log(1 - D(G(z))).
    """

    name = "minimax"
    reference = "Goodfellow et al., 2014, arXiv:1406.2661"
    formula = "min_G max_D  E log D(x) + E log(1 - D(G(z)))"

    def discriminator_loss(self, real_scores, fake_scores):
        return tf.nn.softplus(-real_scores) + tf.nn.softplus(fake_scores)

    def generator_loss(self, real_scores, fake_scores):
        return -tf.nn.softplus(fake_scores)

    def log_density_ratio(self, scores):
        return scores


@dataclasses.dataclass(frozen=True, kw_only=True)
class NonSaturating(Minimax):
    """The generator minimises -log D(G(z)) instead, whose gradient lives when D wins."""

    name = "non_saturating"
    formula = "D: -log D(x) - log(1 - D(G(z)));  G: -log D(G(z))"

    def generator_loss(self, real_scores, fake_scores):
        return tf.nn.softplus(-fake_scores)
