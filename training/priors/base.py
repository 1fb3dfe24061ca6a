"""What a latent prior is."""

import dataclasses
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf


@dataclasses.dataclass(frozen=True, kw_only=True)
class Prior:
    """A distribution of latents; keyword-only fields are its options.

    It samples *statelessly*: what it draws is a function of the seed alone, so a resumed run
    redraws what the lost one drew, and replicas can each take a slice of one global draw. All
    methods on latents are TensorFlow operations that can be traced into a SavedModel.
    """

    name: ClassVar[str] = ""
    reference: ClassVar[str] = ""
    formula: ClassVar[str] = ""
    path: ClassVar[str] = "straight"
    """The way between latents for those without `interpolate`: `"straight"` or along an `"arc"`.

    Of the coordinates that are no class of `Conditional`, which goes straight."""

    @property
    def size(self) -> int:
        """Dimension of one latent vector; most members have it as a field."""
        raise NotImplementedError

    @property
    def classes(self) -> int:
        """How many classes the latents choose from; 0 if they say nothing of classes."""
        return 0

    @property
    def noise_size(self) -> int:
        """How many uniform numbers make one latent, see `from_uniform`."""
        return self.size

    @property
    def continuous_mask(self) -> np.ndarray:
        """Which coordinates can change a little, those of categories cannot: bool `(size,)`."""
        return np.ones(self.size, bool)

    @property
    def generator_size(self) -> int:
        """Dimension that the network behind `prepare` takes."""
        return self.size

    def prepare(self, generator: keras.Model) -> keras.Model:
        """The network to train on latents `(batch, size)`: `generator`, or one that ends in it.

        Args:
            generator: takes `(batch, generator_size)`.
        """
        return generator

    def sample(self, count: int | tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Draws latents.

        Args:
            count: how many; an int or an int32 scalar tensor.
            seed: int32 or int64 `(2,)`; the same seed gives the same latents everywhere.

        Returns:
            float32 `(count, size)`.
        """
        raise NotImplementedError

    def from_uniform(self, noise: tf.Tensor) -> tf.Tensor:
        """Latents of this prior made of uniform numbers drawn elsewhere.

        The same distribution as `sample`, other numbers. It consists of operations that every
        runtime has, and a latent is a function of its own row, so that whoever can draw uniform
        numbers draws latents: artefacts and servers do.

        Args:
            noise: independent uniform float32 numbers in [0, 1), `(n, noise_size)`.

        Returns:
            float32 `(n, size)`.
        """
        raise NotImplementedError

    def numpy_code(self, count: int) -> str:
        """Python that draws from the same distribution where there is no TensorFlow.

        Other numbers than `sample` draws, for numpy's generators are others.

        Args:
            count: how many latents.

        Returns:
            lines that use `np` (numpy) and `random` (a `np.random.Generator`), import from the
            standard library only, and assign `z`, real numbers `(count, size)`.
        """
        raise NotImplementedError

    def log_density(self, latents: tf.Tensor) -> tf.Tensor | None:
        """Log-density of each latent, -inf off the support: float32 `(batch,)`, in nats.

        Probability mass where coordinates are discrete; `None` where a prior knows neither.
        """
        return None

    def interpolate(self, start: tf.Tensor, end: tf.Tensor, fraction: Any) -> tf.Tensor:
        """The point at `fraction` (0 to 1) of the way from `start` to `end`, both `(n, size)`."""
        raise NotImplementedError

    def centre(self, latents: tf.Tensor) -> tf.Tensor:
        """The likeliest latent near each, where `truncate` goes: `(n, size)`.

        The latents themselves where all are equally likely or there is nothing in between.
        """
        return latents

    def labels(self, latents: tf.Tensor) -> tf.Tensor:
        """The classes that latents ask for, one-hot `(n, classes)`."""
        return latents[:, :0]

    def with_labels(self, latents: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """The latents with other classes.

        Args:
            latents: `(n, size)`.
            labels: one-hot `(n, classes)`; rows of zeros leave the class as it was drawn.
        """
        return latents

    @property
    def truncates(self) -> bool:
        """Whether `truncate` changes anything: whether this prior has centres to move to."""
        return type(self).centre is not Prior.centre

    def truncate(self, latents: tf.Tensor, amount: Any) -> tf.Tensor:
        """Moves latents towards the likeliest: fidelity for diversity.

        Given latents cannot be drawn again as in Brock et al., 2019, arXiv:1809.11096, so they
        shrink towards their `centre` as in Karras et al., 2019, arXiv:1812.04948.

        Args:
            latents: `(n, size)`.
            amount: 1 leaves them as they are, 0 gives their centres; a number from 0 to 1 or a
                scalar tensor.

        Raises:
            ValueError: if a plain number is out of range.
        """
        if isinstance(amount, int | float) and not 0 <= amount <= 1:
            raise ValueError(f"`amount` must lie between 0 and 1. Received: amount={amount}")
        return latents + (1 - amount) * (self.centre(latents) - latents)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SizedPrior(Prior):
    """A prior of any dimension.

    Args:
        size: dimension of one latent vector, at least 1.
    """

    size: int = 64

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"`size` must be at least 1. Received: size={self.size}")


def separate_seeds(seed: tf.Tensor, count: int) -> list[tf.Tensor]:
    """Seeds for `count` independent draws, each int64 `(2,)`, as functions of one."""
    return [tf.random.fold_in(seed, tf.constant(i, tf.int64)) for i in range(count)]


def checked_numbers(**values: float) -> None:
    """Refuses numbers that must be above 0.

    Raises:
        ValueError: naming the first that is not.
    """
    for name, value in values.items():
        if value <= 0:
            raise ValueError(f"`{name}` must be above 0. Received: {name}={value}")
