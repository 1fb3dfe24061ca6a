"""Latents made of uniform numbers: the distribution of every prior, in plain arithmetic."""

import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf
from prior_case import (
    CASES,
    SEED,
    assert_same_coordinates,
    assert_same_densities,
    assert_same_dependence,
)

from ganapp.training.priors import Conditional, Prior, TruncatedNormal
from ganapp.training.priors.inverse_normal import centred, normal_from_uniform, normal_of
from ganapp.training.priors.uniforms import category_of

MANY = 20_000
SHARES = (0.6, 0.3, 0.1)
WITH_CLASSES = {
    f"{name} with classes": Conditional(base=p, shares=SHARES) for name, p in CASES.items()
}
ALL = CASES | WITH_CLASSES
ALL |= {f"bound {b}": TruncatedNormal(size=2, bound=b) for b in (0.01, 12.0)}


def uniforms(prior, count):
    shape = (count, prior.noise_size)
    return tf.random.stateless_uniform(shape, tf.constant([5, 6]), alg="philox")


@pytest.fixture(params=ALL, scope="module")
def draws(request):
    """(prior, its own draws, those of uniform numbers): `(20000, size)` each."""
    prior = ALL[request.param]
    return (
        prior,
        prior.sample(MANY, SEED).numpy(),
        prior.from_uniform(uniforms(prior, MANY)).numpy(),
    )


def test_draws_are_distributed_as_the_prior(draws):
    prior, expected, actual = draws
    assert actual.shape == (MANY, prior.size)
    assert actual.dtype == np.float32
    assert_same_coordinates(actual, expected)
    assert_same_dependence(actual, expected)
    assert_same_densities(prior, actual, expected)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("value", [0.0, 0.5, 1 - 2**-23])
def test_the_ends_of_the_interval_are_latents_too(name, value):
    prior = ALL[name]
    latents = prior.from_uniform(tf.fill((2, prior.noise_size), np.float32(value)))
    assert np.isfinite(prior.log_density(latents)).all()


@pytest.mark.parametrize("name", ALL)
def test_a_latent_is_a_function_of_its_own_row(name):
    prior = ALL[name]
    noise = uniforms(prior, 9)
    rows = [prior.from_uniform(noise[i : i + 1]).numpy()[0] for i in range(9)]
    np.testing.assert_allclose(prior.from_uniform(noise), rows, atol=1e-6)


@pytest.mark.parametrize("name", ALL)
def test_coordinates_that_are_not_continuous_have_few_values(name):
    prior = ALL[name]
    latents = prior.from_uniform(uniforms(prior, 100)).numpy()
    mask = prior.continuous_mask
    assert mask.shape == (prior.size,)
    found = [len(np.unique(column)) for column in latents.T]
    assert [count > 2 for count in found] == mask.tolist()


def test_which_way_priors_go():
    ways = {name: prior.path for name, prior in CASES.items()}
    assert {name for name, way in ways.items() if way == "arc"} == {
        *("normal", "truncated_normal", "sphere")
    }
    assert set(ways.values()) == {"arc", "straight"}
    for name, prior in CASES.items():
        assert WITH_CLASSES[f"{name} with classes"].path == prior.path


def test_normal_numbers_are_exact_to_a_millionth():
    cells = np.concatenate([np.arange(3000), np.arange(0, 2**23, 997), 2**23 - 1 - np.arange(3000)])
    uniform = (cells * 2.0**-23).astype(np.float32)
    np.testing.assert_array_equal(uniform, cells * 2.0**-23)  # what TensorFlow draws
    expected = scipy.special.ndtri((cells + 0.5) * 2.0**-23)
    np.testing.assert_allclose(normal_from_uniform(uniform), expected, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(
        normal_from_uniform(uniform[:3000]), -normal_from_uniform(uniform[-3000:])
    )


def test_the_middle_of_each_cell_is_exact():
    cells = np.array([0, 1, 2**22 - 1, 2**22, 2**23 - 2, 2**23 - 1])
    found = centred(tf.constant(cells * 2.0**-23, tf.float32)).numpy()
    np.testing.assert_array_equal(found.astype("float64"), (2 * cells + 1) * 2.0**-23 - 1)


def test_what_lies_at_the_very_ends_stays_finite():
    found = normal_of(tf.constant([-1.0, 0.0, 1.0])).numpy()
    assert np.isfinite(found).all()
    assert found[1] == 0
    assert found[2] == -found[0] > 5


def test_categories_share_the_interval():
    uniform = tf.constant([[0.0], [0.59], [0.61], [0.9], [1 - 2**-23]])
    np.testing.assert_array_equal(category_of(uniform, SHARES).numpy().argmax(1), [0, 0, 1, 2, 2])
    for count in (2, 3, 7, 100):
        drawn = category_of(uniform, [1 / count] * count).numpy()
        np.testing.assert_array_equal(drawn.sum(axis=1), 1)


def test_a_prior_must_say_how():
    with pytest.raises(NotImplementedError):
        Prior().from_uniform(tf.zeros((1, 1)))
