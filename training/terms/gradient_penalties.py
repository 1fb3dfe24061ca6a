"""Penalties on the gradient of the scores by the examples, each example by itself.

R1, R2 and the zero-centred penalty pull it to zero, the others pull its norm to a given slope.
"""

import dataclasses

import tensorflow as tf

from ganapp.models.replicas import global_mean
from ganapp.training.extensions import Draw, Scheduled
from ganapp.training.terms.base import Term


def squared_norm(gradient: tf.Tensor) -> tf.Tensor:
    """Squared Euclidean norm of each example's gradient: `(batch, *shape)` to `(batch,)`."""
    return tf.reduce_sum(gradient**2, axis=list(range(1, gradient.shape.rank)))


def norm(gradient: tf.Tensor) -> tf.Tensor:
    """Euclidean norm of each example's gradient: `(batch, *shape)` to `(batch,)`."""
    # The norm's own gradient is infinite at 0; the square root never sees an exact zero.
    return tf.sqrt(squared_norm(gradient) + 1e-12)


def between(start: tf.Tensor, end: tf.Tensor, draw: Draw) -> tf.Tensor:
    """A uniformly drawn point on the segment of each pair: `(batch, *shape)`."""
    # One position per example: were there one per coordinate, the points would fill boxes.
    position = tf.reshape(tf.cast(draw(), start.dtype), [-1] + [1] * (start.shape.rank - 1))
    return start + position * (end - start)


def check_target(target: float) -> None:
    if target < 0:
        raise ValueError(f"`target` must not be negative. Received: target={target}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class R1(Term):
    """Half the squared gradient norm on real examples, gamma / 2 E |grad D(x)|^2.

    The weight is gamma. The paper takes 10 for its images; it grows with the number of pixels
    (Karras et al., 2020, arXiv:2006.06676), and 8x8 digits and points in the plane want 1 or less.
    """

    name = "r1"
    reference = "Mescheder et al., 2018, arXiv:1801.04406"
    formula = "weight / 2 * E_x |grad D(x)|^2"
    per_example_gradient = in_float32 = True

    def per_example(self, critic, real, fake, draw, state=None):
        return 0.5 * squared_norm(critic.gradient(real))


@dataclasses.dataclass(frozen=True, kw_only=True)
class R2(Term):
    """Half the squared gradient norm on generated examples."""

    name = "r2"
    reference = "Mescheder et al., 2018, arXiv:1801.04406"
    formula = "weight / 2 * E_z |grad D(G(z))|^2"
    per_example_gradient = in_float32 = True

    def per_example(self, critic, real, fake, draw, state=None):
        return 0.5 * squared_norm(critic.gradient(fake))


@dataclasses.dataclass(frozen=True, kw_only=True)
class ZeroCentred(Term):
    """Squared gradient norm at uniform points of the segments between real and generated examples.

    The paper penalises the discriminator's output in [0, 1]; here, as everywhere, the raw score.
    """

    weight: Scheduled = 10.0
    name = "zero_centred"
    reference = "Thanh-Tung et al., 2019, arXiv:1902.03984"
    formula = "weight * E |grad D(u x + (1 - u) G(z))|^2, u uniform on [0, 1]"
    per_example_gradient = in_float32 = True

    def per_example(self, critic, real, fake, draw, state=None):
        return squared_norm(critic.gradient({"x": between(real["x"], fake["x"], draw)}))


@dataclasses.dataclass(frozen=True, kw_only=True)
class GradientPenalty(Term):
    """Squared distance of the gradient norm from `target`, between real and generated examples.

    Args:
        target: the slope that is wanted, at least 0.
        one_sided: leave gentler slopes alone, max(0, |grad D| - target)^2: the Lipschitz condition
            itself, where the two-sided form asks for more (Petzka et al., 2018, arXiv:1709.08894).
    """

    weight: Scheduled = 10.0
    target: float = 1.0
    one_sided: bool = False
    name = "gradient_penalty"
    reference = "Gulrajani et al., 2017, arXiv:1704.00028"
    formula = (
        "weight * E (|grad D(u x + (1 - u) G(z))| - target)^2, u uniform on [0, 1]; "
        "one-sided: max(0, |grad D| - target)^2"
    )
    per_example_gradient = in_float32 = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_target(self.target)

    def per_example(self, critic, real, fake, draw, state=None):
        points = between(real["x"], fake["x"], draw)
        excess = norm(critic.gradient({"x": points})) - self.target
        return (tf.nn.relu(excess) if self.one_sided else excess) ** 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dragan(Term):
    """Squared distance of the gradient norm from `target` in a neighbourhood of the real examples.

    Each point lies between a real example and that example plus noise, uniform on
    [0, scale * deviation) in every coordinate as in the authors' code; the deviation is that of all
    coordinates of the global batch.

    Args:
        scale: of the noise, in standard deviations of the real examples, above 0.
        target: the slope that is wanted, at least 0.
    """

    weight: Scheduled = 10.0
    scale: float = 0.5
    target: float = 1.0
    name = "dragan"
    reference = "Kodali et al., 2017, arXiv:1705.07215"
    formula = "weight * E (|grad D(x + u scale sd(x) e)| - target)^2, u and e uniform on [0, 1]"
    per_example_gradient = in_float32 = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_target(self.target)
        if self.scale <= 0:
            raise ValueError(f"`scale` must be above 0. Received: scale={self.scale}")

    def per_example(self, critic, real, fake, draw, state=None):
        x = real["x"]
        deviation = tf.sqrt(global_mean((x - global_mean(x)) ** 2))
        noise = tf.cast(draw(*x.shape[1:]), x.dtype)
        perturbed = x + self.scale * deviation * noise
        points = between(x, perturbed, draw)
        return (norm(critic.gradient({"x": points})) - self.target) ** 2
