"""Feature matching and the pulling-away term."""

import numpy as np
import pytest
import tensorflow as tf
from case import numeric_gradient
from extension_case import FakeCritic, normal_rows, on_two_replicas

from ganapp.training.terms import FeatureMatching, PullingAway


class Identity:
    """A critic whose features are the examples."""

    def __call__(self, tensors):
        return {"features": tf.convert_to_tensor(tensors["x"])}


def term(member, real, fake, critic=None):
    given = {"x": real}, {"x": fake}
    values = member.generator_term(critic or Identity(), *given, None)
    return tf.cast(member.weight, values.dtype) * tf.reduce_mean(values)


def test_feature_matching_is_the_squared_distance_of_the_means():
    real, fake = normal_rows(5, 3), normal_rows(5, 3, seed=1)
    expected = 0.7 * np.sum((real.mean(0) - fake.mean(0)) ** 2)
    assert float(term(FeatureMatching(weight=0.7), real, fake)) == pytest.approx(expected, rel=1e-5)


def test_feature_matching_needs_only_equal_means():
    real = normal_rows(6, 3)
    fake = real.mean(0) + np.concatenate([np.ones((3, 3)), -np.ones((3, 3))]).astype(np.float32)
    assert float(term(FeatureMatching(), real, fake)) == pytest.approx(0, abs=1e-10)


def test_feature_matching_has_no_gradient_by_the_real_features():
    real, fake = tf.Variable(normal_rows(4, 3)), tf.Variable(normal_rows(4, 3, seed=1))
    with tf.GradientTape() as tape:
        value = term(FeatureMatching(), real, fake)
    by_real, by_fake = tape.gradient(value, [real, fake])
    assert by_real is None
    expected = np.tile(2 * (fake.numpy().mean(0) - real.numpy().mean(0)) / 4, (4, 1))
    np.testing.assert_allclose(by_fake, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        ([[1, 0], [0, 2]], 0.0),
        ([[1, 0], [-3, 0]], 1.0),
        ([[1, 0], [1, 1]], 0.5),
        ([[1, 0], [1, 1], [0, 5]], 1 / 3),  # cosines squared 1/2, 0, 1/2
        ([[1, 0], [0, 0]], 0.0),  # features without a direction
        ([[1, 0]], 0.0),  # no pairs
    ],
)
def test_pulling_away_golden(features, expected):
    features = np.float32(features)
    value = float(term(PullingAway(weight=1.0), features, features))
    assert value == pytest.approx(expected, abs=1e-6)


def test_pulling_away_against_numpy():
    features = normal_rows(6, 4).astype(np.float64)
    total = 0.0
    for i in range(6):
        for j in range(6):
            if i != j:
                cosine = features[i] @ features[j]
                cosine /= np.linalg.norm(features[i]) * np.linalg.norm(features[j])
                total += cosine**2
    value = float(term(PullingAway(), features, features))
    assert value == pytest.approx(0.1 * total / 30, rel=1e-6)


def test_pulling_away_gradient():
    features = tf.Variable(normal_rows(4, 3).astype(np.float64))
    with tf.GradientTape() as tape:
        value = term(PullingAway(), features, features)
    numeric = numeric_gradient(lambda: term(PullingAway(), features, features), features)
    np.testing.assert_allclose(tape.gradient(value, features), numeric, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("member", [FeatureMatching(), PullingAway()], ids=lambda m: m.name)
def test_two_replicas_are_one(two_replicas, member):
    real, fake = normal_rows(8, 2), normal_rows(8, 2, seed=1) + np.float32(0.5)

    def value_and_gradients(critic, replicas):
        def compute(real, fake):
            with tf.GradientTape() as tape:
                tape.watch(fake)
                value = term(member, real, fake, critic)
                scaled = value / replicas  # as the GAN divides every loss
            kernel = critic.network.trainable_variables[0].value
            return value, *tape.gradient(scaled, [fake, kernel])

        return compute

    with two_replicas.scope():
        mirrored = FakeCritic()
    single = FakeCritic()
    single.network.set_weights(mirrored.network.get_weights())
    arguments = tf.constant(real), tf.constant(fake)
    expected = [x.numpy() for x in value_and_gradients(single, 1)(*arguments)]
    halves = on_two_replicas(two_replicas, value_and_gradients(mirrored, 2), real, fake)
    for half in halves:
        assert half[0] == pytest.approx(float(expected[0]), rel=1e-5)
    by_fake = np.concatenate([half[1] for half in halves])
    np.testing.assert_allclose(by_fake, expected[1], rtol=1e-4, atol=1e-7)
    by_kernel = halves[0][2] + halves[1][2]  # the GAN sums gradients
    np.testing.assert_allclose(by_kernel, expected[2], rtol=1e-4, atol=1e-7)
