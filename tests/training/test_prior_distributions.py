"""Draws and densities of the priors against scipy and closed forms."""

import itertools

import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf
from prior_case import CASES, SEED

from ganapp.training.priors import (
    Bernoulli,
    Categorical,
    GaussianMixture,
    Sphere,
    TruncatedNormal,
    Uniform,
)
from ganapp.training.priors.mixture import mixture_means

MANY = 20_000
COORDINATES = {  # scipy's distribution of one coordinate
    "normal": scipy.stats.norm(),
    "truncated_normal": scipy.stats.truncnorm(-1.5, 1.5),
    "uniform": scipy.stats.uniform(-1, 2),
    # Archimedes: a coordinate of the sphere in three dimensions is uniform.
    "sphere": scipy.stats.uniform(-np.sqrt(3), 2 * np.sqrt(3)),
}


@pytest.mark.parametrize("name", sorted(COORDINATES))
def test_coordinates_follow_their_distribution(name):
    samples = CASES[name].sample(MANY, SEED).numpy()
    for column in samples.T:
        assert scipy.stats.kstest(column, COORDINATES[name].cdf).pvalue > 1e-3
    np.testing.assert_allclose(np.corrcoef(samples.T), np.eye(3), atol=0.03)


@pytest.mark.parametrize("name", ["normal", "truncated_normal", "uniform"])
def test_density_of_independent_coordinates(name):
    latents = np.linspace(-0.9, 0.95, 12, dtype=np.float32).reshape(4, 3)
    expected = COORDINATES[name].logpdf(latents).sum(axis=1)
    np.testing.assert_allclose(CASES[name].log_density(latents), expected, rtol=1e-5)


def test_density_outside_is_zero():
    for prior, latent in (
        (Uniform(size=2), [0.0, 1.5]),
        (TruncatedNormal(size=2, bound=1.5), [0.0, -1.6]),
        (Sphere(size=2), [1.0, 1.1]),
        (Bernoulli(size=2), [0.0, 0.5]),
        (Categorical(categories=(2,), continuous=0), [1.0, 1.0]),
        (Categorical(categories=(2,), continuous=0), [0.0, 0.0]),
        (Categorical(categories=(2,), continuous=0), [0.5, 0.5]),
        (Categorical(categories=(2,), continuous=1), [1.0, 0.0, 1.5]),
    ):
        assert prior.log_density(tf.constant([latent])).numpy() == [-np.inf], prior


@pytest.mark.parametrize("bound", [0.01, 0.5, 2.0, 8.0])
def test_truncated_normal_at_any_bound(bound):
    prior = TruncatedNormal(size=1, bound=bound)
    samples = prior.sample(MANY, SEED).numpy()[:, 0]
    expected = scipy.stats.truncnorm(-bound, bound)
    assert np.abs(samples).max() <= bound
    assert scipy.stats.kstest(samples, expected.cdf).pvalue > 1e-3
    places = np.linspace(-bound, bound, 9, dtype=np.float32)[1:-1, None]
    np.testing.assert_allclose(prior.log_density(places), expected.logpdf(places[:, 0]), rtol=1e-4)


@pytest.mark.parametrize("size", [2, 3, 4, 64])
def test_sphere(size):
    samples = Sphere(size=size).sample(MANY, SEED).numpy().astype(np.float64)
    np.testing.assert_allclose(np.linalg.norm(samples, axis=1), np.sqrt(size), rtol=1e-5)
    half = (size - 1) / 2  # the square root of the area's share below a height is a beta law
    heights = (samples[:, 0] / np.sqrt(size) + 1) / 2
    assert scipy.stats.kstest(heights, scipy.stats.beta(half, half).cdf).pvalue > 1e-3
    np.testing.assert_allclose(samples.mean(axis=0), 0, atol=4 * MANY**-0.5)
    unit_area = 2 * np.pi ** (size / 2) / scipy.special.gamma(size / 2)
    expected = -np.log(unit_area) - half * np.log(size)
    density = Sphere(size=size).log_density(samples[:3].astype(np.float32))
    np.testing.assert_allclose(density, [expected] * 3, rtol=1e-5)


def test_area_of_the_circle_and_of_the_ball():
    """2 pi r and 4 pi r^2, at the radii sqrt(2) and sqrt(3)."""
    for size, area in ((2, 2 * np.pi * np.sqrt(2)), (3, 12 * np.pi)):
        latents = tf.ones((1, size))
        np.testing.assert_allclose(Sphere(size=size).log_density(latents), -np.log(area), rtol=1e-6)


def test_mixture_follows_its_density():
    prior = CASES["gaussian_mixture"]
    samples = prior.sample(MANY, SEED).numpy()
    for axis, column in enumerate(samples.T):
        marginal = [scipy.stats.norm(mean, 0.5) for mean in prior.means[:, axis]]
        below = lambda x, m=marginal: np.mean([part.cdf(x) for part in m], axis=0)  # noqa: E731
        assert scipy.stats.kstest(column, below).pvalue > 1e-3
    parts = [scipy.stats.multivariate_normal(mean, 0.25) for mean in prior.means]
    expected = np.log(np.mean([part.pdf(samples[:50]) for part in parts], axis=0))
    np.testing.assert_allclose(prior.log_density(samples[:50]), expected, rtol=1e-4)


def test_components_are_equally_likely_and_round():
    prior = GaussianMixture(size=3, components=4, radius=50.0, sigma=0.5, seed=1)
    samples = prior.sample(MANY, SEED).numpy()
    nearest = np.argmin(np.linalg.norm(samples[:, None] - prior.means, axis=-1), axis=1)
    counts = np.bincount(nearest, minlength=4)
    assert scipy.stats.chisquare(counts).pvalue > 1e-3
    residuals = samples - prior.means[nearest]
    assert scipy.stats.kstest(residuals.ravel() / 0.5, "norm").pvalue > 1e-3
    np.testing.assert_array_equal(prior.centre(samples), prior.means[nearest])


def test_mixture_density_far_from_every_mean_is_finite():
    density = CASES["gaussian_mixture"].log_density(tf.fill((1, 3), 100.0)).numpy()
    assert np.isfinite(density)
    assert density < -1e4


@pytest.mark.parametrize("size", [1, 2, 64])
def test_means_are_fixed_and_of_the_radius(size):
    means = mixture_means(5000, size, 4.0, 0)
    assert np.sqrt(np.mean(np.sum(means**2, axis=1))) == pytest.approx(4.0, rel=0.03)
    np.testing.assert_allclose(means.mean(axis=0), 0, atol=0.4)
    assert np.mean(mixture_means(5000, size, 4.0, 1) != means) > 0.99  # of another seed


def test_means_are_the_same_for_ever():
    """They are part of a run's identity: another version must not move them."""
    golden = np.array([[1.764052, 0.400157], [0.978738, 2.240893], [1.867558, -0.977278]])
    np.testing.assert_allclose(mixture_means(3, 2, 4.0, 0), golden * 4 / np.sqrt(2), rtol=2e-6)


def test_bernoulli():
    prior = CASES["bernoulli"]
    samples = prior.sample(MANY, SEED).numpy()
    assert set(np.unique(samples)) == {0.0, 1.0}
    np.testing.assert_allclose(samples.mean(axis=0), 0.3, atol=4 * np.sqrt(0.21 / MANY))
    np.testing.assert_allclose(np.corrcoef(samples.T), np.eye(6), atol=0.03)
    every = np.array(list(itertools.product([0, 1], repeat=6)), np.float32)
    expected = scipy.stats.bernoulli(0.3).logpmf(every).sum(axis=1)
    np.testing.assert_allclose(prior.log_density(every), expected, rtol=1e-5)
    assert np.exp(expected).sum() == pytest.approx(1.0)


@pytest.mark.parametrize("name", ["categorical", "categorical with a normal", "categorical alone"])
def test_codes_are_one_hot_uniform_and_independent(name):
    prior = CASES[name]
    *codes, rest = (part.numpy() for part in prior.split(prior.sample(MANY, SEED)))
    assert [code.shape[1] for code in codes] == list(prior.categories)
    for code in codes:
        np.testing.assert_array_equal(code.sum(axis=1), 1)
        assert set(np.unique(code)) == {0.0, 1.0}
    chosen = np.ravel_multi_index([code.argmax(axis=1) for code in codes], prior.categories)
    counts = np.bincount(chosen, minlength=np.prod(prior.categories))
    assert scipy.stats.chisquare(counts).pvalue > 1e-3  # all combinations equally likely
    law = {"uniform": scipy.stats.uniform(-1, 2), "normal": scipy.stats.norm()}[prior.distribution]
    assert rest.shape[1] == prior.continuous
    for column in rest.T:
        assert scipy.stats.kstest(column, law.cdf).pvalue > 1e-3
        groups = [column[chosen == value] for value in np.unique(chosen)]
        assert scipy.stats.kruskal(*groups).pvalue > 1e-3  # whatever the codes say


@pytest.mark.parametrize("name", ["categorical", "categorical with a normal", "categorical alone"])
def test_density_of_structured_latents(name):
    prior = CASES[name]
    latents = prior.sample(8, SEED)
    law = {"uniform": scipy.stats.uniform(-1, 2), "normal": scipy.stats.norm()}[prior.distribution]
    rest = prior.split(latents)[-1].numpy()
    expected = law.logpdf(rest).sum(axis=1) - np.log(np.prod(prior.categories))
    np.testing.assert_allclose(prior.log_density(latents), expected, rtol=1e-5)


def test_size_follows_from_the_codes():
    assert Categorical().size == 74  # the paper's: a digit, two codes, 62 of noise
    assert Categorical(categories=(3, 4), continuous=5).size == 12


def test_learnable_mixture_draws_components_and_noise():
    prior = CASES["learnable_mixture"]
    samples = prior.sample(MANY, SEED).numpy()
    assert prior.size == 5
    assert scipy.stats.chisquare(samples[:, :3].sum(axis=0)).pvalue > 1e-3
    assert scipy.stats.kstest(samples[:, 3:].ravel(), "norm").pvalue > 1e-3
    expected = scipy.stats.norm.logpdf(samples[:5, 3:]).sum(axis=1) - np.log(3)
    np.testing.assert_allclose(prior.log_density(samples[:5]), expected, rtol=1e-5)
