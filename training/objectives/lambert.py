"""Lambert's W function of an exponential, in the log domain."""

import tensorflow as tf

NEWTON_STEPS = 5  # from the start below, double precision is reached after four


@tf.custom_gradient
def log_lambert_of_exp(y: tf.Tensor) -> tf.Tensor:
    """log W(exp(y)): the w that solves exp(w) + w = y.

    Without exp(y), which overflows where the answer is small. Differentiable any number of times.

    Args:
        y: float, any shape, any value.

    Returns:
        Same shape and type.
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
