"""The estimated density against known ones, and its own statement of how wrong it is."""

import numpy as np
import pytest
from density_case import density_error
from scipy.stats import multivariate_normal

from ganapp.training.data.densities import grid, ring
from ganapp.training.diagnostics.divergences import regular_cells
from ganapp.training.diagnostics.optimal_discriminator import KernelDensity
from ganapp.training.evaluation.checks import NotComputable


def draws(mixture, count, seed):
    random = np.random.default_rng(seed)
    centres = mixture.centres[random.integers(len(mixture.centres), size=count)]
    return centres + mixture.sigma * random.normal(size=(count, 2))


def test_is_the_mean_of_its_gaussians():
    """By hand: with all factors known, at points near and far."""
    samples = np.random.default_rng(0).normal(size=(30, 2)) * [2.0, 0.5]
    estimate = KernelDensity(samples, bandwidth=0.4)
    points = np.array([[0.0, 0.0], [3.0, -1.0], [30.0, 0.0]])
    widths = estimate._widths
    expected = np.mean(
        [
            multivariate_normal.pdf(points, sample, np.diag((width * estimate.scale) ** 2))
            for sample, width in zip(samples, widths, strict=True)
        ],
        axis=0,
    )
    np.testing.assert_allclose(estimate(points)[:2], np.log(expected[:2]), rtol=1e-9)
    assert estimate(points)[2] < -50  # far away it is small, never log 0
    assert np.isfinite(estimate(points)).all()
    # Wider where samples are rare: Abramson's law says with the root of the density.
    assert widths[np.abs(samples[:, 0]).argmax()] > widths[np.abs(samples).sum(1).argmin()]


def test_integrates_to_one():
    estimate = KernelDensity(draws(grid(side=2, spacing=1.0, sigma=0.1).modes, 300, 0))
    cells = regular_cells((-1.5, -1.5), (1.5, 1.5), (150, 150))
    assert np.exp(estimate(cells.points)) @ cells.areas == pytest.approx(1, abs=1e-4)


def test_error_on_a_gaussian_is_small_and_falls_with_samples():
    density = multivariate_normal([0, 0], np.eye(2)).logpdf
    random = np.random.default_rng(2)
    fresh = random.normal(size=(2000, 2))
    errors = [density_error(density, random.normal(size=(n, 2)), fresh) for n in (200, 3000)]
    assert errors[1].kl < 0.02
    assert errors[1].absolute < 0.15
    assert errors[1].discriminator < 0.04
    for name in ("kl", "absolute", "discriminator"):
        assert getattr(errors[1], name) < 0.6 * getattr(errors[0], name)


def test_a_ring_with_stray_samples_is_as_good_as_one_without():
    """Twenty times narrower modes than the spread, and the reason for adaptive widths."""
    mixture = ring().modes
    samples, fresh = draws(mixture, 1500, 3), draws(mixture, 800, 4)
    clean = density_error(mixture.log_density, samples, fresh)
    assert clean.discriminator < 0.07
    angle, share = np.random.default_rng(5).uniform(0, 2 * np.pi, 75), 0.05
    samples[:75] = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    samples[:75] += 0.02 * np.random.default_rng(6).normal(size=(75, 2))

    def mostly(points):
        return mixture.log_density(points) + np.log(1 - share)

    stray = density_error(mostly, samples, fresh)
    assert stray.discriminator < 0.08


def test_draws_and_second_estimates_follow_the_first():
    mixture = ring(sigma=0.1).modes
    first = KernelDensity(draws(mixture, 800, 7))
    fresh = first.sample(20_000, seed=8)
    np.testing.assert_allclose(fresh.mean(0), first.samples.mean(0), atol=0.03)
    np.testing.assert_allclose(np.cov(fresh.T), np.cov(first.samples.T), atol=0.03)
    np.testing.assert_array_equal(first.sample(5, seed=1), first.sample(5, seed=1))
    second = first.refit(seed=9)
    assert len(second.samples) == 800
    points = draws(mixture, 500, 10)
    bootstrap = np.abs(second(points) - first(points)).mean()
    actual = np.abs(first(points) - mixture.log_density(points)).mean()
    assert 0.5 * actual < bootstrap < 2 * actual  # it foretells the error it cannot see


def test_many_samples_choose_their_width_by_some():
    points = np.random.default_rng(11).normal(size=(4000, 2))
    few, many = KernelDensity(points[:500]), KernelDensity(points)
    assert many.bandwidth == pytest.approx(few.bandwidth * 8 ** (-1 / 6), rel=0.2)
    expected = multivariate_normal([0, 0], np.eye(2)).logpdf(points[:500])
    assert np.abs(many(points[:500]) - expected).mean() < 0.15


def test_a_line_has_a_density_too():
    samples = np.random.default_rng(12).normal(2.0, 3.0, size=(500, 1))
    cells = regular_cells(-20.0, 24.0, 400)
    assert np.exp(KernelDensity(samples)(cells.points)) @ cells.areas == pytest.approx(1, abs=1e-3)


def test_collapsed_and_broken_samples():
    with pytest.raises(NotComputable, match="differ along every axis"):
        KernelDensity(np.ones((100, 2)))
    with pytest.raises(NotComputable, match="at least 20 samples"):
        KernelDensity(np.zeros((5, 2)))
    with pytest.raises(ValueError, match="`bandwidth` must be above 0"):
        KernelDensity(np.random.default_rng(0).normal(size=(30, 2)), bandwidth=0.0)
    with pytest.raises(ValueError, match="same number of features"):
        KernelDensity(np.random.default_rng(0).normal(size=(30, 2)))(np.zeros((4, 3)))
    # Two points only, each many times: as narrow as allowed, and finite everywhere.
    two = np.repeat([[0.0, 0.0], [1.0, 1.0]], 30, axis=0)
    estimate = KernelDensity(two)
    assert estimate.bandwidth < 2e-4
    assert np.isfinite(estimate(np.array([[0.5, 0.5], [0.0, 0.0]]))).all()
