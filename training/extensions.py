"""What terms, augmentations and weightings have in common: the extension points of an objective."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import ClassVar

import keras
import tensorflow as tf

from ganapp.models.serialization import Serializable
from ganapp.training.schedules import Anneal, value_at

Draw = Callable[..., tf.Tensor]  # draw(*shape) -> uniform [0, 1) of shape (batch, *shape)
Scheduled = float | Anneal | Callable[[tf.Tensor], tf.Tensor]
State = keras.layers.Layer | None
Assignments = list[tuple[keras.Variable, tf.Tensor]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Extension(Serializable):
    """Something that is added to an objective without changing it; inert, the GAN runs it.

    State lives in a Keras layer that `make_state` creates; the GAN keeps it, checkpoints it and
    hands it to every hook. Random numbers come from a `draw`, which gives other numbers at every
    call, all of them a function of (seed, step), and to each replica its part of the global draw.
    """

    name: ClassVar[str] = ""
    reference: ClassVar[str] = ""
    formula: ClassVar[str] = ""
    images_only: ClassVar[bool] = False

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Refuses examples `(*shape)` that it cannot work on; before anything is trained.

        Raises:
            ValueError: naming the field.
        """

    def make_state(self, generator: keras.Model, discriminator: keras.Model) -> State:
        """The layer whose weights are its state; `None` without any."""
        return None

    def after_discriminator_update(
        self,
        real_scores: tf.Tensor,
        fake_scores: tf.Tensor,
        discriminator: keras.Model,
        state: State,
    ) -> Assignments:
        """(variable, new value) pairs, the same values on every replica.

        Args:
            real_scores: `(batch, ...)`, a row for each example; with packing, its pack's.
            fake_scores: likewise.
            discriminator: after its update.
            state: what `make_state` gave.
        """
        return []

    def after_generator_update(self, generator: keras.Model, state: State) -> Assignments:
        """(variable, new value) pairs, the same values on every replica."""
        return []

    def logs(self, step: tf.Tensor, state: State) -> dict[str, tf.Tensor]:
        """Scalars for the logs, e.g. the present strength."""
        return {}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Weighting(Extension):
    """Decides how much each score counts in a loss, and as what it counts."""

    def discriminator_scores(
        self, real_scores: tf.Tensor, fake_scores: tf.Tensor, draw: Draw, step: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The scores that count as real and as generated in the discriminator's loss."""
        return real_scores, fake_scores

    def generator_weights(self, fake_scores: tf.Tensor, step: tf.Tensor) -> tf.Tensor | None:
        """A weight for each generated example's loss, of mean 1 over the global batch.

        Where it is 0 the example's score is a constant to the whole loss; `None` for 1 each.
        """
        return None


def present(member: Extension, field: str, step: tf.Tensor) -> tf.Tensor:
    """The value of a field that may be annealed at a step: float32 scalar."""
    value = getattr(member, field)
    check_length_is_known(field, value)
    return tf.cast(value_at(value, step), tf.float32)


def check_length_is_known(field: str, value: Scheduled) -> None:
    """Refuses an anneal whose length nobody has said, with a `ValueError` that names the field."""
    if isinstance(value, Anneal):
        raise ValueError(
            f"`{field}` must be a number or a function of the step here: write "
            f"`anneal.over(updates)`. Received: {field}={value}"
        )


def check_range(field: str, value: Scheduled, low: float, high: float = math.inf) -> None:
    """Refuses a number, or an anneal with an end, outside of [low, high], with a `ValueError`."""
    if callable(value):  # it was made of an anneal that has been checked
        return
    ends = (value.start, value.end) if isinstance(value, Anneal) else (value,)
    if not all(low <= end <= high for end in ends):
        limits = f"at least {low}" if math.isinf(high) else f"from {low} to {high}"
        raise ValueError(f"`{field}` must be {limits}. Received: {field}={value}")


def check_above(field: str, value: float, low: float) -> None:
    """Refuses a number that is not above `low`, with a `ValueError`."""
    if not value > low:
        raise ValueError(f"`{field}` must be above {low}. Received: {field}={value}")


def check_choices(field: str, chosen: Sequence[str], known: Sequence[str]) -> None:
    """Refuses an empty choice, an unknown name and one given twice, with a `ValueError`."""
    if not chosen or len(set(chosen)) < len(chosen) or not set(chosen) <= set(known):
        raise ValueError(
            f"`{field}` must name one or more of {', '.join(known)}, each once. "
            f"Received: {field}={chosen}"
        )
