"""The evidence lower bound against the likelihood of a linear Gaussian model, which is known."""

import numpy as np
import pytest
import scipy.stats
from evaluation_cases import vector_spec

from ganapp.training.baselines import BASELINES, RealData

SCALE = (2.0, 0.5, 1.0, 1.0)


@pytest.fixture(scope="module")
def points():
    """Two factors in four dimensions with a little noise."""
    random = np.random.default_rng(0)
    loadings = random.normal(size=(2, 4))
    values = random.normal(size=(4000, 2)) @ loadings + 0.3 * random.normal(size=(4000, 4))
    return (values * SCALE).astype(np.float32)


def linear(points, steps):
    member = BASELINES["vae"](latent=2, units=(), steps=steps, batch_size=256, learning_rate=0.02)
    return member.fit(RealData(spec=vector_spec(4, scale=SCALE), train=points))


def likelihood(fitted, points):
    """log N(x; b, W^T W + s^2 I) of a linear decoder, in user units."""
    weights, bias = (variable.numpy() for variable in fitted.decode.trainable_variables)
    covariance = weights.T @ weights + float(fitted.noise) ** 2 * np.eye(4)
    normal = scipy.stats.multivariate_normal(bias, covariance)
    return normal.logpdf(points / np.array(SCALE)) - np.log(SCALE).sum()


@pytest.fixture(scope="module")
def trained(points):
    return linear(points[:3000], 1500)


def test_the_bound_is_a_bound_that_training_makes_tight(points, trained):
    judged = points[3000:]
    untrained = linear(points[:3000], 1)
    for fitted, least, most in ((untrained, 0.3, np.inf), (trained, -0.01, 0.05)):
        bounds, divergences = fitted.bound(judged, draws=64)
        gap = likelihood(fitted, judged).mean() - bounds.mean()
        assert least < gap < most
        assert (divergences >= 0).all()
    facts = trained.facts(judged)
    assert facts["held_out_elbo"] == pytest.approx(bounds.mean(), abs=0.05)
    assert facts["held_out_kl"] > 0.5


def test_what_is_learnt_is_the_best_linear_model(points, trained):
    """No model of two factors beats the closed-form one by more than the standard error."""
    from sklearn.decomposition import PCA

    features = points / np.array(SCALE)
    best = PCA(2).fit(features[:3000]).score_samples(features[3000:]) - np.log(SCALE).sum()
    assert likelihood(trained, points[3000:]).mean() == pytest.approx(best.mean(), abs=0.05)


def test_samples_have_the_models_moments(points, trained):
    samples = trained.sample(50_000) / np.array(SCALE)
    weights, _ = (variable.numpy() for variable in trained.decode.trainable_variables)
    covariance = weights.T @ weights + float(trained.noise) ** 2 * np.eye(4)
    np.testing.assert_allclose(np.cov(samples.T), covariance, atol=0.06 * covariance.max())


def test_large_images_are_convolved():
    from ganapp.training.baselines.autoencoders import decoder, encoder
    from ganapp.training.data.spec import DataSpec

    spec = DataSpec(name="i", kind="image", shape=(18, 21, 3), examples=30, held_out=0)
    images = np.random.default_rng(0).integers(0, 256, (30, 18, 21, 3), np.uint8)
    member = BASELINES["vae"](steps=3, units=(8,), latent=4)
    fitted = member.fit(RealData(spec=spec, train=images))
    assert fitted.sample(3).shape == (3, 18, 21, 3)
    kinds = {type(layer).__name__ for layer in fitted.decode.layers}
    assert "Conv2D" in kinds
    assert "Conv2D" not in {
        type(x).__name__ for x in decoder(4, (8, 8, 1), units=(8,), seed=0).layers
    }
    first, second = (encoder((16, 16, 1), 4, units=(8,), seed=2).get_weights() for _ in range(2))
    assert all((a == b).all() for a, b in zip(first, second, strict=True))
