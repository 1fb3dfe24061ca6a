"""Rows that say their class say the one that was asked for, whatever the network makes of it."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from case import output_of, same_networks, train, weights

from ganapp.models import GAN
from ganapp.models.networks import mlp_discriminator, mlp_generator
from ganapp.models.networks.inputs import DISCRIMINATOR_CONDITIONS, GENERATOR_CONDITIONS
from ganapp.training.objectives import OBJECTIVES
from ganapp.training.priors import Normal

CLASSES, SIZE, START, WIDTH = 3, 4, 3, 9
OTHERS = [0, 1, 2, 6, 7, 8]
HEAD = (("tanh", 1), ("softmax", 2), ("softmax", CLASSES), ("softmax", CLASSES))
LABELS = np.array([0, 1, 2, 2, 1, 0, 2, 2])


def rows_generator(condition="concatenation", start=START, **options):
    inputs = {"z": (SIZE,), "label": (CLASSES,)}
    options |= {"condition": condition, "class_start": start}
    return mlp_generator(inputs, (WIDTH,), units=(8,), head=HEAD, **options)


def latents():
    return {"z": Normal(size=SIZE).sample(8, (1, 2)), "label": tf.one_hot(LABELS, CLASSES)}


@pytest.mark.parametrize("condition", GENERATOR_CONDITIONS)
def test_only_the_class_is_put_in(condition):
    generator = rows_generator(condition, normalisation="batch")
    without = rows_generator(condition, None, normalisation="batch")
    without.set_weights(generator.get_weights())
    rows = generator(latents()).numpy()
    np.testing.assert_array_equal(rows[:, START : START + CLASSES], np.eye(CLASSES)[LABELS])
    np.testing.assert_array_equal(rows[:, OTHERS], without(latents()).numpy()[:, OTHERS])
    copy = keras.models.clone_model(generator)
    copy.set_weights(generator.get_weights())
    np.testing.assert_array_equal(copy(latents()), rows)


@pytest.mark.parametrize("condition", DISCRIMINATOR_CONDITIONS)
def test_a_class_that_no_label_says_is_not_seen(condition):
    """Real rows without a class and generated ones with one are judged by the other entries."""
    inputs = {"x": (WIDTH,), "label": (CLASSES,)}
    options = {"units": (8,), "condition": condition}
    before = mlp_discriminator(inputs, **options)
    network = mlp_discriminator(inputs, class_start=START, **options)
    before.set_weights(network.get_weights())
    rows = np.random.default_rng(0).normal(size=(8, WIDTH)).astype("float32")
    labels = np.eye(CLASSES, dtype="float32")[LABELS] * (np.arange(8) % 2)[:, None]
    others = rows.copy()
    others[:, START : START + CLASSES] += 1
    masked = np.where(labels.any(axis=1, keepdims=True) | np.isin(range(WIDTH), OTHERS), rows, 0)
    found, changed = (output_of(network, x, labels) for x in (rows, others))
    expected = output_of(before, tf.constant(masked), labels)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_array_equal(found[::2], changed[::2])
    assert (found[1::2] != changed[1::2]).numpy().all()
    np.testing.assert_allclose(output_of(network, rows)[::2], found[::2], rtol=1e-5)
    copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    np.testing.assert_array_equal(output_of(copy, rows, labels), found)


def test_gradients_are_those_of_the_other_entries():
    generator = rows_generator()
    kernel = generator.trainable_variables[-2]  # (8, 9), into the entries of a row
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(generator(latents()) ** 2, axis=0)
    moved = np.abs(tape.jacobian(value, kernel.value)).max(axis=1)  # entry by entry of the kernel
    class_entries = range(START, START + CLASSES)
    assert not moved[class_entries].any()
    assert not moved[:, class_entries].any()
    assert moved[OTHERS].max(axis=1).all()


def test_a_mixture_of_classes_stays_one():
    given = {name: each[:1] for name, each in latents().items()} | {"label": [[0.75, 0.25, 0.0]]}
    rows = rows_generator()({name: tf.constant(each) for name, each in given.items()})
    np.testing.assert_allclose(rows[0, START : START + CLASSES], [0.75, 0.25, 0], atol=1e-6)


def test_the_class_must_lie_within_the_row():
    with pytest.raises(ValueError, match=r"`start` must leave 3 of 9 entries.*Received: start=7"):
        rows_generator(start=7)


class Recorder(GAN):
    """Keeps what was judged, eagerly."""

    def discriminate(self, tensors, *, training=True):
        self.__dict__.setdefault("judged", []).append(tensors["x"].numpy())
        return super().discriminate(tensors, training=training)


def gan_of_rows(*, judged=True, kind=GAN, strategy=None, run_eagerly=False):
    keras.utils.set_random_seed(1)
    with (strategy or tf.distribute.get_strategy()).scope():
        inputs = {"x": (WIDTH,)} | ({"label": (CLASSES,)} if judged else {})
        discriminator = mlp_discriminator(inputs, condition="projection", units=(8,))
        options = {"class_shares": (0.5, 0.25, 0.25), "seed": 5, "ema_half_life": 100.0}
        gan = kind(rows_generator(), discriminator, Normal(size=SIZE), **options)
        optimizers = (keras.optimizers.SGD(0.05), keras.optimizers.SGD(0.05))
        gan.compile(*optimizers, objective=OBJECTIVES["relativistic"](), run_eagerly=run_eagerly)
    return gan


def real_rows(count=16):
    rows = np.random.default_rng(0).uniform(-1, 1, (count, WIDTH)).astype("float32")
    labels = np.resize(LABELS, count).astype("int32")
    rows[:, START : START + CLASSES] = np.eye(CLASSES)[labels]
    return rows, labels


@pytest.mark.parametrize("judged", [True, False])
def test_the_discriminator_sees_the_same_classes_in_both(judged):
    gan = gan_of_rows(judged=judged, kind=Recorder, run_eagerly=True)
    rows, labels = real_rows(8)
    gan.train_step((tf.constant(rows), tf.constant(labels)))
    assert len(gan.judged) == 4  # real and generated rows, for each player
    for seen in gan.judged:
        np.testing.assert_array_equal(seen[:, START : START + CLASSES], np.eye(CLASSES)[labels])


def test_two_replicas_train_as_one(two_replicas):
    gans = [gan_of_rows(strategy=x, run_eagerly=x is None) for x in (None, two_replicas)]
    start = weights(gans[0])
    for gan in gans:
        data = tf.data.Dataset.from_tensor_slices(real_rows()).batch(8, drop_remainder=True)
        train(gan, 2, data)
    assert same_networks(*gans) < 1e-5
    trained = weights(gans[0])["generator"]
    assert max(np.abs(a - b).max() for a, b in zip(start["generator"], trained, strict=True)) > 1e-4
