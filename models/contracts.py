"""What the GAN needs of an objective, of the members that extend one, and of a prior.

`ganapp.training` has the families; anything of the user's that does the same will do.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

import keras
import numpy as np
import tensorflow as tf

from ganapp.models.critic import Critic
from ganapp.models.tensors import Tensors

Array: TypeAlias = np.ndarray | tf.Tensor
Element: TypeAlias = Array | Sequence[Array] | Mapping[str, Array]
"""One element of a dataset: examples, (examples, labels), or a dict of tensors."""
Optimizer: TypeAlias = str | keras.optimizers.Optimizer | None
Scores: TypeAlias = tuple[tf.Tensor, tf.Tensor]
State: TypeAlias = keras.layers.Layer | None
Draw: TypeAlias = Callable[..., tf.Tensor]
Assignments: TypeAlias = list[tuple[keras.Variable, tf.Tensor]]


class Prior(Protocol):
    """A distribution of latents under one name; of several, `Product` has more (`sizes`, ...)."""

    size: int

    def sample(self, count: int | tf.Tensor, seed: tf.Tensor) -> tf.Tensor: ...

    def truncate(self, latents: tf.Tensor, amount: float) -> tf.Tensor: ...

    def interpolate(
        self, start: tf.Tensor, end: tf.Tensor, fraction: float | Array
    ) -> tf.Tensor: ...


class Member(Protocol):
    """A term, an augmentation or a weighting."""

    name: str
    images_only: bool

    def check_shape(self, shape: tuple[int, ...]) -> None: ...

    def make_state(self, generator: keras.Model, discriminator: keras.Model) -> State: ...

    def after_discriminator_update(
        self,
        real_scores: tf.Tensor,
        fake_scores: tf.Tensor,
        discriminator: keras.Model,
        state: State,
    ) -> Assignments: ...

    def after_generator_update(self, generator: keras.Model, state: State) -> Assignments: ...

    def logs(self, step: tf.Tensor, state: State) -> dict[str, tf.Tensor]: ...


class Term(Member, Protocol):
    """A term of one or both players' losses."""

    interval: int
    players: tuple[str, ...]
    reads: tuple[str, ...]
    per_example_gradient: bool
    classifies: bool
    in_float32: bool

    def weight_at(self, step: tf.Tensor) -> float | tf.Tensor: ...

    def discriminator_term(
        self, critic: Critic, real: Tensors, fake: Tensors, draw: Draw, state: State
    ) -> tf.Tensor: ...

    def generator_term(
        self, critic: Critic, real: Tensors, fake: Tensors, draw: Draw, state: State
    ) -> tf.Tensor: ...


class Augmentation(Member, Protocol):
    """A change of examples before the discriminator sees them."""

    by_score_sign: bool

    def augment(
        self, examples: tf.Tensor, draw: Draw, step: tf.Tensor, state: State
    ) -> tf.Tensor: ...


class Weighting(Member, Protocol):
    """A weight of each score in a loss."""

    def discriminator_scores(
        self, real_scores: tf.Tensor, fake_scores: tf.Tensor, draw: Draw, step: tf.Tensor
    ) -> Scores: ...

    def generator_weights(self, fake_scores: tf.Tensor, step: tf.Tensor) -> tf.Tensor | None: ...


class Constraint(Protocol):
    """A constraint on the discriminator's weights."""

    name: str
    replaces_gradient_penalties: bool

    def prepare(self, discriminator: keras.Model) -> keras.Model: ...

    def before_update(self, discriminator: keras.Model) -> Assignments: ...

    def after_update(self, discriminator: keras.Model) -> Assignments: ...


class OptimizerConfig(Protocol):
    """A Keras optimizer that is still to be made."""

    def build(self) -> keras.optimizers.Optimizer: ...


class Objective(Protocol):
    """A pair of losses with their settings."""

    name: str
    discriminator_steps: int
    terms: tuple[Term, ...]
    augmentations: tuple[Augmentation, ...]
    weightings: tuple[Weighting, ...]
    extensions: tuple[Member, ...]
    constraint: Constraint
    generator_optimizer: OptimizerConfig
    discriminator_optimizer: OptimizerConfig
    relativistic: bool
    energy: bool
    score_sign_means_real: bool

    def discriminator_loss(self, real_scores: tf.Tensor, fake_scores: tf.Tensor) -> tf.Tensor: ...

    def generator_loss(self, real_scores: tf.Tensor, fake_scores: tf.Tensor) -> tf.Tensor: ...

    def initial_state(self) -> dict[str, float]: ...

    def with_state(self, state: Mapping[str, keras.Variable]) -> "Objective": ...

    def next_state(
        self, real_scores: tf.Tensor, fake_scores: tf.Tensor
    ) -> dict[str, tf.Tensor]: ...

    def measures(self, real_scores: tf.Tensor, fake_scores: tf.Tensor) -> dict[str, tf.Tensor]: ...
