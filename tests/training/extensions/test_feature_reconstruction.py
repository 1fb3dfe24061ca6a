"""Squared distances in the features of a frozen network."""

import numpy as np
import pytest
import tensorflow as tf
from case import critic_of

from ganapp.training.terms import FeatureReconstruction

MATRIX = np.array([[1.0, 2.0, 0.0], [0.0, -1.0, 3.0]], np.float32)


def value(real, fake, comparator):
    critic = critic_of(lambda x: x, companions={"comparator": comparator})
    given = ({"x": tf.constant(each, tf.float32)} for each in (real, fake))
    return FeatureReconstruction().per_example(critic, *given, draw=None)


def test_it_is_the_mean_square_of_the_difference_of_features():
    real, fake = np.array([[1.0, 1.0], [0.0, 2.0]]), np.array([[0.0, 1.0], [0.0, 0.0]])
    found = value(real, fake, lambda given: {"features": given["x"] @ MATRIX})
    # Differences (1, 2, 0) and (0, -2, 6).
    np.testing.assert_allclose(found, [5 / 3, 40 / 3], rtol=1e-6)


def test_maps_count_as_all_their_entries():
    draw = np.random.default_rng(0)
    real, fake = draw.normal(size=(2, 3, 4, 4, 2))
    found = value(real, fake, lambda given: {"features": given["x"]})
    np.testing.assert_allclose(found, ((real - fake) ** 2).mean((1, 2, 3)), rtol=1e-5)


def test_no_gradient_goes_through_the_real_example():
    x = tf.Variable([[1.0, 2.0]])
    critic = critic_of(lambda x: x, companions={"comparator": lambda t: {"features": t["x"]}})
    with tf.GradientTape() as tape:
        loss = FeatureReconstruction().per_example(critic, {"x": x * 1.0}, {"x": x * 0.5}, None)
    np.testing.assert_allclose(tape.gradient(loss, x), [[-0.25, -0.5]], rtol=1e-6)


def test_without_a_comparator_it_says_which_is_missing():
    from ganapp.models.companions import CompanionFunctions

    critic = critic_of(lambda x: x, companions=CompanionFunctions())
    with pytest.raises(ValueError, match=r"calls the companion 'comparator'.*Received: none"):
        FeatureReconstruction().per_example(critic, {"x": tf.ones((1, 2))}, {}, None)
