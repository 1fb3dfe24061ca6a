"""Codes: how a person sets them, and how a network reads them back.

A code is a part of a latent that a person steers. A reader is asked for its distribution given the
example; how likely the code that made the example is by that distribution bounds their mutual
information from below (Chen et al., 2016, arXiv:1606.03657): E log Q(c | x) + H(c) <= I(c; x).
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import tensorflow as tf

from ganapp.training.priors.base import Prior

LARGEST_LOG_SCALE = 5.0  # of a Gaussian that a reader says: the bound stays finite


@dataclasses.dataclass(frozen=True)
class Reading:
    """How one code is read.

    Args:
        outputs: how many numbers a reader says of it.
        entropy: H(c), nats; of a continuous code the differential entropy.
        log_likelihood: of what is said `(n, outputs)` and the codes `(n, size)`: log Q(c | x),
            `(n,)`, nats.
        guess: of what is said, the likeliest codes `(n, size)`.
    """

    outputs: int
    entropy: float
    log_likelihood: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    guess: Callable[[tf.Tensor], tf.Tensor]


def reading_of(prior: Prior) -> Reading:
    """How codes of a distribution are read.

    Raises:
        ValueError: of this distribution they cannot be.
    """
    if prior.name not in READINGS:
        raise ValueError(
            f"A code must have one of the distributions {', '.join(READINGS)}, whose entropy is "
            f"known. Received: {prior.name!r}"
        )
    return READINGS[prior.name](prior)


def _choice(values: int) -> Reading:
    """One of some equally likely values, one-hot: logits."""
    return Reading(
        values,
        math.log(values),
        lambda said, code: -tf.nn.softmax_cross_entropy_with_logits(code, said),
        lambda said: tf.one_hot(tf.argmax(said, axis=-1), values),
    )


def _bits(size: int, probability: float) -> Reading:
    """Independent bits: a logit each."""
    zero = 1 - probability
    entropy = -probability * math.log(probability) - zero * math.log(zero)

    def log_likelihood(said: tf.Tensor, code: tf.Tensor) -> tf.Tensor:
        each = tf.nn.sigmoid_cross_entropy_with_logits(code, said)
        return -tf.reduce_sum(each, axis=-1)

    return Reading(size, size * entropy, log_likelihood, lambda said: tf.cast(said > 0, tf.float32))


def _numbers(size: int, entropy: float) -> Reading:
    """Independent numbers: a mean and the logarithm of a deviation of a Gaussian each.

    The deviation is learned. With one that is fixed at 1, as in the authors' code, the bound of a
    uniform code on [-1, 1] is negative whatever the reader does: H(c) = ln 2 < .919 <= -log Q.
    """

    def log_likelihood(said: tf.Tensor, code: tf.Tensor) -> tf.Tensor:
        mean, raw = tf.split(said, 2, axis=-1)
        log_scale = LARGEST_LOG_SCALE * tf.tanh(raw / LARGEST_LOG_SCALE)
        squares = ((code - mean) * tf.exp(-log_scale)) ** 2
        return -tf.reduce_sum(0.5 * (squares + math.log(2 * math.pi)) + log_scale, axis=-1)

    return Reading(2 * size, size * entropy, log_likelihood, lambda said: said[..., :size])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Control:
    """What a person sets of a code: a category, a bit or a number.

    Args:
        name: of the code, `digit`; of one with several, with their place, `style.1`.
        kind: of its value: the number of a category from 0, 0 or 1, or a real number.
        latent: the generator's input that it is a part of.
        start: place of the first of its coordinates there.
        size: how many it has: as many as categories, else 1.
        minimum: of its values; of a normal number three deviations, beyond which few are drawn.
        maximum: likewise.
    """

    name: str
    kind: Literal["category", "bit", "number"]
    latent: str
    start: int
    size: int
    minimum: float
    maximum: float

    def put(self, latents: np.ndarray, value: float) -> np.ndarray:
        """Latents `(n, ...)` with this at `value`, a copy."""
        changed = np.array(latents, np.float32)
        place = slice(self.start, self.start + self.size)
        category = self.kind == "category"
        changed[:, place] = np.eye(self.size)[int(value)] if category else value
        return changed

    def values(self, most: int) -> list[float]:
        """Every value, or `most` of a number's from its least to its largest."""
        if self.kind == "number":
            return np.linspace(self.minimum, self.maximum, most).tolist()
        return list(range(int(self.maximum) + 1))

    def parse(self, text: str) -> float:
        """The value that a text says.

        Raises:
            ValueError: none, or one out of range.
        """
        try:
            value = float(text) if self.kind == "number" else int(text)
        except ValueError:
            value = math.nan
        if not self.minimum <= value <= self.maximum:
            kind = "a" if self.kind == "number" else "a whole"
            raise ValueError(
                f"{kind} number from {self.minimum:g} to {self.maximum:g}. Received: "
                f"{self.name}={text}"
            )
        return value


def controls_of(prior: Prior) -> dict[str, Control]:
    """What a person sets of the codes of a prior, by name.

    Empty without codes; of a distribution whose coordinates belong together, such as a sphere's,
    none can be set by itself.
    """
    found: dict[str, Control] = {}
    for code in prior.codes:
        start, part = 0, prior.parts[code]
        parts = CONTROLS[part.name](part) if part.name in CONTROLS else []
        for place, (kind, size, minimum, maximum) in enumerate(parts):
            name = code if len(parts) == 1 else f"{code}.{place}"
            found[name] = Control(
                name=name,
                kind=kind,
                latent=code,
                start=start,
                size=size,
                minimum=minimum,
                maximum=maximum,
            )
            start += size
    return found


def joined(readings: Sequence[tuple[Reading, int]]) -> Reading:
    """Several codes side by side as one.

    Args:
        readings: each with the size of its code.
    """
    outputs, sizes = [each.outputs for each, _ in readings], [size for _, size in readings]

    def log_likelihood(said: tf.Tensor, code: tf.Tensor) -> tf.Tensor:
        parts = zip(readings, tf.split(said, outputs, -1), tf.split(code, sizes, -1), strict=True)
        return tf.add_n([each.log_likelihood(one, own) for (each, _), one, own in parts])

    def guess(said: tf.Tensor) -> tf.Tensor:
        parts = zip(readings, tf.split(said, outputs, -1), strict=True)
        return tf.concat([each.guess(one) for (each, _), one in parts], axis=-1)

    return Reading(sum(outputs), sum(each.entropy for each, _ in readings), log_likelihood, guess)


def _categorical(prior: Prior) -> Reading:
    parts = [(_choice(values), values) for values in prior.categories]
    if prior.continuous:
        entropy = NUMBERS[prior.distribution]
        parts.append((_numbers(prior.continuous, entropy), prior.continuous))
    return joined(parts)


def categories_of(prior: Prior) -> tuple[int, ...]:
    """How many values each category of a code has: the first numbers that a reader says of it."""
    return tuple(prior.categories) if prior.name == "categorical" else ()


def _numbers_from(distribution: str, count: int) -> list[tuple]:
    return [("number", 1, -REACHES[distribution], REACHES[distribution])] * count


REACHES = {"uniform": 1.0, "normal": 3.0}
# Kind, coordinates, least and largest value of everything that is set of a code.
CONTROLS: dict[str, Callable[[Prior], list[tuple]]] = {
    "categorical": lambda prior: [
        *(("category", count, 0, count - 1) for count in prior.categories),
        *_numbers_from(prior.distribution, prior.continuous),
    ],
    "bernoulli": lambda prior: [("bit", 1, 0, 1)] * prior.size,
    **{name: lambda prior, name=name: _numbers_from(name, prior.size) for name in REACHES},
}
# Differential entropy of a coordinate.
NUMBERS = {"uniform": math.log(2), "normal": 0.5 * math.log(2 * math.pi * math.e)}
READINGS: dict[str, Callable[[Prior], Reading]] = {
    "categorical": _categorical,
    "bernoulli": lambda prior: _bits(prior.size, prior.probability),
    **{
        name: lambda prior, entropy=entropy: _numbers(prior.size, entropy)
        for name, entropy in NUMBERS.items()
    },
}
