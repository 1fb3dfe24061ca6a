"""What every prior promises: draws, supports, ways between latents, truncation, tracing."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from prior_case import CASES, SEED

from ganapp.training.priors import (
    PRIORS,
    Bernoulli,
    Categorical,
    LearnableMixture,
    Normal,
    Sphere,
    TruncatedNormal,
    Uniform,
)

UNTRAINED = [case for case in CASES if case != "learnable_mixture"]
FRACTIONS = st.floats(0, 1)
SEEDS = st.integers(0, 1000)


def pairs(prior, count=5, seed=0):
    return tuple(prior.sample(count, tf.constant([seed, i])) for i in (0, 1))


def test_every_prior_has_a_case():
    assert {prior.name for prior in CASES.values()} | {"product"} == set(PRIORS)
    for name in set(PRIORS) - {"product"}:  # which has no parts of its own
        assert PRIORS[name]().name == name
        assert PRIORS[name]().size >= 2


@pytest.mark.parametrize("case", CASES)
def test_samples_are_a_function_of_the_seed(case):
    prior = CASES[case]
    samples = prior.sample(50, SEED)
    assert samples.shape == (50, prior.size)
    assert samples.dtype == tf.float32
    assert np.isfinite(samples).all()
    np.testing.assert_array_equal(prior.sample(50, SEED), samples)
    np.testing.assert_array_equal(prior.sample(tf.constant(50), SEED), samples)
    assert (prior.sample(50, SEED + 1).numpy() != samples.numpy()).any(axis=0).all()


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """One SavedModel with the functions of every case, traced with unknown numbers of rows."""
    module, folder = tf.Module(), tmp_path_factory.mktemp("priors")
    for index, prior in enumerate(CASES.values()):
        sample, move = traced(prior, seed_type(index))
        setattr(module, f"sample_{index}", sample)
        setattr(module, f"move_{index}", move)
    tf.saved_model.save(module, folder)
    return tf.saved_model.load(folder)


def traced(prior, seed_type):
    rows, number = tf.TensorSpec((None, prior.size)), tf.TensorSpec(())

    @tf.function(input_signature=[tf.TensorSpec((), tf.int32), tf.TensorSpec((2,), seed_type)])
    def sample(count, seed):
        latents = prior.sample(count, seed)
        return latents, prior.log_density(latents)

    @tf.function(input_signature=[rows, rows, number])
    def move(start, end, amount):
        return prior.interpolate(start, end, amount), prior.truncate(start, amount)

    return sample, move


def seed_type(index):
    """Both types, in turn."""
    return (tf.int32, tf.int64)[index % 2]


@pytest.mark.parametrize("case", CASES)
def test_everything_can_be_saved_as_a_graph(case, saved):
    """Loaded without our code, equal to eager results."""
    prior, index = CASES[case], list(CASES).index(case)
    seed = tf.cast(SEED, seed_type(index))
    latents, density = getattr(saved, f"sample_{index}")(tf.constant(7), seed)
    np.testing.assert_allclose(latents, prior.sample(7, seed), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(density, prior.log_density(latents), rtol=1e-5)
    start, end = pairs(prior)
    between, truncated = getattr(saved, f"move_{index}")(start, end, tf.constant(0.3))
    np.testing.assert_allclose(between, prior.interpolate(start, end, 0.3), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(truncated, prior.truncate(start, 0.3), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_draws_lie_in_the_support(case):
    prior = CASES[case]
    density = prior.log_density(prior.sample(1000, SEED)).numpy()
    assert density.shape == (1000,)
    assert np.isfinite(density).all()


@pytest.mark.parametrize("case", CASES)
def test_plain_priors_have_one_part(case):
    prior = CASES[case]
    assert prior.parts == {"z": prior}
    assert (prior.sizes, prior.codes) == ({"z": prior.size}, ())
    np.testing.assert_array_equal(prior.draw(5, SEED)["z"], prior.sample(5, SEED))
    assert (prior.first_layer() is None) == (case in UNTRAINED)


def test_draws_can_be_compiled():
    """XLA may draw other numbers, from the same support."""

    @tf.function(jit_compile=True, autograph=False)
    def all_draws(seed):
        cases = set(CASES) - {"categorical with a normal", "categorical alone"}  # parts of others
        return {case: CASES[case].sample(20, seed) for case in sorted(cases)}

    for case, latents in all_draws(SEED).items():
        prior = CASES[case]
        assert latents.shape == (20, prior.size), case
        assert np.isfinite(prior.log_density(latents)).all(), case


# From one latent to another -------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_interpolation_meets_its_ends(case):
    prior = CASES[case]
    start, end = pairs(prior)
    np.testing.assert_allclose(prior.interpolate(start, end, 0.0), start, atol=1e-5)
    np.testing.assert_allclose(prior.interpolate(start, end, 1.0), end, atol=1e-5)


@pytest.mark.parametrize("case", UNTRAINED)  # the trained one mixes components: see below
@settings(max_examples=10, deadline=None)
@given(fraction=FRACTIONS, seed=SEEDS)
def test_interpolation_stays_in_the_support(case, fraction, seed):
    prior = CASES[case]
    point = prior.interpolate(*pairs(prior, seed=seed), fraction)
    assert point.shape == (5, prior.size)
    assert np.isfinite(prior.log_density(point)).all()


@pytest.mark.parametrize("prior", [Normal(size=6), Sphere(size=6)], ids=lambda p: p.name)
@settings(max_examples=20, deadline=None)
@given(fraction=FRACTIONS, seed=SEEDS)
def test_arc_keeps_length_and_plane(prior, fraction, seed):
    start, end = pairs(prior, 3, seed)
    point = prior.interpolate(start, end, fraction).numpy()
    norms = [np.linalg.norm(z, axis=1) for z in (start, end)]
    expected = (1 - fraction) * norms[0] + fraction * norms[1]
    np.testing.assert_allclose(np.linalg.norm(point, axis=1), expected, rtol=1e-4)
    for a, b, p in zip(start.numpy(), end.numpy(), point, strict=True):
        whole = np.arccos(np.dot(a, b) / np.linalg.norm(a) / np.linalg.norm(b))
        part = np.arccos(np.clip(np.dot(a, p) / np.linalg.norm(a) / np.linalg.norm(p), -1, 1))
        assert part == pytest.approx(fraction * whole, abs=2e-3)  # equal angles in equal times
        outside = p - np.linalg.lstsq(np.stack([a, b], axis=1), p, rcond=None)[0] @ [a, b]
        np.testing.assert_allclose(outside, 0.0, atol=1e-3)


@pytest.mark.parametrize("factor", [1.0, 1 + 1e-6, -1.0, -1 - 1e-6])
def test_arc_between_parallel_and_opposite_latents(factor):
    start = tf.constant([[1.0, 2.0], [0.0, 3.0], [-2.0, 0.0]])
    for fraction in (0.0, 0.25, 0.5, 1.0):
        point = Normal(size=2).interpolate(start, factor * start, fraction).numpy()
        lengths = np.linalg.norm(start, axis=1)
        np.testing.assert_allclose(np.linalg.norm(point, axis=1), lengths, rtol=1e-4)
        cosine = np.sum(point * start.numpy(), axis=1) / lengths**2
        expected = 1.0 if factor > 0 else np.cos(fraction * np.pi)  # half a turn, evenly
        np.testing.assert_allclose(cosine, expected, atol=1e-4)


def test_arc_to_and_from_zero_is_finite():
    zero, other = tf.zeros((1, 2)), tf.constant([[3.0, 4.0]])
    prior = Normal(size=2)
    for ends in ((zero, zero), (zero, other), (other, zero)):
        assert np.isfinite(prior.interpolate(*ends, 0.5)).all()
        np.testing.assert_allclose(prior.interpolate(*ends, 1.0), ends[1], atol=1e-6)


def test_arc_of_a_truncated_normal_is_cut_at_the_bound():
    """Between two corners of the square the circle leaves it."""
    corners = tf.constant([[1.5, 1.5]]), tf.constant([[1.5, -1.5]])
    prior = TruncatedNormal(size=2, bound=1.5)
    np.testing.assert_allclose(prior.interpolate(*corners, 0.5), [[1.5, 0.0]], atol=1e-6)


@pytest.mark.parametrize("name", ["uniform", "gaussian_mixture"])
def test_straight_interpolation(name):
    start, end = tf.constant([[0.0, 1.0]]), tf.constant([[1.0, -1.0]])
    np.testing.assert_allclose(PRIORS[name](size=2).interpolate(start, end, 0.25), [[0.25, 0.5]])


def test_bits_change_one_after_another():
    start, end = tf.constant([[0.0, 1, 1, 0, 0]]), tf.constant([[1.0, 1, 0, 0, 1]])
    prior = Bernoulli(size=5)
    points = [prior.interpolate(start, end, f).numpy()[0] for f in (0.1, 0.2, 0.5, 0.6, 0.9)]
    expected = [[0, 1, 1, 0, 0], [1, 1, 1, 0, 0], [1, 1, 0, 0, 0], [1, 1, 0, 0, 0], [1, 1, 0, 0, 1]]
    np.testing.assert_array_equal(points, expected)


def test_categories_change_half_way():
    prior = Categorical(categories=(2, 2), continuous=1)
    start, end = tf.constant([[1.0, 0, 0, 1, -1]]), tf.constant([[0.0, 1, 0, 1, 1]])
    before, after = (prior.interpolate(start, end, f) for f in (0.49, 0.75))
    np.testing.assert_allclose(before, [[1, 0, 0, 1, -0.02]], rtol=1e-5)
    np.testing.assert_allclose(after, [[0, 1, 0, 1, 0.5]], rtol=1e-5)


def test_components_mix_on_the_way():
    prior = LearnableMixture(components=3, dimension=2)
    start, end = tf.constant([[1.0, 0, 0, 2, 0]]), tf.constant([[0.0, 0, 1, 0, 2]])
    point = prior.interpolate(start, end, 0.25).numpy()[0]
    np.testing.assert_allclose(point[:3], [0.75, 0, 0.25])
    angle = np.pi / 8
    np.testing.assert_allclose(point[3:], [2 * np.cos(angle), 2 * np.sin(angle)], rtol=1e-5)


# Truncation -----------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
@settings(max_examples=10, deadline=None)
@given(amount=FRACTIONS, seed=SEEDS)
def test_truncation_moves_to_where_the_prior_is_denser(case, amount, seed):
    prior = CASES[case]
    latents = prior.sample(5, tf.constant([seed, 0]))
    truncated = prior.truncate(latents, amount)
    centres = prior.centre(latents).numpy()
    before, after = (prior.log_density(z).numpy() for z in (latents, truncated))
    assert np.isfinite(after).all()
    assert (after >= before - 1e-4).all()
    expected = centres + amount * (latents.numpy() - centres)
    np.testing.assert_allclose(truncated, expected, atol=1e-5)
    np.testing.assert_array_equal(prior.centre(truncated), centres)


@pytest.mark.parametrize("case", CASES)
def test_truncation_by_nothing_changes_nothing(case):
    latents = CASES[case].sample(9, SEED)
    np.testing.assert_array_equal(CASES[case].truncate(latents, 1.0), latents)


@pytest.mark.parametrize("case", CASES)
def test_a_prior_knows_whether_it_truncates(case):
    prior = CASES[case]
    latents = prior.sample(9, SEED)
    assert prior.truncates == bool((prior.truncate(latents, 0.0) != latents).numpy().any())


def test_priors_that_do_not_truncate():
    fixed = {case for case, prior in CASES.items() if not prior.truncates}
    assert fixed == {"sphere", "bernoulli", "categorical alone"}


def test_what_truncation_means_for_each_prior():
    half = {
        "normal": ([[2.0, -4.0, 0.0]], [[1.0, -2.0, 0.0]]),
        "truncated_normal": ([[1.0, -0.5, 0.0]], [[0.5, -0.25, 0.0]]),
        "uniform": ([[1.0, -0.5, 0.0]], [[0.5, -0.25, 0.0]]),
        "sphere": ([[1.0, 1.0, -1.0]], [[1.0, 1.0, -1.0]]),
        "bernoulli": ([[1.0, 0, 0, 1, 1, 0]], [[1.0, 0, 0, 1, 1, 0]]),
        "categorical": ([[0.0, 1, 0, 1, 0, 0.8, -0.2]], [[0.0, 1, 0, 1, 0, 0.4, -0.1]]),
        "learnable_mixture": ([[0.0, 1, 0, 3, -1]], [[0.0, 1, 0, 1.5, -0.5]]),
    }
    for name, (latents, expected) in half.items():
        np.testing.assert_allclose(CASES[name].truncate(tf.constant(latents), 0.5), expected)
    mixture = CASES["gaussian_mixture"]
    away = mixture.means + np.float32([0.2, -0.1, 0.4])
    np.testing.assert_allclose(
        mixture.truncate(away, 0.5), mixture.means + np.float32([0.1, -0.05, 0.2]), atol=1e-6
    )


@pytest.mark.parametrize("amount", [-0.1, 1.5, 2])
def test_truncation_out_of_range_is_refused(amount):
    with pytest.raises(ValueError, match=rf"`amount` must lie.*Received: amount={amount}"):
        Uniform(size=2).truncate(tf.zeros((1, 2)), amount)


# Options --------------------------------------------------------------------------------------

IMPOSSIBLE = [
    *[
        (name, {"size": 0}, r"`size` must be at least 1. Received: size=0")
        for name in ("normal", "truncated_normal", "uniform", "gaussian_mixture", "bernoulli")
    ],
    ("sphere", {"size": 1}, r"`size` must be at least 2.*Received: size=1"),
    ("truncated_normal", {"bound": 0.0}, r"`bound` must be above 0. Received: bound=0.0"),
    ("bernoulli", {"probability": 0.0}, r"`probability` must lie.*probability=0.0"),
    ("bernoulli", {"probability": 1.0}, r"`probability` must lie.*probability=1.0"),
    ("categorical", {"categories": ()}, r"`categories` must hold.*categories=\(\)"),
    ("categorical", {"categories": (3, 1)}, r"`categories` must hold.*categories=\(3, 1\)"),
    ("categorical", {"continuous": -1}, r"`continuous` must not be negative.*continuous=-1"),
    ("categorical", {"distribution": "cauchy"}, r"There is no distribution.*'cauchy'"),
    ("learnable_mixture", {"dimension": 0}, r"`dimension` must be at least 1.*dimension=0"),
    ("learnable_mixture", {"components": 1}, r"`components` must be at least 2.*components=1"),
    *[
        (name, options, sentence)
        for name in ("gaussian_mixture", "learnable_mixture")
        for options, sentence in (
            ({"components": 0}, r"`components` must be at least [12].*Received: components=0"),
            ({"radius": 0.0}, r"`radius` must be above 0. Received: radius=0.0"),
            ({"sigma": -1.0}, r"`sigma` must be above 0. Received: sigma=-1.0"),
            ({"seed": -1}, r"`seed` must lie between.*seed=-1"),
        )
    ],
]


@pytest.mark.parametrize(("name", "options", "sentence"), IMPOSSIBLE)
def test_impossible_options_are_refused(name, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        PRIORS[name](**options)
