"""Gaussians and kernels against closed forms and scipy."""

import numpy as np
import pytest
import scipy.stats
from evaluation_cases import digits, vector_spec

from ganapp.training.baselines import BASELINES, RealData
from ganapp.training.baselines.gaussian import best_bandwidth

SCALE = np.array([2.0, 0.5, 1.0])


@pytest.fixture(scope="module")
def points():
    random = np.random.default_rng(0)
    mixing = np.array([[1.0, 0.6, 0.0], [0.0, 1.0, 0.3], [0.0, 0.0, 0.2]])
    return ((random.normal(size=(500, 3)) @ mixing) * SCALE + 4).astype(np.float32)


@pytest.fixture(scope="module")
def data(points):
    return RealData(spec=vector_spec(3, scale=tuple(SCALE)), train=points)


def test_a_gaussian_has_the_moments_of_its_data(data, points):
    fitted = BASELINES["gaussian"]().fit(data)
    covariance = np.cov(points.T.astype(np.float64))
    normal = scipy.stats.multivariate_normal(points.mean(0, dtype=np.float64), covariance)
    np.testing.assert_allclose(fitted.log_density(points), normal.logpdf(points), atol=1e-6)
    samples = fitted.sample(200_000)
    np.testing.assert_allclose(samples.mean(0), points.mean(0), atol=0.02)
    np.testing.assert_allclose(np.cov(samples.T), covariance, atol=0.05)
    facts = fitted.facts(points)
    assert facts == {"held_out_log_density": pytest.approx(normal.logpdf(points).mean(), abs=1e-6)}


def test_all_principal_components_are_the_full_gaussian(data, points):
    full = BASELINES["gaussian"]().fit(data).log_density(points)
    components = BASELINES["pca_gaussian"](components=3).fit(data).log_density(points)
    np.testing.assert_allclose(components, full, atol=1e-6)


def test_few_components_are_scikit_learns_probabilistic_ones(data, points):
    from sklearn.decomposition import PCA

    fitted = BASELINES["pca_gaussian"](components=1).fit(data)
    features = points / SCALE
    expected = PCA(1).fit(features).score_samples(features) - np.log(SCALE).sum()
    np.testing.assert_allclose(fitted.log_density(points), expected, atol=1e-5)
    samples = fitted.sample(100_000) / SCALE
    covariance = PCA(1).fit(features).get_covariance()
    np.testing.assert_allclose(np.cov(samples.T), covariance, atol=0.03)


def test_constant_directions_have_a_density():
    points = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    points[:, 1] = 7.0
    data = RealData(spec=vector_spec(3), train=points)
    for name in ("gaussian", "pca_gaussian"):
        fitted = BASELINES[name]().fit(data)
        assert np.isfinite(fitted.log_density(points)).all()
        np.testing.assert_allclose(fitted.sample(10)[:, 1], 7.0, atol=1e-3)


def test_kernels_against_scipy(data, points):
    fitted = BASELINES["kernel_density"](bandwidth=0.3).fit(data)
    features = (points / SCALE).astype(np.float64)
    widths = np.full((3, 3), 0.0)
    np.fill_diagonal(widths, 0.3**2)
    around = points[:20] + 0.1
    kernels = [scipy.stats.multivariate_normal(centre, widths) for centre in features]
    expected = np.log(np.mean([k.pdf(around / SCALE) for k in kernels], axis=0))
    expected -= np.log(SCALE).sum()
    np.testing.assert_allclose(fitted.log_density(around), expected, atol=1e-6)


def test_one_dimension_against_scipys_own_estimate():
    values = np.random.default_rng(1).normal(size=(200, 1)).astype(np.float32)
    theirs = scipy.stats.gaussian_kde(values[:, 0].astype(np.float64))
    width = float(np.sqrt(theirs.covariance[0, 0]))
    data = RealData(spec=vector_spec(1), train=values)
    fitted = BASELINES["kernel_density"](bandwidth=width).fit(data)
    places = np.linspace(-4, 4, 50)
    np.testing.assert_allclose(
        fitted.log_density(places[:, None]), theirs.logpdf(places), atol=1e-6
    )


def test_samples_of_kernels_have_the_moments_of_the_estimate(data, points):
    fitted = BASELINES["kernel_density"](bandwidth=0.5).fit(data)
    samples = fitted.sample(100_000) / SCALE
    features = points / SCALE
    expected = np.cov(features.T, ddof=0) + 0.25 * np.eye(3)
    np.testing.assert_allclose(np.cov(samples.T), expected, atol=0.03)


def test_the_chosen_width_is_the_likeliest(points):
    centres, judges = points[:400].astype(np.float64), points[400:].astype(np.float64)
    chosen = best_bandwidth(centres, judges)

    def likelihood(width):
        squares = np.square(judges[:, None] - centres).sum(-1)
        kernels = np.exp(-squares / (2 * width**2)) / (2 * np.pi * width**2) ** 1.5
        return np.log(kernels.mean(axis=1)).mean()

    widths = chosen * np.array([0.8, 0.95, 1.05, 1.25])
    assert all(likelihood(chosen) > likelihood(width) for width in widths)


def test_densities_of_pixels_are_below_the_entropy_bound():
    """Uniform bytes have log 1/256 each: no density of dequantised pixels is better than that."""
    images = np.random.default_rng(0).integers(0, 256, (2000, 2, 2, 1), np.uint8)
    spec = digits().spec.as_dict() | {"shape": (2, 2, 1)}
    data = RealData(spec=type(digits().spec)(**spec), train=images[:1000])
    for name in ("gaussian", "pca_gaussian", "kernel_density"):
        found = BASELINES[name]().fit(data).facts(images[1000:])["held_out_log_density"]
        assert -4 * np.log(256) - 1.5 < found < -4 * np.log(256) + 0.1
