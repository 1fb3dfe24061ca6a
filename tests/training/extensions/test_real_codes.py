"""Codes of real examples: closed forms, the change that alters them most, groups that are found."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from extension_case import FixedDraws, normal_rows

from ganapp.training.priors import Categorical, Uniform
from ganapp.training.priors.codes import categories_of
from ganapp.training.terms import RealCodes

TEN = Categorical(categories=(10,), continuous=0)
PAIR = Categorical(categories=(2,), continuous=1)


class Reader:
    """Reads codes by a function of the examples."""

    def __init__(self, read):
        self.read, self.companions = read, {"code_reader": self}

    def __call__(self, tensors):
        return {"code": self.read(tensors["x"])}


def linear(weights):
    return Reader(lambda x: tf.matmul(x, tf.constant(weights, tf.float32)))


def value(term, reader, x):
    return term.per_example(reader, {"x": tf.constant(x)}, {}, FixedDraws(len(x))).numpy()


def test_certain_codes_in_balance_cost_nothing():
    """No change reaches another category."""
    x = np.eye(10, dtype="float32")
    term = RealCodes(codes={"digit": TEN}, information=0.5, balance=1.0, radius=1e-3)
    np.testing.assert_allclose(value(term, linear(200 * np.eye(10)), x), 0, atol=1e-5)


def test_what_ignorance_costs_and_what_one_category_for_all():
    x = normal_rows(6, 3)
    term = RealCodes(codes={"digit": TEN}, information=0.5, balance=4.0)
    uniform = value(term, linear(np.zeros((3, 10))), x)
    np.testing.assert_allclose(uniform, 0.5 * np.log(10), rtol=1e-5)
    first = 100.0 * tf.one_hot([0], 10)
    one = Reader(lambda x: first + tf.matmul(x, tf.zeros((3, 10))))
    np.testing.assert_allclose(value(term, one, x), 0.5 * 4 * np.log(10), rtol=1e-5)


def test_the_change_is_the_worst_one_of_its_length():
    """For two categories and linear logits: along the difference of both rows of weights."""
    weights, x = normal_rows(3, 4, seed=1), normal_rows(5, 3)
    term = RealCodes(codes={"kind": PAIR}, radius=0.3)
    change = term.change(linear(weights), {"x": tf.constant(x)}, FixedDraws(5)).numpy()
    distances = np.linalg.norm(x[:, None] - x, axis=2) + 1e9 * np.eye(5)
    length = np.linalg.norm(change, axis=1)
    np.testing.assert_allclose(length, 0.3 * distances.min(axis=1), rtol=1e-4)
    worst = (weights[:, 0] - weights[:, 1]) / np.linalg.norm(weights[:, 0] - weights[:, 1])
    np.testing.assert_allclose(np.abs(change @ worst), length, rtol=1e-4)


def test_its_loss_is_that_of_the_paper():
    weights, x = normal_rows(3, 4, seed=1), normal_rows(5, 3)
    term = RealCodes(codes={"kind": PAIR}, information=0.2, balance=3.0)
    reader = linear(weights)
    moved = x + term.change(reader, {"x": tf.constant(x)}, FixedDraws(5)).numpy()

    def read(x):
        raw = np.exp((x @ weights)[:, :2])
        return raw / raw.sum(axis=1, keepdims=True)

    p, q = read(x), read(moved)
    divergence, each = np.sum(p * np.log(p / q), axis=1), -np.sum(p * np.log(p), axis=1)
    mean = p.mean(axis=0)
    expected = divergence + 0.2 * (each + 3 * (np.log(2) + np.sum(mean * np.log(mean))))
    np.testing.assert_allclose(value(term, reader, x), expected, rtol=1e-3, atol=1e-5)


def test_categories_become_the_groups_of_real_examples():
    """Two strips, each far longer than the gap between them: k-means would cut across both."""
    numbers = np.random.default_rng(0)
    group = np.arange(256) % 2
    x = np.stack([numbers.uniform(-3, 3, 256), 2 * group - 1 + 0.1 * numbers.normal(size=256)], 1)
    x = tf.constant(x, tf.float32)
    keras.utils.set_random_seed(1)
    network = keras.Sequential([keras.layers.Dense(64, "relu"), keras.layers.Dense(2)])
    network.build((None, 2))
    term = RealCodes(codes={"kind": Categorical(categories=(2,), continuous=0)}, radius=12.0)
    optimizer = keras.optimizers.Adam(3e-3)

    @tf.function
    def step(seed):
        calls = iter(range(2))

        def draw(*shape):
            return tf.random.stateless_uniform((256, *shape), [seed, next(calls)])

        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(term.per_example(Reader(network), {"x": x}, {}, draw))
        variables = network.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

    for seed in tf.range(400):
        step(seed)
    found = np.argmax(network(x), axis=1)
    right = np.mean(found == group)
    assert max(right, 1 - right) > 0.98


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"needs a code that is categorical.*style \(uniform\)"):
        RealCodes(codes={"style": Uniform(size=2)})
    for name in ("information", "balance", "radius"):
        with pytest.raises(ValueError, match=f"`{name}` must be above 0. Received: 0"):
            RealCodes(**{name: 0.0})


def test_a_single_example_has_no_change():
    """It has no neighbour to say what is small."""
    term = RealCodes(codes={"kind": PAIR})
    change = term.change(
        linear(normal_rows(3, 4)), {"x": tf.constant(normal_rows(1, 3))}, FixedDraws(1)
    )
    np.testing.assert_allclose(change, 0, atol=1e-2)


def test_which_numbers_are_logits_of_categories():
    assert categories_of(PAIR) == (2,)
    assert categories_of(Uniform(size=2)) == ()
