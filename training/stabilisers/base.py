"""What a stabiliser may do to a step: every hook does nothing unless a member says otherwise."""

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

import keras
import tensorflow as tf

from ganapp.training.schedules import Anneal

Draw = Callable[..., tf.Tensor]  # draw(*shape) -> uniform [0, 1) of shape (batch, *shape)
Scheduled = float | Anneal | Callable[[Any], Any]
Assignments = list[tuple[keras.Variable, tf.Tensor]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stabiliser:
    """A remedy that changes a step without changing the objective; inert, the GAN runs it.

    State lives in a Keras layer that `make_state` creates; the GAN keeps it, checkpoints it and
    hands it to every hook. Random numbers come from `draw`, which gives other numbers at every
    call, all of them a function of (seed, step), and to each replica its part of the global draw.
    """

    name: ClassVar[str] = ""
    reference: ClassVar[str] = ""
    formula: ClassVar[str] = ""
    images_only: ClassVar[bool] = False
    # Whether it takes scores above 0 for real ones; see `Objective.score_sign_means_real`.
    by_score_sign: ClassVar[bool] = False
    # Outputs of the discriminator that it looks at beside the scores, by name.
    reads: ClassVar[tuple[str, ...]] = ()
    # Whether it needs labels, and a class head in the discriminator.
    classifies: ClassVar[bool] = False

    def make_state(
        self, generator: keras.Model, discriminator: keras.Model
    ) -> keras.layers.Layer | None:
        """The layer whose weights are this stabiliser's state; `None` without any."""
        return None

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Refuses examples `(*shape)` that it cannot work on; before anything is trained.

        Raises:
            ValueError: naming the field.
        """

    def augment(self, examples: tf.Tensor, draw: Draw, step: tf.Tensor, state: Any) -> tf.Tensor:
        """What the discriminator sees instead of real or generated examples.

        Differentiable, and applied within the scores: a gradient penalty at `examples` is that of
        the augmented discriminator.

        Args:
            examples: float32 `(batch, *shape)` in model units; with packing, single ones and as
                many as there are in all packs.
            draw: uniform numbers.
            step: completed generator updates, int64 scalar.
            state: what `make_state` gave.

        Returns:
            float32, same shape.
        """
        return examples

    def discriminator_scores(
        self, real_scores: tf.Tensor, fake_scores: tf.Tensor, draw: Draw, step: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The scores that the discriminator's loss is told are real and generated."""
        return real_scores, fake_scores

    def discriminator_term(
        self, critic: Any, real: tf.Tensor, fake: tf.Tensor, draw: Draw, step: tf.Tensor, state: Any
    ) -> tf.Tensor | None:
        """A weighted scalar added to the discriminator's loss; `None` for none."""
        return None

    def generator_term(
        self, critic: Any, real: tf.Tensor, fake: tf.Tensor, generator: keras.Model, state: Any
    ) -> tf.Tensor | None:
        """A weighted scalar added to the generator's loss; `None` for none."""
        return None

    def generator_weights(self, fake_scores: tf.Tensor, step: tf.Tensor) -> tf.Tensor | None:
        """A weight for each generated example's loss, of mean 1 over the global batch.

        Where it is 0 the example's score is a constant to the whole loss.
        """
        return None

    def after_discriminator_update(
        self, real_scores: tf.Tensor, fake_scores: tf.Tensor, discriminator: keras.Model, state: Any
    ) -> Assignments:
        """(variable, new value) pairs, the same values on every replica.

        Args:
            real_scores: `(batch, ...)`, a row for each example; with packing, its pack's.
            fake_scores: likewise.
            discriminator: after its update.
            state: what `make_state` gave.
        """
        return []

    def after_generator_update(self, generator: keras.Model, state: Any) -> Assignments:
        """(variable, new value) pairs, the same values on every replica."""
        return []

    def logs(self, step: tf.Tensor, state: Any) -> dict[str, tf.Tensor]:
        """Scalars for the logs, e.g. the present strength."""
        return {}
