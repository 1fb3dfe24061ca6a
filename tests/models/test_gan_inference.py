"""What a GAN is made of, refuses, generates and evaluates."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from case import (
    LATENT,
    linear_networks,
    mlp_networks,
    restore,
    rows,
    tiny_gan,
    train,
    weights,
)

from ganapp.models import GAN
from ganapp.models.inference import BATCH as INFERENCE_BATCH
from ganapp.models.noise import Stream, stateless_seed
from ganapp.training.objectives import Hinge, NonSaturating
from ganapp.training.priors import Normal


def test_state_holds_every_variable_once():
    gan = tiny_gan(Hinge(), networks=lambda: mlp_networks(normalisation="batch"))
    state = gan.state()
    assert set(state) == {
        "generator",
        "discriminator",
        "ema_generator",
        "generator_optimizer",
        "discriminator_optimizer",
        "counters",
    }
    held = [id(v) for variables in state.values() for v in variables]
    assert len(set(held)) == len(held)
    owners = [
        gan.generator,
        gan.discriminator,
        gan.ema_generator,
        gan.generator_optimizer,
        gan.discriminator_optimizer,
    ]
    assert set(held) == {id(v.value) for x in owners for v in x.variables} | {id(gan.step.value)}
    assert sum(v.name == "u" for v in gan.discriminator.variables) == 2  # of spectral norm


def test_state_forgets_nothing_that_keras_tracks():
    gan = tiny_gan()
    held = {id(v) for variables in gan.state().values() for v in variables}
    transient = {id(gan.test_batch.value)}
    assert {id(v.value) for v in gan.variables} - transient <= held


def test_restoring_the_state_restores_the_next_step():
    gan = tiny_gan(Hinge(discriminator_steps=1))
    train(gan, 2)
    saved = weights(gan)
    train(gan, 1)
    expected = weights(gan)
    restore(gan, saved)
    train(gan, 1)
    for part, arrays in weights(gan).items():
        for actual, value in zip(arrays, expected[part], strict=True):
            np.testing.assert_array_equal(actual, value)


def test_shared_variables_are_refused():
    layer = keras.layers.Dense(2)
    generator = keras.Sequential([keras.Input((2,)), layer])
    discriminator = keras.Sequential([keras.Input((2,)), layer, keras.layers.Dense(1)])
    with pytest.raises(ValueError, match=r"must not share variables.*Received: 2 shared"):
        GAN(generator, discriminator, Normal(size=2))


@pytest.mark.parametrize(
    ("discriminator_shape", "latent", "message"),
    [
        ((3,), LATENT, r"what `generator` makes, \(2,\).*shape \(3,\)"),
        ((2,), LATENT + 1, r"the prior.s size 4.*shape \(3,\)"),
    ],
)
def test_shapes_that_do_not_follow_are_refused(discriminator_shape, latent, message):
    generator, _ = linear_networks()
    _, discriminator = linear_networks(shape=discriminator_shape)
    with pytest.raises(ValueError, match=message):
        GAN(generator, discriminator, Normal(size=latent))


def test_one_optimizer_for_both_is_refused():
    optimizer = keras.optimizers.Adam()
    with pytest.raises(ValueError, match="must be two instances"):
        tiny_gan(generator_optimizer=optimizer, discriminator_optimizer=optimizer)


def test_default_optimizers_are_the_objectives():
    gan = tiny_gan(Hinge())
    for optimizer in (gan.generator_optimizer, gan.discriminator_optimizer):
        assert isinstance(optimizer, keras.optimizers.Adam)
        assert (optimizer.beta_1, optimizer.beta_2) == (0.0, 0.9)
        assert optimizer.built
    assert gan.optimizer is gan.generator_optimizer  # what Keras's callbacks look at


@pytest.mark.parametrize("count", [1, 3, INFERENCE_BATCH, INFERENCE_BATCH + 1])
def test_generate_any_number(count):
    gan = tiny_gan()
    samples = gan.generate(count)
    assert samples.shape == (count, 2)
    assert samples.dtype == np.float32
    np.testing.assert_array_equal(samples, gan.generate(count))
    latents = gan.inputs(count)["z"]
    np.testing.assert_array_equal(samples, gan.generate(latents=latents))
    np.testing.assert_allclose(samples, gan.generator(latents), rtol=1e-5, atol=1e-6)


def test_generate_is_a_function_of_its_seed():
    gan = tiny_gan()
    assert not np.isclose(gan.generate(8, seed=1), gan.generate(8, seed=2)).any()
    keras.utils.set_random_seed(123)  # no global generator is asked
    tf.random.normal((3,))
    first = gan.generate(8, seed=1)
    keras.utils.set_random_seed(321)
    np.testing.assert_array_equal(first, gan.generate(8, seed=1))


def test_generate_uses_the_average_unless_told_otherwise():
    gan = tiny_gan(optimizer=lambda: keras.optimizers.SGD(0.5))
    train(gan, 3)
    latents = gan.inputs(5)["z"]
    averaged, raw = gan.generate(5), gan.generate(5, ema=False)
    assert np.abs(averaged - raw).max() > 1e-4
    np.testing.assert_allclose(averaged, gan.ema_generator(latents), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(raw, gan.generator(latents), rtol=1e-5, atol=1e-6)


def test_generate_follows_training():
    """The compiled function is kept between calls and still sees the new weights."""
    gan = tiny_gan(ema_half_life=None, optimizer=lambda: keras.optimizers.SGD(0.5))
    before = gan.generate(4)
    train(gan, 1)
    assert np.abs(gan.generate(4) - before).max() > 1e-4


@pytest.mark.parametrize("arguments", [{}, {"count": 2, "latents": np.zeros((2, LATENT))}])
def test_generate_takes_a_count_or_latents(arguments):
    with pytest.raises(ValueError, match="either `count` or `latents`"):
        tiny_gan().generate(**arguments)


def test_no_rows_are_refused():
    gan = tiny_gan()
    for compute in (lambda: gan.generate(0), lambda: gan.scores(np.zeros((0, 2), np.float32))):
        with pytest.raises(ValueError, match="at least one row"):
            compute()


def test_scores_are_raw_and_one_an_example():
    x = keras.Input((4, 4, 1))
    patches = keras.Model(x, keras.layers.Conv2D(1, 2, strides=2)(x))
    generator, _ = linear_networks(shape=(4, 4, 1))
    gan = tiny_gan(networks=lambda: (generator, patches))
    examples = 100 * rows(INFERENCE_BATCH + 3, (4, 4, 1))
    scores = gan.scores(examples)
    expected = patches(examples).numpy().reshape(len(examples), -1).mean(1)
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-3)
    assert np.abs(scores).max() > 1.5  # no sigmoid, no tanh


def test_batch_normalisation_is_in_inference_mode():
    gan = tiny_gan(networks=lambda: mlp_networks(normalisation="batch"))
    train(gan, 2)
    latents = gan.inputs(6)["z"]
    one_by_one = [gan.generate(latents=latents[i : i + 1])[0] for i in range(6)]
    np.testing.assert_allclose(gan.generate(latents=latents), one_by_one, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("steps_per_execution", [1, 2])
def test_evaluate_is_the_mean_over_batches(steps_per_execution):
    """Three batches, so that the second execution of two steps ends early."""
    gan = tiny_gan(NonSaturating(), steps_per_execution=steps_per_execution)
    real = rows(12)
    before = weights(gan)
    logs = gan.evaluate(
        tf.data.Dataset.from_tensor_slices(real).batch(4), verbose=0, return_dict=True
    )
    draws = [
        gan.prior.sample(4, stateless_seed(gan.seed, Stream.TEST, 0, batch)) for batch in range(3)
    ]
    fake_scores = gan.discriminator(gan.generator(tf.concat(draws, 0))).numpy()
    real_scores = gan.discriminator(real).numpy()
    assert logs["real_score"] == pytest.approx(real_scores.mean(), abs=1e-6)
    assert logs["fake_score"] == pytest.approx(fake_scores.mean(), abs=1e-6)
    expected = np.log1p(np.exp(-real_scores)).mean() + np.log1p(np.exp(fake_scores)).mean()
    assert logs["discriminator_loss"] == pytest.approx(expected, rel=1e-5)
    for part, arrays in weights(gan).items():  # nothing moved
        for a, b in zip(arrays, before[part], strict=True):
            np.testing.assert_array_equal(a, b)
    again = gan.evaluate(
        tf.data.Dataset.from_tensor_slices(real).batch(4), verbose=0, return_dict=True
    )
    assert again == logs  # a second evaluation starts from nothing
