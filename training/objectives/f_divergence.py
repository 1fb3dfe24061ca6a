"""f-GAN: the variational bound on an f-divergence as a game."""

import dataclasses
from typing import ClassVar, Literal

from ganapp.training.objectives import divergences
from ganapp.training.objectives.base import Objective
from ganapp.training.objectives.divergences import Divergence

# What of a divergence the generator raises at its own examples, and an encoder lowers at its pairs.
GENERATOR_GOALS = {
    "bound": (
        lambda divergence: divergence.conjugate_of_activation,
        lambda divergence: divergence.activation,
    ),
    "alternative": (
        lambda divergence: divergence.activation,
        lambda divergence: divergence.conjugate_of_activation,
    ),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class FDivergence(Objective):
    """D raises the bound E_P g(v) - E_Q f*(g(v)) on D_f(P||Q), G lowers it; Adam 2e-4 (0.5, 0.999).

    P is the data and Q the generator, v = f(x) the discriminator's raw score: higher is more real,
    and g, f* are those of `ganapp.training.objectives.divergences`. A member names a `divergence`.

    Args:
        generator_goal: `"bound"`: G minimises -f*(g(v)), the very bound; `"alternative"`: G
            minimises -g(v) (section 3.2 of the paper), whose gradient lives where the bound's
            vanishes because the discriminator wins.
    """

    generator_goal: Literal["bound", "alternative"] = "bound"

    divergence: ClassVar[Divergence]
    reference = "Nowozin et al., 2016, arXiv:1606.00709"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.generator_goal not in GENERATOR_GOALS:
            raise ValueError(
                f"`generator_goal` must be one of {', '.join(map(repr, GENERATOR_GOALS))}. "
                f"Received: generator_goal={self.generator_goal!r}"
            )

    def discriminator_loss(self, real_scores, fake_scores):
        on_fake = self.divergence.conjugate_of_activation(fake_scores)
        return on_fake - self.divergence.activation(real_scores)

    def generator_loss(self, real_scores, fake_scores):
        raised, _ = GENERATOR_GOALS[self.generator_goal]
        return -raised(self.divergence)(fake_scores)

    def encoder_loss(self, real_scores, fake_scores):
        _, lowered = GENERATOR_GOALS[self.generator_goal]
        return lowered(self.divergence)(real_scores)

    def log_density_ratio(self, scores):
        """log p / q where T = g(v) = f'(p / q), solved for the ratio; `None` for some."""
        return self.divergence.log_ratio and self.divergence.log_ratio(scores)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FKL(FDivergence):
    """KL(P||Q), which asks the generator to cover all data; T = v = 1 + log p / q."""

    name = "f_kl"
    formula = "D: exp(f(G(z)) - 1) - f(x);  G: -exp(f(G(z)) - 1)"
    divergence = divergences.KL


@dataclasses.dataclass(frozen=True, kw_only=True)
class FReverseKL(FDivergence):
    """KL(Q||P), which asks the generator to stay on the data; v = log p / q, T = -exp(-v)."""

    name = "f_reverse_kl"
    formula = "D: exp(-f(x)) + f(G(z)) - 1;  G: 1 - f(G(z))"
    divergence = divergences.REVERSE_KL


@dataclasses.dataclass(frozen=True, kw_only=True)
class FJensenShannon(FDivergence):
    """KL(P||M) + KL(Q||M) with M = (P + Q) / 2; v = log p / q."""

    name = "f_jensen_shannon"
    formula = "D: softplus(-f(x)) + softplus(f(G(z))) - log 4;  G: log 2 - softplus(f(G(z)))"
    divergence = divergences.JENSEN_SHANNON


@dataclasses.dataclass(frozen=True, kw_only=True)
class FGAN(FDivergence):
    """The first GAN as a divergence, Jensen-Shannon's less log 4; v = log p / q.

    The losses of `minimax`, with the alternative goal those of `non_saturating`.
    """

    name = "f_gan"
    formula = "D: softplus(-f(x)) + softplus(f(G(z)));  G: -softplus(f(G(z)))"
    divergence = divergences.GAN


@dataclasses.dataclass(frozen=True, kw_only=True)
class FPearson(FDivergence):
    """Pearson's chi-squared, E_Q (p / q - 1)^2; T = v = 2 (p / q - 1).

    By the bound, examples scored below -2 give the generator no gradient; by the alternative goal
    they do.
    """

    name = "f_pearson"
    formula = "D: h(f(G(z))) - f(x);  G: -h(f(G(z)));  h(v) = t^2 / 4 + t, t = max(v, -2)"
    divergence = divergences.PEARSON


@dataclasses.dataclass(frozen=True, kw_only=True)
class FHellinger(FDivergence):
    """The squared Hellinger distance, E_Q (sqrt(p / q) - 1)^2; v = 1/2 log p / q."""

    name = "f_hellinger"
    formula = "D: exp(-f(x)) + exp(f(G(z))) - 2;  G: 1 - exp(f(G(z)))"
    divergence = divergences.HELLINGER


@dataclasses.dataclass(frozen=True, kw_only=True)
class FJeffreys(FDivergence):
    """KL(P||Q) + KL(Q||P); T = v = log p / q + 1 - q / p, solved by Lambert's W function."""

    name = "f_jeffreys"
    formula = (
        "D: h(f(G(z))) - f(x);  G: -h(f(G(z)));  h(v) = W + 1/W + v - 2, W = LambertW(exp(1 - v))"
    )
    divergence = divergences.JEFFREYS


@dataclasses.dataclass(frozen=True, kw_only=True)
class FTotalVariation(FDivergence):
    """The total variation, 1/2 E_Q |p / q - 1|; the score tells the sign of p - q only."""

    name = "f_total_variation"
    formula = "D: 1/2 tanh(f(G(z))) - 1/2 tanh(f(x));  G: -1/2 tanh(f(G(z)))"
    score_sign_means_real = True
    divergence = divergences.TOTAL_VARIATION


@dataclasses.dataclass(frozen=True, kw_only=True)
class FSkewedJensenShannon(FDivergence):
    """s KL(P||M) + (1 - s) KL(Q||M) with M = s P + (1 - s) Q; v = log p / q - log (1 - s) / s.

    Args:
        skew: s, the share of the data in M, inside of (0, 1). 0.5 is half of `f_jensen_shannon`;
            towards 0 the divergence over s goes to KL(P||Q), towards 1 that over 1 - s to
            KL(Q||P).
    """

    skew: float = 0.5

    name = "f_skewed_jensen_shannon"
    formula = (
        "D: s (softplus(-f(x)) + log s) + h(f(G(z)));  G: -h(f(G(z)));  "
        "h(v) = (1 - s) (softplus(v) + log(1 - s))"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 < self.skew < 1.0:
            raise ValueError(f"`skew` must be above 0 and below 1. Received: skew={self.skew}")

    @property
    def divergence(self) -> Divergence:
        return divergences.skewed_jensen_shannon(self.skew)
