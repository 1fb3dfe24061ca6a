"""Standard normal numbers from uniform ones, in arithmetic that every runtime has.

`tf.math.ndtri` is an operation LiteRT does not know, and random numbers are too: what leaves the
application draws uniform numbers wherever it runs and makes latents of them with this.
"""

import tensorflow as tf

GRID = 2.0**-23  # tf.random.stateless_uniform gives multiples of this in float32
LARGEST = 1.0 - 2.0**-24  # the float32 next to 1
# Of sqrt(2) erfinv(x) / x in w = -log(1 - x^2), highest power first; either side of `TAIL`.
TAIL = 5.0
MIDDLE_SHIFT, TAIL_SHIFT = 2.5, 3.0
ROOT = 2.0**0.5
MIDDLE = (
    2.81022636e-08,
    3.43273939e-07,
    -3.5233877e-06,
    -4.39150654e-06,
    0.00021858087,
    -0.00125372503,
    -0.00417768164,
    0.246640727,
    1.50140941,
)
OUTSIDE = (
    -0.000200214257,
    0.000100950558,
    0.00134934322,
    -0.00367342844,
    0.00573950773,
    -0.0076224613,
    0.00943887047,
    1.00167406,
    2.83297682,
)


def centred(uniform: tf.Tensor) -> tf.Tensor:
    """Uniform numbers in [0, 1) to the symmetric interval (-1, 1), both float32.

    Each stands for the middle of its cell of width 2^-23, so that 0 is as far from one end as the
    largest is from the other. Exact for multiples of 2^-23.
    """
    return 2.0 * uniform - (1.0 - GRID)


def normal_of(centred_uniform: tf.Tensor) -> tf.Tensor:
    """The normal number below which a share (1 + x) / 2 of a standard normal lies.

    Within 1e-6 for `x` as `centred` gives it.

    Args:
        centred_uniform: `x`, float32 in [-1, 1]; the ends count as the numbers next to them.

    Reference:
        Giles, 2012, "Approximating the erfinv function", GPU Computing Gems.
    """
    x = tf.clip_by_value(centred_uniform, -LARGEST, LARGEST)
    w = -tf.math.log((1.0 - x) * (1.0 + x))
    middle = _polynomial(MIDDLE, w - MIDDLE_SHIFT)
    # Below the bound the branch is not taken; its root must still be a number.
    outside = _polynomial(OUTSIDE, tf.sqrt(tf.maximum(w, TAIL)) - TAIL_SHIFT)
    return x * tf.where(w < TAIL, middle, outside)


def normal_from_uniform(uniform: tf.Tensor) -> tf.Tensor:
    """Standard normal float32 numbers from uniform ones in [0, 1), of any shape."""
    return normal_of(centred(uniform))


def _polynomial(coefficients: tuple[float, ...], x: tf.Tensor) -> tf.Tensor:
    """sqrt(2) times the polynomial at `x`, by Horner's rule."""
    result = tf.fill(tf.shape(x), 0.0) + ROOT * coefficients[0]
    for coefficient in coefficients[1:]:
        result = result * x + ROOT * coefficient
    return result
