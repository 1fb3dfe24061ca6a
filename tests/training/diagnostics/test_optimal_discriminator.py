"""Learnt against optimal discriminator where the answer is known."""

import numpy as np
import pytest
import tensorflow as tf
from density_case import density_error
from scipy.special import expit
from scipy.stats import norm

from ganapp.training.diagnostics import optimal_discriminator
from ganapp.training.diagnostics.divergences import integrated_jensen_shannon, regular_cells
from ganapp.training.diagnostics.optimal_discriminator import (
    KernelDensity,
    calibration,
    compare_with_optimal,
    discriminator_figures,
    log_ratio_of,
    with_best_offset,
)
from ganapp.training.evaluation.checks import NotComputable
from ganapp.training.objectives import WGAN, NonSaturating, RelativisticPairing

SHIFT = 1.5


def log_p(points):
    return norm.logpdf(points).sum(axis=1)


def log_q(points):
    return norm.logpdf(points, SHIFT, 1).sum(axis=1)


def exact(points):
    """Of two Gaussians of the same width: linear."""
    return (SHIFT**2 - SHIFT * points.sum(axis=1)) if points.shape[1] == 2 else None


def draws(count, *, mean=0.0, seed=0):
    return np.random.default_rng(seed).normal(mean, 1, size=(count, 2))


REAL, FAKE = draws(4000), draws(4000, mean=SHIFT, seed=1)


def test_figures_by_hand(monkeypatch):
    """Two real and one generated point; weights 1/4, 1/4, 1/2."""
    d, best = np.array([0.8, 0.5, 0.3]), np.array([0.9, 0.6, 0.5])
    ratios = [np.log(x / (1 - x)) for x in (d, best)]
    monkeypatch.setattr(optimal_discriminator, "BINS", 2)
    found = discriminator_figures(*ratios, [True, True, False])
    assert found.absolute_error == pytest.approx(0.25 * 0.1 + 0.25 * 0.1 + 0.5 * 0.2)
    assert found.value == pytest.approx(0.5 * np.log(0.8) + 0.5 * np.log(0.5) + np.log(0.7))
    assert found.optimal_value == pytest.approx(0.5 * np.log(0.9) + 0.5 * np.log(0.6) + np.log(0.5))
    assert found.log_ratio_error == pytest.approx(
        np.abs(np.subtract(*ratios)) @ np.array([0.25, 0.25, 0.5])
    )
    assert found.distance_to_half == pytest.approx(0.25 * 0.3 + 0.5 * 0.2)
    assert found.optimal_distance_to_half == pytest.approx(0.25 * 0.4 + 0.25 * 0.1)
    # .5 belongs to the upper bin: it holds two real points, predicted .65; the lower no real one.
    np.testing.assert_allclose(found.calibration.predicted, [0.3, 0.65])
    np.testing.assert_allclose(found.calibration.observed, [0.0, 1.0])
    np.testing.assert_array_equal(found.calibration.counts, [1, 2])
    assert found.calibration_error == pytest.approx(0.5 * 0.3 + 0.5 * 0.35)
    terms = np.log([0.9 / 0.8, 0.6 / 0.5])
    assert found.value_gap_error == pytest.approx(np.sqrt(terms.var() / 2))


def test_weights_balance_unequal_counts():
    """As if the generated points were there four times: the same figures."""
    few = discriminator_figures(
        np.r_[exact(REAL), exact(FAKE[:1000]) + 0.3],
        np.r_[exact(REAL), exact(FAKE[:1000])],
        np.arange(5000) < 4000,
    )
    again = np.tile(FAKE[:1000], (4, 1))
    many = discriminator_figures(
        np.r_[exact(REAL), exact(again) + 0.3],
        np.r_[exact(REAL), exact(again)],
        np.arange(8000) < 4000,
    )
    for name in ("absolute_error", "correlation", "value", "calibration_error"):
        assert getattr(few, name) == pytest.approx(getattr(many, name))


def test_the_exact_discriminator_reaches_the_theory():
    found = compare_with_optimal(exact, log_p=log_p, log_q=log_q, real=REAL, fake=FAKE)
    cells = regular_cells((-7, -7), (9, 9), (120, 120))
    divergence = integrated_jensen_shannon(log_p, log_q, cells)
    learnt = found.learnt
    assert learnt.absolute_error < 1e-12
    assert learnt.log_ratio_error < 1e-12
    assert learnt.correlation == pytest.approx(1)
    assert (
        learnt.value == learnt.optimal_value == pytest.approx(-np.log(4) + 2 * divergence, abs=0.04)
    )
    assert found.jensen_shannon == pytest.approx(divergence, abs=0.02)
    assert learnt.calibration_error < 0.025
    assert found.floor.absolute_error == 0
    assert found.floor.calibration_error == pytest.approx(learnt.calibration_error)
    assert (found.real, found.fake, found.fitted) == (4000, 4000, None)


@pytest.mark.parametrize("scale", [0.3, 3.0])
def test_a_wrong_scale_is_seen(scale):
    """Too shy or too sure: the right order of points, but a lower value and not calibrated."""
    found = compare_with_optimal(
        lambda x: scale * exact(x), log_p=log_p, log_q=log_q, real=REAL, fake=FAKE
    )
    learnt, floor = found.learnt, found.floor
    assert learnt.optimal_value - learnt.value > 10 * learnt.value_gap_error
    assert learnt.calibration_error > 4 * floor.calibration_error
    assert learnt.absolute_error > 0.05
    assert learnt.correlation > 0.9
    assert (learnt.distance_to_half > learnt.optimal_distance_to_half) == (scale > 1)


def test_equilibrium():
    """p = q and D = 1/2: everything at its ideal, and a correlation that does not exist."""
    found = compare_with_optimal(
        lambda x: np.zeros(len(x)), log_p=log_p, log_q=log_p, real=REAL, fake=draws(3000, seed=5)
    )
    assert found.learnt.distance_to_half == found.learnt.absolute_error == 0
    assert found.learnt.value == pytest.approx(-np.log(4))
    assert found.jensen_shannon == pytest.approx(0, abs=1e-12)
    assert found.learnt.correlation is None
    assert found.learnt.calibration_error == pytest.approx(0, abs=1e-12)


def test_an_estimated_density_is_told_from_a_bad_discriminator_by_its_floor():
    """The exact D* scores as badly as the floor says; a wrong one worse."""
    estimate = KernelDensity(draws(1000, mean=SHIFT, seed=2))
    known = {"log_p": log_p, "log_q": estimate, "real": REAL[:600], "fake": FAKE[:600]}
    perfect = compare_with_optimal(exact, **known)
    wrong = compare_with_optimal(lambda x: 0.3 * exact(x), **known)
    assert perfect.fitted == 1000
    for name in ("absolute_error", "log_ratio_error"):
        floor, found = getattr(perfect.floor, name), getattr(perfect.learnt, name)
        assert 0.4 * floor < found < 2.5 * floor
        assert getattr(wrong.learnt, name) > 3 * floor
        assert getattr(wrong.floor, name) == floor
    assert perfect.learnt.calibration_error < 0.03
    assert perfect.floor.correlation > 0.97
    assert perfect.floor.value == pytest.approx(perfect.learnt.value, abs=0.1)
    alone = density_error(log_p, draws(1000, seed=3), draws(1000, seed=4))
    assert perfect.floor.absolute_error < 2 * alone.discriminator


def test_tails_do_not_make_the_figure():
    ratio = np.array([1e4, -1e4, 0.0, 0.0])
    found = discriminator_figures(-ratio, ratio, [True, False, True, False])
    assert found.log_ratio_error == pytest.approx(10)
    assert np.isfinite(found.value)
    infinite = discriminator_figures([np.inf, -np.inf], [0.0, 0.0], [True, False])
    assert infinite.log_ratio_error == 10


def test_scores_become_ratios_by_the_objective():
    points = REAL[:50]
    ratio = log_ratio_of(NonSaturating(), lambda x: tf.constant(exact(x)[:, None]))
    found = compare_with_optimal(ratio, log_p=log_p, log_q=log_q, real=points, fake=FAKE[:50])
    assert found.learnt.absolute_error < 1e-6
    for objective in (WGAN(), RelativisticPairing()):
        with pytest.raises(NotComputable, match=f"Received: '{objective.name}'"):
            log_ratio_of(objective, exact)


def test_the_offset_is_found():
    shifted = with_best_offset(lambda x: exact(x) + 7.0, real=REAL, fake=FAKE)
    assert np.abs(shifted(REAL) - exact(REAL)).max() < 0.1
    values = [
        discriminator_figures(
            np.r_[shifted(REAL) + move, shifted(FAKE) + move],
            np.r_[exact(REAL), exact(FAKE)],
            np.arange(8000) < 4000,
        ).value
        for move in (-0.02, 0.0, 0.02)
    ]
    assert values[1] == max(values)


def test_calibration_of_a_calibrated_coin(monkeypatch):
    random = np.random.default_rng(0)
    chance = random.uniform(size=20_000)
    curve = calibration(chance, random.uniform(size=20_000) < chance)
    np.testing.assert_allclose(curve.predicted, np.arange(0.05, 1, 0.1), atol=0.01)
    np.testing.assert_allclose(curve.observed, curve.predicted, atol=0.04)
    assert curve.counts.sum() == 20_000
    monkeypatch.setattr(optimal_discriminator, "BINS", 4)
    half = calibration([0.5, 1.0, 0.0], [True, True, False])
    assert np.isnan(half.predicted[1])
    np.testing.assert_array_equal(half.counts, [1, 0, 1, 1])


def test_bad_arguments_are_refused():
    with pytest.raises(NotComputable, match="2 real and 0 generated"):
        discriminator_figures([0.0, 1.0], [0.0, 1.0], [True, True])
    with pytest.raises(ValueError, match="no NaN"):
        discriminator_figures([np.nan, 1.0], [0.0, 1.0], [True, False])
    with pytest.raises(ValueError, match="one number per point"):
        compare_with_optimal(expit, log_p=log_p, log_q=log_q, real=REAL, fake=FAKE)
