"""Stateless noise: what is drawn depends on (seed, stream, step, index) and nothing else."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from ganapp.models.noise import DRAWS_PER_STEP, Stream, replica_slice, stateless_seed


def draw(seed):
    return lambda count: tf.random.stateless_normal((count, 2), seed)


def per_replica(strategy, function):
    """Results of `function()` on every replica, in order."""
    result = tf.function(lambda: strategy.run(function))()
    return [value.numpy() for value in strategy.experimental_local_results(result)]


def test_slices_of_two_replicas_are_the_global_draw(two_replicas):
    seed = stateless_seed(3, Stream.GENERATOR, 11)
    slices = per_replica(two_replicas, lambda: replica_slice(draw(seed), 5))
    np.testing.assert_array_equal(np.concatenate(slices), draw(seed)(10))
    assert not np.isclose(slices[0], slices[1]).any()
    np.testing.assert_array_equal(replica_slice(draw(seed), 10), draw(seed)(10))  # one device


def test_slices_of_an_unknown_number_of_rows(two_replicas):
    seed = stateless_seed(3, Stream.GENERATOR, 11)
    slices = per_replica(
        two_replicas, lambda: replica_slice(draw(seed), tf.shape(tf.zeros((3, 1)))[0])
    )
    np.testing.assert_array_equal(np.concatenate(slices), draw(seed)(6))


def test_seeds_are_distinct():
    """Streams, steps, indices and neighbouring run seeds never share a draw."""
    steps = [0, 1, 2, 10**6]
    indices = [0, 1, DRAWS_PER_STEP - 1]
    keys = [
        tuple(stateless_seed(seed, stream, step, index).numpy())
        for seed, stream, step, index in itertools.product(range(3), Stream, steps, indices)
    ]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("other", ["seed", "stream", "step", "index"])
def test_draws_are_independent(other):
    base = {"seed": 1, "stream": Stream.DISCRIMINATOR_TERMS, "step": 5, "index": 2}
    changed = base | {other: Stream.TEST if other == "stream" else base[other] + 1}
    a, b = (
        draw(stateless_seed(**arguments))(2000).numpy().ravel() for arguments in (base, changed)
    )
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.08  # five standard errors
    np.testing.assert_array_equal(a, draw(stateless_seed(**base))(2000).numpy().ravel())


def test_step_may_be_a_tensor_and_a_seed_large():
    as_tensor = stateless_seed(2**40, Stream.TEST, tf.constant(7, tf.int64), 3)
    np.testing.assert_array_equal(as_tensor, stateless_seed(2**40, Stream.TEST, 7, 3))
    assert as_tensor.dtype == tf.int64
