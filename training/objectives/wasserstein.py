"""The Wasserstein distance through a critic that is (nearly) 1-Lipschitz."""

import dataclasses

from ganapp.training.constraints import Constraint, Unconstrained, WeightClip
from ganapp.training.objectives.base import Objective
from ganapp.training.optimizers import OptimizerConfig, adam
from ganapp.training.terms import GradientPenalty, Term

RMSPROP = OptimizerConfig(name="rmsprop", learning_rate=5e-5)


@dataclasses.dataclass(frozen=True, kw_only=True)
class WGAN(Objective):
    """WGAN with weight clipping: 5 critic updates, clip 0.01, RMSprop 5e-5."""

    discriminator_steps: int = 5
    constraint: Constraint = WeightClip(limit=0.01)
    generator_optimizer: OptimizerConfig = RMSPROP
    discriminator_optimizer: OptimizerConfig = RMSPROP

    name = "wgan"
    reference = "Arjovsky et al., 2017, arXiv:1701.07875"
    formula = "D: f(G(z)) - f(x);  G: -f(G(z));  weights clipped"

    def discriminator_loss(self, real_scores, fake_scores):
        return fake_scores - real_scores

    def generator_loss(self, real_scores, fake_scores):
        return -fake_scores

    def encoder_loss(self, real_scores, fake_scores):
        return real_scores


@dataclasses.dataclass(frozen=True, kw_only=True)
class WGANGP(WGAN):
    """WGAN with a gradient penalty on interpolates: lambda 10, Adam 1e-4 (0.5, 0.9)."""

    terms: tuple[Term, ...] = (GradientPenalty(weight=10.0),)
    constraint: Constraint = Unconstrained()
    generator_optimizer: OptimizerConfig = adam(1e-4, 0.5, 0.9)
    discriminator_optimizer: OptimizerConfig = adam(1e-4, 0.5, 0.9)

    name = "wgan_gp"
    reference = "Gulrajani et al., 2017, arXiv:1704.00028"
    formula = "D: f(G(z)) - f(x) + lambda (|grad f| - 1)^2;  G: -f(G(z))"

    def encoder_loss(self, real_scores, fake_scores):
        """None: the penalty bounds the slope by the example, and not by a latent beside it."""
        return


@dataclasses.dataclass(frozen=True, kw_only=True)
class WGANLP(WGANGP):
    """WGAN-GP that punishes steep slopes only: a 1-Lipschitz critic may be flat.

    The optimal critic has slope 1 along the transport of one point to its partner, not between any
    two points, so the two-sided penalty asks too much.
    """

    terms: tuple[Term, ...] = (GradientPenalty(weight=10.0, one_sided=True),)

    name = "wgan_lp"
    reference = "Petzka et al., 2018, arXiv:1709.08894"
    formula = "D: f(G(z)) - f(x) + lambda max(0, |grad f| - 1)^2;  G: -f(G(z))"
