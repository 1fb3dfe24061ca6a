"""Noise without TensorFlow is TensorFlow's, bit for bit."""

import numpy as np
import pytest
import tensorflow as tf

from ganapp.export.server.servable import SAMPLE_STREAM, uniform

SEEDS = (0, 1, -1, 20_001, 2**31 - 1, -(2**31), 2**40 + 3, -(2**50) - 1)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("count", "size"), [(1, 1), (3, 5), (16, 65), (64, 4), (257, 3)])
def test_same_bits_as_tensorflow(count, size, seed):
    seeds = tf.constant([SAMPLE_STREAM, seed], tf.int64 if abs(seed) > 2**31 else tf.int32)
    expected = tf.random.stateless_uniform((count, size), seeds, alg="philox")
    actual = uniform(count, size, seed)
    assert actual.dtype == np.float32
    np.testing.assert_array_equal(actual, expected)


def test_first_rows_do_not_depend_on_the_count():
    np.testing.assert_array_equal(uniform(100, 7, 3)[:9], uniform(9, 7, 3))
    assert uniform(0, 7, 3).shape == (0, 7)
    assert not np.array_equal(uniform(9, 7, 3), uniform(9, 7, 4))
