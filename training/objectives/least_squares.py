"""The least squares loss: scores are regressed on a target for real and one for generated."""

import dataclasses

import tensorflow as tf

from ganapp.training.objectives.base import Objective

# Scores this close to a target (or beyond it) say "certain"; their log ratio ends at +-13.8.
SMALLEST_SHARE = 1e-6


@dataclasses.dataclass(frozen=True, kw_only=True)
class LeastSquares(Objective):
    """LSGAN: with b, a, c = 1, 0, 1 by default; Adam 2e-4 (0.5, 0.999).

    With b - c = 1 and b - a = 2 (e.g. b = 1, a = -1, c = 0) the generator minimises the Pearson
    chi-squared divergence of data plus generator to twice the generator.

    Args:
        real_target: b, what the discriminator should give real examples.
        fake_target: a, what it should give generated ones; below `real_target`, because a higher
            score means more real.
        generator_target: c, what the generator wants its examples to get; above `fake_target`.
    """

    real_target: float = 1.0
    fake_target: float = 0.0
    generator_target: float = 1.0

    name = "least_squares"
    reference = "Mao et al., 2017, arXiv:1611.04076"
    formula = "D: 1/2 (f(x) - b)^2 + 1/2 (f(G(z)) - a)^2;  G: 1/2 (f(G(z)) - c)^2"

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in ("real_target", "generator_target"):
            if getattr(self, field) <= self.fake_target:
                raise ValueError(
                    f"`{field}` must be above `fake_target`, because a higher score means more "
                    f"real. Received: {field}={getattr(self, field)}, "
                    f"fake_target={self.fake_target}"
                )

    def discriminator_loss(self, real_scores, fake_scores):
        on_real = 0.5 * (real_scores - self.real_target) ** 2
        return on_real + 0.5 * (fake_scores - self.fake_target) ** 2

    def generator_loss(self, real_scores, fake_scores):
        return 0.5 * (fake_scores - self.generator_target) ** 2

    def encoder_loss(self, real_scores, fake_scores):
        """The targets of real and generated change places: f becomes a + b - f."""
        mirrored = self.real_target + self.fake_target - real_scores
        return 0.5 * (mirrored - self.generator_target) ** 2

    def log_density_ratio(self, scores):
        """log (f - a) / (b - f): the optimal score is f = (b p + a q) / (p + q).

        Scores outside of (a, b), which no optimal discriminator gives, are taken as certain:
        -13.8 or 13.8.
        """
        share = (scores - self.fake_target) / (self.real_target - self.fake_target)
        share = tf.clip_by_value(share, SMALLEST_SHARE, 1.0 - SMALLEST_SHARE)
        return tf.math.log(share) - tf.math.log1p(-share)
