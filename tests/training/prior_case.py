"""Small priors that the tests share, and what two sets of the same prior's draws have in common."""

import numpy as np
import scipy.stats
import tensorflow as tf

from ganapp.training.priors import (
    Bernoulli,
    Categorical,
    GaussianMixture,
    LearnableMixture,
    Normal,
    Sphere,
    TruncatedNormal,
    Uniform,
)

SEED = tf.constant([3, 4])
CASES = {
    "normal": Normal(size=3),
    "truncated_normal": TruncatedNormal(size=3, bound=1.5),
    "uniform": Uniform(size=3),
    "sphere": Sphere(size=3),
    "gaussian_mixture": GaussianMixture(size=3, components=4, radius=3.0, sigma=0.5, seed=1),
    "learnable_mixture": LearnableMixture(components=3, dimension=2),
    "bernoulli": Bernoulli(size=6, probability=0.3),
    "categorical": Categorical(categories=(3, 2), continuous=2),
    "categorical with a normal": Categorical(categories=(2,), continuous=2, distribution="normal"),
    "categorical alone": Categorical(categories=(2, 3), continuous=0),
}


def assert_same_coordinates(actual, expected):
    """Every coordinate has the same distribution."""
    assert actual.shape == expected.shape
    for mine, theirs in zip(actual.T, expected.T, strict=True):
        assert scipy.stats.ks_2samp(mine, theirs).pvalue > 1e-4


def assert_same_dependence(actual, expected):
    """Means and products of two, within five standard errors of their difference."""

    def products(z):
        left, right = np.triu_indices(z.shape[1])
        z = z.astype("float64")
        return np.concatenate([z, z[:, left] * z[:, right]], axis=1)

    mine, theirs = products(actual), products(expected)
    error = np.sqrt(mine.var(axis=0) / len(mine) + theirs.var(axis=0) / len(theirs))
    difference = np.abs(mine.mean(axis=0) - theirs.mean(axis=0))
    assert (difference <= 5 * error + 1e-6).all()


def assert_same_densities(prior, actual, expected):
    """All lie in the support, and their log-densities have the same distribution."""
    mine, theirs = (prior.log_density(z).numpy() for z in (actual, expected))
    assert np.isfinite(mine).all()
    # Rounded: densities that are the same everywhere differ in their last digits.
    assert scipy.stats.ks_2samp(mine.round(3), theirs.round(3)).pvalue > 1e-4
