"""Packs hold neighbours, gradients and replicas included."""

import numpy as np
import pytest
import tensorflow as tf
from case import (
    BATCH,
    LATENT,
    SHAPE,
    packing_gan,
    plain_batches,
    rows,
    same_networks,
    train,
)

from ganapp.models import GAN
from ganapp.models.batches import pack_examples, packed_shape
from ganapp.models.networks import mlp_discriminator, mlp_generator
from ganapp.training.objectives import NonSaturating, RelativisticPairing
from ganapp.training.priors import Normal


def test_vectors_side_by_side():
    x = np.arange(12.0).reshape(6, 2)
    np.testing.assert_array_equal(pack_examples(tf.constant(x), 3), x.reshape(2, 6))
    assert packed_shape((2,), 3) == (6,)
    assert pack_examples(tf.constant(x), 1).shape == (6, 2)


def test_images_channel_by_channel():
    x = rows(4, (3, 5, 2))
    together = pack_examples(tf.constant(x), 2).numpy()
    assert together.shape == (2, *packed_shape((3, 5, 2), 2)) == (2, 3, 5, 4)
    np.testing.assert_array_equal(together[0], np.concatenate([x[0], x[1]], axis=-1))
    np.testing.assert_array_equal(together[1], np.concatenate([x[2], x[3]], axis=-1))


def test_two_replicas_train_as_one(two_replicas):
    objective = RelativisticPairing(discriminator_steps=2)
    gans = [
        packing_gan(objective, strategy, run_eagerly=strategy is None)
        for strategy in (None, two_replicas)
    ]
    start = gans[0].discriminator.get_weights()
    for gan in gans:
        train(gan, 3, plain_batches(3, 2 * BATCH))
    assert same_networks(gans[1], gans[0]) < 1e-5
    assert not np.array_equal(start[0], gans[0].discriminator.get_weights()[0])


def test_scores_and_evaluation_are_of_packs():
    gan = packing_gan(NonSaturating())
    x = rows(7)
    assert gan.scores(x).shape == (3,)  # the seventh fills no pack
    expected = gan.discriminator(x[:6].reshape(3, 4)).numpy()[:, 0]
    np.testing.assert_allclose(gan.scores(x), expected, rtol=1e-6)
    logs = gan.evaluate(plain_batches(2, BATCH), verbose=0, return_dict=True)
    assert np.isfinite(list(logs.values())).all()


def test_a_discriminator_for_single_examples_is_refused():
    networks = (
        mlp_generator({"z": (LATENT,)}, SHAPE, units=(8,)),
        mlp_discriminator({"x": SHAPE}, units=(8,)),
    )
    with pytest.raises(ValueError, match=r"in packs of 2, \(4,\).*inputs of shape \(2,\)"):
        GAN(*networks, Normal(size=LATENT), packing=2)
    with pytest.raises(ValueError, match=r"`packing` must be at least 1. Received: packing=0"):
        GAN(*networks, Normal(size=LATENT), packing=0)
