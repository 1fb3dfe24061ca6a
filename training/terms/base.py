"""What a term of a player's loss is."""

import dataclasses
from typing import ClassVar

import tensorflow as tf

from ganapp.models.critic import Critic
from ganapp.models.tensors import Tensors
from ganapp.training.extensions import (
    Draw,
    Extension,
    Scheduled,
    State,
    check_length_is_known,
    check_range,
)
from ganapp.training.schedules import value_at


@dataclasses.dataclass(frozen=True, kw_only=True)
class Term(Extension):
    """A term of one or both players' losses; further keyword-only fields are a member's options.

    The GAN takes the mean of the examples' values, and multiplies it by the weight.

    Args:
        weight: its factor, at least 0: a number, or a function of the step (a Keras schedule).
        interval: apply it at every interval-th update of a player only, with the weight multiplied
            by as much ("lazy", Karras et al., 2019, arXiv:1912.04958); at least 1.
    """

    weight: Scheduled = 1.0
    interval: int = 1
    # Whose losses it is added to.
    players: ClassVar[tuple[str, ...]] = ("discriminator",)
    # Outputs of the discriminator that it looks at beside the scores, by name.
    reads: ClassVar[tuple[str, ...]] = ()
    # Whether it takes the gradient of each example's score by that example, which does not exist
    # where the discriminator looks at several examples together.
    per_example_gradient: ClassVar[bool] = False
    # Whether it is about examples and what their rows observe, such as each generated example
    # beside the row's own: the generator must then observe something.
    paired: ClassVar[bool] = False
    # Whether it needs labels, and a class head in the discriminator.
    classifies: ClassVar[bool] = False
    # Whether its passes of the discriminator are in float32 under every precision: second-order
    # gradients overflow in float16, and small differences of scores are lost.
    in_float32: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_range("weight", self.weight, 0.0)
        check_length_is_known("weight", self.weight)
        if self.interval < 1:
            raise ValueError(
                "`interval` must be at least 1, which applies the term at every update. "
                f"Received: interval={self.interval}"
            )

    def weight_at(self, step: tf.Tensor) -> float | tf.Tensor:
        """The factor at one training step."""
        return value_at(self.weight, step)

    def per_example(
        self, critic: Critic, real: Tensors, fake: Tensors, draw: Draw, state: State = None
    ) -> tf.Tensor:
        """The term of each example before the weight, in the loss of every one of `players`.

        Args:
            critic: gives all outputs of the discriminator, and gradients of its scores.
            real: `x`, float32 `(batch, *shape)`; where there are any, `label`, one-hot with zeros
                for a class that is not known, and observations. With packing `x` holds packs.
            fake: `x`, generated for the same rows, and all that it was made of: `z` and other
                latents, `label`, which was asked for and is always known, observations.
            draw: `draw(*shape)` gives uniform numbers in [0, 1), `(batch, *shape)`; each call
                others.
            state: what `make_state` gave.

        Returns:
            float32 `(batch,)`; `(1,)` from a function of the weights or of the global batch alone.
        """
        raise NotImplementedError

    def discriminator_term(
        self, critic: Critic, real: Tensors, fake: Tensors, draw: Draw, state: State = None
    ) -> tf.Tensor:
        """The term in the discriminator's loss, where that differs; as `per_example`."""
        return self.per_example(critic, real, fake, draw, state)

    def generator_term(
        self, critic: Critic, real: Tensors, fake: Tensors, draw: Draw, state: State = None
    ) -> tf.Tensor:
        """The term in the generator's loss, where that differs; as `per_example`."""
        return self.per_example(critic, real, fake, draw, state)
