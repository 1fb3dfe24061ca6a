"""The f-divergences of f-GAN as plain functions.

D_f(P||Q) = E_Q f(p / q) for a convex f, P the data and Q the generator. Any T gives the bound
E_P T - E_Q f*(T) <= D_f(P||Q), with f*(t) = sup_u u t - f(u); it is tight at T = f'(p / q). The
discriminator's score v gives T = g(v), where g maps all numbers to the domain of f* and rises, so
that a higher score means more real.

f*(g(v)) is written as a function of v, never as f* of a rounded g(v): where f* takes a logarithm
of something near 0, g(v) has no digits left.

Reference: Nowozin et al., 2016, arXiv:1606.00709, tables 1, 2 and 6.
"""

import dataclasses
import math
from collections.abc import Callable

import tensorflow as tf

# exp is continued by its tangent from here on. exp(89) is infinite in float32, and its gradient
# far below would already throw the weights out of reach; the tangent still rises, so the gradient
# points where it should. Densities would have to differ e^20-fold for the optimum to get there.
EXPONENT_LIMIT = 20.0
SMALLEST_RATIO = 1e-6  # of densities, where a score would say 0 or less
NEWTON_STEPS = 5  # for Lambert's W; double precision is reached after four

Function = Callable[[tf.Tensor], tf.Tensor]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Divergence:
    """One f-divergence by functions of float tensors or arrays of any shape."""

    function: Function  # f(u) of the density ratio u = p / q, at least 0; convex
    activation: Function  # g(v) of the score v; rising
    conjugate_of_activation: Function  # f*(g(v)); not falling
    log_ratio: Function | None  # log p / q at the optimal score v, where the score tells it


def exp_with_tangent(x: tf.Tensor) -> tf.Tensor:
    """exp(x) up to `EXPONENT_LIMIT`, from there on its tangent: convex, rising, finite."""
    beyond = tf.nn.relu(x - EXPONENT_LIMIT)
    return tf.exp(tf.minimum(x, EXPONENT_LIMIT)) * (1.0 + beyond)


def _x_log_x(x: tf.Tensor) -> tf.Tensor:
    return tf.math.xlogy(x, x)


KL = Divergence(
    function=_x_log_x,
    activation=tf.identity,
    conjugate_of_activation=lambda v: exp_with_tangent(v - 1.0),
    log_ratio=lambda v: v - 1.0,
)

# g and f*(g(v)) keep to each other down to v = -20 only, where exp(-v) becomes its tangent.
REVERSE_KL = Divergence(
    function=lambda u: -tf.math.log(u),
    activation=lambda v: -exp_with_tangent(-v),
    conjugate_of_activation=lambda v: v - 1.0,
    log_ratio=tf.identity,
)

# Twice the Jensen-Shannon divergence of other books: KL(P||M) + KL(Q||M), M = (P + Q) / 2.
JENSEN_SHANNON = Divergence(
    function=lambda u: _x_log_x(u) - (u + 1.0) * tf.math.log((u + 1.0) / 2.0),
    activation=lambda v: math.log(2.0) - tf.nn.softplus(-v),
    conjugate_of_activation=lambda v: tf.nn.softplus(v) - math.log(2.0),
    log_ratio=tf.identity,
)

# The divergence above minus log 4, so f(1) is not 0.
GAN = Divergence(
    function=lambda u: _x_log_x(u) - _x_log_x(u + 1.0),
    activation=lambda v: -tf.nn.softplus(-v),
    conjugate_of_activation=tf.nn.softplus,
    log_ratio=tf.identity,
)


def _pearson_conjugate(v: tf.Tensor) -> tf.Tensor:
    # The paper's t^2 / 4 + t is the conjugate of (u - 1)^2 for u of either sign. A density ratio
    # is not negative; then it is -1 below t = -2, and no falling branch sends the generator away.
    t = tf.maximum(v, -2.0)
    return tf.square(t) / 4.0 + t  # of t**2 the third derivative is NaN at 0


PEARSON = Divergence(
    function=lambda u: (u - 1.0) ** 2,
    activation=tf.identity,
    conjugate_of_activation=_pearson_conjugate,
    log_ratio=lambda v: tf.math.log(tf.maximum(1.0 + v / 2.0, SMALLEST_RATIO)),
)

HELLINGER = Divergence(
    function=lambda u: (tf.sqrt(u) - 1.0) ** 2,
    activation=lambda v: 1.0 - exp_with_tangent(-v),
    conjugate_of_activation=lambda v: exp_with_tangent(v) - 1.0,
    log_ratio=lambda v: 2.0 * v,
)


@tf.custom_gradient
def log_lambert_of_exp(y: tf.Tensor) -> tf.Tensor:
    """log W(exp(y)): the w that solves exp(w) + w = y, without exp(y), which may overflow.

    Differentiable any number of times.
    """
    # The left side is convex and rising, and this start lies right of the root, so Newton's steps
    # come down to it without overshooting.
    w = tf.minimum(y, tf.math.log(tf.maximum(y, 1.0)))
    for _ in range(NEWTON_STEPS):
        exponential = tf.exp(w)
        w -= (exponential + w - y) / (exponential + 1.0)

    def gradient(upstream: tf.Tensor) -> tf.Tensor:
        # dw/dy = 1 / (1 + exp(w)), written by y once more so that it can itself be differentiated.
        return upstream * tf.sigmoid(-log_lambert_of_exp(y))

    return w, gradient


def _jeffreys_conjugate(v: tf.Tensor) -> tf.Tensor:
    # W + 1 / W + v - 2 with W = W(exp(1 - v)); by W + log W = 1 - v that is 1 / W - log W - 1.
    log_w = log_lambert_of_exp(1.0 - v)
    return exp_with_tangent(-log_w) - log_w - 1.0


JEFFREYS = Divergence(
    function=lambda u: (u - 1.0) * tf.math.log(u),
    activation=tf.identity,
    conjugate_of_activation=_jeffreys_conjugate,
    log_ratio=lambda v: -log_lambert_of_exp(1.0 - v),
)

# The best T is the sign of p - q, so the score says which density is higher, not by how much.
TOTAL_VARIATION = Divergence(
    function=lambda u: tf.abs(u - 1.0) / 2.0,
    activation=lambda v: tf.tanh(v) / 2.0,
    conjugate_of_activation=lambda v: tf.tanh(v) / 2.0,
    log_ratio=None,
)


def skewed_jensen_shannon(skew: float) -> Divergence:
    """skew KL(P||M) + (1 - skew) KL(Q||M) with M = skew P + (1 - skew) Q; skew inside (0, 1)."""
    rest = 1.0 - skew

    def function(u: tf.Tensor) -> tf.Tensor:
        return skew * _x_log_x(u) - _x_log_x(skew * u + rest)

    return Divergence(
        function=function,
        # Not the paper's -skew log skew - log(1 + exp(-v)), with which f*(g(v)) has no plain form.
        activation=lambda v: -skew * (tf.nn.softplus(-v) + math.log(skew)),
        conjugate_of_activation=lambda v: rest * (tf.nn.softplus(v) + math.log(rest)),
        log_ratio=lambda v: v + math.log(rest / skew),
    )
