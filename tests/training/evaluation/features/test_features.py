"""Feature spaces: units, names, and what is left of the data."""

import numpy as np
import pytest
from evaluation_cases import digits, vector_spec

from ganapp.training.data import SOURCES
from ganapp.training.evaluation.features.spaces import (
    Coordinates,
    Pixels,
    PrincipalComponents,
    Standardised,
    TableColumns,
)


@pytest.fixture(scope="module")
def data():
    return digits()


@pytest.mark.parametrize("name", ["columns", "coordinates", "pca", "pixels", "standardised"])
def test_every_space_gives_finite_float64_rows(name, data):
    wines = SOURCES["wine"]()
    vectors, spec = np.ones((5, 3), np.float32), vector_spec(3)
    space, samples = {
        "pixels": (Pixels(), data.train),
        "pca": (PrincipalComponents(Pixels(), data.train), data.train),
        "columns": (TableColumns(wines.spec), wines.train),
        "coordinates": (Coordinates(), vectors),
        "standardised": (Standardised(spec.mean, spec.scale), vectors),
    }[name]
    features = space(samples)
    assert features.dtype == np.float64
    assert features.ndim == 2
    assert len(features) == len(samples)
    assert np.isfinite(features).all()
    assert isinstance(space.name, str)


def test_pixels_have_the_range_that_the_networks_see():
    samples = np.array([0, 51, 255, 102], np.uint8).reshape(1, 2, 2, 1)
    np.testing.assert_allclose(Pixels()(samples), [[-1.0, -0.6, 1.0, -0.2]])


def test_standardised_takes_out_mean_and_scale_and_forgives_a_constant_column():
    space = Standardised((0.0, 0.0), (4.0, 0.0))
    np.testing.assert_allclose(space(np.array([[8.0, 3.0]])), [[2.0, 3.0]])
    np.testing.assert_allclose(space.inverse(space(np.array([[8.0, 3.0]]))), [[8.0, 3.0]])


@pytest.mark.parametrize(("count", "expected"), [(10, 9), (300, 32)])
def test_components_are_capped_by_the_count(count, expected, data):
    space = PrincipalComponents(Pixels(), data.train[:count])
    assert space.name == f"PCA-{expected}"
    assert space(data.held_out).shape == (len(data.held_out), expected)


def test_all_components_lose_nothing(data):
    space = PrincipalComponents(Pixels(), data.train, components=64)
    back = space.inverse(space(data.train[:50]))
    np.testing.assert_allclose(back, Pixels()(data.train[:50]), atol=1e-9)


def test_components_are_centred_on_the_training_data(data):
    scores = PrincipalComponents(Pixels(), data.train)(data.train)
    np.testing.assert_allclose(scores.mean(axis=0), 0.0, atol=1e-9)
    assert (np.diff(scores.var(axis=0)) <= 1e-9).all()


def test_constant_training_data_are_refused(data):
    with pytest.raises(ValueError, match="examples that differ"):
        PrincipalComponents(Pixels(), np.zeros((4, 8, 8, 1), np.uint8))
