"""Each example of a pack is augmented by itself, and features are of what the scores are of."""

import numpy as np
import pytest
import tensorflow as tf
from case import (
    BATCH,
    LATENT,
    critic_of,
    numeric_gradient,
    packing_gan,
    plain_batches,
    rows,
    same_networks,
    train,
)

from ganapp.models.batches import pack_examples, packed_shape, unpack_examples
from ganapp.models.extensions import Extensions
from ganapp.models.networks import mlp_discriminator, mlp_generator
from ganapp.models.noise import Draws, Stream
from ganapp.models.tensors import with_outputs
from ganapp.training.augmentations import AdaptiveAugment, DiffAugment
from ganapp.training.objectives import NonSaturating
from ganapp.training.terms import R1, FeatureMatching, GradientPenalty

IMAGE, SIZE = (4, 4, 3), 2
STEP = tf.constant(0, tf.int64)


def draws(count):
    return Draws(3, Stream.DISCRIMINATOR_AUGMENTATION, STEP, 0, count)


def extensions(*augmentations):
    generator = mlp_generator({"z": (LATENT,)}, IMAGE, units=(4,))
    discriminator = mlp_discriminator({"x": packed_shape(IMAGE, SIZE)}, units=(4,))
    objective = NonSaturating(augmentations=augmentations)
    return Extensions(objective, generator, discriminator, SIZE)


@pytest.mark.parametrize("shape", [(5,), (3, 5, 2), (2, 3, 4, 2)])
@pytest.mark.parametrize("size", [1, 3])
def test_unpacked_is_the_inverse(shape, size):
    x = rows(6, shape)
    np.testing.assert_array_equal(unpack_examples(pack_examples(tf.constant(x), size), size), x)


def test_a_pack_is_augmented_as_its_examples_alone():
    """Colour included, which a pack of two images with six channels would be refused."""
    member, x = DiffAugment(), tf.constant(rows(6, IMAGE))
    expected = pack_examples(member.augment(x, draws(6), STEP, None), SIZE)
    seen = extensions(member).augment(pack_examples(x, SIZE), draws(6), STEP)
    np.testing.assert_array_equal(seen, expected)


def test_equal_examples_of_a_pack_are_seen_differently():
    x = tf.repeat(tf.constant(rows(1, IMAGE)), 4, axis=0)
    seen = unpack_examples(
        extensions(DiffAugment()).augment(pack_examples(x, SIZE), draws(4), STEP), SIZE
    )
    assert len(np.unique(seen.numpy().reshape(4, -1), axis=0)) == 4


def test_a_step_draws_for_every_example():
    gan = packing_gan(NonSaturating(augmentations=(DiffAugment(),)), shape=IMAGE)
    x = pack_examples(tf.repeat(tf.constant(rows(1, IMAGE)), BATCH, axis=0), SIZE)
    seen = []
    gan.discriminate = lambda tensors, **options: (
        seen.append(tensors["x"]) or {"scores": tensors["x"]}
    )
    gan._critic({"x": x}, {}, Stream.DISCRIMINATOR_AUGMENTATION)({"x": x})
    members = unpack_examples(seen[0], SIZE).numpy().reshape(BATCH, -1)
    assert len(np.unique(members, axis=0)) == BATCH


@pytest.mark.parametrize("penalty", [R1(), GradientPenalty()], ids=lambda p: p.name)
def test_penalties_of_packed_and_augmented_examples(penalty):
    """Against finite differences: by the examples, and of the penalty by the weights."""
    draw = np.random.default_rng(0)
    shape = packed_shape(IMAGE, SIZE)
    kernel = tf.Variable(draw.normal(size=(int(np.prod(shape)), 3)) / 10)
    real, fake = (tf.constant(draw.normal(size=(2, *shape))) for _ in range(2))
    augment = extensions(DiffAugment()).augment
    distances = [tf.Variable(np.zeros(1)) for _ in range(2)]
    directions = [draw.normal(size=x.shape) for x in (real, kernel)]

    def critic():
        numbers, weights = draws(4), kernel + distances[1] * directions[1]

        def score(seen):
            return tf.reduce_sum(tf.tanh(tf.reshape(seen, (2, -1)) @ weights) ** 2, 1)

        return critic_of(score, augment=lambda x: augment(x, numbers, STEP))

    def values():
        return tf.reduce_sum(critic().scores({"x": real + distances[0] * directions[0]}))

    def penalties():
        numbers = Draws(4, Stream.DISCRIMINATOR_TERMS, STEP, 0, 2)
        given = {"x": real}, {"x": fake}
        return tf.reduce_mean(penalty.per_example(critic(), *given, numbers))

    slope = np.sum(critic().gradient({"x": real}).numpy() * directions[0])
    np.testing.assert_allclose(slope, numeric_gradient(values, distances[0])[0], rtol=1e-6)
    with tf.GradientTape() as tape:
        value = penalties()
    slope = np.sum(tape.gradient(value, kernel).numpy() * directions[1])
    np.testing.assert_allclose(slope, numeric_gradient(penalties, distances[1])[0], rtol=1e-6)
    assert abs(slope) > 1e-4


def test_adaptive_augmentation_counts_images():
    """Three updates of eight images each: up or down by 24 of a hundred."""
    ada = AdaptiveAugment(interval=3, adjustment_images=100, initial_probability=0.5)
    gan = packing_gan(NonSaturating(augmentations=(ada,)), shape=IMAGE, run_eagerly=True)
    logs = train(gan, 3, plain_batches(3, BATCH, IMAGE)).history
    move = logs["adaptive_augment/probability"][-1] - 0.5
    assert abs(move) == pytest.approx(0.24, abs=1e-6)


def test_two_replicas_train_as_one(two_replicas):
    """Three updates of eight images each: up or down by 24 of a hundred."""
    ada = AdaptiveAugment(
        interval=3, adjustment_images=100, initial_probability=0.5, policy=("noise",)
    )
    objective = NonSaturating(augmentations=(DiffAugment(), ada), terms=(R1(), FeatureMatching()))
    gans = [
        packing_gan(objective, strategy, shape=IMAGE, run_eagerly=strategy is None)
        for strategy in (None, two_replicas)
    ]
    start = gans[0].discriminator.get_weights()
    logs = [train(gan, 3, plain_batches(3, BATCH, IMAGE)).history for gan in gans]
    assert same_networks(gans[1], gans[0]) < 1e-5
    assert not np.array_equal(start[0], gans[0].discriminator.get_weights()[0])
    for log in logs:
        move = log["adaptive_augment/probability"][-1] - 0.5
        assert abs(move) == pytest.approx(0.24, abs=1e-6)


def test_features_and_scores_are_of_the_same_augmented_examples():
    network = mlp_discriminator({"x": (2,)}, units=(4,))
    shown = []

    def augment(examples):
        shown.append(examples + tf.cast(len(shown) + 1, tf.float32))
        return shown[-1]

    both = with_outputs(network, ["features"])
    critic = critic_of(both, augment=augment)
    x, y = tf.constant(rows(3)), tf.constant(rows(3, seed=1))
    critic({"x": x})
    features = [critic({"x": tensor})["features"].numpy() for tensor in (x, y)]
    np.testing.assert_allclose(critic.scores({"x": y}), network(y + 2.0), rtol=1e-6)
    assert len(shown) == 2
    for found, seen in zip(features, (x + 1.0, y + 2.0), strict=True):
        np.testing.assert_allclose(found, both(seen)["features"], rtol=1e-6)
