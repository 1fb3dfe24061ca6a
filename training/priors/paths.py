"""Ways from one latent to another."""

import tensorflow as tf

Number = float | tf.Tensor


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
