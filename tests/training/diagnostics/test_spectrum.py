"""The spectrum and its test, against simulation."""

import numpy as np
import pytest
from scipy.signal import lfilter

from ganapp.training.diagnostics.spectrum import fisher_g, spectrum
from ganapp.training.evaluation.checks import NotComputable


@pytest.mark.parametrize("count", [20, 200])
def test_fisher_g_is_the_law_of_the_largest_share(count):
    ordinates = np.random.default_rng(0).exponential(size=(20_000, count))
    largest = ordinates.max(axis=1) / ordinates.sum(axis=1)
    for quantile in (0.5, 0.9, 0.99):
        limit = np.quantile(largest, quantile)
        expected = 1 - quantile
        error = 4 * np.sqrt(expected * quantile / 20_000)
        assert fisher_g(limit, count) == pytest.approx(expected, abs=error)
    assert fisher_g(1 / count, count) == pytest.approx(1, abs=1e-6)
    assert fisher_g(1.0, count) == 0


def test_fisher_g_by_hand():
    """Of two ordinates the larger share is uniform on [1/2, 1]; of three, 3 (1 - x)^2 above 1/2."""
    assert fisher_g(0.8, 2) == pytest.approx(0.4)
    assert fisher_g(0.7, 3) == pytest.approx(3 * 0.3**2)
    assert fisher_g(0.4, 3) == pytest.approx(3 * 0.6**2 - 3 * 0.2**2)


@pytest.mark.parametrize("count", [400, 401])
def test_a_swing_on_a_slope_is_found(count):
    time = np.arange(count)
    noise = np.random.default_rng(1).normal(size=count)
    found = spectrum(0.05 * time + 3 * np.sin(2 * np.pi * time / 25) + noise, every=10)
    assert found.period == pytest.approx(250, rel=0.05)
    assert found.cycles == pytest.approx(count / 25, abs=0.6)
    assert found.share == pytest.approx(4.5 / 5.5, abs=0.05)
    assert found.p_value < 1e-10
    assert found.shares.sum() == pytest.approx(1)
    assert found.frequencies[np.argmax(found.shares)] == pytest.approx(1 / found.period)


def test_a_slow_swing_does_not_hide_as_memory():
    time = np.arange(600)
    noise = np.random.default_rng(2).normal(size=600)
    found = spectrum(6 * np.sin(2 * np.pi * time / 120) + noise)
    assert found.period == pytest.approx(120)
    assert found.p_value < 1e-10


def chances(memory, seeds=300):
    noise = (np.random.default_rng(seed).normal(size=300) for seed in range(seeds))
    return np.array([spectrum(lfilter([1], [1, -memory], x)).p_value for x in noise])


def test_chance_is_exact_without_memory_and_too_small_with_much():
    assert np.mean(chances(0.0) < 0.05) == pytest.approx(0.05, abs=0.04)
    assert np.mean(chances(0.0) < 0.5) == pytest.approx(0.5, abs=0.12)
    for memory in (0.6, 0.9):
        assert np.mean(chances(memory) < 1e-3) < 0.1
        assert np.mean(chances(memory) < 1e-6) < 0.02


def test_background_follows_the_noise():
    noise = lfilter([1], [1, -0.9], np.random.default_rng(3).normal(size=4000))
    found = spectrum(noise)
    low = found.frequencies < 0.02
    assert found.shares[low].sum() == pytest.approx(found.background[low].sum(), rel=0.25)
    assert found.background.sum() == pytest.approx(1, rel=0.1)


def test_a_pure_tone():
    found = spectrum(np.sin(2 * np.pi * np.arange(128) / 16))
    assert found.share == pytest.approx(1, abs=0.05)
    assert found.p_value < 1e-10


def test_series_without_a_spectrum():
    with pytest.raises(NotComputable, match="at least 32 values"):
        spectrum(np.arange(10.0))
    for line in (np.zeros(50), np.full(50, 1e8), 3.0 * np.arange(50) - 7):
        with pytest.raises(NotComputable, match="straight line"):
            spectrum(line)
    with pytest.raises(ValueError, match="finite vector"):
        spectrum([np.nan] * 50)
