"""Penalties that pull the norm of the gradient of the scores to a given slope."""

import dataclasses
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from ganapp.training.penalties.base import Penalty, between, norm
from ganapp.training.replicas import global_mean


def check_target(target: float) -> None:
    """Refuses a slope that no norm can have.

    Raises:
        ValueError: if it is negative.
    """
    if target < 0:
        raise ValueError(f"`target` must not be negative. Received: target={target}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class GradientPenalty(Penalty):
    """Squared distance of the gradient norm from `target`, between real and generated examples.

    Args:
        target: the slope that is wanted, at least 0.
        one_sided: leave gentler slopes alone, max(0, |grad D| - target)^2: the Lipschitz condition
            itself, where the two-sided form asks for more (Petzka et al., 2018, arXiv:1709.08894).
    """

    weight: float | Callable[[Any], Any] = 10.0
    target: float = 1.0
    one_sided: bool = False
    name = "gradient_penalty"
    reference = "Gulrajani et al., 2017, arXiv:1704.00028"
    formula = (
        "weight * E (|grad D(u x + (1 - u) G(z))| - target)^2, u uniform on [0, 1]; "
        "one-sided: max(0, |grad D| - target)^2"
    )
    per_example_gradient = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_target(self.target)

    def per_example(self, critic, real, fake, draw):
        excess = norm(critic.gradient(between(real, fake, draw))) - self.target
        return (tf.nn.relu(excess) if self.one_sided else excess) ** 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dragan(Penalty):
    """Squared distance of the gradient norm from `target` in a neighbourhood of the real examples.

    Each point lies between a real example and that example plus noise, uniform on
    [0, scale * deviation) in every coordinate as in the authors' code; the deviation is the one
    number over all coordinates of the global batch.

    Args:
        scale: of the noise, in standard deviations of the real examples, above 0.
        target: the slope that is wanted, at least 0.
    """

    weight: float | Callable[[Any], Any] = 10.0
    scale: float = 0.5
    target: float = 1.0
    name = "dragan"
    reference = "Kodali et al., 2017, arXiv:1705.07215"
    formula = "weight * E (|grad D(x + u scale sd(x) e)| - target)^2, u and e uniform on [0, 1]"
    per_example_gradient = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_target(self.target)
        if self.scale <= 0:
            raise ValueError(f"`scale` must be above 0. Received: scale={self.scale}")

    def per_example(self, critic, real, fake, draw):
        deviation = tf.sqrt(global_mean((real - global_mean(real)) ** 2))
        noise = tf.cast(draw(*real.shape[1:]), real.dtype)
        perturbed = real + self.scale * deviation * noise
        return (norm(critic.gradient(between(real, perturbed, draw))) - self.target) ** 2
