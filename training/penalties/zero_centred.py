"""Penalties that pull the gradient of the scores to zero, where the data or the fakes are."""

import dataclasses
from collections.abc import Callable
from typing import Any

from training.penalties.base import Penalty, between, squared_norm


@dataclasses.dataclass(frozen=True, kw_only=True)
class R1(Penalty):
    """Half the squared gradient norm on real examples, gamma / 2 E |grad D(x)|^2."""

    name = "r1"
    reference = "Mescheder et al., 2018, arXiv:1801.04406"
    per_example_gradient = True

    def per_example(self, critic, real, fake, draw):
        return 0.5 * squared_norm(critic.gradient(real))


@dataclasses.dataclass(frozen=True, kw_only=True)
class R2(Penalty):
    """Half the squared gradient norm on generated examples."""

    name = "r2"
    reference = "Mescheder et al., 2018, arXiv:1801.04406"
    per_example_gradient = True

    def per_example(self, critic, real, fake, draw):
        return 0.5 * squared_norm(critic.gradient(fake))


@dataclasses.dataclass(frozen=True, kw_only=True)
class ZeroCentred(Penalty):
    """Squared gradient norm at uniform points of the segments between real and generated examples.

    The paper penalises the discriminator's output in [0, 1]; here, as everywhere, the raw score.
    """

    weight: float | Callable[[Any], Any] = 10.0
    name = "zero_centred"
    reference = "Thanh-Tung et al., 2019, arXiv:1902.03984"
    per_example_gradient = True

    def per_example(self, critic, real, fake, draw):
        return squared_norm(critic.gradient(between(real, fake, draw)))
