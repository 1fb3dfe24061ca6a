"""f-divergences against their definitions: suprema, closed forms, quadrature."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import lambertw

from ganapp.training.objectives import OBJECTIVES, FSkewedJensenShannon, Minimax, NonSaturating
from ganapp.training.objectives.divergences import (
    EXPONENT_LIMIT,
    exp_with_tangent,
    log_lambert_of_exp,
)

FAMILY = sorted(name for name in OBJECTIVES if name.startswith("f_"))
MEMBERS = [*(OBJECTIVES[name]() for name in FAMILY), FSkewedJensenShannon(skew=0.2)]
GOALS = ["bound", "alternative"]
# Two laws on three points, with a ratio below, at and above 1.
DISCRETE = np.array([0.5, 0.2, 0.3]), np.array([0.1, 0.2, 0.7])
# Mean and standard deviation of P and of Q; of P less than Q's, so that chi-squared is finite.
GAUSSIANS = (0.5, 0.9), (-0.3, 1.2)

members = pytest.mark.parametrize(
    "member", MEMBERS, ids=lambda m: f"{m.name}-{getattr(m, 'skew', '')}".rstrip("-")
)


def double(values):
    return tf.constant(values, tf.float64)


def gaussian_weights():
    """Quadrature weights times density of P and Q on a fine grid of the line."""
    # Further out Q holds 1e-15 and the ratio leaves the range of the scores.
    x, step = np.linspace(-10.0, 10.0, 20001, retstep=True)
    return [
        step * np.exp(-0.5 * ((x - mean) / deviation) ** 2) / (deviation * np.sqrt(2 * np.pi))
        for mean, deviation in GAUSSIANS
    ]


def derivative(function, u):
    u = double(u)
    with tf.GradientTape() as tape:
        tape.watch(u)
        value = function(u)
    return tape.gradient(value, u).numpy()


def optimal_scores(divergence, p, q):
    """v with g(v) = f'(p / q), by bisection: `log_ratio` is not asked."""
    target = derivative(divergence.function, p / q)
    low, high = np.full_like(target, -1e16), np.full_like(target, 1e16)
    for _ in range(120):
        middle = (low + high) / 2
        below = divergence.activation(double(middle)).numpy() < target
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2


def bound(member, scores, p, q):
    """E_P T - E_Q f*(T), which is minus the discriminator's loss."""
    scores, zero = double(scores), tf.zeros(np.shape(scores), tf.float64)
    # The loss is a(real) + b(fake), and each law weighs its own part alone.
    on_real = p * member.discriminator_loss(scores, zero)
    on_fake = q * member.discriminator_loss(zero, scores)
    at_zero = member.discriminator_loss(zero[0], zero[0])
    return float(at_zero - tf.reduce_sum(on_real + on_fake))


def kl(p, q):
    return float(np.sum(p * np.log(p / q)))


def by_definition(member, p, q):
    """Each divergence from its textbook formula, not from f."""
    mixture, skew = (p + q) / 2, getattr(member, "skew", 0.5)
    skewed = skew * p + (1 - skew) * q
    two_halves = kl(p, mixture) + kl(q, mixture)
    return {
        "f_kl": kl(p, q),
        "f_reverse_kl": kl(q, p),
        "f_jensen_shannon": two_halves,
        "f_gan": two_halves - np.log(4.0),
        "f_pearson": np.sum(p**2 / q) - 1,
        "f_hellinger": 2 - 2 * np.sum(np.sqrt(p * q)),
        "f_jeffreys": kl(p, q) + kl(q, p),
        "f_total_variation": np.abs(p - q).sum() / 2,
        "f_skewed_jensen_shannon": skew * kl(p, skewed) + (1 - skew) * kl(q, skewed),
    }[member.name]


def gaussian_closed_forms():
    """The divergences of two Gaussians that have a formula."""
    (m, s), (n, t) = GAUSSIANS
    forward = np.log(t / s) + (s**2 + (m - n) ** 2) / (2 * t**2) - 0.5
    backward = np.log(s / t) + (t**2 + (m - n) ** 2) / (2 * s**2) - 0.5
    overlap = np.sqrt(2 * s * t / (s**2 + t**2)) * np.exp(-((m - n) ** 2) / (4 * (s**2 + t**2)))
    spread = 2 * t**2 - s**2
    chi_squared = t**2 / (s * np.sqrt(spread)) * np.exp((m - n) ** 2 / spread) - 1
    return {
        "f_kl": forward,
        "f_reverse_kl": backward,
        "f_jeffreys": forward + backward,
        "f_hellinger": 2 - 2 * overlap,
        "f_pearson": chi_squared,
    }


@members
def test_function_is_convex_and_vanishes_at_one(member):
    function = member.divergence.function
    # GAN's differs from Jensen-Shannon's by a constant, as in the paper.
    at_one = -np.log(4.0) if member.name == "f_gan" else 0.0
    assert float(function(double(1.0))) == pytest.approx(at_one, abs=1e-12)
    u = np.linspace(0.01, 8.0, 800)
    values = np.asarray(function(u))  # arrays will do
    chords = values[:-2] + values[2:] - 2 * values[1:-1]
    assert (chords > -1e-12).all()
    assert chords.sum() > 1e-3


@members
def test_activation_rises_from_less_real_to_more(member):
    scores = np.linspace(-8.0, 8.0, 401)
    assert (np.diff(member.divergence.activation(double(scores))) > 0).all()
    assert (np.diff(member.divergence.conjugate_of_activation(double(scores))) >= 0).all()


@members
@pytest.mark.parametrize("score", [-2.5, -1.0, 0.0, 0.7, 2.0])
def test_conjugate_is_the_supremum(member, score):
    """f*(t) = sup_u u t - f(u) over u >= 0 on a grid that is even in log u, 0 included."""
    t = float(member.divergence.activation(double(score)))
    u = np.concatenate([[0.0], np.exp(np.linspace(-40.0, 12.0, 520001))])
    values = u * t - np.asarray(member.divergence.function(u))
    supremum = values[np.isfinite(values)].max()
    actual = float(member.divergence.conjugate_of_activation(double(score)))
    assert actual == pytest.approx(supremum, abs=1e-6)
    assert actual >= supremum - 1e-12


@members
@pytest.mark.parametrize("laws", [DISCRETE, gaussian_weights()], ids=["discrete", "gaussians"])
def test_bound_is_the_divergence_at_the_optimum_and_less_elsewhere(member, laws):
    p, q = laws
    if member.name == "f_total_variation":  # the optimum is where the score is infinite
        best = 30.0 * np.sign(p - q)
    else:
        best = optimal_scores(member.divergence, p, q)
    expected = by_definition(member, p, q)
    assert bound(member, best, p, q) == pytest.approx(expected, abs=1e-6)
    draw = np.random.default_rng(0)
    for size in (0.05, 0.5, 2.0):
        moved = best + size * draw.normal(size=best.shape)
        assert bound(member, moved, p, q) <= expected + 1e-12
        if member.name == "f_total_variation":
            moved = best / 30.0 * size  # less than infinite
        assert bound(member, moved, p, q) < expected - 1e-5


@members
@pytest.mark.parametrize("laws", [DISCRETE, gaussian_weights()], ids=["discrete", "gaussians"])
def test_function_defines_the_divergence(member, laws):
    """E_Q f(p / q) is what the textbooks call it."""
    p, q = laws
    value = float(np.sum(q * np.asarray(member.divergence.function(p / q))))
    assert value == pytest.approx(by_definition(member, p, q), abs=1e-9)


@pytest.mark.parametrize("name", sorted(gaussian_closed_forms()))
def test_bound_of_two_gaussians_in_closed_form(name):
    """The same from means and variances alone."""
    member, (p, q) = OBJECTIVES[name](), gaussian_weights()
    best = optimal_scores(member.divergence, p, q)
    assert bound(member, best, p, q) == pytest.approx(gaussian_closed_forms()[name], abs=1e-6)


@members
def test_log_ratio_at_the_optimum(member):
    p, q = np.array([0.02, 0.5, 1.0, 3.0, 60.0]), np.ones(5)
    if member.divergence.log_ratio is None:
        assert member.name == "f_total_variation"
        assert member.log_density_ratio(double(p)) is None
        return
    best = optimal_scores(member.divergence, p, q)
    actual = member.log_density_ratio(double(best))
    np.testing.assert_allclose(actual, np.log(p / q), atol=1e-9)


def loss_and_slopes(loss, real, fake):
    real, fake = tf.identity(real), tf.identity(fake)  # two tensors, whatever came
    with tf.GradientTape() as tape:
        tape.watch([real, fake])
        value = loss(real, fake)
    return value, *tape.gradient(value, (real, fake), unconnected_gradients="zero")


@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize("name", FAMILY)
def test_signs_at_all_scores(name, goal):
    """Finite in float32 from -50 to 50; no gradient that points the wrong way anywhere."""
    member = OBJECTIVES[name](generator_goal=goal)
    scores = tf.linspace(-50.0, 50.0, 201)
    value, on_real, on_fake = loss_and_slopes(member.discriminator_loss, scores, scores)
    for numbers in (value, on_real, on_fake):
        assert np.isfinite(numbers).all()
    assert (on_real.numpy() <= 0).all()
    assert (on_fake.numpy() >= 0).all()
    value, on_real, on_fake = loss_and_slopes(member.generator_loss, scores, scores)
    assert np.isfinite(value).all()
    assert np.isfinite(on_fake).all()
    assert (on_real.numpy() == 0).all()
    assert (on_fake.numpy() <= 0).all()
    near = np.abs(scores) < 2
    assert (on_fake.numpy()[near] < 0).all()


@pytest.mark.parametrize(
    ("name", "goal", "score"),
    [
        *(("f_kl", goal, 50.0) for goal in GOALS),
        *(("f_jeffreys", goal, 50.0) for goal in GOALS),
        *(("f_reverse_kl", goal, -50.0) for goal in GOALS),
        ("f_hellinger", "bound", 50.0),
        ("f_hellinger", "alternative", -50.0),
    ],
)
def test_beyond_the_limit_the_gradient_lives(name, goal, score):
    """Where exp(50) was to be, the tangent still tells the generator where to go."""
    member = OBJECTIVES[name](generator_goal=goal)
    _, _, slope = loss_and_slopes(member.generator_loss, tf.zeros(1), tf.constant([score]))
    assert -1e9 < float(slope[0]) <= -1.0


def test_generator_goals_differ():
    """By the alternative the gradient lives where the discriminator wins."""
    slopes = {}
    for goal in GOALS:
        loss = OBJECTIVES["f_pearson"](generator_goal=goal).generator_loss
        slopes[goal] = float(loss_and_slopes(loss, tf.zeros(1), tf.constant([-3.0]))[2][0])
    assert slopes == {"bound": 0.0, "alternative": -1.0}


@pytest.mark.parametrize(("goal", "twin"), [("bound", Minimax()), ("alternative", NonSaturating())])
def test_gan_is_the_first_gan(goal, twin):
    real, fake = (tf.random.stateless_normal((64,), (i, 0), stddev=3.0) for i in (1, 2))
    member = OBJECTIVES["f_gan"](generator_goal=goal)
    for side in ("discriminator_loss", "generator_loss"):
        actual, expected = (getattr(o, side)(real, fake) for o in (member, twin))
        np.testing.assert_allclose(actual, expected, rtol=1e-6)


def test_skewed_is_jensen_shannon_in_the_middle_and_the_two_kl_at_its_ends():
    u = np.linspace(0.05, 5.0, 50)
    half = np.asarray(OBJECTIVES["f_jensen_shannon"]().divergence.function(u)) / 2
    np.testing.assert_allclose(FSkewedJensenShannon().divergence.function(u), half, atol=1e-12)
    p, q = DISCRETE
    small = 1e-5
    for skew, limit in ((small, kl(p, q)), (1 - small, kl(q, p))):
        divergence = FSkewedJensenShannon(skew=skew).divergence
        value = float(np.sum(q * np.asarray(divergence.function(p / q)))) / small
        assert value == pytest.approx(limit, rel=1e-3)


def test_refusals():
    with pytest.raises(ValueError, match="`generator_goal` must be one of 'bound', 'alternative'"):
        OBJECTIVES["f_kl"](generator_goal="alternate")
    for skew in (0.0, 1.0, -0.5):
        with pytest.raises(ValueError, match=rf"`skew` must be above 0 and below 1.*={skew}"):
            FSkewedJensenShannon(skew=skew)


def test_exp_with_tangent():
    x = double([-60.0, 0.0, EXPONENT_LIMIT, EXPONENT_LIMIT + 3.0])
    top = np.exp(EXPONENT_LIMIT)
    np.testing.assert_allclose(exp_with_tangent(x), [np.exp(-60.0), 1.0, top, 4 * top])
    np.testing.assert_allclose(derivative(exp_with_tangent, x), [np.exp(-60.0), 1.0, top, top])


def test_lambert_against_scipy():
    y = np.linspace(-30.0, 300.0, 3001)
    np.testing.assert_allclose(
        log_lambert_of_exp(double(y)), np.log(lambertw(np.exp(y)).real), rtol=1e-12, atol=1e-14
    )
    # Where exp(y) has no digits or no value: its own equation.
    y = np.array([-1e4, -100.0, 800.0, 1e6])
    w = log_lambert_of_exp(double(y)).numpy()
    np.testing.assert_allclose(np.exp(w) + w, y, rtol=1e-12)
    single = log_lambert_of_exp(tf.constant([-50.0, 51.0]))
    assert single.dtype == tf.float32
    np.testing.assert_allclose(single, [-50.0, np.log(lambertw(np.exp(51.0)).real)], rtol=1e-6)


def test_lambert_can_be_differentiated_again_and_again():
    """d log W(e^y) / dy = 1 / (1 + W), d2 = -W / (1 + W)^3; in a graph as well."""

    @tf.function
    def derivatives(y):
        with tf.GradientTape() as outer:
            outer.watch(y)
            with tf.GradientTape() as inner:
                inner.watch(y)
                w = log_lambert_of_exp(y)
            first = inner.gradient(w, y)
        return first, outer.gradient(first, y)

    y = np.linspace(-5.0, 20.0, 26)
    w = lambertw(np.exp(y)).real
    for run in (derivatives, derivatives.python_function):
        first, second = run(double(y))
        np.testing.assert_allclose(first, 1 / (1 + w), rtol=1e-12)
        np.testing.assert_allclose(second, -w / (1 + w) ** 3, rtol=1e-12)
    step = 1e-5
    ends = [log_lambert_of_exp(double(y + sign * step)).numpy() for sign in (1, -1)]
    np.testing.assert_allclose((ends[0] - ends[1]) / (2 * step), first, rtol=1e-6)
