"""The numpy lines of every prior draw from the same distribution as its TensorFlow operations."""

import ast

import numpy as np
import pytest
from prior_case import (
    CASES,
    SEED,
    assert_same_coordinates,
    assert_same_densities,
    assert_same_dependence,
)

from ganapp.training.priors import PRIORS, GaussianMixture, Prior, TruncatedNormal

MANY = 20_000
# The cases of the shared list, and options at the ends of their ranges.
WITH_OPTIONS = CASES | {
    "defaults of " + name: PRIORS[name](size=8) for name in ("truncated_normal", "gaussian_mixture")
}
WITH_OPTIONS |= {
    "hardly anything left": TruncatedNormal(size=2, bound=0.01),
    "nothing cut off": TruncatedNormal(size=2, bound=12.0),
    "one component": GaussianMixture(size=2, components=1, radius=1, sigma=2, seed=9),
}


def numpy_draws(prior, count, seed=7):
    """What the lines assign, as they stand in a model card."""
    names = {"np": np, "random": np.random.default_rng(seed)}
    exec(prior.numpy_code(count), names)
    return names["z"]


@pytest.fixture(params=WITH_OPTIONS)
def draws(request):
    """(prior, its own draws, numpy's): `(20000, size)` each."""
    prior = WITH_OPTIONS[request.param]
    return prior, prior.sample(MANY, SEED).numpy(), numpy_draws(prior, MANY).astype("float32")


def test_draws_are_distributed_as_tensorflows(draws):
    prior, expected, actual = draws
    assert_same_coordinates(actual, expected)
    assert_same_dependence(actual, expected)
    assert_same_densities(prior, actual, expected)


@pytest.mark.parametrize("case", CASES)
def test_another_seed_draws_others_and_another_count_fits(case):
    prior = CASES[case]
    first, other = numpy_draws(prior, 16), numpy_draws(prior, 16, seed=8)
    assert first.shape == other.shape == (16, prior.size)
    assert not np.array_equal(first, other)
    np.testing.assert_array_equal(first, numpy_draws(prior, 16))
    assert numpy_draws(prior, 1).shape == (1, prior.size)


@pytest.mark.parametrize("case", CASES)
def test_lines_are_short_and_need_numpy_only(case):
    code = CASES[case].numpy_code(16)
    assert max(map(len, code.splitlines())) <= 100
    modules = [x.module for x in ast.walk(ast.parse(code)) if isinstance(x, ast.ImportFrom)]
    assert set(modules) <= {"statistics"}
    assert not [x for x in ast.walk(ast.parse(code)) if isinstance(x, ast.Import)]


def test_a_prior_must_say_how():
    with pytest.raises(NotImplementedError):
        Prior().numpy_code(3)
