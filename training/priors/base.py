"""The contract of latent priors: one definition from uniform numbers, and what is known of it.

A prior is defined once, by a pure function of uniform numbers (`Prior.definition`). It is written
with operations that TensorFlow and numpy share, so that training, the artefacts (SavedModel,
LiteRT) and the Python lines of a model card compute the same.
"""

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import ClassVar

import keras
import numpy as np
import tensorflow as tf

from ganapp.models.serialization import Serializable
from ganapp.models.tensors import Tensors

DRAWS_VERSION = 2
"""Version of the numbers that a seed gives: 2 since everything is made of uniform numbers.

A run keeps it in its manifest, for it can only go on with the numbers that it was begun with."""

Number = float | tf.Tensor

UNIFORM_NOISE = """\
def uniform_noise(count, size):
    return random.integers(2**23, size=(count, size)) / 2**23"""  # the grid of TensorFlow's
LINE_LENGTH = 100


def straight(start: tf.Tensor, end: tf.Tensor, fraction: Number) -> tf.Tensor:
    """The point at `fraction` of the segment: `(n, size)`."""
    return (1 - fraction) * start + fraction * end


def arc(start: tf.Tensor, end: tf.Tensor, fraction: Number) -> tf.Tensor:
    """Spherical interpolation of the direction, linear in the norm: `(n, size)`.

    A straight line between two normal latents passes through lengths that the prior all but
    never draws; the arc does not (Shoemake, 1985; White, 2016, arXiv:1609.04468). Between
    opposite directions, where there are many, it takes one of the shortest arcs.
    """
    norms = [tf.norm(z, axis=-1, keepdims=True) for z in (start, end)]
    first, last = (tf.math.divide_no_nan(z, n) for z, n in zip((start, end), norms, strict=True))
    across = _across(first, last)
    angle = tf.atan2(_inner(last, across), _inner(first, last))
    direction = tf.cos(fraction * angle) * first + tf.sin(fraction * angle) * across
    return direction * straight(*norms, fraction)


PATHS = {"straight": straight, "arc": arc}


def _across(first: tf.Tensor, last: tf.Tensor) -> tf.Tensor:
    """The unit vector perpendicular to `first` on the side of `last`."""
    rest = last - _inner(first, last) * first
    # Parallel or opposite: any perpendicular will do, and the axis least like `first` gives one.
    axis = tf.one_hot(tf.argmin(tf.abs(first), axis=-1), first.shape[-1], dtype=first.dtype)
    rest = tf.where(tf.norm(rest, axis=-1, keepdims=True) > 1e-5, rest, axis)
    rest -= _inner(first, rest) * first  # a second time, for what rounding left over
    return tf.math.divide_no_nan(rest, tf.norm(rest, axis=-1, keepdims=True))


def _inner(left: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(left * right, axis=-1, keepdims=True)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Prior(Serializable):
    """A distribution of latents; keyword-only fields are its options.

    It samples *statelessly*: what it draws is a function of the seed alone. All methods on latents
    are TensorFlow operations that can be traced into a SavedModel.

    Most priors have one part, `z`, and their methods take and give a tensor `(n, size)`; `Product`
    has several, and its methods take and give a dict of them. What treats both alike uses `sizes`,
    `codes` and `draw`, or each of `parts`.
    """

    name: ClassVar[str] = ""
    reference: ClassVar[str] = ""
    formula: ClassVar[str] = ""
    path: ClassVar[str] = "straight"
    """The way between latents, a key of `PATHS`, for `interpolate` and those who have no prior."""
    codes: ClassVar[tuple[str, ...]] = ()
    """The parts that a person steers and a network may be asked to read back."""
    definition: ClassVar[tuple[Callable, ...]] = ()
    """Functions of which the last makes latents `(n, size)` of uniform numbers `(n, noise_size)`.

    It calls the others; its further parameters are named as attributes of the prior. They use `xp`,
    which is `keras.ops` here and numpy in `numpy_code`, and `np`."""

    @property
    def size(self) -> int:
        """Dimension of one latent, all parts together; most members have it as a field."""
        raise NotImplementedError

    @functools.cached_property
    def parts(self) -> dict[str, "Prior"]:
        """The prior of each of the generator's inputs, by the input's name."""
        return {"z": self}

    @property
    def sizes(self) -> dict[str, int]:
        return {name: part.size for name, part in self.parts.items()}

    @property
    def noise_size(self) -> int:
        """How many uniform numbers make one latent, see `from_uniform`."""
        return self.size

    @property
    def continuous_mask(self) -> np.ndarray:
        """Which coordinates can change a little, those of categories cannot: bool `(size,)`."""
        return np.ones(self.size, bool)

    def first_layer(self) -> keras.layers.Layer | None:
        """A new layer of the generator that maps latents `(n, size)`; `None` for none."""
        return None

    def sample(self, count: int | tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Draws latents, float32 `(count, size)`; the same seed gives the same ones everywhere.

        Args:
            count: an int or an int32 scalar tensor.
            seed: int32 or int64 `(2,)`.
        """
        # The algorithm is named because artefacts and servers draw with it, too.
        noise = tf.random.stateless_uniform((count, self.noise_size), seed, alg="philox")
        return self.from_uniform(noise)

    def from_uniform(self, noise: tf.Tensor) -> tf.Tensor:
        """Latents `(n, size)`, float32, made in operations that every runtime has.

        Args:
            noise: uniform float32 numbers in [0, 1), `(n, noise_size)`, multiples of 2**-23 as
                TensorFlow draws them. A latent is a function of its own row.
        """
        if not self.definition:
            raise NotImplementedError
        return self.definition[-1](tf.convert_to_tensor(noise, tf.float32), **self._arguments)

    def draw(self, count: int | tf.Tensor, seed: tf.Tensor) -> Tensors:
        """Latents as of `sample`, by the names of the generator's inputs."""
        return {"z": self.sample(count, seed)}

    def numpy_code(self, count: int) -> str:
        """Python that draws the same where there is no TensorFlow, from numpy's uniform numbers.

        It uses `np` (numpy) and `random` (a `np.random.Generator`), imports from the standard
        library only, and assigns to the name of each part (`z`) real numbers `(count, size)`.
        """
        parts = self.parts.items()
        functions = dict.fromkeys(each for _, part in parts for each in part.definition)
        draws = [f"{name} = {part._numpy_call(count)}" for name, part in parts]
        return "\n\n".join([UNIFORM_NOISE, *map(_numpy_source, functions), "\n".join(draws)])

    def log_density(self, latents: tf.Tensor) -> tf.Tensor | None:
        """Log-density of each latent, -inf off the support: float32 `(n,)`, in nats.

        Probability mass where coordinates are discrete; `None` where a prior knows neither.
        """
        return None

    def interpolate(self, start: tf.Tensor, end: tf.Tensor, fraction: Number) -> tf.Tensor:
        """The point at `fraction` (0 to 1) of the way from `start` to `end`, both `(n, size)`."""
        return PATHS[self.path](start, end, fraction)

    def centre(self, latents: tf.Tensor) -> tf.Tensor:
        """The likeliest latent near each, where `truncate` goes: `(n, size)`."""
        return latents

    @property
    def truncates(self) -> bool:
        """Whether `truncate` changes anything: whether this prior has centres to move to."""
        return type(self).centre is not Prior.centre

    def truncate(self, latents: tf.Tensor, amount: Number) -> tf.Tensor:
        """Moves latents towards the likeliest: fidelity for diversity.

        Given latents cannot be drawn again as in Brock et al., 2019, arXiv:1809.11096, so they
        shrink towards their `centre` as in Karras et al., 2019, arXiv:1812.04948.

        Args:
            latents: `(n, size)`.
            amount: from 0, which gives their centres, to 1, which leaves them as they are.
        """
        if isinstance(amount, int | float) and not 0 <= amount <= 1:
            raise ValueError(f"`amount` must lie between 0 and 1. Received: amount={amount}")
        return latents + (1 - amount) * (self.centre(latents) - latents)

    @property
    def _arguments(self) -> dict[str, object]:
        names = [*inspect.signature(self.definition[-1]).parameters][1:]
        return {name: getattr(self, name) for name in names}

    def _numpy_call(self, count: int) -> str:
        if not self.definition:
            raise NotImplementedError
        values = {k: getattr(v, "__name__", repr(v)) for k, v in self._arguments.items()}
        arguments = [f"uniform_noise({count}, {self.noise_size})"]
        text = ", ".join(arguments + [f"{name}={value}" for name, value in values.items()])
        function = self.definition[-1].__name__
        line = f"{function}({text})"
        return line if len(line) < LINE_LENGTH - 20 else f"{function}(\n    {text}\n)"


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


def check_positive(**values: float) -> None:
    for name, value in values.items():
        if value <= 0:
            raise ValueError(f"`{name}` must be above 0. Received: {name}={value}")


def _numpy_source(function: Callable) -> str:
    source = getattr(function, "numpy_source", None) or inspect.getsource(function)
    return source.replace("xp.", "np.").rstrip()
