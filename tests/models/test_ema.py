"""The averaged generator: closed forms of its decay, and everything it covers."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from case import BATCH, mlp_networks, tiny_gan, train, weights

from ganapp.models.ema import copy_network, decay_at, update_average


def decay(step, batch_size=10, half_life=100.0, warm_up=0.0):
    return float(decay_at(tf.constant(step, tf.int64), tf.constant(batch_size), half_life, warm_up))


def test_half_life():
    """After `half_life` examples the first value's share has halved, however batched."""
    assert decay(0) ** 10 == pytest.approx(0.5, rel=1e-5)
    assert decay(0, batch_size=50) ** 2 == pytest.approx(0.5, rel=1e-5)
    assert decay(12345) == decay(0)


def test_warm_up():
    """The half-life is a fraction of the examples seen until it reaches its value."""
    seen = 10 * 20
    assert decay(19, warm_up=0.05) == pytest.approx(0.5 ** (10 / (0.05 * seen)), rel=1e-5)
    assert decay(199, warm_up=0.05) == pytest.approx(decay(0), rel=1e-5)  # .05 * 2000 = 100
    assert decay(198, warm_up=0.05) < decay(0)
    assert decay(10**6, warm_up=0.05) == pytest.approx(decay(0), rel=1e-6)


def test_average_moves_all_variables():
    network = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(2), keras.layers.BatchNormalization()]
    )
    average = copy_network(network)
    for variable in network.variables:
        variable.assign(np.full(variable.shape, 4.0))
    for variable in average.variables:
        variable.assign(np.full(variable.shape, 2.0))
    update_average(average, network, tf.constant(0.75))
    assert len(average.variables) == 6  # moving mean and variance too
    for variable in average.variables:
        np.testing.assert_allclose(variable.numpy(), 2.5)
    for variable in network.variables:
        np.testing.assert_array_equal(variable.numpy(), 4.0)


@pytest.mark.parametrize("warm_up", [0.0, 0.05])
def test_training_follows_the_closed_form(warm_up):
    """Three steps: the average is the recursion over the generator's weights after each."""
    gan = tiny_gan(ema_half_life=50.0)
    gan.ema_warm_up = warm_up
    expected = weights(gan)["generator"]
    for step in range(3):
        train(gan, 1)
        share = decay(step, BATCH, 50.0, warm_up)
        now = weights(gan)["generator"]
        expected = [share * e + (1 - share) * n for e, n in zip(expected, now, strict=True)]
    for actual, value in zip(weights(gan)["ema_generator"], expected, strict=True):
        np.testing.assert_allclose(actual, value, rtol=1e-5, atol=1e-7)


def test_moving_statistics_are_averaged():
    gan = tiny_gan(networks=lambda: mlp_networks(normalisation="batch"))
    before = weights(gan)["ema_generator"]
    train(gan, 2)
    moved = [
        not np.array_equal(a, b) for a, b in zip(before, weights(gan)["ema_generator"], strict=True)
    ]
    named = dict(zip([v.path for v in gan.generator.variables], moved, strict=True))
    assert [name for name in named if "moving" in name]
    assert all(changed for name, changed in named.items() if "moving" in name)


def test_without_average_the_generator_itself_is_sampled():
    gan = tiny_gan(ema_half_life=None)
    assert gan.ema_generator is gan.generator
    train(gan, 1)
    np.testing.assert_array_equal(gan.generate(3), gan.generate(3, ema=False))


class Scaled(keras.layers.Layer):
    """A layer that no registry of Keras knows."""

    def call(self, inputs):
        return 2.0 * inputs


class Subclassed(keras.Model):
    """A functional graph in a subclass with a complete configuration."""

    def __init__(self, width, **options):
        z = keras.Input((3,))
        super().__init__(z, keras.layers.Dense(width)(z), **options)
        self.width = width

    def get_config(self):
        return {"width": self.width, "name": self.name}


class Opaque(keras.Model):
    """A network that does not say how it was made."""

    def __init__(self, layers):
        super().__init__()
        self.stack = layers

    def call(self, inputs):
        return self.stack[0](inputs)


def of_functions():
    """Functions of every kind, also within a network; a lambda needs this file's names."""
    doubled = keras.layers.Lambda(lambda z: FACTOR * z)
    inner = keras.Sequential([keras.Input((3,)), keras.layers.Lambda(tf.sin), doubled])
    z = keras.Input((3,))
    return keras.Model(z, keras.layers.Dense(2)(inner(z)))


FACTOR = 2.0


def functional():
    z = keras.Input((3,))
    return keras.Model(z, Scaled()(keras.layers.Dense(2)(z)))


@pytest.mark.parametrize(
    "make",
    [
        functional,
        lambda: keras.Sequential([keras.Input((3,)), Scaled()]),
        lambda: Subclassed(2),
        of_functions,
    ],
    ids=["functional", "sequential", "subclass", "lambda"],
)
def test_copy_is_equal_and_separate(make):
    network = make()
    copy = copy_network(network)
    z = np.ones((2, 3), np.float32)
    np.testing.assert_array_equal(copy(z), network(z))
    assert not {id(v) for v in copy.variables} & {id(v) for v in network.variables}
    assert copy.trainable_variables == []


def test_a_network_that_cannot_be_copied_is_refused():
    network = Opaque([keras.layers.Dense(2)])
    network(np.zeros((1, 3)))
    with pytest.raises(ValueError, match="pass `ema_half_life=None`"):
        copy_network(network)
