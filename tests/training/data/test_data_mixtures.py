"""Ring and grid: where the modes are, and the density they are drawn from."""

import numpy as np
import pytest
import scipy.integrate
import scipy.stats

from ganapp.training.data.densities import Mixture, grid, ring

SOURCES = {"ring": ring, "grid": grid}


def test_ring_has_eight_distinct_modes():
    centres = ring().modes.centres
    expected = [(np.cos(2 * np.pi * k / 8), np.sin(2 * np.pi * k / 8)) for k in range(8)]
    np.testing.assert_allclose(centres, expected, atol=1e-12)
    assert len({tuple(c) for c in centres.round(6)}) == 8
    assert ring().modes.sigma == 0.01


def test_grid_has_twenty_five_modes():
    expected = {(x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)}
    assert {tuple(c) for c in grid().modes.centres} == expected
    assert grid().modes.sigma == 0.05


@pytest.mark.parametrize("kind", SOURCES)
def test_samples_are_what_the_paper_draws(kind):
    source = SOURCES[kind]()
    points, labels = source.training_examples()
    mixture = source.modes
    offsets = (points - mixture.centres[labels]) / mixture.sigma
    assert scipy.stats.kstest(offsets.ravel(), "norm").pvalue > 1e-3
    counts = np.bincount(labels, minlength=len(mixture.centres))
    assert scipy.stats.chisquare(counts).pvalue > 1e-3
    assert abs(np.corrcoef(offsets.T)[0, 1]) < 0.05


@pytest.mark.parametrize("kind", SOURCES)
def test_model_units_are_standardised(kind):
    source = SOURCES[kind]()
    points, _ = source.training_examples()
    standard = source.spec.to_model_units(points).numpy()
    np.testing.assert_allclose(standard.mean(0), 0, atol=0.05)
    np.testing.assert_allclose(standard.std(0), 1, atol=0.02)


@pytest.mark.parametrize("kind", SOURCES)
def test_training_and_held_out_examples_differ(kind):
    train, held_out = (f(50)[0] for f in (SOURCES[kind]().training_examples,) * 2)
    np.testing.assert_array_equal(train, held_out)
    assert not np.isclose(train, SOURCES[kind]().held_out_examples(50)[0]).all(axis=1).any()


def test_density_integrates_to_one():
    mixture = Mixture(ring().modes.centres, 0.2)  # wide enough for a plain lattice of points
    axis = np.linspace(-3, 3, 301)
    x, y = np.meshgrid(axis, axis)
    density = np.exp(mixture.log_density(np.stack([x, y], -1).reshape(-1, 2))).reshape(x.shape)
    total = scipy.integrate.trapezoid(scipy.integrate.trapezoid(density, axis), axis)
    assert total == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("kind", SOURCES)
def test_density_against_scipy(kind):
    mixture = SOURCES[kind]().modes
    points = mixture.centres[:3] + mixture.sigma * np.array([[0.5, -1.0]])
    normals = [scipy.stats.multivariate_normal(c, mixture.sigma**2) for c in mixture.centres]
    expected = np.log(np.mean([n.pdf(points) for n in normals], axis=0))
    np.testing.assert_allclose(mixture.log_density(points), expected, rtol=1e-9)
    far = mixture.log_density(np.array([[1e3, 1e3]]))
    assert np.isfinite(far).all()  # no log of zero


def test_options():
    source = ring(radius=3.0, sigma=0.5, modes=3)
    np.testing.assert_allclose(np.linalg.norm(source.modes.centres, axis=1), 3.0)
    assert len(source.spec.classes) == 3
    assert len(grid(side=2, spacing=1.0).modes.centres) == 4
