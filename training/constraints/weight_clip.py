"""Weight clipping, the first way to a Lipschitz critic."""

import dataclasses

import tensorflow as tf

from ganapp.training.constraints.base import Constraint


@dataclasses.dataclass(frozen=True, kw_only=True)
class WeightClip(Constraint):
    """Clips every weight of the critic to [-limit, limit] after each update.

    Args:
        limit: largest absolute value of a weight, above 0.
    """

    limit: float = 0.01
    name = "weight_clip"
    reference = "Arjovsky et al., 2017, arXiv:1701.07875"
    replaces_gradient_penalties = True
    formula = "w <- max(-limit, min(limit, w)) after each update"

    def __post_init__(self) -> None:
        if self.limit <= 0:
            raise ValueError(f"`limit` must be above 0. Received: limit={self.limit}")

    def after_update(self, discriminator):
        return [
            (variable, tf.clip_by_value(variable.value, -self.limit, self.limit))
            for variable in discriminator.trainable_variables
        ]
