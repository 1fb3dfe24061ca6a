"""Lambert's W in the log domain against scipy's, and its derivatives."""

import numpy as np
import tensorflow as tf
from scipy.special import lambertw

from ganapp.training.objectives.divergences import log_lambert_of_exp


def double(values):
    return tf.constant(values, tf.float64)


def test_lambert_against_scipy():
    y = np.linspace(-30.0, 300.0, 3001)
    np.testing.assert_allclose(
        log_lambert_of_exp(double(y)), np.log(lambertw(np.exp(y)).real), rtol=1e-12, atol=1e-14
    )
    # Where exp(y) has no digits or no value: its own equation.
    y = np.array([-1e4, -100.0, 800.0, 1e6])
    w = log_lambert_of_exp(double(y)).numpy()
    np.testing.assert_allclose(np.exp(w) + w, y, rtol=1e-12)
    single = log_lambert_of_exp(tf.constant([-50.0, 51.0]))
    assert single.dtype == tf.float32
    np.testing.assert_allclose(single, [-50.0, np.log(lambertw(np.exp(51.0)).real)], rtol=1e-6)


def test_lambert_can_be_differentiated_again_and_again():
    """d log W(e^y) / dy = 1 / (1 + W), d2 = -W / (1 + W)^3; in a graph as well."""

    @tf.function
    def derivatives(y):
        with tf.GradientTape() as outer:
            outer.watch(y)
            with tf.GradientTape() as inner:
                inner.watch(y)
                w = log_lambert_of_exp(y)
            first = inner.gradient(w, y)
        return first, outer.gradient(first, y)

    y = np.linspace(-5.0, 20.0, 26)
    w = lambertw(np.exp(y)).real
    for run in (derivatives, derivatives.python_function):
        first, second = run(double(y))
        np.testing.assert_allclose(first, 1 / (1 + w), rtol=1e-12)
        np.testing.assert_allclose(second, -w / (1 + w) ** 3, rtol=1e-12)
    step = 1e-5
    ends = [log_lambert_of_exp(double(y + sign * step)).numpy() for sign in (1, -1)]
    np.testing.assert_allclose((ends[0] - ends[1]) / (2 * step), first, rtol=1e-6)
