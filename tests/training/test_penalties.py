"""Penalties against closed forms, and their weights over training."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from models.critic import Critic
from tests.case import plain_batches, rows, tiny_gan, train
from training.objectives import NonSaturating
from training.penalties import PENALTIES, R1, R2, GradientPenalty, squared_norm
from training.schedules import Anneal

SLOPE = np.array([[3.0], [-4.0]], np.float32)  # of norm 5
UNIFORM = tf.constant([0.0, 0.25, 0.5, 0.75])


def values(penalty, score, real, fake, uniform=UNIFORM):
    real, fake = tf.constant(real), tf.constant(fake)
    return penalty.per_example(Critic(score), real, fake, uniform).numpy()


def linear(x):
    return x @ SLOPE + 2.0


def quadratic(x):
    """Gradient x, so its norm is the example's."""
    return 0.5 * tf.reduce_sum(x**2, axis=-1, keepdims=True)


def test_linear_critic():
    real, fake = rows(4), rows(4, seed=1)
    np.testing.assert_allclose(values(R1(), linear, real, fake), [12.5] * 4, rtol=1e-6)
    np.testing.assert_allclose(values(R2(), linear, real, fake), [12.5] * 4, rtol=1e-6)
    np.testing.assert_allclose(values(GradientPenalty(), linear, real, fake), [16.0] * 4, rtol=1e-5)


def test_each_penalty_looks_at_its_own_examples():
    real, fake = rows(4), rows(4, seed=1)
    squares = [(x.astype(np.float64) ** 2).sum(1) for x in (real, fake)]
    np.testing.assert_allclose(values(R1(), quadratic, real, fake), squares[0] / 2, rtol=1e-5)
    np.testing.assert_allclose(values(R2(), quadratic, real, fake), squares[1] / 2, rtol=1e-5)
    between = real + UNIFORM.numpy()[:, None] * (fake - real)
    expected = (np.linalg.norm(between, axis=1) - 1) ** 2
    np.testing.assert_allclose(
        values(GradientPenalty(), quadratic, real, fake), expected, rtol=1e-4
    )


def test_norm_is_per_example():
    """A norm over the batch would give one value, here sqrt(2) instead of 1 and 1."""
    gradient = tf.constant([[[1.0], [0.0]], [[0.0], [1.0]]])
    np.testing.assert_array_equal(squared_norm(gradient), [1.0, 1.0])


def test_gradient_penalty_is_finite_where_the_gradient_vanishes():
    weight = tf.Variable(np.zeros((2, 1), np.float32))
    with tf.GradientTape() as tape:
        value = GradientPenalty().per_example(
            Critic(lambda x: x @ weight), tf.ones((4, 2)), tf.zeros((4, 2)), UNIFORM
        )
    np.testing.assert_allclose(value, 1.0, rtol=1e-5)
    assert np.isfinite(tape.gradient(value, weight)).all()


@pytest.mark.parametrize("name", sorted(PENALTIES))
@settings(max_examples=8, deadline=None)
@given(count=st.integers(1, 6), seed=st.integers(0, 99))
def test_value_of_an_example_is_unmoved_by_the_batch(name, count, seed):
    keras.utils.set_random_seed(seed)
    network = keras.Sequential([keras.layers.Dense(4, "tanh"), keras.layers.Dense(1)])
    network(np.zeros((1, 2)))
    real, fake = rows(6, seed=seed), rows(6, seed=seed + 1)
    uniform = tf.random.stateless_uniform((6,), (seed, 0))
    whole = values(PENALTIES[name](), network, real, fake, uniform)
    assert whole.shape == (6,)
    assert (whole >= 0).all()
    part = values(PENALTIES[name](), network, real[:count], fake[:count], uniform[:count])
    np.testing.assert_allclose(part, whole[:count], rtol=1e-5)


def test_contract():
    for name, penalty in PENALTIES.items():
        assert penalty().name == name
        assert "arXiv:" in penalty().reference


def test_weight_is_that_of_the_step():
    """An exponential anneal from 4 to 1 over 2 updates passes 4, 2, 1."""
    schedule = Anneal(start=4.0, end=1.0, shape="exponential").over(2)
    gan = tiny_gan(NonSaturating(penalties=(R1(weight=schedule), R2(weight=0.5))))
    logs = [train(gan, 1).history for _ in range(3)]
    assert [log["penalty_weight/r1"][0] for log in logs] == pytest.approx([4.0, 2.0, 1.0])
    assert [log["penalty_weight/r2"][0] for log in logs] == pytest.approx([0.5] * 3)


def test_weight_multiplies_the_logged_penalty():
    first = [
        train(tiny_gan(NonSaturating(penalties=(R1(weight=w),))), 1).history["penalty/r1"][0]
        for w in (1.0, 3.0)
    ]
    assert first[0] > 0
    assert first[1] == pytest.approx(3 * first[0], rel=1e-5)


def test_interpolation_is_uniform_and_fresh():
    """The positions that the GAN hands to a penalty: U(0, 1), one per example, new each update."""
    seen = []

    class Recorder(R1):
        def per_example(self, critic, real, fake, uniform):
            seen.append(uniform.numpy())
            return super().per_example(critic, real, fake, uniform)

    gan = tiny_gan(NonSaturating(penalties=(Recorder(),), discriminator_steps=2), run_eagerly=True)
    train(gan, 2, plain_batches(2, 512))
    assert [len(u) for u in seen] == [256] * 4
    drawn = np.concatenate(seen)
    assert len(np.unique(drawn)) > 1000
    assert drawn.min() >= 0
    assert drawn.max() < 1
    np.testing.assert_allclose(np.quantile(drawn, [0.25, 0.5, 0.75]), [0.25, 0.5, 0.75], atol=0.05)
