"""The contract of an objective: losses and settings, inert."""

import dataclasses
import inspect
import math
from collections.abc import Mapping
from typing import ClassVar

import tensorflow as tf

from ganapp.models.serialization import Serializable
from ganapp.training.augmentations import Augmentation
from ganapp.training.constraints import Constraint, Unconstrained
from ganapp.training.extensions import Extension
from ganapp.training.optimizers import OptimizerConfig, adam
from ganapp.training.terms import Term
from ganapp.training.weightings import Weighting

FORMER_ARGUMENTS = {
    "penalties": "is now `terms` (`ganapp.training.terms`)",
    "stabilisers": "is now `terms`, `augmentations` and `weightings`, each with its own members "
    "(`ganapp.training.terms`, `.augmentations`, `.weightings`)",
}


State = Mapping[str, float | tf.Tensor | tf.Variable]


class _SignatureOfFields:
    def __get__(self, instance: object, owner: type) -> inspect.Signature:
        _, *fields = inspect.signature(owner.__init__).parameters.values()
        return inspect.Signature(fields)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Objective(Serializable):
    """A pair of losses with the settings of its paper; the GAN runs it and never asks its name.

    Both losses get raw scores of real and generated examples, `(batch, ...)`, and return a value
    per score; both are minimised. The caller averages.

    Args:
        discriminator_steps: discriminator updates before each generator update, at least 1.
        adversarial_weight: of the generator's own loss beside its terms, at least 0; at 0 it
            learns from them alone.
        normalised: whether the generator's own loss and each of its terms are divided by the
            running mean of their size (of the last hundred updates), so that weights are relative:
            whatever the layer, the size of the image or the objective, a part of weight 1 is about
            1 (Dosovitskiy and Brox, 2016, arXiv:1602.02644, have weights for one network alone).
        terms: added to the losses.
        augmentations: of what the discriminator sees, in order.
        weightings: how much each score counts, and as what.
        constraint: on the discriminator's weights.
        generator_optimizer: used unless the run chooses another.
        discriminator_optimizer: likewise.
    """

    discriminator_steps: int = 1
    adversarial_weight: float = 1.0
    normalised: bool = False
    terms: tuple[Term, ...] = ()
    augmentations: tuple[Augmentation, ...] = ()
    weightings: tuple[Weighting, ...] = ()
    constraint: Constraint = Unconstrained()
    generator_optimizer: OptimizerConfig = adam(2e-4, 0.5, 0.999)
    discriminator_optimizer: OptimizerConfig = adam(2e-4, 0.5, 0.999)

    name: ClassVar[str] = ""
    reference: ClassVar[str] = ""
    formula: ClassVar[str] = ""
    relativistic: ClassVar[bool] = False
    # Of optimal scores; then any constant added to them all is as good.
    log_ratio_but_for_a_constant: ClassVar[bool] = False
    # Scores are minus an energy, so the losses only make sense where they cannot rise above 0.
    energy: ClassVar[bool] = False

    # A class with a `__new__` would show its signature instead of the fields'.
    __signature__ = _SignatureOfFields()

    def __new__(cls, **settings: object) -> "Objective":
        """Refuses arguments by their former names, with a sentence that says where they went."""
        for old in FORMER_ARGUMENTS.keys() & settings.keys():
            raise ValueError(f"`{old}` of an objective {FORMER_ARGUMENTS[old]}. Received: {old}")
        return super().__new__(cls)

    def __post_init__(self) -> None:
        if self.discriminator_steps < 1:
            raise ValueError(
                "`discriminator_steps` must be at least 1. "
                f"Received: discriminator_steps={self.discriminator_steps}"
            )
        if not self.adversarial_weight >= 0 or math.isinf(self.adversarial_weight):
            raise ValueError(
                "`adversarial_weight` must be a number of at least 0. "
                f"Received: adversarial_weight={self.adversarial_weight}"
            )

    @property
    def extensions(self) -> tuple[Extension, ...]:
        return (*self.augmentations, *self.weightings, *self.terms)

    def discriminator_loss(self, real_scores: tf.Tensor, fake_scores: tf.Tensor) -> tf.Tensor:
        """The loss that the discriminator minimises, per score."""
        raise NotImplementedError

    def generator_loss(self, real_scores: tf.Tensor, fake_scores: tf.Tensor) -> tf.Tensor:
        """The loss that the generator minimises, per score."""
        raise NotImplementedError

    def encoder_loss(self, real_scores: tf.Tensor, fake_scores: tf.Tensor) -> tf.Tensor | None:
        """What an encoder's real pairs add to the generator's loss, per score.

        The discriminator then judges examples beside latents, (x, E(x)) and (G(z), z), and the
        encoder is to its pairs what the generator is to its own: this is `generator_loss` of the
        game in which the two have changed places (Donahue et al., 2017, arXiv:1605.09782). Zeros
        where `generator_loss` holds the real scores so already; `None` where there is no such game.
        """
        return None

    def generator_slope(self, real_scores: tf.Tensor, fake_scores: tf.Tensor) -> tf.Tensor:
        """|d generator_loss / d fake_score|, float32: what the generator learns of each example."""
        real_scores, fake_scores = (tf.cast(x, tf.float32) for x in (real_scores, fake_scores))
        with tf.GradientTape() as tape:
            tape.watch(fake_scores)
            loss = self.generator_loss(real_scores, fake_scores)
        return tf.abs(tape.gradient(loss, fake_scores))

    @property
    def score_sign_means_real(self) -> bool:
        """Whether a score's sign alone says real or generated.

        It does where an optimal discriminator gives 0 to examples at most twice as likely real as
        generated, or the reverse. Where there is no log density ratio, an objective says it itself.
        """
        log_ratio = self.log_density_ratio(tf.zeros((1,)))
        return log_ratio is not None and abs(float(log_ratio[0])) <= math.log(2.0)

    # State, for objectives that have one ----------------------------------------------------------

    def initial_state(self) -> dict[str, float]:
        """Scalars that training changes, by name; the GAN keeps and checkpoints them."""
        return {}

    def with_state(self, state: State) -> "Objective":
        """A copy whose losses read `state`, the scalars of `initial_state` as variables."""
        return self

    def next_state(self, real_scores: tf.Tensor, fake_scores: tf.Tensor) -> dict[str, tf.Tensor]:
        """New values after a discriminator update, the same on every replica."""
        return {}

    def measures(self, real_scores: tf.Tensor, fake_scores: tf.Tensor) -> dict[str, tf.Tensor]:
        """Further scalars for the logs, e.g. a convergence measure."""
        return {}

    def log_density_ratio(self, scores: tf.Tensor) -> tf.Tensor | None:
        """log p(x) / q(x) by the optimal discriminator's scores; `None` where theory has none."""
        return None
