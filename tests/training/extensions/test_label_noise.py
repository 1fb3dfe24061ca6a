"""Swapped scores."""

import numpy as np
import pytest
import tensorflow as tf
from extension_case import STEP, Numbers, normal_rows, script

from ganapp.training.schedules import Anneal
from ganapp.training.weightings import LabelNoise


def test_pairs_below_the_probability_are_swapped():
    real, fake = tf.constant([[1.0], [2], [3]]), tf.constant([[-1.0], [-2], [-3]])
    draw = script([0.1, 0.3, 0.29])
    told = LabelNoise(probability=0.3).discriminator_scores(real, fake, draw, STEP)
    np.testing.assert_array_equal(told[0], [[-1], [2], [-3]])
    np.testing.assert_array_equal(told[1], [[1], [-2], [3]])


@pytest.mark.parametrize("shape", [(), (1,), (2, 2, 1)])
def test_all_scores_of_an_example_go_together(shape):
    real, fake = normal_rows(64, *shape), normal_rows(64, *shape, seed=1)
    scores = tf.constant(real), tf.constant(fake)
    told = LabelNoise(probability=0.5).discriminator_scores(*scores, Numbers(64), STEP)
    swapped = 0
    for row in range(64):
        pair = (real[row], fake[row])
        given = (told[0][row].numpy(), told[1][row].numpy())
        exchanged = np.array_equal(given, pair[::-1])
        assert exchanged or np.array_equal(given, pair)
        swapped += exchanged
    assert 16 < swapped < 48


def test_the_share_of_swaps_is_the_probability():
    ones = tf.ones((20_000, 1))
    told = LabelNoise(probability=0.2).discriminator_scores(ones, -ones, Numbers(20_000), STEP)
    share = (1 - float(tf.reduce_mean(told[0]))) / 2
    assert abs(share - 0.2) < 4 * np.sqrt(0.2 * 0.8 / 20_000)


def test_probability_zero_swaps_nothing():
    real, fake = tf.constant(normal_rows(3, 1)), tf.constant(normal_rows(3, 1, seed=1))
    told = LabelNoise(probability=0.0).discriminator_scores(real, fake, script([0, 0, 0]), STEP)
    np.testing.assert_array_equal(told[0], real)
    np.testing.assert_array_equal(told[1], fake)


def test_gradients_follow_the_scores():
    real, fake = tf.Variable([[1.0], [2.0]]), tf.Variable([[-1.0], [-2.0]])
    with tf.GradientTape() as tape:
        told = LabelNoise(probability=0.5).discriminator_scores(real, fake, script([0, 0.9]), STEP)
        loss = tf.reduce_sum(told[0]) + 10 * tf.reduce_sum(told[1])
    gradients = tape.gradient(loss, [real, fake])
    np.testing.assert_array_equal(gradients[0], [[10], [1]])
    np.testing.assert_array_equal(gradients[1], [[1], [10]])


def test_the_probability_may_be_annealed():
    member = LabelNoise(probability=Anneal(start=0.5, end=0.0, shape="linear").over(4))
    logged = [float(member.logs(tf.constant(s, tf.int64), None)["probability"]) for s in (0, 2, 4)]
    np.testing.assert_allclose(logged, [0.5, 0.25, 0.0])
