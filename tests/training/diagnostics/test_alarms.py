"""Every alarm fires on what it is for and is silent on health and on noise."""

import dataclasses
import functools
import inspect
import re
import shlex

import numpy as np
import pytest
from case import historical_distances
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from ganapp.config.loading import validated, with_overrides
from ganapp.config.presets import preset_path, read_toml
from ganapp.training.data.densities import grid, ring
from ganapp.training.diagnostics import alarms
from ganapp.training.diagnostics.alarms import (
    Alarm,
    Remedy,
    discriminator_overfitting,
    duplicates,
    gradient_norms,
    ignored_codes,
    lost_tails,
    low_coverage,
    low_precision,
    missing_modes,
    oscillation,
    saturation,
    wandering,
)
from ganapp.training.evaluation.checks import NotComputable
from ganapp.training.evaluation.metrics.lost_tails import LostTail
from ganapp.training.objectives import FGAN, OBJECTIVES, FPearson, LeastSquares, Minimax

SEEDS = range(200)


def normal(seed, *shape, mean=0.0):
    return np.random.default_rng(seed).normal(mean, 1, size=shape)


def draws(source, count, seed, sigma=None):
    mixture, random = source.modes, np.random.default_rng(seed)
    centres = mixture.centres[random.integers(len(mixture.centres), size=count)]
    return centres + (sigma or mixture.sigma) * random.normal(size=(count, 2))


def false_alarms(alarm, healthy):
    return sum(alarm(*healthy(seed)) is not None for seed in SEEDS)


CUT = LostTail(
    column="amount", kind="upper tail", seen="maximum 500 where the data have 1,695", chance=1e-9
)

# Each kind once, for what all have in common.
FIRED = {
    "saturation": lambda: saturation(Minimax(), np.zeros(64), np.full(64, -9.0)),
    "discriminator_overfitting": lambda: discriminator_overfitting(
        normal(0, 500, mean=2), normal(1, 500, mean=0.5), normal(2, 500, mean=-1)
    ),
    "oscillation": lambda: oscillation(3 * np.sin(np.arange(300) / 5) + normal(0, 300)),
    "wandering": lambda: wandering(np.ones(100), player="generator"),
    "vanishing_gradients": lambda: gradient_norms([1.0] * 50 + [1e-6] * 20, player="generator"),
    "exploding_gradients": lambda: gradient_norms([1.0] * 50 + [np.inf], player="discriminator"),
    "duplicates": lambda: duplicates(np.repeat(normal(0, 10, 2), 50, axis=0), normal(1, 500, 2)),
    "low_coverage": lambda: low_coverage(0.3, 0.95, generated=2500, real=9000),
    "low_precision": lambda: low_precision(0.1, 0.95, generated=2500, real=9000),
    "missing_modes": lambda: missing_modes([300, 300, 0, 300]),
    "lost_tails": lambda: lost_tails([CUT], generated=800),
    "ignored_codes": lambda: ignored_codes({"digit": 0.1 * normal(0, 500), "style": np.ones(500)}),
}


@pytest.mark.parametrize("name", sorted(FIRED))
def test_an_alarm_says_what_it_saw_meant_and_what_to_try(name):
    alarm = FIRED[name]()
    assert alarm.name == name
    assert re.search(r"\d", alarm.seen) or "finite" in alarm.seen
    assert alarm.sentence == f"{alarm.seen}: {alarm.meaning}; {alarm.advice}."
    assert alarm.advice.startswith("try ")
    assert "`" in alarm.advice
    with pytest.raises(dataclasses.FrozenInstanceError):
        alarm.name = "another"


def test_every_alarm_is_tried():
    functions = {
        name
        for name, each in inspect.getmembers(alarms, inspect.isfunction)
        if inspect.signature(each).return_annotation == Alarm | None and not name.startswith("_")
    }
    kinds = {"gradient_norms": {"vanishing_gradients", "exploding_gradients"}}
    assert set(FIRED) == set().union(*(kinds.get(name, {name}) for name in functions))


def commands(advice):
    """The options in backticks, as a shell takes them apart."""
    return [shlex.split(part) for part in re.findall(r"`(--set [^`]*)`", advice)]


@pytest.mark.parametrize("name", sorted(FIRED))
def test_what_to_try_can_be_copied_onto_the_command_line(name):
    found = commands(FIRED[name]().advice)
    assert found, "an alarm names at least one setting"
    for words in found:
        assert words[::2] == ["--set"] * (len(words) // 2)
        preset = "wine" if "data." in words[1] else "digits"
        preset = "infogan-digits" if "mutual_information" in words[1] else preset
        raw = read_toml(preset_path(preset))
        if "generator_goal" in words[1]:
            raw["objective"] = {"name": "f_gan"}
        validated(with_overrides(raw, words[1::2]), preset)


def test_codes_that_are_ignored_are_named_and_need_evidence():
    said = ignored_codes({name: 0.01 * normal(0, 400) for name in ("digit", "style")}).sentence
    assert "of 400 generated examples the reader learns of the codes 'digit'" in said
    assert "'style'" in said
    assert "all their values" in said
    said = ignored_codes({"digit": 0.01 * normal(0, 400), "style": np.ones(400)}).sentence
    assert "of the code 'digit' " in said
    assert "'style'" not in said
    # Of a code that is not read at all, but of too few examples to say so.
    assert ignored_codes({"digit": normal(0, 400)}) is None
    assert ignored_codes({"digit": np.full(400, 0.11)}) is None
    assert ignored_codes({}) is None


def test_lost_tails_name_what_was_seen_and_the_modes_are_named():
    said = FIRED["lost_tails"]().sentence
    assert "of 800 samples 1 column is not like the data" in said
    assert "column 'amount', upper tail: maximum 500 where the data have 1,695" in said
    assert "`--set data.components=20`" in said
    assert lost_tails([], generated=800) is None
    category = dataclasses.replace(CUT, kind="categories")
    assert "components" not in lost_tails([category], generated=800).sentence
    alarm = missing_modes([300, 0, 300], kind="classes", names=["cat", "dog", "owl"])
    assert "1 of 3 classes (dog) have less" in alarm.seen


# Saturation -----------------------------------------------------------------------------------


def test_saturation_is_about_most_examples():
    limit = np.log(0.01 / 0.99)
    scores = np.r_[np.full(51, limit - 1e-3), np.full(49, limit + 1e-3)]
    real = np.full(100, 5.0)

    def alarm(fake):
        return saturation(Minimax(), real, fake)

    assert "51% of 100" in alarm(scores).seen
    assert alarm(scores[1:-1]) is not None  # 50 of 98
    assert alarm(scores[2:]) is None  # 49 of 98
    assert alarm(normal(0, 100)) is None
    for name in ("real", "fake"):
        with pytest.raises(ValueError, match=f"`{name}` must be finite"):
            saturation(Minimax(), **{"real": real, "fake": scores, name: [np.nan]})


# By the formulas: the slope of these falls like exp(v) or is 0 below some v; that of Jeffreys is
# only about -1 / v there.
SATURATING = {
    *("minimax", "f_kl", "f_jensen_shannon", "f_gan", "f_pearson", "f_hellinger"),
    *("f_total_variation", "f_skewed_jensen_shannon"),
}


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_the_objective_itself_says_whether_it_saturates(name):
    real, losing = normal(0, 200, mean=8), normal(1, 200, mean=-8)
    assert (saturation(OBJECTIVES[name](), real, losing) is not None) == (name in SATURATING)
    for fake in (real, 3 * real, normal(1, 200)):  # as good as real, better, undecided
        assert saturation(OBJECTIVES[name](), real, fake) is None


def test_the_alternative_goal_keeps_its_slope():
    real, losing = np.full(50, 8.0), np.full(50, -8.0)
    for objective in (FGAN, FPearson):
        assert saturation(objective(), real, losing) is not None
        assert saturation(objective(generator_goal="alternative"), real, losing) is None


def test_a_loss_flat_at_the_start_does_not_saturate():
    """Least squares whose generator wants a score of 0 are steepest where it loses."""
    pearson = LeastSquares(real_target=1.0, fake_target=-1.0, generator_target=0.0)
    assert saturation(pearson, np.ones(50), -np.ones(50)) is None


# Overfitting ----------------------------------------------------------------------------------


def test_overfitting_needs_evidence_and_weight():
    train, held_out, fake = normal(0, 500, mean=3), normal(1, 500, mean=1), normal(2, 500)
    alarm = discriminator_overfitting(train, held_out, fake)
    assert "500 training examples" in alarm.seen
    assert 60 < int(re.search(r"(\d+)% of what separates", alarm.seen)[1]) < 75  # 2 of 3
    # The same difference among few examples is no evidence.
    assert discriminator_overfitting(train[:4], held_out[:4] + 1, fake) is None
    # Evident, but a tenth of what separates real from generated.
    assert (
        discriminator_overfitting(train, normal(1, 500, mean=2.5), normal(2, 500, mean=-3)) is None
    )
    # Held-out examples above training ones are not overfitting.
    assert discriminator_overfitting(held_out, train, fake) is None
    # Generated examples above held-out ones: everything told apart is memory.
    assert "100%" in discriminator_overfitting(train, held_out, train + 1).seen
    # Scores without any spread.
    certain = discriminator_overfitting([2.0, 2.0], [1.0, 1.0], [0.0])
    assert "a certain difference" in certain.seen
    assert discriminator_overfitting([1.0, 1.0], [1.0, 1.0], [0.0]) is None
    with pytest.raises(NotComputable, match="`held_out` must hold at least 2"):
        discriminator_overfitting(train, [1.0], fake)


def test_overfitting_is_silent_without_any():
    def healthy(seed):
        return normal(seed, 200), normal(seed + 1000, 60), normal(seed + 2000, 200, mean=-0.1)

    assert false_alarms(discriminator_overfitting, healthy) == 0


# Samples --------------------------------------------------------------------------------------


def test_duplicates():
    real = draws(ring(), 600, 0)
    collapsed = draws(ring(modes=1), 600, 1)
    assert "600 generated samples" in duplicates(collapsed, real).seen
    assert duplicates(draws(ring(), 600, 1, sigma=0.003), real) is not None
    assert duplicates(draws(ring(), 600, 1), real) is None
    assert duplicates(collapsed[:200], real) is None  # too few to say
    # Data that repeat themselves allow their generator the same.
    shades = np.random.default_rng(0).integers(0, 4, size=(2, 500, 2)).astype(float)
    assert duplicates(shades[0], shades[1]) is None
    # More than are compared.
    assert duplicates(draws(ring(modes=1), 3000, 1), draws(ring(), 3000, 0)) is not None


def test_duplicates_do_not_cry_wolf():
    for draw in (lambda seed: draws(grid(), 300, seed), lambda seed: normal(seed, 300, 16)):
        found = [duplicates(draw(seed), draw(seed + 5000)) is not None for seed in range(100)]
        assert sum(found) <= 1


def test_coverage_is_measured_by_its_floor():
    assert low_coverage(0.5, 0.95, generated=500, real=1000).seen.startswith("500 generated")
    assert low_coverage(0.5, 0.6, generated=500, real=1000) is None
    assert low_coverage(0.0, 0.0, generated=500, real=1000) is None


def test_missing_modes():
    alarm = missing_modes([500, 480, 3, 520, 0], kind="classes")
    assert "2 of 5 classes (2, 4)" in alarm.seen
    assert missing_modes([500, 480, 120, 520, 500]) is None  # above a fifth
    assert missing_modes([3, 2, 0, 1]) is None  # six samples prove nothing
    assert missing_modes([900, 2, 98], [0.9, 0.002, 0.098]) is None  # rare in the data, too
    assert "1 of 3" in missing_modes([900, 0, 100], [0.8, 0.1, 0.1]).seen
    assert ", ..." in missing_modes([1000] + [0] * 20).seen


@settings(max_examples=200, deadline=None)
@given(modes=st.integers(2, 60), per_mode=st.integers(1, 60), seed=st.integers(0, 10**6))
def test_missing_modes_are_not_those_of_chance(modes, per_mode, seed):
    random = np.random.default_rng(seed)
    histogram = np.bincount(random.integers(modes, size=modes * per_mode), minlength=modes)
    assert missing_modes(histogram) is None


def test_alarm_is_plain_data():
    assert dataclasses.asdict(Alarm(name="a", seen="b", meaning="c", remedies=()))["seen"] == "b"


def test_advice_leaves_out_what_is_in_use():
    remedies = tuple(Remedy(name=name, setting=f"`{name}`") for name in "abc")
    alarm = Alarm(name="n", seen="s", meaning="m", remedies=remedies)
    assert alarm.advice == "try `a`, `b` or `c`"
    assert alarm.without({"b"}).advice == "try `a` or `c`"
    assert alarm.without({"b", "a"}).advice == "try `c`"
    assert alarm.without("abc").advice.startswith("what ganapp knows against it is in use already")
    # Advice without a name always holds.
    always = Alarm(name="n", seen="s", meaning="m", remedies=(Remedy(setting="patience"),))
    assert always.without({"a"}).advice == "try patience"


def test_low_precision_is_measured_by_the_floor():
    assert low_precision(0.41, 0.8, generated=9, real=9) is None
    assert "39% of 9" in low_precision(0.39, 0.8, generated=9, real=9).seen


def swing(seed, count=300, period=30, amplitude=2.0):
    return amplitude * np.sin(2 * np.pi * np.arange(count) / period) + normal(seed, count)


# Oscillation ----------------------------------------------------------------------------------


def test_oscillation_tells_the_period_in_steps():
    alarm = oscillation(swing(3), every=50)
    assert "period of 1,500 steps" in alarm.seen
    assert "in 300 values" in alarm.seen


@settings(max_examples=50, deadline=None)
@given(
    period=st.floats(4, 50),
    slope=st.floats(-1, 1),
    scale=st.floats(1e-3, 1e3),
    seed=st.integers(0, 9),
)
def test_oscillation_is_found_at_any_pace_slope_and_scale(period, slope, scale, seed):
    """An amplitude of sqrt(8) against noise of 1: the swing is 80 % of the variance."""
    series = swing(seed, count=240, period=period, amplitude=np.sqrt(8)) + slope * np.arange(240)
    assert oscillation(scale * series) is not None


@pytest.mark.parametrize("count", [40, 100, 300])
@pytest.mark.parametrize("memory", [0.0, 0.5, 0.9, 1.0])
def test_oscillation_does_not_cry_wolf_on_noise(count, memory):
    """White noise, autoregressions and random walks: at most 1 in 200."""

    def noise(seed):
        return (lfilter([1], [1, -memory], normal(seed, count)),)

    assert false_alarms(oscillation, noise) <= 1


def test_oscillation_is_silent_where_nothing_swings():
    time = np.arange(200)
    for series in (
        np.zeros(200),
        0.1 * time,
        np.exp(-time / 40),
        np.r_[np.zeros(100), np.ones(100)],
    ):
        assert oscillation(series) is None
    assert oscillation(np.sin(2 * np.pi * time / 100)) is None  # two turns are no habit
    assert oscillation(swing(0)[:20]) is None
    assert oscillation(swing(0, amplitude=0.7)) is None  # a fifth of the variance


# Weights --------------------------------------------------------------------------------------


def test_historical_distances_by_hand():
    np.testing.assert_allclose(
        historical_distances([[0.0, 0.0], [3.0, 4.0], [0.0, 0.0]]), [0, 2.5, 5 / 3]
    )


def path(kind, seed, count=400):
    time, random = np.arange(count), np.random.default_rng(seed)
    jitter = 0.02 * random.normal(size=(count, 5))
    start = random.normal(size=5)
    if kind == "circles":
        return jitter + np.stack([np.cos(time / 9), np.sin(time / 9)] + [0 * time] * 3, axis=1)
    if kind == "drifts":
        return jitter + 0.01 * time[:, None] * start
    return jitter + 5 * start * np.exp(-time / 60)[:, None]


@pytest.mark.parametrize("kind", ["circles", "drifts"])
def test_weights_that_do_not_settle(kind):
    for seed in range(20):
        alarm = wandering(historical_distances(path(kind, seed)), player="discriminator")
        assert alarm.sentence.startswith("the discriminator's weights are ")


def test_weights_that_settle():
    def settling(seed):
        return (historical_distances(path("settles", seed)),)

    alarm = functools.partial(wandering, player="generator")
    assert false_alarms(alarm, settling) == 0
    assert wandering(np.zeros(100), player="generator") is None
    assert wandering(np.ones(10), player="generator") is None


# Gradients ------------------------------------------------------------------------------------


def test_gradients_vanish_or_explode():
    fine = np.exp(normal(0, 100))
    vanished = gradient_norms(np.r_[fine, 1e-7 * fine[:20]], player="generator")
    assert vanished.name == "vanishing_gradients"
    assert "of the generator" in vanished.seen
    exploded = gradient_norms(np.r_[fine, 1e5 * fine[:20]], player="discriminator")
    assert exploded.name == "exploding_gradients"
    assert "1 of 101 values" in gradient_norms(np.r_[fine, np.nan], player="generator").seen
    assert gradient_norms(np.zeros(50), player="generator").name == "vanishing_gradients"
    assert gradient_norms(np.r_[np.zeros(80), np.ones(20)], player="generator") is None


def test_gradients_of_healthy_runs():
    def noisy(seed):
        """Heavy-tailed, falling a hundredfold."""
        fall = np.geomspace(1, 0.01, 150)
        return (fall * np.exp(1.5 * normal(seed, 150)),)

    assert false_alarms(lambda norms: gradient_norms(norms, player="generator"), noisy) == 0
    single = np.ones(100)
    single[[97, 99]] = 1e9, 1e-9
    assert gradient_norms(single, player="generator") is None
    assert gradient_norms([1.0, 1e-9], player="generator") is None
