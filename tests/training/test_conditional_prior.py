"""A prior with classes: draws by the shares, and everything else as its base."""

import numpy as np
import pytest
import tensorflow as tf

from ganapp.models.networks import mlp_generator
from ganapp.training.priors import PRIORS, Conditional, GaussianMixture, LearnableMixture, Normal

SHARES = (0.6, 0.3, 0.1)


def conditional(base=None):
    return Conditional(base=base or Normal(size=4), shares=SHARES)


@pytest.mark.parametrize("name", PRIORS)
def test_every_prior_takes_classes(name):
    prior = conditional(PRIORS[name]())
    drawn = prior.sample(4000, (1, 2))
    assert drawn.shape == (4000, prior.size)
    np.testing.assert_array_equal(drawn, prior.sample(4000, (1, 2)))
    labels = prior.labels(drawn).numpy()
    # Three standard errors of a share.
    assert np.abs(labels.mean(0) - SHARES).max() < 3 * 0.5 / np.sqrt(4000)
    assert prior.truncates == PRIORS[name]().truncates
    shrunk = prior.truncate(drawn, 0.5)
    np.testing.assert_array_equal(prior.labels(shrunk), labels)
    scope = {"np": np, "random": np.random.default_rng(0)}
    exec(prior.numpy_code(500), scope)
    assert scope["z"].shape == (500, prior.size)
    assert np.abs(scope["z"][:, -3:].mean(0) - SHARES).max() < 3 * 0.5 / np.sqrt(500)


def test_the_density_is_that_of_the_base_times_the_share():
    prior = conditional()
    z = prior.sample(5, (3, 4))
    z = prior.with_labels(z, tf.one_hot([0, 1, 2, 1, 0], 3))
    base = Normal(size=4).log_density(z[:, :4])
    expected = base + np.log(np.array(SHARES)[[0, 1, 2, 1, 0]])
    np.testing.assert_allclose(prior.log_density(z), expected, rtol=1e-5)
    between = prior.interpolate(z[:1], z[1:2], 0.5)
    np.testing.assert_allclose(prior.labels(between), [[0.5, 0.5, 0.0]])
    assert np.isneginf(prior.log_density(between)[0])


def test_a_learnable_base_goes_round_the_class():
    prior = conditional(LearnableMixture(components=5, dimension=2))
    generator = prior.prepare(mlp_generator({"z": (prior.generator_size,)}, (2,), units=(8,)))
    assert generator.input_shape == (None, prior.size)
    assert any("means" in weight.path for weight in generator.trainable_variables)
    assert generator(prior.sample(6, (0, 1))).shape == (6, 2)
    plain = mlp_generator({"z": (7,)}, (2,), units=(8,))
    assert conditional().prepare(plain) is plain
    assert conditional(GaussianMixture(size=4)).prepare(plain) is plain


@pytest.mark.parametrize("shares", [(1.0,), (0.5, 0.6), (1.0, 0.0)])
def test_shares_are_those_of_at_least_two_classes(shares):
    with pytest.raises(ValueError, match="`shares` must be at least two numbers above 0"):
        Conditional(base=Normal(), shares=shares)
