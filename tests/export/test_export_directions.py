"""The directions in which a generator changes most, against linear algebra and gradients."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from export_case import NormalPrior, make_image_bundle

from ganapp.export import serving_files
from ganapp.export.bundle import Bundle
from ganapp.export.serving_files import principal_directions


def bundle_of(network, prior):
    return Bundle(
        name="directions", generator=network, prior=prior, to_user_units=tf.identity, kind="vector"
    )


def dense(matrix, **options):
    z = keras.Input((matrix.shape[0],))
    layer = keras.layers.Dense(matrix.shape[1], use_bias=False, **options)
    network = keras.Model(z, layer(z))
    layer.set_weights([matrix])
    return network


@pytest.fixture
def matrix():
    return np.random.default_rng(0).normal(size=(6, 20)).astype("float32")


def test_of_a_linear_generator_they_are_its_singular_vectors(matrix):
    found = principal_directions(bundle_of(dense(matrix), NormalPrior(6)), latents=3)
    vectors, values, _ = np.linalg.svd(matrix)
    np.testing.assert_allclose(found.spread, values / np.sqrt(20), rtol=1e-3)
    np.testing.assert_allclose(np.abs(np.sum(found.vectors * vectors.T, axis=1)), 1, atol=1e-4)
    largest = np.abs(found.vectors).argmax(axis=1)
    assert (found.vectors[np.arange(6), largest] > 0).all()


def test_of_any_generator_they_are_eigenvectors_of_the_mean_of_its_jacobians(matrix):
    network = dense(matrix, activation="tanh")
    bundle = bundle_of(network, NormalPrior(6))
    z = bundle.prior.from_uniform(bundle.uniform_noise(64, serving_files.DIRECTIONS_SEED))
    with tf.GradientTape() as tape:
        tape.watch(z)
        samples = network(z)
    jacobian = tape.batch_jacobian(samples, z).numpy().astype("float64")
    mean = np.einsum("nda,ndb->ab", jacobian, jacobian) / (64 * 20)
    found = principal_directions(bundle)
    np.testing.assert_allclose(found.vectors @ found.vectors.T, np.eye(6), atol=1e-5)
    expected = np.diag(found.spread.astype("float64") ** 2)
    np.testing.assert_allclose(found.vectors @ mean @ found.vectors.T, expected, atol=1e-3)
    assert (np.diff(found.spread) < 0).all()


def test_latents_of_categories_have_none(matrix):
    @dataclasses.dataclass(frozen=True)
    class Bits(NormalPrior):
        @property
        def continuous_mask(self):
            return np.zeros(self.size, bool)

    found = principal_directions(bundle_of(dense(matrix), Bits(6)))
    assert found.vectors.shape == (0, 6)
    assert found.spread.shape == (0,)


def test_a_large_sample_is_taken_in_parts(monkeypatch):
    bundle = make_image_bundle()
    whole = principal_directions(bundle, latents=2, count=3)
    monkeypatch.setattr(
        serving_files, "AT_ONCE", 2 * 64 * 3
    )  # three of eight coordinates at a time
    parts = principal_directions(bundle, latents=2, count=3)
    assert whole.vectors.shape == (3, 8)
    np.testing.assert_allclose(parts.spread, whole.spread, rtol=1e-3)
    np.testing.assert_allclose(parts.vectors, whole.vectors, atol=1e-2)
