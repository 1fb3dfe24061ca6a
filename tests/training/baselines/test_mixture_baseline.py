"""The mixture: units, seeds, order, and that it fits what it should."""

import numpy as np
import pytest
from evaluation_cases import digits, grid_points, vector_spec

from ganapp.training.baselines import MixtureBaseline


@pytest.fixture(scope="module")
def data():
    return digits()


@pytest.fixture(scope="module")
def mixture(data):
    return MixtureBaseline(data.spec, data.train)


def test_images_come_in_user_units(mixture, data):
    samples = mixture.sample(30)
    assert samples.shape == (30, 8, 8, 1)
    assert samples.dtype == np.uint8
    assert abs(samples.mean() - data.train.mean()) < 12
    assert mixture.name == "10-component Gaussian mixture"


def test_samples_are_a_function_of_the_seed(mixture):
    np.testing.assert_array_equal(mixture.sample(20, 5), mixture.sample(20, 5))
    assert (mixture.sample(20, 5) != mixture.sample(20, 6)).any()


def test_samples_are_not_sorted_by_component():
    points = np.repeat([[-10.0, 0.0], [10.0, 0.0]], 50, axis=0).astype(np.float32)
    points += np.random.default_rng(0).normal(size=points.shape).astype(np.float32)
    mixture = MixtureBaseline(vector_spec(), points, mixture_components=2)
    right = mixture.sample(400)[:, 0] > 0
    assert abs(right[:200].mean() - right[200:].mean()) < 0.2


def test_vectors_keep_their_moments():
    points = grid_points(0) * np.float32(3.0) + np.float32(7.0)
    mixture = MixtureBaseline(vector_spec(scale=(5.0, 0.5)), points)
    samples = mixture.sample(4000)
    assert samples.dtype == np.float32
    np.testing.assert_allclose(samples.mean(0), points.mean(0), atol=0.4)
    np.testing.assert_allclose(samples.std(0), points.std(0), rtol=0.1)


def test_as_many_components_as_modes_find_the_modes():
    mixture = MixtureBaseline(vector_spec(), grid_points(0, modes=3), mixture_components=3)
    offsets = mixture.sample(500)[:, None] - grid_points(0, modes=3)[None]
    assert np.linalg.norm(offsets, axis=2).min(axis=1).max() < 0.1


@pytest.mark.parametrize("count", [2, 5])
def test_few_examples_get_fewer_components(count):
    mixture = MixtureBaseline(vector_spec(), grid_points(0, count))
    assert mixture.components == count
    assert np.isfinite(mixture.sample(10)).all()


def test_duplicates_do_not_break_the_fit():
    points = np.repeat(grid_points(0, 3), 10, axis=0)
    assert np.isfinite(MixtureBaseline(vector_spec(), points).sample(10)).all()


def test_bad_arguments_are_refused(mixture, data):
    with pytest.raises(ValueError, match="`count` must be at least 1"):
        mixture.sample(0)
    with pytest.raises(ValueError, match="examples that differ"):
        MixtureBaseline(data.spec, np.zeros((9, 8, 8, 1), np.uint8))
