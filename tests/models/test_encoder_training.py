"""An encoder of a fixed generator, against what linear algebra says the best one is."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ganapp.models import GAN
from ganapp.models.companions import Companion
from ganapp.models.encoder_training import (
    EncoderTraining,
    encode,
    inversion_losses,
    own_encoder,
    train_encoder,
)
from ganapp.training.priors import Normal

LATENTS, SIDE = 2, 5


def linear_gan(companions=None):
    keras.utils.set_random_seed(4)
    generator = keras.Sequential(
        [keras.Input((LATENTS,)), keras.layers.Dense(SIDE, use_bias=False)]
    )
    discriminator = keras.Sequential([keras.Input((SIDE,)), keras.layers.Dense(1)])
    return GAN(generator, discriminator, Normal(size=LATENTS), companions=companions)


def linear_encoder(seed=0):
    keras.utils.set_random_seed(seed)
    return keras.Sequential([keras.Input((SIDE,)), keras.layers.Dense(LATENTS, use_bias=False)])


def data(count=300):
    return np.random.default_rng(2).normal(size=(count, SIDE)).astype("float32")


@pytest.fixture(scope="module")
def gan():
    return linear_gan()


def matrix(network):
    return network.variables[0].numpy().astype(float)


def test_losses_are_those_of_the_formula(gan):
    encoder, x = linear_encoder(), data(7)
    z = np.random.default_rng(3).normal(size=(7, LATENTS)).astype("float32")
    losses = inversion_losses(gan, encoder, {"x": tf.constant(x)}, {"z": tf.constant(z)})
    made, found = matrix(gan.ema_generator), matrix(encoder)
    np.testing.assert_allclose(losses[0], np.mean((z @ made @ found - z) ** 2), rtol=1e-5)
    np.testing.assert_allclose(losses[1], np.mean((x @ found @ made - x) ** 2), rtol=1e-5)


def test_of_latents_alone_it_becomes_an_inverse_of_the_generator(gan):
    """E G = 1 on every latent; what it does beside the generator's range is left open."""
    encoder = linear_encoder()
    how = EncoderTraining(steps=600, learning_rate=0.02, example_weight=0.0)
    losses = train_encoder(gan, encoder, {"x": data()}, how)
    product = matrix(gan.ema_generator) @ matrix(encoder)
    np.testing.assert_allclose(product, np.eye(LATENTS), atol=1e-3)
    assert losses["latents"] < 1e-5
    z = np.random.default_rng(0).normal(size=(9, LATENTS)).astype("float32")
    np.testing.assert_allclose(encode(encoder, x=gan.generate(z=z))["z"], z, atol=5e-3)


def test_of_examples_alone_it_projects_on_what_the_generator_makes(gan):
    """G E is the orthogonal projection, the best that any encoder can do: E is the pseudo-inverse.

    Of data that are alike in all directions; the loss at the optimum is what is beside the range.
    """
    encoder, x = linear_encoder(), data(2000)
    how = EncoderTraining(steps=1500, batch_size=256, learning_rate=0.02, latent_weight=0.0)
    losses = train_encoder(gan, encoder, {"x": x}, how)
    made = matrix(gan.ema_generator)
    np.testing.assert_allclose(matrix(encoder), np.linalg.pinv(made), atol=0.02)
    left = np.mean((x - x @ np.linalg.pinv(made) @ made) ** 2)
    np.testing.assert_allclose(losses["examples"], left, rtol=0.05)


def test_the_same_seed_gives_the_same_encoder_and_the_gan_stays_as_it_was(gan):
    before = weights_of(gan)
    found = []
    for seed in (1, 1, 2):
        encoder = linear_encoder()
        train_encoder(gan, encoder, {"x": data()}, EncoderTraining(steps=5, seed=seed))
        found.append(matrix(encoder))
    np.testing.assert_array_equal(found[0], found[1])
    assert np.abs(found[0] - found[2]).max() > 1e-6
    for a, b in zip(before, weights_of(gan), strict=True):
        np.testing.assert_array_equal(a, b)


def weights_of(gan):
    return [v.numpy() for each in (gan.generator, gan.ema_generator) for v in each.variables]


def test_examples_may_come_in_other_units(gan):
    found = []
    for x, units in ((data(), tf.identity), (data() * 4 + 1, lambda x: (x - 1) / 4)):
        encoder = linear_encoder()
        train_encoder(gan, encoder, {"x": x}, EncoderTraining(steps=5), units=units)
        found.append(matrix(encoder))
    np.testing.assert_allclose(found[0], found[1], atol=1e-5)


def test_its_own_encoder_is_the_averaged_one():
    assert own_encoder(linear_gan()) is None
    gan = linear_gan({"encoder": Companion(network=linear_encoder())})
    assert own_encoder(gan) is gan.ema_companions["encoder"]
    assert gan.averaged_parts == ("ema_generator", "ema_encoder")


@pytest.mark.parametrize(
    "settings", [{"steps": 0}, {"latent_weight": -1.0}, {"latent_weight": 0.0, "example_weight": 0}]
)
def test_settings_without_a_meaning_are_refused(settings):
    with pytest.raises(ValueError, match="must"):
        EncoderTraining(**settings)
