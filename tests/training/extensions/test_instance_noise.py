"""Normal numbers from uniform ones, and noise on what the discriminator sees."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
from extension_case import STEP, Numbers, always, normal_rows, script

from ganapp.training.augmentations import InstanceNoise
from ganapp.training.augmentations.base import box_start, normal, whole
from ganapp.training.schedules import Anneal


def test_normal_numbers_are_the_inverse_of_the_normal_law():
    uniform = np.linspace(0.001, 0.999, 997, dtype=np.float32)
    expected = scipy.stats.norm.ppf(uniform.astype(np.float64) + 2.0**-24)
    np.testing.assert_allclose(normal(tf.constant(uniform)), expected, atol=2e-5)


def test_normal_numbers_are_finite_and_symmetric_at_the_ends():
    ends = tf.constant([0.0, 1.0 - 2.0**-23, 1.0 - 2.0**-24, 1.0])
    numbers = normal(ends).numpy()
    assert numbers[0] == pytest.approx(scipy.stats.norm.ppf(2.0**-24), rel=1e-4)
    np.testing.assert_allclose(numbers[1:], -numbers[0], rtol=1e-4)


def test_normal_numbers_have_the_moments_of_the_law():
    numbers = normal(Numbers(100_000)()).numpy().astype(np.float64)
    assert abs(numbers.mean()) < 4 / np.sqrt(1e5)
    assert abs(numbers.var() - 1) < 4 * np.sqrt(2 / 1e5)
    assert abs((numbers**4).mean() - 3) < 4 * np.sqrt(96 / 1e5)


def test_whole_numbers_are_equally_likely_and_below_the_count():
    counts = np.bincount(whole(Numbers(70_000)(), 7), minlength=7)
    assert scipy.stats.chisquare(counts).pvalue > 1e-3
    largest = tf.constant([1.0 - 2.0**-24])
    for count in range(1, 300):
        assert int(whole(largest, count)[0]) == count - 1


@pytest.mark.parametrize(("size", "box"), [(8, 4), (8, 3), (5, 2), (5, 5)])
def test_the_middle_of_a_box_lies_anywhere(size, box):
    first = box_start(tf.constant([0.0, 1.0 - 2.0**-24]), size, box).numpy()
    middle = first + (box - 1) / 2
    margin = 0.5 if box % 2 == 0 else 0.0
    np.testing.assert_array_equal(middle, [-margin, size - 1 + margin])


def test_noise_is_added():
    examples, uniform = normal_rows(4, 2), np.random.default_rng(1).random((4, 2))
    noisy = InstanceNoise(sigma=0.5).augment(examples, script(uniform), STEP, None)
    expected = examples + 0.5 * scipy.stats.norm.ppf(uniform)
    np.testing.assert_allclose(noisy, expected, atol=1e-5)


def test_noise_of_each_call_is_another():
    draw, examples = Numbers(4), tf.zeros((4, 3))
    member = InstanceNoise()
    first, second = (member.augment(examples, draw, STEP, None).numpy() for _ in range(2))
    assert not np.isclose(first, second).any()


def test_noise_dies_out_over_the_run():
    member = InstanceNoise(sigma=Anneal(start=0.1, end=0.0, shape="linear").over(10))
    examples, draw = tf.zeros((1, 2)), always(scipy.stats.norm.cdf(1.0), 1)
    for step in (0, 5, 10, 11):
        step = tf.constant(step, tf.int64)
        sigma = 0.1 * max(1 - int(step) / 10, 0)
        noisy = member.augment(examples, draw, step, None)
        np.testing.assert_allclose(noisy, np.full((1, 2), sigma), atol=1e-6)
        np.testing.assert_allclose(member.logs(step, None)["sigma"], sigma, atol=1e-6)
