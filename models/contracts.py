"""What the GAN needs of an objective, of the members that extend one, and of a prior.

`ganapp.training` has the families; its `extensions.py` and `terms/base.py` describe each hook and
its arguments. Anything of the user's that does the same will do.
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
Loss: TypeAlias = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
"""Of the scores of real and of generated examples."""
TermHook: TypeAlias = Callable[[Critic, Tensors, Tensors, Draw, State], tf.Tensor]


class Prior(Protocol):
    """A distribution of latents under one name; of several, `Product` has more (`sizes`, ...)."""

    size: int
    sample: Callable[[int | tf.Tensor, tf.Tensor], tf.Tensor]
    truncate: Callable[[tf.Tensor, float], tf.Tensor]
    interpolate: Callable[[tf.Tensor, tf.Tensor, float | Array], tf.Tensor]


class Member(Protocol):
    """A term, an augmentation or a weighting."""

    name: str
    images_only: bool
    check_shape: Callable[[tuple[int, ...]], None]
    make_state: Callable[[keras.Model, keras.Model], State]
    after_discriminator_update: Callable[[tf.Tensor, tf.Tensor, keras.Model, State], Assignments]
    after_generator_update: Callable[[keras.Model, State], Assignments]
    logs: Callable[[tf.Tensor, State], dict[str, tf.Tensor]]


class Term(Member, Protocol):
    """A term of one or both players' losses."""

    interval: int
    players: tuple[str, ...]
    reads: tuple[str, ...]
    per_example_gradient: bool
    classifies: bool
    in_float32: bool
    weight_at: Callable[[tf.Tensor], float | tf.Tensor]
    discriminator_term: TermHook
    generator_term: TermHook


class Augmentation(Member, Protocol):
    """A change of examples before the discriminator sees them."""

    by_score_sign: bool
    augment: Callable[[tf.Tensor, Draw, tf.Tensor, State], tf.Tensor]


class Weighting(Member, Protocol):
    """A weight of each score in a loss."""

    discriminator_scores: Callable[[tf.Tensor, tf.Tensor, Draw, tf.Tensor], Scores]
    generator_weights: Callable[[tf.Tensor, tf.Tensor], tf.Tensor | None]


class Constraint(Protocol):
    """A constraint on the discriminator's weights."""

    name: str
    replaces_gradient_penalties: bool
    prepare: Callable[[keras.Model], keras.Model]
    before_update: Callable[[keras.Model], Assignments]
    after_update: Callable[[keras.Model], Assignments]


class OptimizerConfig(Protocol):
    """A Keras optimizer that is still to be made."""

    build: Callable[[], keras.optimizers.Optimizer]


class Objective(Protocol):
    """A pair of losses with their settings."""

    name: str
    discriminator_steps: int
    adversarial_weight: float
    normalised: bool
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
    discriminator_loss: Loss
    generator_loss: Loss
    encoder_loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor | None]
    initial_state: Callable[[], dict[str, float]]
    with_state: Callable[[Mapping[str, keras.Variable]], "Objective"]
    next_state: Callable[[tf.Tensor, tf.Tensor], dict[str, tf.Tensor]]
    measures: Callable[[tf.Tensor, tf.Tensor], dict[str, tf.Tensor]]
