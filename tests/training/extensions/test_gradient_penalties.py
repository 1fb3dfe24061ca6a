"""Gradient penalties against closed forms; weights of terms over training."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from case import (
    critic_of,
    plain_batches,
    rows,
    tiny_gan,
    train,
)
from extension_case import FixedDraws
from hypothesis import given, settings
from hypothesis import strategies as st

from ganapp.training.objectives import NonSaturating
from ganapp.training.schedules import Anneal
from ganapp.training.terms import (
    R1,
    R2,
    TERMS,
    Consistency,
    Dragan,
    GradientPenalty,
    ZeroCentred,
    squared_norm,
)

SLOPE = np.array([[3.0], [-4.0]], np.float32)  # of norm 5
# The members whose value at one example depends on that example alone.
OF_ONE_EXAMPLE = ["consistency", "gradient_penalty", "r1", "r2", "zero_centred"]


def member(name):
    """One that changes images of 4 x 4, the largest shift of which is 3."""
    return Consistency(shift=2) if name == "consistency" else TERMS[name]()


def shape_of(name):
    return (4, 4, 1) if TERMS[name].images_only else (2,)


def values(penalty, score, real, fake, draw=None):
    given = {"x": tf.constant(real)}, {"x": tf.constant(fake)}
    draw = draw or FixedDraws(len(real))
    return penalty.per_example(critic_of(score), *given, draw).numpy()


def linear(x):
    return x @ SLOPE + 2.0


def quadratic(x):
    """Gradient x, so its norm is the example's."""
    return 0.5 * tf.reduce_sum(x**2, axis=-1, keepdims=True)


@pytest.mark.parametrize(
    ("penalty", "expected"),
    [
        (R1(), 12.5),
        (R2(), 12.5),
        (ZeroCentred(), 25.0),
        (GradientPenalty(), 16.0),
        (GradientPenalty(one_sided=True), 16.0),
        (GradientPenalty(target=7.0), 4.0),
        (GradientPenalty(target=7.0, one_sided=True), 0.0),
        (GradientPenalty(target=0.0), 25.0),
        (Dragan(), 16.0),
        (Dragan(target=2.0), 9.0),
    ],
    ids=str,
)
def test_linear_critic(penalty, expected):
    found = values(penalty, linear, rows(4), rows(4, seed=1))
    np.testing.assert_allclose(found, [expected] * 4, rtol=1e-5)


def test_each_penalty_looks_at_its_own_examples():
    real, fake = rows(4), rows(4, seed=1)
    squares = [(x.astype(np.float64) ** 2).sum(1) for x in (real, fake)]
    np.testing.assert_allclose(values(R1(), quadratic, real, fake), squares[0] / 2, rtol=1e-5)
    np.testing.assert_allclose(values(R2(), quadratic, real, fake), squares[1] / 2, rtol=1e-5)


def test_penalties_between_real_and_generated_examples():
    """One position per example, uniform on the segment."""
    real, fake, draw = 0.7 * rows(4), 0.7 * rows(4, seed=1), FixedDraws(4)
    found = values(GradientPenalty(), quadratic, real, fake, draw)
    (position,) = draw.drawn
    assert position.shape == (4,)
    lengths = np.linalg.norm(real + position[:, None] * (fake - real), axis=1)
    np.testing.assert_allclose(found, (lengths - 1) ** 2, rtol=1e-4)
    one_sided = values(GradientPenalty(one_sided=True), quadratic, real, fake)
    assert set(lengths > 1) == {True, False}  # the cases that differ are both here
    np.testing.assert_allclose(one_sided, np.maximum(lengths - 1, 0) ** 2, rtol=1e-4)
    zero_centred = values(ZeroCentred(), quadratic, real, fake)
    np.testing.assert_allclose(zero_centred, lengths**2, rtol=1e-5)


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_dragan_looks_around_the_real_examples(scale):
    """Real + position x scale x deviation x noise; the deviation is one for the whole batch."""
    real, draw = (rows(4) * [1.0, 3.0]).astype("float32"), FixedDraws(4)
    found = values(Dragan(scale=scale), quadratic, real, rows(4, seed=1), draw)
    noise, position = draw.drawn
    assert noise.shape == real.shape
    points = real + position[:, None] * scale * real.std() * noise
    np.testing.assert_allclose(found, (np.linalg.norm(points, axis=1) - 1) ** 2, rtol=1e-4)


def test_norm_is_per_example():
    """A norm over the batch would give one value, here sqrt(2) instead of 1 and 1."""
    gradient = tf.constant([[[1.0], [0.0]], [[0.0], [1.0]]])
    np.testing.assert_array_equal(squared_norm(gradient), [1.0, 1.0])


@pytest.mark.parametrize("penalty", [GradientPenalty(), Dragan()], ids=lambda p: p.name)
def test_penalty_is_finite_where_the_gradient_vanishes(penalty):
    weight = tf.Variable(np.zeros((2, 1), np.float32))
    with tf.GradientTape() as tape:
        critic = critic_of(lambda x: x @ weight)
        given = {"x": tf.ones((4, 2))}, {"x": tf.zeros((4, 2))}
        value = penalty.per_example(critic, *given, FixedDraws(4))
    np.testing.assert_allclose(value, 1.0, rtol=1e-5)
    assert np.isfinite(tape.gradient(value, weight)).all()


@pytest.mark.parametrize("name", OF_ONE_EXAMPLE)
@settings(max_examples=5, deadline=None)
@given(count=st.integers(1, 6), seed=st.integers(0, 99))
def test_value_of_an_example_is_unmoved_by_the_batch(name, count, seed):
    keras.utils.set_random_seed(seed)
    shape = shape_of(name)
    network = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(4, "tanh")])
    network.add(keras.layers.Dense(1))
    network(np.zeros((1, *shape)))
    real, fake = rows(6, shape, seed), rows(6, shape, seed + 1)
    whole = values(member(name), network, real, fake, FixedDraws(6, seed=seed))
    assert whole.shape == (6,)
    assert (whole >= 0).all()
    part = values(member(name), network, real[:count], fake[:count], FixedDraws(count, seed=seed))
    np.testing.assert_allclose(part, whole[:count], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("r1", {"interval": 0}, r"`interval` must be at least 1.*Received: interval=0"),
        ("r2", {"weight": Anneal(start=1.0, end=0.1)}, r"`weight` must be.*anneal.over\(updates\)"),
        ("gradient_penalty", {"target": -1.0}, r"`target` must not be negative.*target=-1.0"),
        ("dragan", {"target": -1.0}, r"`target` must not be negative.*target=-1.0"),
        ("dragan", {"scale": 0.0}, r"`scale` must be above 0.*scale=0.0"),
    ],
)
def test_impossible_options_are_refused(name, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        TERMS[name](**options)


# Within training -----------------------------------------------------------------------------


def test_weight_is_that_of_the_step():
    """An exponential anneal from 4 to 1 over 2 updates passes 4, 2, 1."""
    schedule = Anneal(start=4.0, end=1.0, shape="exponential").over(2)
    gan = tiny_gan(NonSaturating(terms=(R1(weight=schedule), R2(weight=0.5))))
    logs = [train(gan, 1).history for _ in range(3)]
    assert [log["penalty_weight/r1"][0] for log in logs] == pytest.approx([4.0, 2.0, 1.0])
    assert [log["penalty_weight/r2"][0] for log in logs] == pytest.approx([0.5] * 3)


def test_weight_multiplies_the_logged_penalty():
    first = [
        train(tiny_gan(NonSaturating(terms=(R1(weight=w),)), run_eagerly=True), 1).history[
            "penalty/r1"
        ][0]
        for w in (1.0, 3.0)
    ]
    assert first[0] > 0
    assert first[1] == pytest.approx(3 * first[0], rel=1e-5)


def test_draws_are_uniform_and_fresh():
    """The positions that the GAN hands to a penalty: U(0, 1), one per example, new each update."""
    seen = []

    class Recorder(R1):
        def per_example(self, critic, real, fake, draw, state=None):
            seen.append(draw().numpy())
            return super().per_example(critic, real, fake, draw)

    gan = tiny_gan(NonSaturating(terms=(Recorder(),), discriminator_steps=2), run_eagerly=True)
    train(gan, 2, plain_batches(2, 512))
    assert [len(u) for u in seen] == [256] * 4
    drawn = np.concatenate(seen)
    assert len(np.unique(drawn)) > 1000
    assert drawn.min() >= 0
    assert drawn.max() < 1
    np.testing.assert_allclose(np.quantile(drawn, [0.25, 0.5, 0.75]), [0.25, 0.5, 0.75], atol=0.05)
