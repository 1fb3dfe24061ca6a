"""Distances from the historical average, by way of a sketch."""

import numpy as np
import pytest
import tensorflow as tf
from case import historical_distances

from ganapp.training.diagnostics.alarms import SUMS, WeightHistory, sketch


@pytest.mark.parametrize("seed", range(5))
def test_a_sketch_is_linear_and_keeps_distances(seed):
    random = np.random.default_rng(seed)
    first, second = ([random.normal(size=s) for s in ((300, 40), (40,), ())] for _ in range(2))
    difference = [a - b for a, b in zip(first, second, strict=True)]
    np.testing.assert_allclose(sketch(first) - sketch(second), sketch(difference), atol=1e-9)
    true = np.sqrt(sum(np.sum(part**2) for part in difference))
    # The estimate's standard error is 1 / sqrt(2 * 1024) of the distance.
    assert np.linalg.norm(sketch(difference)) == pytest.approx(true, rel=4 / np.sqrt(2 * SUMS))


def test_one_weight_is_kept_exactly():
    assert np.linalg.norm(sketch([np.array([-3.0])])) == 3.0


def test_the_distances_are_those_from_the_running_mean():
    random = np.random.default_rng(0)
    path = np.cumsum(random.normal(size=(30, 5000)), axis=0).astype(np.float32)
    variable = tf.Variable(path[0])
    history = WeightHistory([variable])
    found = []
    for weights in path:
        variable.assign(weights)
        found.append(history.record())
    np.testing.assert_allclose(found, historical_distances(path), rtol=0.1, atol=1e-6)
    assert found[0] == 0


def test_a_restored_history_goes_on_as_if_it_had_never_stopped():
    variable = tf.Variable(tf.zeros(4))
    unbroken = WeightHistory([variable])
    for value in (0.0, 1.0, 2.0):
        variable.assign(tf.fill(4, value))
        unbroken.record()
    restored = WeightHistory([variable])
    for mine, theirs in zip(restored.state, unbroken.state, strict=True):
        mine.assign(theirs)
    variable.assign(tf.fill(4, 9.0))
    assert restored.record() == unbroken.record() > 0
