"""The autoencoder discriminator: its score is minus the error of its reconstruction."""

import keras
import numpy as np
import pytest
from case import LATENT, mlp_networks, tiny_gan, train, weights

from ganapp.models.networks.autoencoder import autoencoder_discriminator
from ganapp.models.tensors import with_outputs
from ganapp.training.objectives import OBJECTIVES

SHAPES = [(2,), (8, 8, 1), (7, 5, 3), (4, 6)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("error", ["squared", "absolute"])
def test_scores_are_minus_the_mean_error(shape, error):
    network = autoencoder_discriminator({"x": shape}, widths=(4,), code=3, error=error)
    examples = np.random.default_rng(0).normal(size=(5, *shape)).astype("float32")
    last = network.get_layer("scores")
    reconstruction = keras.Model(network.inputs[0], last.input[1])(examples).numpy()
    assert reconstruction.shape == examples.shape
    difference = examples - reconstruction
    entries = difference**2 if error == "squared" else np.abs(difference)
    expected = -entries.reshape(5, -1).mean(axis=1)
    np.testing.assert_allclose(network(examples).numpy()[:, 0], expected, rtol=1e-5)


def test_the_code_is_the_features():
    network = autoencoder_discriminator({"x": (8, 8, 1)}, widths=(4,), code=3)
    assert with_outputs(network, ["features"]).output["features"].shape == (None, 3)


def test_saved_and_loaded(tmp_path):
    network = autoencoder_discriminator({"x": (8, 8, 1)}, widths=(4,), code=3, error="absolute")
    examples = np.random.default_rng(0).normal(size=(2, 8, 8, 1)).astype("float32")
    network.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras")
    np.testing.assert_allclose(loaded(examples), network(examples), rtol=1e-6)


def energy_networks():
    generator, _ = mlp_networks(latent=LATENT)
    return generator, autoencoder_discriminator({"x": (2,)}, widths=(8,), code=2)


@pytest.mark.parametrize("name", ["ebgan", "began"])
def test_energies_train(name):
    gan = tiny_gan(OBJECTIVES[name](), networks=energy_networks)
    before = weights(gan)
    logs = train(gan, 5).history
    assert logs["real_score"][0] < 0
    assert np.isfinite([value[0] for value in logs.values()]).all()
    for part in ("generator", "discriminator"):
        after = weights(gan)[part]
        assert any(not np.array_equal(a, b) for a, b in zip(after, before[part], strict=True))
    assert ("convergence" in logs) == (name == "began")
