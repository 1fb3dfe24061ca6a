"""Accumulated gradients: what they are equal to, clipping, replicas and checkpoints."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from case import (
    BATCH,
    LATENT,
    mlp_networks,
    one_each,
    relative_error,
    restore,
    rows,
    same_networks,
    tiny_gan,
    train,
    weights,
)

from ganapp.models import GAN
from ganapp.training.objectives import WGAN, NonSaturating, RelativisticPairing
from ganapp.training.terms import R1

DATA = rows(2 * BATCH)
TABLE = rows(BATCH, (LATENT,), seed=5)
NON_SATURATING = NonSaturating(terms=(R1(),))


class Table:
    """A prior that gives the same `BATCH` latents again and again, whatever the seed."""

    size = LATENT

    def sample(self, count, seed):
        return tf.gather(tf.constant(TABLE), tf.range(count) % BATCH)


def gan_with(objective, generator_optimizer, discriminator_optimizer):
    """The same weights at the start every time; nothing is traced."""
    keras.utils.set_random_seed(1)
    gan = GAN(*mlp_networks(), Table())
    optimizers = generator_optimizer, discriminator_optimizer
    # Eagerly: to compile a step takes longer. Compiled: `test_two_replicas_train_as_one`.
    gan.compile(*optimizers, objective=objective, run_eagerly=True)
    return gan


def sgd(rate=0.1, steps=None, **options):
    return keras.optimizers.SGD(rate, gradient_accumulation_steps=steps, **options)


def trained(gan, batch, data=DATA):
    """After one pass over `data` in elements of `batch` rows; its networks' weights."""
    dataset = tf.data.Dataset.from_tensor_slices(data).batch(batch, drop_remainder=True)
    train(gan, len(data) // batch, dataset)
    return gan.generator.get_weights(), gan.discriminator.get_weights()


def same(left, right):
    return relative_error(left, right) < 1e-6


@pytest.mark.parametrize("objective", [NON_SATURATING, RelativisticPairing()])
def test_a_discriminator_takes_the_step_of_the_whole_batch(objective):
    _, parts = trained(gan_with(objective, sgd(steps=2), sgd(steps=2)), BATCH)
    _, whole = trained(gan_with(objective, sgd(), sgd()), 2 * BATCH)
    start = gan_with(objective, sgd(), sgd()).discriminator.get_weights()
    assert same(parts, whole)
    assert not same(parts, start)


def test_a_generator_against_a_constant_discriminator_takes_the_step_of_the_whole_batch():
    """Relativistic, so that the real examples count."""
    objective = RelativisticPairing()
    parts, _ = trained(gan_with(objective, sgd(steps=2), sgd(0.0)), BATCH)
    whole, _ = trained(gan_with(objective, sgd(), sgd(0.0)), 2 * BATCH)
    start = gan_with(objective, sgd(), sgd()).generator.get_weights()
    assert same(parts, whole)
    assert not same(parts, start)


def test_the_last_part_of_a_generators_step_is_against_the_new_discriminator():
    """The first of two parts against the old one, the second against the new one."""
    parts, _ = trained(gan_with(NON_SATURATING, sgd(steps=2), sgd(steps=2)), BATCH)
    old, _ = trained(gan_with(NON_SATURATING, sgd(), sgd(0.0)), 2 * BATCH)
    new, _ = trained(gan_with(NON_SATURATING, sgd(), sgd()), 2 * BATCH)
    assert same(parts, [(a + b) / 2 for a, b in zip(old, new, strict=True)])
    assert not same(old, new)


def test_as_many_discriminator_steps_as_parts_is_the_whole_batch_for_both():
    several = dataclasses.replace(NON_SATURATING, discriminator_steps=2)
    parts = trained(gan_with(several, sgd(), sgd(steps=2)), 2 * BATCH)
    whole = trained(gan_with(NON_SATURATING, sgd(), sgd()), 2 * BATCH)
    assert same(parts[0], whole[0])
    assert same(parts[1], whole[1])


CLIPS = {"clipnorm": 0.02, "global_clipnorm": 0.03, "clipvalue": 0.05}
UNLIKE = np.concatenate([DATA[:BATCH], -3.0 * DATA[BATCH:]])  # gradients of other directions


def clipped(gradients, name, limit):
    if name == "clipvalue":
        return [np.clip(g, -limit, limit) for g in gradients]
    norms = [np.linalg.norm(g) for g in gradients]
    if name == "global_clipnorm":
        norms = [np.linalg.norm(norms)] * len(norms)
    return [g * min(1, limit / n) if n else g for g, n in zip(gradients, norms, strict=True)]


def moves(data, batch, **options):
    gan = gan_with(NON_SATURATING, sgd(0.0), sgd(1.0, **options))
    start = gan.discriminator.get_weights()
    _, end = trained(gan, batch, data)
    return [b - a for a, b in zip(start, end, strict=True)]


@pytest.fixture(scope="module")
def halves():
    """What each half of the data alone moves, unclipped."""
    return [moves(half, BATCH) for half in np.split(UNLIKE, 2)]


@pytest.mark.parametrize(("name", "limit"), CLIPS.items(), ids=CLIPS)
def test_the_mean_is_clipped(name, limit, halves):
    mean = [(a + b) / 2 for a, b in zip(*halves, strict=True)]
    expected = clipped(mean, name, limit)
    found = moves(UNLIKE, BATCH, steps=2, **{name: limit})
    assert relative_error(found, expected) < 1e-4
    each = [clipped(half, name, limit) for half in halves]
    wrong = [(a + b) / 2 for a, b in zip(*each, strict=True)]
    assert relative_error(found, wrong) > 0.05
    assert relative_error(mean, expected) > 0.05


def adam():
    return keras.optimizers.Adam(
        0.01, 0.5, gradient_accumulation_steps=2, global_clipnorm=0.05, epsilon=1e-3
    )


def rmsprop():
    return keras.optimizers.RMSprop(
        0.01, gradient_accumulation_steps=2, clipvalue=0.004, epsilon=1e-3
    )


def decaying_sgd():
    return sgd(0.05, 3, momentum=0.5, clipnorm=0.02, weight_decay=0.1)


@pytest.mark.parametrize("pair", [(adam, decaying_sgd), (rmsprop, adam)], ids=["3", "2"])
def test_two_replicas_train_as_one(pair, two_replicas):
    """Both end within an accumulation of the generator, and go on from a checkpoint there."""
    single, double = gans = [
        tiny_gan(
            NonSaturating(discriminator_steps=2, terms=(R1(),)),
            strategy=strategy,
            run_eagerly=strategy is None,  # nothing to trace for what is compared with
            optimizer=one_each(*pair),
        )
        for strategy in (None, two_replicas)
    ]
    start = weights(single)
    for gan in gans:
        train(gan, 7)
    assert same_networks(double, single) < 1e-5
    for part in ("generator_optimizer", "discriminator_optimizer"):
        assert relative_error(weights(double)[part], weights(single)[part]) < 1e-4
    for part in ("generator", "discriminator"):
        assert relative_error(weights(single)[part], start[part]) > 1e-3
    for gan in gans:
        saved = weights(gan)
        train(gan, 2)
        expected = weights(gan)
        restore(gan, saved)
        train(gan, 2)
        found = weights(gan)
        for part, arrays in expected.items():
            for ours, theirs in zip(found[part], arrays, strict=True):
                np.testing.assert_array_equal(ours, theirs, err_msg=part)


def test_two_replicas_in_half_precision(two_replicas):
    keras.config.set_dtype_policy("mixed_float16")
    gans = [
        tiny_gan(
            WGAN(discriminator_steps=1),
            strategy=strategy,
            optimizer=lambda: sgd(0.05, 2),
            run_eagerly=strategy is None,
        )
        for strategy in (None, two_replicas)
    ]
    start = weights(gans[0])["discriminator"]
    for gan in gans:
        train(gan, 5)
    assert same_networks(gans[1], gans[0]) < 2e-3
    assert relative_error(weights(gans[0])["discriminator"], start) > 1e-2
