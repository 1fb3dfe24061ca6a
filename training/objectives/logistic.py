"""The two losses of the first GAN: D(x) = sigmoid(score) estimates the chance that x is real."""

import dataclasses

import tensorflow as tf

from ganapp.training.objectives.base import Objective

# Smoothed targets have a highest score; the log ratio of scores near and above it stays finite.
SMALLEST_SHARE = 1e-6


@dataclasses.dataclass(frozen=True, kw_only=True)
class Minimax(Objective):
    """The saturating game: the generator minimises what the discriminator maximises.

    Args:
        label_smoothing: s in [0, 0.5): real examples get the target 1 - s, generated ones keep 0
            (one-sided; Salimans et al., 2016, arXiv:1606.03498).
    """

    label_smoothing: float = 0.0

    name = "minimax"
    reference = "Goodfellow et al., 2014, arXiv:1406.2661"
    formula = "min_G max_D  E log D(x) + E log(1 - D(G(z)))"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 <= self.label_smoothing < 0.5:
            raise ValueError(
                "`label_smoothing` must be at least 0 and below 0.5. "
                f"Received: label_smoothing={self.label_smoothing}"
            )

    def discriminator_loss(self, real_scores, fake_scores):
        # -(1 - s) log D - s log(1 - D) = -log D + s score
        on_real = tf.nn.softplus(-real_scores) + self.label_smoothing * real_scores
        return on_real + tf.nn.softplus(fake_scores)

    def generator_loss(self, real_scores, fake_scores):
        return -tf.nn.softplus(fake_scores)

    def encoder_loss(self, real_scores, fake_scores):
        return -tf.nn.softplus(-real_scores) - self.label_smoothing * real_scores

    def log_density_ratio(self, scores):
        """The score itself; with smoothing, D = (1 - s) p / (p + q) is solved for p / q.

        That D is never above 1 - s: scores from there on are given `score + 13.8`.
        """
        smoothing = self.label_smoothing
        share = 1.0 - smoothing - smoothing * tf.exp(tf.minimum(scores, 50.0))
        return scores - tf.math.log(tf.maximum(share, SMALLEST_SHARE))


@dataclasses.dataclass(frozen=True, kw_only=True)
class NonSaturating(Minimax):
    """The generator minimises -log D(G(z)) instead, whose gradient lives when D wins."""

    name = "non_saturating"
    formula = "D: -log D(x) - log(1 - D(G(z)));  G: -log D(G(z))"

    def generator_loss(self, real_scores, fake_scores):
        return tf.nn.softplus(-fake_scores)

    def encoder_loss(self, real_scores, fake_scores):
        return tf.nn.softplus(real_scores)
