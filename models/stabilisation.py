"""All stabilisers of a run as one: each hook is asked of every member in turn."""

import math
from typing import Any

import keras
import tensorflow as tf

from ganapp.models.packing import packed, unpacked


class Stabilisation(keras.layers.Layer):
    """Runs the hooks of an objective's stabilisers and holds all states, so that checkpoints do.

    Args:
        objective: see `ganapp.training.objectives.base` and `ganapp.training.stabilisers.base`.
        generator: of the GAN, for members that keep something of its weights.
        discriminator: likewise.
        packing: examples that the discriminator judges together; each is augmented by itself.
    """

    def __init__(
        self,
        objective: Any,
        generator: keras.Model,
        discriminator: keras.Model,
        packing: int = 1,
    ) -> None:
        super().__init__(name="stabilisation", dtype="float32")
        self.packing = packing
        self.objective_state = {
            name: self.add_weight(
                name=name,
                shape=(),
                initializer=keras.initializers.Constant(value),
                trainable=False,
            )
            for name, value in objective.initial_state().items()
        }
        self.members = tuple(objective.stabilisers)
        states = [member.make_state(generator, discriminator) for member in self.members]
        self.states = [state for state in states if state is not None]  # tracked by Keras
        held = iter(self.states)
        self._pairs = [
            (member, None if state is None else next(held))
            for member, state in zip(self.members, states, strict=True)
        ]
        self.built = True

    def augment(self, packs: tf.Tensor, draw: Any, step: tf.Tensor) -> tf.Tensor:
        """What the discriminator sees of `packs`, in which each example has draws of its own.

        Args:
            packs: what it judges, `(batch, *packed_shape)`.
            draw: uniform numbers for each of the `batch * packing` examples.
            step: completed generator updates.
        """
        if not self.members:
            return packs
        examples = unpacked(packs, self.packing)
        for member, state in self._pairs:
            examples = member.augment(examples, draw, step, state)
        return packed(examples, self.packing)

    def scores(self, scores: tuple, draw: Any, step: tf.Tensor) -> tuple:
        """The (real, fake) scores that the discriminator's loss is told."""
        for member in self.members:
            scores = member.discriminator_scores(*scores, draw, step)
        return scores

    def discriminator_terms(self, critic, real, fake, draw, step) -> dict[str, tf.Tensor]:
        """Terms of the discriminator's loss by name."""
        return self._named(
            lambda member, state: member.discriminator_term(critic, real, fake, draw, step, state)
        )

    def generator_terms(self, critic, real, fake, generator) -> dict[str, tf.Tensor]:
        """Terms of the generator's loss by name."""
        return self._named(
            lambda member, state: member.generator_term(critic, real, fake, generator, state)
        )

    def generator_weights(self, scores: tf.Tensor, step: tf.Tensor) -> tf.Tensor | None:
        """What the members think each generated example's loss weighs; `None` for 1 each."""
        given = [member.generator_weights(scores, step) for member in self.members]
        given = [weights for weights in given if weights is not None]
        return math.prod(given) if given else None

    def after_discriminator_update(
        self, objective: Any, scores: tuple, discriminator: keras.Model
    ) -> None:
        """Brings the states up to date, those of the objective too."""
        for name, value in objective.next_state(*scores).items():
            self.objective_state[name].assign(value)
        if self.packing > 1:  # members count examples, each of which has its pack's score
            scores = tuple(tf.repeat(score, self.packing, axis=0) for score in scores)
        self._assign(
            lambda member, state: member.after_discriminator_update(*scores, discriminator, state)
        )

    def after_generator_update(self, generator: keras.Model) -> None:
        """Brings the states up to date."""
        self._assign(lambda member, state: member.after_generator_update(generator, state))

    def logs(self, step: tf.Tensor) -> dict[str, tf.Tensor]:
        """Scalars `<member>/<name>`."""
        return {
            f"{member.name}/{name}": value
            for member, state in self._pairs
            for name, value in member.logs(step, state).items()
        }

    def _named(self, ask) -> dict[str, tf.Tensor]:
        answers = {member.name: ask(member, state) for member, state in self._pairs}
        return {name: term for name, term in answers.items() if term is not None}

    def _assign(self, ask) -> None:
        for member, state in self._pairs:
            for variable, value in ask(member, state):
                variable.assign(value)
