"""Images with what a network says of them as an observation."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from case import small_images

from ganapp.training.data.features import FeatureSource
from ganapp.training.data.labels import with_share_of_labels
from ganapp.training.data.levels import at_level
from ganapp.training.data.source import ArraySource, training_batches

COUNT, HELD_OUT = 24, 6
IMAGES = np.random.default_rng(0).integers(0, 256, (COUNT + HELD_OUT, 8, 8, 1), np.uint8)


def plain():
    labels = np.arange(COUNT + HELD_OUT) % 3
    spec = small_images(COUNT, HELD_OUT, "abc")
    return ArraySource(spec, IMAGES[:COUNT], IMAGES[COUNT:], labels[:COUNT], labels[COUNT:])


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    x = keras.Input((8, 8, 1))
    maps = keras.layers.Conv2D(2, 3, activation="tanh")(x)
    maps = keras.layers.Dropout(0.5)(keras.layers.BatchNormalization()(maps))
    return keras.Model(x, keras.layers.Dense(5)(keras.layers.Flatten()(maps)))


def expected(network, images):
    return np.asarray(network(images / np.float32(127.5) - 1, training=False))


def test_rows_are_those_of_the_source_with_their_features(network):
    source, there = plain(), FeatureSource(plain(), network)
    where = {"step": tf.constant(1, tf.int64), "first": tf.constant(2, tf.int64), "count": 3}
    real, found = (each.rows(**where, batch_size=6, seed=5) for each in (source, there))
    for name in ("x", "label"):
        np.testing.assert_array_equal(found[name], real[name])
    features = np.asarray(network(real["x"], training=False))
    np.testing.assert_allclose(found["features"], features, atol=1e-5)
    assert there.spec.conditions == {"features": (5,)}
    assert dataclasses.replace(there.spec, conditions={}) == source.spec


def test_batches_are_a_pure_function_of_the_step(network):
    """And do not follow what becomes of the network: it was taken as it is."""
    there = FeatureSource(plain(), network)
    first = list(training_batches(there, batch_size=8, seed=3).take(4).as_numpy_iterator())
    late = training_batches(there, batch_size=8, seed=3, start_step=2)
    weights = network.get_weights()
    network.set_weights([weight + 1 for weight in weights])
    try:
        for batch, again in zip(first[2:], late.take(2).as_numpy_iterator(), strict=True):
            for name, values in batch.items():
                np.testing.assert_array_equal(again[name], values)
    finally:
        network.set_weights(weights)
    assert not np.array_equal(first[0]["features"], first[1]["features"])


def test_two_replicas_get_the_rows_of_one(network, two_replicas):
    there = FeatureSource(plain(), network)
    alone = next(iter(training_batches(there, batch_size=8, seed=3)))
    shared = next(iter(training_batches(there, batch_size=8, seed=3, strategy=two_replicas)))
    parts = two_replicas.experimental_local_results(shared["features"])
    np.testing.assert_allclose(np.concatenate(parts), alone["features"], atol=1e-5)


def test_observations_are_those_of_the_examples(network):
    there = FeatureSource(plain(), network)
    np.testing.assert_allclose(
        there.held_out_observations(4)["features"], expected(network, IMAGES[COUNT:][:4]), atol=1e-5
    )
    np.testing.assert_allclose(
        there.training_observations()["features"], expected(network, IMAGES[:COUNT]), atol=1e-5
    )
    levels = IMAGES[:2] + 0.25  # of a generator, not rounded
    np.testing.assert_allclose(
        there.observe(levels)["features"], expected(network, levels), atol=1e-5
    )
    assert there.observe(IMAGES[:0])["features"].shape == (0, 5)


def test_the_original_has_all_labels_and_the_same_features(network):
    there = FeatureSource(with_share_of_labels(plain(), 0.5), network)
    assert (there.training_labels() < 0).any()
    original = there.original
    assert original.spec.conditions == there.spec.conditions
    assert there.fingerprint() == plain().fingerprint()
    assert FeatureSource(plain(), network).original.training_labels().min() == 0


def test_an_observation_of_the_source_stays_beside_them(network):
    half = at_level(plain(), 0, coarse=True)
    there = FeatureSource(half, network)
    assert there.spec.conditions == {"coarse": (4, 4, 1), "features": (5,)}
    assert there.held_out_observations(2).keys() == {"coarse", "features"}
