"""Toy densities: what is drawn is what the log-density says, and moments are exact."""

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
import tensorflow as tf

from ganapp.training.data import SOURCES, densities
from ganapp.training.diagnostics.divergences import regular_cells

POINTS = {
    "moons": {},
    "swiss_roll": {},
    "spirals": {"arms": 3, "turns": 1.0, "noise": 0.2},
    "checkerboard": {"squares": 3, "side": 1.5},
    "funnel": {"spread": 1.0},
    "gaussian": {},
}


@pytest.fixture(scope="module", params=POINTS)
def source(request):
    return SOURCES[request.param](**POINTS[request.param])


@pytest.fixture(scope="module")
def cells(source):
    """Cells that hold nearly all of the density, six on a side of what is compared."""
    points, _ = source.held_out_examples()
    if source.spec.name == "checkerboard":  # the middle cells must not straddle an edge
        return regular_cells((-2.25, -2.25), (2.25, 2.25), (36, 36))
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.4 * (high - low)
    return regular_cells(low - margin, high + margin, (144, 144))


@pytest.fixture(scope="module")
def masses(source, cells):
    """Of each cell, by the density in its middle."""
    return np.exp(source.density.log_density(cells.points)) * cells.areas


def test_the_density_integrates_to_one(source, masses):
    assert masses.sum() == pytest.approx(1.0, abs=2e-3 if source.spec.name == "funnel" else 1e-6)


def test_the_draws_follow_the_density(source, cells, masses):
    """A chi-square test of all 10,000 draws over coarse boxes."""
    points, _ = source.held_out_examples()
    coarse = 6 if source.spec.name == "checkerboard" else 12
    low, high = cells.extent
    half = (high - low) / (2 * (np.array(cells.shape) - 1))
    edges = [np.linspace(a, b, coarse + 1) for a, b in zip(low - half, high + half, strict=True)]
    expected, _, _ = np.histogram2d(*cells.points.T, bins=edges, weights=masses)
    counts, _, _ = np.histogram2d(*points.T, bins=edges)
    expected, counts = len(points) * expected.ravel(), counts.ravel()
    rare = expected < 10
    assert counts[rare].sum() < 3 * expected[rare].sum() + 20
    statistic = np.sum((counts - expected)[~rare] ** 2 / expected[~rare])
    assert scipy.stats.chi2.sf(statistic, np.count_nonzero(~rare) - 1) > 1e-4


def test_moments_are_exact(source):
    points, _ = source.held_out_examples()
    error = source.spec.scale / np.sqrt(len(points))
    assert (np.abs(points.mean(axis=0) - source.spec.mean) < 4.5 * error).all()
    heavy = 0.15 if source.spec.name == "funnel" else 0.03
    np.testing.assert_allclose(points.std(axis=0), source.spec.scale, rtol=heavy)


def test_draws_are_a_function_of_seed_and_step(source):
    step, first = tf.constant(3, tf.int64), tf.constant(2, tf.int64)

    def points(*arguments, **options):
        batch = source.rows(*arguments, batch_size=8, **options)
        assert ("label" in batch) == bool(source.spec.classes)
        return batch["x"].numpy()

    part = points(step, first, 4, seed=1)
    whole = points(step, tf.constant(0, tf.int64), 8, seed=1)
    np.testing.assert_array_equal(part, whole[2:6])
    assert not np.isclose(part, points(step + 1, first, 4, seed=1)).all(axis=1).any()
    assert not np.isclose(part, points(step, first, 4, seed=2)).all(axis=1).any()
    train, held_out = source.training_examples(50)[0], source.held_out_examples(50)[0]
    assert train.shape == held_out.shape == (50, 2)
    assert not np.isclose(train, held_out).all(axis=1).any()


def test_moons_have_the_moments_of_their_half_circles():
    source = SOURCES["moons"](noise=0.1)
    # x: 1/2 each way from the middle; y: 2/pi - (1/2)/2 of the upper moon from the mean 1/4.
    np.testing.assert_allclose(source.spec.mean, [0.5, 0.25], atol=1e-12)
    around = 2 / np.pi - 0.25
    variances = [0.25 + 0.5, around**2 + 0.5 - (2 / np.pi) ** 2]
    np.testing.assert_allclose(np.square(source.spec.scale), np.add(variances, 0.01), rtol=1e-12)
    points, labels = source.held_out_examples()
    middles = np.array([[0.0, 0.0], [1.0, 0.5]])[labels]
    radii = np.linalg.norm(points - middles, axis=1)
    assert abs(radii.mean() - 1.005) < 0.01
    assert (points[labels == 0, 1] > -0.5).all()


def test_the_density_of_a_moon_by_another_quadrature():
    density = SOURCES["moons"](noise=0.1).density

    def brute(x, y):
        def integrand(angle, sign, middle):
            place = middle + sign * np.array([np.cos(angle), np.sin(angle)])
            return scipy.stats.multivariate_normal.pdf((x, y), place, 0.01) / (2 * np.pi)

        return sum(
            scipy.integrate.quad(
                integrand, 0, np.pi, args=arguments, epsabs=0, epsrel=1e-10, limit=400
            )[0]
            for arguments in ((1.0, np.zeros(2)), (-1.0, np.array([1.0, 0.5])))
        )

    points = np.array([[0.0, 1.0], [1.05, 0.02], [-1.2, -0.3], [0.5, 0.25]])
    expected = [np.log(brute(*point)) for point in points]
    np.testing.assert_allclose(density.log_density(points), expected, atol=1e-6)


@pytest.mark.parametrize("name", ["moons", "swiss_roll", "spirals"])
def test_the_quadrature_is_fine_enough(name, monkeypatch):
    source = SOURCES[name]()
    points = source.held_out_examples(100)[0].astype(np.float64)
    points = np.concatenate([points, points * 1.3])
    found = source.density.log_density(points)
    monkeypatch.setattr(densities, "PANEL", 0.3)
    np.testing.assert_allclose(found, SOURCES[name]().density.log_density(points), atol=1e-6)


def test_spirals_are_evenly_filled():
    source = SOURCES["spirals"](arms=1, turns=3.0, noise=0.01)
    radii = np.linalg.norm(source.held_out_examples()[0], axis=1)
    # Uniform along an arm means a radius that is the root of a uniform number.
    uniform = (radii / (3 * np.pi)) ** 2
    assert scipy.stats.kstest(uniform, "uniform").pvalue > 1e-3
    assert source.spec.classes == ()


def test_checkerboard_is_exact():
    source = SOURCES["checkerboard"]()
    inside = np.array([[-1.9, -1.9], [1.5, 1.5], [0.5, -1.5]])
    outside = np.array([[-0.5, -1.5], [2.5, 0.5], [-9.0, 0.0]])
    values = source.density.log_density(np.concatenate([inside, outside]))
    np.testing.assert_allclose(values[:3], -np.log(8))
    assert (values[3:] == -np.inf).all()
    np.testing.assert_allclose(source.spec.mean, 0, atol=1e-12)
    np.testing.assert_allclose(source.spec.scale, np.sqrt(16 / 12), rtol=1e-12)
    assert np.isfinite(source.density.log_density(source.held_out_examples()[0])).all()


def test_funnel_is_a_product_of_normals():
    density = SOURCES["funnel"](dimensions=3).density
    points = np.array([[0.0, 0.0, 0.0], [2.0, 1.0, -3.0], [-5.0, 0.1, 0.2]])
    expected = scipy.stats.norm.logpdf(points[:, 0], scale=3)
    for other in points[:, 1:].T:
        expected += scipy.stats.norm.logpdf(other, scale=np.exp(points[:, 0] / 2))
    np.testing.assert_allclose(density.log_density(points), expected, rtol=1e-12)


def test_gaussian_against_scipy():
    source = SOURCES["gaussian"](dimensions=4, correlation=-0.6)
    covariance = source.density.covariance
    assert covariance[0, 2] == pytest.approx(0.36)
    points = source.held_out_examples()[0]
    normal = scipy.stats.multivariate_normal(np.zeros(4), covariance)
    np.testing.assert_allclose(source.density.log_density(points), normal.logpdf(points))
    np.testing.assert_allclose(np.cov(points.T), covariance, atol=0.05)


TOYS = ("ring", "grid", "moons", "swiss_roll", "spirals", "checkerboard", "funnel", "gaussian")


@pytest.mark.parametrize("name", TOYS)
def test_every_toy_source_has_a_density_and_a_width(name):
    source = SOURCES[name]()
    assert 0 < source.density.width < 2 * max(source.spec.scale)
    values = source.density.log_density(source.held_out_examples(10)[0])
    assert values.shape == (10,)
    assert np.isfinite(values).all()
    assert (source.modes is None) == (name not in ("ring", "grid"))
