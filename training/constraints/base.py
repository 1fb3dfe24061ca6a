"""What a constraint on the discriminator may do, and the one that does nothing."""

import dataclasses
from typing import ClassVar

import keras
import tensorflow as tf

Assignments = list[tuple[keras.Variable, tf.Tensor]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Constraint:
    """A constraint that leaves everything as it is; the base of the others."""

    name: ClassVar[str] = ""
    reference: ClassVar[str] = ""
    formula: ClassVar[str] = ""
    # It bounds the slopes by itself, so that a penalty on them has nothing left to do.
    replaces_gradient_penalties: ClassVar[bool] = False

    def prepare(self, discriminator: keras.Model) -> keras.Model:
        """The network to train instead of `discriminator`; called once, before the optimizer."""
        return discriminator

    def before_update(self, discriminator: keras.Model) -> Assignments:
        """(variable, new value) pairs to assign before each discriminator update."""
        return []

    def after_update(self, discriminator: keras.Model) -> Assignments:
        """(variable, new value) pairs to assign after each discriminator update."""
        return []


@dataclasses.dataclass(frozen=True, kw_only=True)
class Unconstrained(Constraint):
    """No constraint."""

    name = "none"
