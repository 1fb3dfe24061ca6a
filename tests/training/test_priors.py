"""Priors: moments, densities against scipy, and the geometry of interpolation."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from training.priors import PRIORS, Normal, Uniform

FACTS = {  # scipy's distribution of one coordinate
    "normal": scipy.stats.norm(),
    "uniform": scipy.stats.uniform(-1, 2),
}
SEED = tf.constant([3, 4])


@pytest.mark.parametrize("name", sorted(PRIORS))
def test_samples_follow_the_distribution(name):
    prior = PRIORS[name](size=3)
    samples = prior.sample(20_000, SEED)
    assert samples.shape == (20_000, 3)
    assert samples.dtype == tf.float32
    for column in samples.numpy().T:
        assert scipy.stats.kstest(column, FACTS[name].cdf).pvalue > 1e-3
    np.testing.assert_allclose(np.corrcoef(samples.numpy().T), np.eye(3), atol=0.03)


@pytest.mark.parametrize("name", sorted(PRIORS))
def test_samples_are_a_function_of_the_seed(name):
    prior = PRIORS[name](size=2)
    np.testing.assert_array_equal(prior.sample(9, SEED), prior.sample(9, SEED))
    np.testing.assert_array_equal(prior.sample(tf.constant(9), SEED), prior.sample(9, SEED))
    assert not np.isclose(prior.sample(9, SEED), prior.sample(9, SEED + 1)).any()


@pytest.mark.parametrize("name", sorted(PRIORS))
def test_log_density(name):
    latents = np.linspace(-0.9, 0.95, 12, dtype=np.float32).reshape(4, 3)
    expected = FACTS[name].logpdf(latents).sum(axis=1)
    np.testing.assert_allclose(PRIORS[name](size=3).log_density(latents), expected, rtol=1e-5)


def test_density_outside_the_cube_is_zero():
    assert Uniform(size=2).log_density(tf.constant([[0.0, 1.5]])).numpy() == [-np.inf]


@pytest.mark.parametrize("name", sorted(PRIORS))
def test_interpolation_meets_its_ends(name):
    prior = PRIORS[name](size=5)
    start, end = prior.sample(4, SEED), prior.sample(4, SEED + 1)
    np.testing.assert_allclose(prior.interpolate(start, end, 0.0), start, atol=1e-5)
    np.testing.assert_allclose(prior.interpolate(start, end, 1.0), end, atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(fraction=st.floats(0, 1), seed=st.integers(0, 1000))
def test_arc_keeps_length_and_plane(fraction, seed):
    prior = Normal(size=6)
    start, end = (prior.sample(3, tf.constant([seed, i])) for i in (0, 1))
    point = prior.interpolate(start, end, fraction).numpy()
    norms = [np.linalg.norm(z, axis=1) for z in (start, end)]
    expected = (1 - fraction) * norms[0] + fraction * norms[1]
    np.testing.assert_allclose(np.linalg.norm(point, axis=1), expected, rtol=1e-4)
    for a, b, p in zip(start.numpy(), end.numpy(), point, strict=True):
        whole = np.arccos(np.dot(a, b) / np.linalg.norm(a) / np.linalg.norm(b))
        part = np.arccos(np.clip(np.dot(a, p) / np.linalg.norm(a) / np.linalg.norm(p), -1, 1))
        assert part == pytest.approx(fraction * whole, abs=2e-3)  # equal angles in equal times


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_arc_between_parallel_latents_is_finite(sign):
    start = tf.constant([[1.0, 2.0], [0.0, 0.0]])
    point = Normal(size=2).interpolate(start, sign * start, 0.5)
    assert np.isfinite(point).all()
    if sign > 0:
        np.testing.assert_allclose(point, start, atol=1e-6)


def test_uniform_interpolation_is_straight():
    start, end = tf.constant([[0.0, 1.0]]), tf.constant([[1.0, -1.0]])
    np.testing.assert_allclose(Uniform(size=2).interpolate(start, end, 0.25), [[0.25, 0.5]])


@pytest.mark.parametrize("name", sorted(PRIORS))
def test_size_must_be_positive(name):
    with pytest.raises(ValueError, match=r"`size` must be at least 1. Received: size=0"):
        PRIORS[name](size=0)
