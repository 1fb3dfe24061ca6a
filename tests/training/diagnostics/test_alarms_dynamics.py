"""Alarms on series along the training: they fire when they should and not on noise."""

import functools

import numpy as np
import pytest
from case import historical_distances
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from ganapp.training.diagnostics.alarms import (
    gradient_norms,
    oscillation,
    wandering,
)

SEEDS = range(200)


def normal(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


def swing(seed, count=300, period=30, amplitude=2.0):
    return amplitude * np.sin(2 * np.pi * np.arange(count) / period) + normal(seed, count)


def false_alarms(alarm, healthy):
    return sum(alarm(*healthy(seed)) is not None for seed in SEEDS)


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
