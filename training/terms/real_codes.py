"""Codes of real examples: read with certainty, all of them in use, the same close by."""

import dataclasses
import math

import tensorflow as tf

from ganapp.models.replicas import gather_rows, global_row_mean
from ganapp.training.extensions import Draw
from ganapp.training.priors.codes import categories_of
from ganapp.training.terms.base import Critic, Tensors
from ganapp.training.terms.mutual_information import CodeTerm

SMALLEST = 1e-12  # of what is divided by, or has a logarithm


@dataclasses.dataclass(frozen=True, kw_only=True)
class RealCodes(CodeTerm):
    """What the reader says of real examples is certain, in balance and smooth, in its own loss.

    The term `mutual_information` looks at generated examples alone: any division of them into as
    many categories will do for it. This one asks that categories be groups of *real* examples: for
    each category code, with p what the reader says of a real example,

        KL(p(x) | p(x + r)) + information * (E H(p) + balance * (ln n - H(E p))),

    where r is the change of its length that alters p most (one step of the power method, Miyato et
    al., 2016, arXiv:1507.00677), so that borders between categories lie where there are few
    examples. Nothing is below 0, where every example is read with certainty and each of the n
    categories as often. Other codes have no share in it.

    Args:
        reader, codes: as of `CodeTerm`; at least one is categorical.
        information: weight of the information between example and category, above 0.
        balance: weight of the entropy of all categories in it; above 1 they are used more evenly
            than information alone asks for, as equally likely codes are.
        radius: length of r as a share of the example's distance to the nearest other one of the
            global batch, above 0.
    """

    information: float = 0.1
    balance: float = 4.0
    radius: float = 0.25
    name = "real_codes"
    reference = "Hu et al., 2017, arXiv:1702.08720"
    formula = "weight * (KL(p(x) | p(x + r)) + information * (E H(p) + balance * (ln n - H(E p))))"
    in_float32 = True

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("information", "balance", "radius"):
            if not getattr(self, name) > 0:
                raise ValueError(f"`{name}` must be above 0. Received: {getattr(self, name)}")
        if self.codes and not any(map(categories_of, self.codes.values())):
            kinds = ", ".join(f"{name} ({code.name})" for name, code in self.codes.items())
            raise ValueError(
                "`real_codes` needs a code that is categorical among `generator.prior.codes`. "
                f"Received: {kinds}"
            )

    def per_example(self, critic, real, fake, draw, state=None):
        """`(batch,)`; the entropy of all categories is that of the global batch."""
        x = real["x"]
        said = self._logits(critic, real)
        close = self._logits(critic, real | {"x": x + self.change(critic, real, draw)})
        terms = []
        for logits, changed in zip(said, close, strict=True):
            p, log_p = tf.nn.softmax(logits), tf.nn.log_softmax(logits)
            mean = global_row_mean(p)
            entropy = -tf.reduce_sum(p * log_p, axis=-1)
            most = math.log(logits.shape[-1])
            missing = most + tf.reduce_sum(mean * tf.math.log(mean + SMALLEST))
            terms.append(
                _divergence(logits, changed) + self.information * (entropy + self.balance * missing)
            )
        return tf.add_n(terms)

    def change(self, critic: Critic, real: Tensors, draw: Draw) -> tf.Tensor:
        """r of each real example, `(batch, *shape)`; no gradient flows through it."""
        x = real["x"]
        length = self.radius * _nearest(x)
        # Of two uniform numbers a normal one (Box and Muller): every direction is as likely.
        first, second = draw(*x.shape[1:]), draw(*x.shape[1:])
        normal = tf.sqrt(-2 * tf.math.log(1 - first)) * tf.cos(2 * math.pi * second)
        start = length * _unit(tf.cast(normal, x.dtype))
        said = [tf.stop_gradient(each) for each in self._logits(critic, real)]
        with tf.GradientTape() as tape:
            tape.watch(start)
            close = self._logits(critic, real | {"x": x + start})
            change = tf.add_n([_divergence(*pair) for pair in zip(said, close, strict=True)])
        return tf.stop_gradient(length * _unit(tape.gradient(change, start)))

    def _logits(self, critic: Critic, given: Tensors) -> list[tf.Tensor]:
        found = []
        for name, reading, said in self.by_code(self.said(critic, given)):
            sizes = categories_of(self.codes[name])
            rest = reading.outputs - sum(sizes)
            found += tf.split(said, [*sizes, rest], axis=-1)[:-1] if sizes else []
        return found


def _divergence(logits: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """KL of two distributions of categories, the first one fixed: `(batch,)`, nats."""
    logits = tf.stop_gradient(logits)
    ratio = tf.nn.log_softmax(logits) - tf.nn.log_softmax(others)
    return tf.reduce_sum(tf.nn.softmax(logits) * ratio, axis=-1)


def _nearest(x: tf.Tensor) -> tf.Tensor:
    """The distance of each row to the nearest other one of the global batch, `(batch, 1, ...)`."""
    flat = tf.reshape(x, [tf.shape(x)[0], -1])
    everyone = tf.stop_gradient(gather_rows(flat))
    squares = tf.reduce_sum(flat**2, axis=1)[:, None] + tf.reduce_sum(everyone**2, axis=1)
    squares -= 2 * tf.matmul(flat, everyone, transpose_b=True)
    # Itself is as near as rounding lets it be; the second nearest is another one, if there is one.
    count = tf.minimum(2, tf.shape(everyone)[0])
    nearest = -tf.math.top_k(-squares, k=count).values[:, -1]
    distance = tf.sqrt(tf.maximum(nearest, 0.0))
    return tf.stop_gradient(tf.reshape(distance, [-1] + [1] * (x.shape.rank - 1)))


def _unit(x: tf.Tensor) -> tf.Tensor:
    """Each row with length 1."""
    squares = tf.reduce_sum(x**2, axis=list(range(1, x.shape.rank)), keepdims=True)
    return x * tf.math.rsqrt(squares + SMALLEST)
