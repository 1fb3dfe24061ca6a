"""The definition of every prior: what is drawn, in TensorFlow and in the lines of a model card."""

import ast

import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf
from prior_case import CASES, MORE_CASES, PRODUCT, SEED, noise_of

from ganapp.training.priors import Normal, Prior
from ganapp.training.priors.continuous import normal_quantile
from ganapp.training.priors.discrete import one_hot

GRID = 2**23
ALL = CASES | MORE_CASES


class GivenNumbers:
    """A numpy generator that gives numbers drawn by TensorFlow, one array a call."""

    def __init__(self, *arrays):
        self.arrays = list(arrays)

    def integers(self, high, size):
        assert high == GRID
        given = self.arrays.pop(0)
        assert given.shape == size
        return (given * GRID).astype("int64")


def numpy_draws(prior, count, random):
    """What the lines of a model card assign to the names of the parts."""
    scope = {"np": np, "random": random}
    exec(prior.numpy_code(count), scope)
    assert random is scope["random"]
    return {name: scope[name] for name in prior.parts}


@pytest.mark.parametrize("name", ALL)
def test_a_seed_gives_the_latents_of_its_uniform_numbers(name):
    """The numbers of an artefact, which draws with Philox wherever it runs."""
    prior = ALL[name]
    np.testing.assert_array_equal(prior.sample(50, SEED), prior.from_uniform(noise_of(prior, 50)))
    assert prior.sample(50, SEED).dtype == tf.float32


@pytest.mark.parametrize("name", ALL)
def test_numpy_makes_the_same_latents_of_the_same_numbers(name):
    prior, noise = ALL[name], noise_of(ALL[name], 500)
    found = numpy_draws(prior, 500, GivenNumbers(noise.numpy()))
    # Rounding of float32, which the last hundredth of a normal's tail magnifies.
    np.testing.assert_allclose(found["z"], prior.from_uniform(noise), rtol=1e-5, atol=1e-5)


def test_numpy_makes_the_same_parts_of_a_product():
    noise = noise_of(PRODUCT, 200)
    sizes = [part.noise_size for part in PRODUCT.parts.values()]
    columns = np.split(noise.numpy(), np.cumsum(sizes)[:-1], axis=1)
    found = numpy_draws(PRODUCT, 200, GivenNumbers(*columns))
    for name, expected in PRODUCT.from_uniform(noise).items():
        np.testing.assert_allclose(found[name], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_another_seed_of_numpy_draws_others_and_another_count_fits(name):
    prior = CASES[name]
    first, again, other = (
        numpy_draws(prior, 16, np.random.default_rng(seed))["z"] for seed in (7, 7, 8)
    )
    assert first.shape == other.shape == (16, prior.size)
    assert not np.array_equal(first, other)
    np.testing.assert_array_equal(first, again)
    assert numpy_draws(prior, 1, np.random.default_rng(7))["z"].shape == (1, prior.size)


@pytest.mark.parametrize("prior", [*ALL.values(), PRODUCT])
def test_lines_are_short_and_need_numpy_only(prior):
    code = prior.numpy_code(16)
    assert max(map(len, code.splitlines())) <= 100
    modules = [x.module for x in ast.walk(ast.parse(code)) if isinstance(x, ast.ImportFrom)]
    assert set(modules) <= {"statistics"}
    assert not [x for x in ast.walk(ast.parse(code)) if isinstance(x, ast.Import)]
    assert "xp" not in code


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("value", [0.0, 0.5, 1 - 2**-23])
def test_the_ends_of_the_interval_are_latents_too(name, value):
    prior = ALL[name]
    noise = np.full((2, prior.noise_size), value, "float32")
    latents = prior.from_uniform(noise)
    assert np.isfinite(prior.log_density(latents)).all()
    found = numpy_draws(prior, 2, GivenNumbers(noise))["z"]
    np.testing.assert_allclose(found, latents, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ALL)
def test_a_latent_is_a_function_of_its_own_row(name):
    prior = ALL[name]
    noise = noise_of(prior, 9)
    rows = [prior.from_uniform(noise[i : i + 1]).numpy()[0] for i in range(9)]
    np.testing.assert_allclose(prior.from_uniform(noise), rows, atol=2e-6)


@pytest.mark.parametrize("name", ALL)
def test_coordinates_that_are_not_continuous_have_few_values(name):
    prior = ALL[name]
    latents = prior.sample(100, SEED).numpy()
    mask = prior.continuous_mask
    assert mask.shape == (prior.size,)
    found = [len(np.unique(column)) for column in latents.T]
    assert [count > 2 for count in found] == mask.tolist()


def test_priors_that_walk_along_an_arc():
    ways = {name: prior.path for name, prior in CASES.items()}
    assert {name for name, way in ways.items() if way == "arc"} == {
        *("normal", "truncated_normal", "sphere")
    }
    assert set(ways.values()) == {"arc", "straight"}


# Normal numbers -------------------------------------------------------------------------------


def centred(cells):
    return (2 * cells + 1) / GRID - 1


def test_quantiles_are_exact_to_a_millionth():
    cells = np.concatenate([np.arange(3000), np.arange(0, GRID, 997), GRID - 1 - np.arange(3000)])
    x = centred(cells).astype(np.float32)
    np.testing.assert_array_equal(x, centred(cells))  # the middle of each cell is exact
    expected = scipy.special.ndtri((cells + 0.5) / GRID)
    found = normal_quantile(tf.constant(x)).numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(found[:3000], -found[-3000:])


def test_quantiles_of_the_very_ends_are_finite():
    found = normal_quantile(tf.constant([-1.0, 0.0, 1.0])).numpy()
    assert np.isfinite(found).all()
    assert found[1] == 0
    assert found[2] == -found[0] > 5


def test_normal_numbers_have_tails():
    """Of two million numbers, as many beyond each bound as there should be."""
    drawn = np.abs(Normal(size=100).sample(20_000, SEED).numpy().astype("float64"))
    for bound in (1.0, 2.0, 3.0, 4.0, 4.5):
        expected = drawn.size * 2 * scipy.stats.norm.sf(bound)
        assert abs((drawn > bound).sum() - expected) < 4 * np.sqrt(expected)
    extreme = Normal(size=2).from_uniform([[1 - 2.0**-23, 0.0]]).numpy()
    np.testing.assert_allclose(extreme, [[np.sqrt(48 * np.log(2)), 0]], rtol=1e-6)  # 5.77


def test_normal_numbers_are_computed_exactly():
    """Against the formula in double precision, everywhere and in the tails."""
    radius = np.concatenate([np.arange(3000), np.arange(0, GRID, 2003), GRID - 1 - np.arange(3000)])
    noise = np.stack(
        [radius / GRID, np.random.RandomState(0).randint(GRID, size=len(radius)) / GRID]
    )
    length = np.sqrt(-2 * np.log1p(-noise[0] - 2.0**-24))
    turn = 2 * np.pi * noise[1]
    expected = np.stack([length * np.cos(turn), length * np.sin(turn)], axis=1)
    found = Normal(size=2).from_uniform(noise.T.astype("float32"))
    np.testing.assert_allclose(found, expected, rtol=0, atol=5e-6)


def test_categories_share_the_interval():
    uniform = np.float32([[0.0], [0.24], [0.26], [0.9], [1 - 2**-23]])
    np.testing.assert_array_equal(one_hot(uniform, 4).numpy().argmax(1), [0, 0, 1, 3, 3])
    ends = np.float32([[0.0], [1 - 2**-23]])
    for count in (2, 3, 7, 10, 100, 1000):
        drawn = one_hot(np.concatenate([uniform, ends]), count).numpy()
        np.testing.assert_array_equal(drawn.sum(axis=1), 1)
        assert drawn[-1, -1] == drawn[-2, 0] == 1


def test_a_prior_must_say_how():
    with pytest.raises(NotImplementedError):
        Prior().from_uniform(tf.zeros((1, 1)))
    with pytest.raises(NotImplementedError):
        Prior().numpy_code(3)
