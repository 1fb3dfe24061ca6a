"""Figures of reconstructions, against closed forms and what the best linear map does."""

import numpy as np
import pytest

from ganapp.training.evaluation.reconstruction import (
    latent_figures,
    latents_read_back,
    reconstruction_figures,
    simple_reconstructions,
)


def test_errors_of_pixels_by_hand():
    examples = np.zeros((4, 2, 2, 1), np.uint8)
    made = examples.copy()
    made[1] = 10  # squared errors 0, 100, 0, 0
    found = reconstruction_figures(examples, made)
    assert found["mean_squared_error"] == 25.0
    np.testing.assert_allclose(found["error"], 50.0 / 2)  # deviation 50 over the root of 4
    np.testing.assert_allclose(found["psnr"], 10 * np.log10(255**2 / 25))
    assert reconstruction_figures(made, examples)["mean_squared_error"] == 25.0  # no overflow
    assert reconstruction_figures(examples, examples)["psnr"] is None
    assert reconstruction_figures(examples.astype("float32"), made)["psnr"] is None


def test_principal_components_are_the_best_linear_map():
    random = np.random.default_rng(0)
    train = random.normal(size=(500, 6)).astype("float32") * np.float32([5, 3, 2, 1, 0.5, 0.1])
    made = simple_reconstructions(train, train, components=2)
    assert list(made) == [
        "the mean example",
        "2 principal components",
        "the nearest training example",
    ]
    centred = train - train.mean(axis=0)
    singular = np.linalg.svd(centred.astype(float), compute_uv=False)
    expected = np.sum(singular[2:] ** 2) / train.size  # Eckart and Young
    figures = {name: reconstruction_figures(train, each) for name, each in made.items()}
    found = figures["2 principal components"]["mean_squared_error"]
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    np.testing.assert_allclose(
        figures["the mean example"]["mean_squared_error"], np.mean(centred**2), rtol=1e-4
    )
    assert figures["the nearest training example"]["mean_squared_error"] == 0.0


def test_pictures_stay_pictures():
    random = np.random.default_rng(0)
    train, examples = (random.integers(0, 256, (n, 3, 3, 1), np.uint8) for n in (20, 5))
    for each in simple_reconstructions(train, examples, components=64).values():
        assert each.shape == examples.shape
        assert each.min() >= 0
        assert each.max() <= 255
        np.testing.assert_array_equal(each, np.round(each))


def test_latents_of_the_priors_law_are_at_the_floor():
    random = np.random.default_rng(0)

    def draw(scale=1.0, shift=0.0):
        return {
            "z": shift + scale * random.normal(size=(800, 3)),
            "code": shift + scale * random.uniform(-1, 1, (800, 2)),
        }

    like = latent_figures(draw(), draw(), draw())
    assert like["mean"] < 0.15
    assert like["deviation"] == pytest.approx(1.0, abs=0.05)
    assert like["energy_distance"] < 4 * like["floor"]
    narrow = latent_figures(draw(0.5, 1.0), draw(), draw())
    assert narrow["mean"] == pytest.approx(1.0, abs=0.15)
    assert narrow["deviation"] == pytest.approx(0.5, abs=0.05)
    assert narrow["energy_distance"] > 20 * narrow["floor"]


def test_the_share_of_latents_that_is_read_back():
    z = {"z": np.random.default_rng(0).normal(size=(500, 4))}
    mean = {"z": np.broadcast_to(z["z"].mean(axis=0), (500, 4))}
    half = {"z": z["z"].mean(axis=0) + (z["z"] - z["z"].mean(axis=0)) / 2}
    assert latents_read_back(z, z) == 1.0
    assert latents_read_back(z, mean) == pytest.approx(0.0, abs=1e-9)
    assert latents_read_back(z, half) == pytest.approx(0.75)
