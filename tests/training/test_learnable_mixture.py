"""The layer with the means: what it computes, that it trains, and that it can be copied."""

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
from case import mlp_networks, plain_batches, relative_error, same_networks, train, weights
from prior_case import SEED

from ganapp.models import GAN
from ganapp.training.objectives import NonSaturating
from ganapp.training.priors import GaussianMixture, LearnableMixture, MixtureMeans

PRIOR = LearnableMixture(components=3, dimension=2, radius=3.0, sigma=0.5, seed=5)


def identity():
    """A generator that shows the latents behind the layer."""
    x = keras.Input((2,))
    return keras.Model(x, keras.layers.Activation("linear")(x), name="identity")


def prepared(generator):
    """The generator behind the layer with the means."""
    draws = keras.Input((PRIOR.size,))
    return keras.Model(draws, generator(PRIOR.first_layer()(draws)), name=generator.name)


def layer_of(network):
    (layer,) = [layer for layer in network.layers if isinstance(layer, MixtureMeans)]
    return layer


def means_of(network):
    return layer_of(network).means


def mixture_gan(strategy=None, **options):
    keras.utils.set_random_seed(1)
    with (strategy or tf.distribute.get_strategy()).scope():
        generator, discriminator = mlp_networks(latent=2)
        gan = GAN(prepared(generator), discriminator, PRIOR, seed=7, ema_half_life=100.0)
        optimizers = [keras.optimizers.SGD(0.05) for _ in range(2)]
        gan.compile(*optimizers, objective=NonSaturating(), **options)
    return gan


def test_mean_of_the_component_plus_noise():
    network = prepared(identity())
    assert PRIOR.first_layer().compute_output_shape((None, 5)) == (None, 2)
    means = means_of(network)
    draws = np.float32([[0, 1, 0, 2.0, -4.0], [0.25, 0, 0.75, 0, 0]])
    start = means.numpy()
    expected = [start[1] + [1.0, -2.0], 0.25 * start[0] + 0.75 * start[2]]
    np.testing.assert_allclose(network(draws), expected, rtol=1e-6)
    means.assign([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    np.testing.assert_allclose(network(draws), [[4.0, 2.0], [4.0, 5.0]], rtol=1e-6)


def test_gradient_of_a_mean_comes_from_its_own_component():
    network = prepared(identity())
    draws = PRIOR.sample(20, SEED)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(network(draws) * [1.0, 10.0])
    (variable,) = network.trainable_variables
    assert variable is means_of(network)
    counts = draws.numpy()[:, :3].sum(axis=0)
    np.testing.assert_allclose(tape.gradient(total, variable.value), np.outer(counts, [1, 10]))


def test_at_the_start_it_is_the_mixture_with_fixed_means():
    fixed = GaussianMixture(size=2, components=3, radius=3.0, sigma=0.5, seed=5)
    network = prepared(identity())
    np.testing.assert_array_equal(means_of(network).numpy(), fixed.means)
    latents = network(PRIOR.sample(20_000, SEED)).numpy()
    for axis, column in enumerate(latents.T):
        laws = [scipy.stats.norm(mean, 0.5) for mean in fixed.means[:, axis]]
        below = lambda x, laws=laws: np.mean([law.cdf(x) for law in laws], axis=0)  # noqa: E731
        assert scipy.stats.kstest(column, below).pvalue > 1e-3


def test_saved_and_loaded(tmp_path):
    network = prepared(mlp_networks(latent=2)[0])
    means_of(network).assign([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    network.save(tmp_path / "generator.keras")
    loaded = keras.saving.load_model(tmp_path / "generator.keras")
    np.testing.assert_array_equal(means_of(loaded).numpy(), means_of(network).numpy())
    draws = PRIOR.sample(4, SEED)
    np.testing.assert_allclose(loaded(draws), network(draws), rtol=1e-6)
    config = layer_of(network).get_config()
    assert MixtureMeans.from_config(config).get_config() == config


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_in_half_precision(policy):
    draws = PRIOR.sample(4, SEED)
    exact = prepared(identity())(draws).numpy()
    keras.config.set_dtype_policy(policy)
    network = prepared(identity())
    assert means_of(network).dtype == "float32"
    result = network(draws)
    assert result.dtype == tf.as_dtype(policy.removeprefix("mixed_"))
    np.testing.assert_allclose(tf.cast(result, tf.float32), exact, rtol=0.02, atol=0.05)


def test_means_are_trained_and_averaged():
    gan = mixture_gan()
    start = means_of(gan.generator).numpy()
    train(gan, 5)
    moved = means_of(gan.generator).numpy()
    assert (moved != start).all()
    average = means_of(gan.ema_generator).numpy()
    assert 0 < relative_error([average], [moved]) < relative_error([start], [moved])
    samples = gan.generate(6, seed=1)
    assert samples.shape == (6, 2)
    assert np.isfinite(samples).all()


def test_two_replicas_train_as_one(two_replicas):
    # Nothing is traced for what is compared with.
    gans = [mixture_gan(s, run_eagerly=s is None) for s in (None, two_replicas)]
    for gan in gans:
        train(gan, 4, plain_batches(4, 8))
    assert same_networks(gans[1], gans[0]) < 1e-5
    assert weights(gans[0])["generator"][0].shape == (3, 2)
