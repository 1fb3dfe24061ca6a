"""The best generated examples of the global batch."""

import numpy as np
import pytest
import tensorflow as tf
from extension_case import STEP, normal_rows, on_two_replicas

from ganapp.training.schedules import Anneal
from ganapp.training.weightings import TopK


def weights(fraction, scores):
    return TopK(fraction=fraction).generator_weights(tf.constant(scores, tf.float32), STEP).numpy()


@pytest.mark.parametrize(
    ("fraction", "scores", "expected"),
    [
        (0.5, [3, 1, 4, 2], [2, 0, 2, 0]),
        (0.25, [3, 1, 4, 2], [0, 0, 4, 0]),
        (1.0, [3, 1, 4, 2], [1, 1, 1, 1]),
        (0.0, [3, 1, 4, 2], [0, 0, 4, 0]),  # one at least
        (0.5, [7, 7, 7, 7], [1, 1, 1, 1]),
        (0.5, [9, 7, 7, 7], [2, 2 / 3, 2 / 3, 2 / 3]),
        (0.75, [9, 7, 7, 7], [4 / 3, 8 / 9, 8 / 9, 8 / 9]),
        (0.75, [9, 8, 7, 6], [4 / 3, 4 / 3, 4 / 3, 0]),
    ],
)
def test_golden(fraction, scores, expected):
    np.testing.assert_allclose(weights(fraction, scores), expected, rtol=1e-6)


@pytest.mark.parametrize("shape", [(), (1,), (2, 2, 1)])
@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.77, 1.0])
def test_mean_one_and_a_dimension_for_each_of_the_scores(shape, fraction):
    scores = np.round(normal_rows(12, *shape), 0)  # with ties
    given = weights(fraction, scores)
    assert given.shape == (12, *(1 for _ in shape))
    assert given.mean() == pytest.approx(1, rel=1e-6)


def test_an_example_with_patches_is_judged_by_their_mean():
    scores = np.float32([[[9], [-9]], [[1], [2]]])  # means 0 and 1.5
    np.testing.assert_array_equal(weights(0.5, scores)[:, 0, 0], [0, 2])


def test_weights_do_not_spread_losses_over_the_batch():
    losses = tf.ones((4, 1)) * TopK().generator_weights(tf.constant([[3.0], [1], [4], [2]]), STEP)
    assert losses.shape == (4, 1)


def test_no_gradient_through_the_weights():
    scores = tf.Variable([[3.0], [1.0], [4.0], [2.0]])
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(-scores * TopK().generator_weights(scores, STEP))
    expected = [[-0.5], [0], [-0.5], [0]]
    np.testing.assert_allclose(tape.gradient(loss, scores), expected)


def test_the_fraction_may_fall_over_the_run():
    member = TopK(fraction=Anneal(start=1.0, end=0.5, shape="linear").over(10))
    scores = tf.constant([[4.0], [3.0], [2.0], [1.0]])
    counts = [
        int(np.count_nonzero(member.generator_weights(scores, tf.constant(step, tf.int64))))
        for step in (0, 5, 10, 20)
    ]
    assert counts == [4, 3, 2, 2]


@pytest.mark.parametrize("scores", [normal_rows(8, 1), np.round(normal_rows(8, 1, seed=2))])
def test_the_best_of_the_global_batch(two_replicas, scores):
    # Sorted, so that the best half of the whole is not the best half of each part.
    scores = np.sort(scores, axis=0)
    halves = on_two_replicas(two_replicas, lambda s: TopK().generator_weights(s, STEP), scores)
    np.testing.assert_allclose(np.concatenate(halves), weights(0.5, scores), rtol=1e-6)
    assert halves[0].sum() < halves[1].sum()
