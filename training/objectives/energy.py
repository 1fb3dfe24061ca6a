"""Energies: the discriminator is an autoencoder, its score minus the error of reconstruction.

A score is f = -E with an energy E >= 0, so higher is more real here too. Both losses only make
sense with scores that cannot rise above 0: the discriminator of an unbounded score would lower
its loss without end by raising the score of real examples.
"""

import copy
import dataclasses

import tensorflow as tf

from ganapp.models.replicas import global_mean
from ganapp.training.objectives.base import Objective, State
from ganapp.training.optimizers import OptimizerConfig, adam
from ganapp.training.terms import PullingAway, Term


@dataclasses.dataclass(frozen=True, kw_only=True)
class EBGAN(Objective):
    """Low energy for data, at least the margin for generated examples; G lowers its energy.

    Args:
        margin: the energy from which on generated examples no longer concern the discriminator,
            above 0, in units of the energy. What suits depends on how the reconstruction error is
            summed: the paper takes 10 to 80 for whole images.
    """

    terms: tuple[Term, ...] = (PullingAway(weight=0.1),)
    margin: float = 1.0

    name = "ebgan"
    energy = True
    reference = "Zhao et al., 2017, arXiv:1609.03126"
    formula = "D: -f(x) + max(0, margin + f(G(z)));  G: -f(G(z));  f = -E"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.margin <= 0.0:
            raise ValueError(f"`margin` must be above 0. Received: margin={self.margin}")

    def discriminator_loss(self, real_scores, fake_scores):
        return tf.nn.relu(self.margin + fake_scores) - real_scores

    def generator_loss(self, real_scores, fake_scores):
        return -fake_scores


@dataclasses.dataclass(frozen=True, kw_only=True)
class BEGAN(Objective):
    """Boundary equilibrium: the errors L of data and generator are kept at a fixed ratio.

    The scalar k, the state "balance", starts at 0 and moves after each discriminator update so that
    E L(G(z)) = diversity E L(x).

    Args:
        diversity: gamma, the ratio of generated to real error, in (0, 1]; lower gives better but
            fewer kinds of pictures.
        balance_rate: lambda_k, the step of k, above 0.
    """

    diversity: float = 0.75
    balance_rate: float = 0.001
    # State, no option: a number or what `with_state` was given. It says nothing about identity.
    balance: float | tf.Tensor | tf.Variable = dataclasses.field(
        default=0.0, init=False, repr=False, compare=False
    )
    generator_optimizer: OptimizerConfig = adam(1e-4, 0.5, 0.999)
    discriminator_optimizer: OptimizerConfig = adam(1e-4, 0.5, 0.999)

    name = "began"
    energy = True
    reference = "Berthelot et al., 2017, arXiv:1703.10717"
    formula = (
        "D: L(x) - k L(G(z));  G: L(G(z));  k += rate (gamma L(x) - L(G(z))), in [0, 1];  f = -L"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 < self.diversity <= 1.0:
            raise ValueError(
                f"`diversity` must be above 0 and at most 1. Received: diversity={self.diversity}"
            )
        if self.balance_rate <= 0.0:
            raise ValueError(
                f"`balance_rate` must be above 0. Received: balance_rate={self.balance_rate}"
            )

    def discriminator_loss(self, real_scores, fake_scores):
        return self._k(fake_scores.dtype) * fake_scores - real_scores

    def generator_loss(self, real_scores, fake_scores):
        return -fake_scores

    def initial_state(self) -> dict[str, float]:
        return {"balance": 0.0}

    def with_state(self, state: State) -> "BEGAN":
        """A copy that reads `state["balance"]`; `dataclasses.replace` of it starts at 0 again."""
        reader = copy.copy(self)
        object.__setattr__(reader, "balance", state["balance"])  # frozen, but still being made
        return reader

    def next_state(self, real_scores, fake_scores):
        """k + rate (gamma L(x) - L(G(z))) of the global batch, within [0, 1]."""
        step = self.balance_rate * self._imbalance(real_scores, fake_scores)
        return {"balance": tf.clip_by_value(self._k(step.dtype) + step, 0.0, 1.0)}

    def measures(self, real_scores, fake_scores):
        """The paper's convergence L(x) + |gamma L(x) - L(G(z))|, and k."""
        imbalance = self._imbalance(real_scores, fake_scores)
        convergence = tf.abs(imbalance) - global_mean(real_scores)
        return {"convergence": convergence, "balance": self._k(imbalance.dtype)}

    def _imbalance(self, real_scores: tf.Tensor, fake_scores: tf.Tensor) -> tf.Tensor:
        return global_mean(fake_scores) - self.diversity * global_mean(real_scores)

    def _k(self, dtype: tf.DType) -> tf.Tensor:
        return tf.cast(tf.convert_to_tensor(self.balance), dtype)
