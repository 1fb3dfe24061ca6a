"""Penalties that pull the gradient of the scores to zero, where the data or the fakes are."""

import dataclasses
from collections.abc import Callable
from typing import Any

from ganapp.training.penalties.base import Penalty, between, squared_norm


@dataclasses.dataclass(frozen=True, kw_only=True)
class R1(Penalty):
    """Half the squared gradient norm on real examples, gamma / 2 E |grad D(x)|^2.

    The weight is gamma. The paper takes 10 for its images; it grows with the number of pixels
    (Karras et al., 2020, arXiv:2006.06676), and 8x8 digits and points in the plane want 1 or less.
    """

    name = "r1"
    reference = "Mescheder et al., 2018, arXiv:1801.04406"
    formula = "weight / 2 * E_x |grad D(x)|^2"
    per_example_gradient = True

    def per_example(self, critic, real, fake, draw):
        return 0.5 * squared_norm(critic.gradient(real))


@dataclasses.dataclass(frozen=True, kw_only=True)
class R2(Penalty):
    """Half the squared gradient norm on generated examples."""

    name = "r2"
    reference = "Mescheder et al., 2018, arXiv:1801.04406"
    formula = "weight / 2 * E_z |grad D(G(z))|^2"
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
    formula = "weight * E |grad D(u x + (1 - u) G(z))|^2, u uniform on [0, 1]"
    per_example_gradient = True

    def per_example(self, critic, real, fake, draw):
        return squared_norm(critic.gradient(between(real, fake, draw)))
