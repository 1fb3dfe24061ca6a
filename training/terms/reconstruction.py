"""Terms of the generator's loss that compare a generated example with the row's own.

They say something where the generator observes enough of a row to tell its example: past frames,
a coarser image, features. A generator that names further outputs `x_<size>` (the example at a
coarser scale, of a multi-scale network) is compared at each scale with the real example averaged
down to it.
"""

import dataclasses
from collections.abc import Iterator
from typing import ClassVar, Literal

import tensorflow as tf

from ganapp.models.tensors import FEATURES
from ganapp.training.extensions import check_range
from ganapp.training.terms.base import Tensors, Term

COMPARATOR = "comparator"  # the companion, whose output of an example is `features`
SCALES = "x_"  # begins the name of an example at another scale


def averaged_down(images: tf.Tensor, sides: tuple[int, int]) -> tf.Tensor:
    """Images or clips as the means of blocks of pixels.

    Args:
        images: `(..., height, width, channels)`.
        sides: height and width of the result: those of `images` halved so many times, rounded up
            each time, or else divisors of them.

    Returns:
        `(..., *sides, channels)`.

    Raises:
        ValueError: they are neither.
    """
    *front, height, width, channels = images.shape[1:]
    x = tf.reshape(images, (-1, height, width, channels))
    halved = x
    while min(halved.shape[1:3]) > 1 and tuple(halved.shape[1:3]) != tuple(sides):
        # A block at the end may be smaller: what is beyond the image counts for nothing.
        halved = tf.nn.avg_pool2d(halved, 2, 2, "SAME")
    if tuple(halved.shape[1:3]) == tuple(sides):
        x = halved
    elif height % sides[0] or width % sides[1]:
        raise ValueError(
            "The sides of an example at a coarser scale must be halves of the example's, or divide "
            f"them. Received: {sides[0]} x {sides[1]} of {height} x {width}"
        )
    else:
        blocks = (sides[0], height // sides[0], sides[1], width // sides[1], channels)
        x = tf.reduce_mean(tf.reshape(x, (-1, *blocks)), axis=(2, 4))
    return tf.reshape(x, (-1, *front, *sides, channels))


def pairs(real: Tensors, fake: Tensors) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
    """The row's own example and the generated one, at each scale that there is."""
    for name, made in fake.items():
        if name == "x":
            yield real["x"], made
        elif name.startswith(SCALES):
            yield averaged_down(real["x"], tuple(made.shape[-3:-1])), made


def _mean(values: tf.Tensor) -> tf.Tensor:
    """The mean of each row, `(batch,)`."""
    return tf.reduce_mean(values, axis=list(range(1, values.shape.rank)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reconstruction(Term):
    """The p-th power of the difference between a generated example and the row's own.

    A mean over entries, so that one weight serves every size of image; summed over scales.

    Args:
        power: p: 2 asks for the mean of what may come, which is blurred where that is uncertain,
            1 for its median.
    """

    power: Literal[1, 2] = 2
    name = "reconstruction"
    reference = "Mathieu et al., 2016, arXiv:1511.05440"
    formula = "weight * sum_scales E mean |x - G|^p"
    players = ("generator",)
    paired = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.power not in (1, 2):
            raise ValueError(f"`power` must be 1 or 2. Received: power={self.power}")

    def per_example(self, critic, real, fake, draw, state=None):
        return tf.add_n([_mean(tf.abs(x - made) ** self.power) for x, made in pairs(real, fake)])


@dataclasses.dataclass(frozen=True, kw_only=True)
class FeatureReconstruction(Term):
    """The squared difference of what a frozen network says of a generated and of the row's example.

    The network is the companion `comparator`, its output `features` of any shape. A mean over
    entries, so that one weight serves every layer; of layers of different scale it does with
    `normalised` terms.
    """

    name = "feature_reconstruction"
    reference = "Dosovitskiy and Brox, 2016, arXiv:1602.02644"
    formula = "weight * E mean (C(x) - C(G))^2"
    players = ("generator",)
    paired = True
    calls: ClassVar[tuple[str, ...]] = (COMPARATOR,)

    def per_example(self, critic, real, fake, draw, state=None):
        comparator = critic.companions[COMPARATOR]
        wanted = tf.stop_gradient(comparator(real)[FEATURES])
        return _mean((wanted - comparator(fake)[FEATURES]) ** 2)


@dataclasses.dataclass(frozen=True, kw_only=True)
class GradientDifference(Term):
    """The difference between the sizes of image gradients: edges as sharp as the row's own.

    | |x_i,j - x_i-1,j| - |G_i,j - G_i-1,j| |^alpha and the same along j, a mean over pixels of
    each direction, where both pixels are inside the image; summed over directions and scales.

    Args:
        alpha: the exponent, at least 1: below it the gradient has no bound where edges agree.
    """

    alpha: float = 1.0
    name = "gradient_difference"
    reference = "Mathieu et al., 2016, arXiv:1511.05440"
    formula = "weight * sum_scales E mean ||grad x| - |grad G||^alpha"
    players = ("generator",)
    paired = images_only = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("alpha", self.alpha, 1.0)

    def check_shape(self, shape):
        if len(shape) not in (3, 4) or min(shape[-3:-1]) < 2:
            raise ValueError(
                "`gradient_difference` compares neighbouring pixels of images "
                "(height, width, channels) or clips of at least 2 x 2 pixels. "
                f"Received: examples of shape {shape}"
            )

    def per_example(self, critic, real, fake, draw, state=None):
        self.check_shape(tuple(real["x"].shape[1:]))
        each = [
            _mean(tf.abs(_steps(x, axis) - _steps(made, axis)) ** self.alpha)
            for x, made in pairs(real, fake)
            for axis in (-3, -2)
            if x.shape[axis] > 1
        ]
        return tf.add_n(each)


def _steps(images: tf.Tensor, axis: int) -> tf.Tensor:
    """Sizes of the differences between neighbours along an axis."""
    size = images.shape[axis]
    places = tf.range(size - 1)
    return tf.abs(tf.gather(images, places + 1, axis=axis) - tf.gather(images, places, axis=axis))
