"""The classic pictures: the Gaussian GAN against the quadrature, the direction of lambda, words."""

import numpy as np
import pytest

from benchmarks import classic_collapse, classic_gaussian, classic_skew
from benchmarks.classic_collapse import Trained, fair_classes, remedy_in_words
from benchmarks.classic_skew import CELLS, GAN_STARTS, LOG_P, divergence
from benchmarks.gaussian_fit import (
    GaussianFit,
    gaussian_fits,
    gaussian_log_density,
)
from ganapp.training.objectives import FSkewedJensenShannon


def test_the_density_has_the_moments_that_standardise_it():
    points, weights = CELLS.points[:, 0], np.exp(LOG_P) * CELLS.areas
    mean, sigma = classic_gaussian.moments()
    assert weights.sum() == pytest.approx(1.0, abs=1e-9)
    assert mean == pytest.approx(weights @ points, abs=1e-9)
    assert sigma == pytest.approx(np.sqrt(weights @ (points - mean) ** 2), abs=1e-9)


@pytest.mark.parametrize("skew", [0.1, 0.5, 0.99])
def test_lambda_of_the_objective_is_that_of_the_quadrature(skew):
    """At the optimal score the bound is the divergence of lambda, not of 1 - lambda."""
    mean, sigma = 0.4, 1.7
    log_q = gaussian_log_density(CELLS, mean, sigma)
    scores = (LOG_P - log_q + np.log(skew / (1 - skew))).astype(np.float64)
    objective = FSkewedJensenShannon(skew=skew)
    # The loss is a sum of a term of real and a term of generated scores: take each from zero.
    zero = np.zeros_like(scores)
    at_zero = float(objective.discriminator_loss(zero[:1], zero[:1])[0])
    real = np.asarray(objective.discriminator_loss(scores, zero))
    fake = np.asarray(objective.discriminator_loss(zero, scores))
    p, q = np.exp(LOG_P) * CELLS.areas, np.exp(log_q) * CELLS.areas
    bound = at_zero - p @ real - q @ fake
    assert bound == pytest.approx(divergence(skew, mean, sigma), rel=1e-6)


def test_a_short_training_nears_the_calculated_gaussian(monkeypatch):
    start = GAN_STARTS[0]  # narrow, and so is the best one at 0.99
    monkeypatch.setattr(classic_gaussian, "BATCH", 128)
    monkeypatch.setattr(classic_gaussian, "DISCRIMINATOR_STEPS", 2)
    best = gaussian_fits(LOG_P, CELLS, skew=0.99, starts=[start])[0]
    found = classic_gaussian.learn(0.99, start, steps=800)
    gap = divergence(0.99, found.mean, found.sigma) - best.divergence
    assert 0 <= gap < 0.1 * (divergence(0.99, *start) - best.divergence)
    assert found.mean == pytest.approx(best.mean, abs=0.25 * best.sigma)
    assert found.sigma == pytest.approx(best.sigma, rel=0.2)


def test_the_share_within_two_sigma():
    # Of the mode at -2 by itself, and of all of P.
    assert classic_skew.covered(-2.0, 0.6) == pytest.approx(0.6 * 0.9545, abs=2e-3)
    assert classic_skew.covered(0.0, 8.0) == pytest.approx(1.0, abs=1e-6)


def test_the_table_and_the_picture_of_one_skew():
    best = GaussianFit(mean=-0.01, sigma=2.32, divergence=divergence(0.5, -0.01, 2.32), starts=())
    local = GaussianFit(mean=-1.99, sigma=0.61, divergence=divergence(0.5, -1.99, 0.61), starts=())
    near, far = (
        classic_gaussian.Learnt(start=(0.5, 3.0), mean=mean, sigma=2.2, seconds=1.0)
        for mean in (0.1, 5.0)
    )
    case = classic_skew.Case(skew=0.5, minima=[best, local], gans=[near, far])
    rows = [line.split(" | ") for line in classic_skew.table([case]).splitlines()[2:]]
    names = ["best, by quadrature", "GAN from N(0.5, 3)", "other minimum, by quadrature"]
    assert [row[1] for row in rows] == [*names, names[1]]
    assert [float(row[2]) for row in rows] == [-0.01, 0.1, -1.99, 5.0]  # nearest first
    assert float(rows[1][5]) == pytest.approx(divergence(0.5, 0.1, 2.2) - best.divergence, rel=0.05)
    assert classic_skew.picture([case]).size == (400, 420)


@pytest.mark.parametrize(
    ("shares", "expected"),
    [([0.25, 0.25, 0.25, 0.25], 4), ([1.0, 0.0, 0.0, 0.0], 1), ([0.8, 0.1, 0.06, 0.04], 3)],
)
def test_a_fair_class_has_a_fifth_of_its_share(shares, expected):
    assert fair_classes(np.array(shares), np.full(4, 0.25)) == expected


def config(**objective):
    optimizer = {"name": "sgd", "learning_rate": 0.1, "momentum": 0.5}
    training = {"epochs": 2, "steps_per_epoch": 600, "batch_size": 64, "seed": 3}
    return {
        "generator": {"network": "mlp", "units": [8, 8], "optimizer": optimizer},
        "objective": objective,
        "training": training | {"ema_half_life": 1000.0},
    }


def test_the_words_are_those_of_the_configuration():
    assert remedy_in_words(config(name="minimax")) == "`minimax`, no remedy"
    terms = {"r1": {"weight": 0.5}, "r2": {"weight": 0.25}}
    words = remedy_in_words(config(name="relativistic", terms=terms))
    assert words == "`relativistic` + R1 (gamma 0.5) + R2 (gamma 0.25)"
    shared = classic_collapse.surroundings(config(name="minimax"))
    for part in ("mlp of 8 + 8 units", "SGD 0.1 with momentum 0.5", "1,200 steps", "seed 3"):
        assert part in shared


def test_the_collapse_is_drawn_and_counted():
    figures = {
        name: {"value": 0.125, "generated": 40, "real": 50}
        for name in ("precision", "recall", "coverage")
    }
    classes = {"names": ["a", "b"], "histogram": [40, 0], "training_histogram": [25, 25]}
    case = Trained(
        config=config(name="minimax"),
        report={"figures": figures, "details": {"classes_found": classes}},
        samples=np.zeros((64, 8, 8, 1), np.uint8),
    )
    cases = {"plain": case, "stabilised": case}
    row = classic_collapse.table(cases).splitlines()[2]
    assert row.split(" | ")[2:] == ["0.125"] * 3 + ["1", "1", "100.0%", "40 / 50 |"]
    assert classic_collapse.picture(cases).size == (1000, 780)
