"""The head of a generator of rows: its values, its gradient, its configuration, its replicas."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from case import numeric_gradient, relative_error

from ganapp.models.layers import BlockActivation
from ganapp.models.networks.mlp import mlp_generator

BLOCKS = (("tanh", 2), ("softmax", 2), ("softmax", 2), ("softmax", 3))


def test_each_part_by_hand():
    x = np.array([[0.5, -2.0, 0.0, np.log(3), 1.0, 1.0, 0.0, np.log(2), np.log(5)]], np.float32)
    found = BlockActivation(blocks=BLOCKS)(x)
    expected = [np.tanh(0.5), np.tanh(-2), 0.25, 0.75, 0.5, 0.5, 1 / 8, 2 / 8, 5 / 8]
    np.testing.assert_allclose(found, [expected], rtol=1e-6)
    alone = BlockActivation(blocks=(("softmax", 3),))(x[:, 6:])
    np.testing.assert_allclose(alone, [expected[6:]], rtol=1e-6)


def test_rows_do_not_mix():
    x = np.random.default_rng(0).normal(size=(5, 9)).astype(np.float32)
    layer = BlockActivation(blocks=BLOCKS)
    together = layer(x).numpy()
    np.testing.assert_allclose(together, np.concatenate([layer(row[None]) for row in x]), rtol=1e-6)
    np.testing.assert_allclose(together[:, 2:].sum(axis=1), 3, rtol=1e-6)


def test_gradient_against_finite_differences():
    draw = np.random.default_rng(1)
    variable, weights = tf.Variable(draw.normal(size=(2, 9))), draw.normal(size=(2, 9))
    layer = BlockActivation(blocks=BLOCKS, dtype="float64")

    def value():
        return tf.reduce_sum(weights * layer(variable))

    with tf.GradientTape() as tape:
        result = value()
    exact = tape.gradient(result, variable).numpy()
    assert relative_error([exact], [numeric_gradient(value, variable)]) < 1e-7


def test_a_generator_is_copied_with_its_head():
    generator = mlp_generator({"z": (3,)}, (9,), units=(4,), head=BLOCKS)
    copy = keras.models.clone_model(generator)
    assert copy.get_layer("head").blocks == BLOCKS
    again = BlockActivation.from_config(BlockActivation(blocks=[["tanh", 2]]).get_config())
    assert again.blocks == (("tanh", 2),)


@pytest.mark.parametrize(
    ("blocks", "words"),
    [((), "must name"), ((("relu", 2),), "must name"), ((("tanh", 8),), "as wide as .*9. Rec")],
)
def test_blocks_that_do_not_fit(blocks, words):
    with pytest.raises(ValueError, match=words):
        BlockActivation(blocks=blocks)(tf.zeros((1, 9)))
