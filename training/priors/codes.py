"""Reading codes back: what a network says of one, how likely that makes it, what there is to know.

A code is a part of a latent that a person steers. A reader is asked for its distribution given the
example; how likely the code that made the example is by that distribution bounds their mutual
information from below (Chen et al., 2016, arXiv:1606.03657): E log Q(c | x) + H(c) <= I(c; x).
"""

import dataclasses
import math
from collections.abc import Callable, Sequence

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
