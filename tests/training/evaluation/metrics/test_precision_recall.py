"""Precision, recall, density and coverage against their definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from ganapp.training.evaluation.checks import NotComputable
from ganapp.training.evaluation.metrics import precision_recall as module
from ganapp.training.evaluation.metrics.precision_recall import NeighbourBalls, compare_neighbours


def by_definition(real, generated, k):
    """The four figures spelled out point by point."""

    def radii(points):
        return np.sort(cdist(points, points), axis=1)[:, k]  # column 0 is the point itself

    between = cdist(generated, real)
    in_real = between <= radii(real)[None, :]
    in_generated = between <= radii(generated)[:, None]
    return {
        "precision": in_real.any(axis=1).mean(),
        "recall": in_generated.any(axis=0).mean(),
        "density": in_real.sum() / (k * len(generated)),
        "coverage": in_real.any(axis=0).mean(),
    }


def figures(real, generated, k=5):
    return vars(compare_neighbours(real, generated, neighbours=k))


def normal(seed, count, dimension, shift=0.0):
    return np.random.default_rng(seed).normal(size=(count, dimension)) + shift


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    real=st.integers(7, 40),
    generated=st.integers(7, 40),
    dimension=st.sampled_from([1, 2, 3, 20]),
    k=st.integers(1, 6),
)
def test_figures_agree_with_the_definition(seed, real, generated, dimension, k):
    x = normal(seed, real, dimension)
    y = normal(seed + 1, generated, dimension, shift=0.5)
    expected = by_definition(x, y, k)
    assert figures(x, y, k) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("distance", [1e3, 1e6, 1e9])
def test_a_sample_far_away_does_not_widen_the_balls(distance):
    """The allowance for rounding is of the real data's extent, whatever was generated."""
    real, generated = normal(0, 200, 3), normal(1, 200, 3, shift=4.0)
    expected = figures(real, generated)
    assert expected["precision"] < 0.2
    generated[-1] = distance
    found = figures(real, generated)
    assert found["precision"] <= expected["precision"]
    assert found["density"] <= expected["density"]
    assert found["coverage"] <= expected["coverage"]
    assert found["recall"] <= expected["recall"] + 1 / 200


def test_blocks_do_not_change_the_figures(monkeypatch):
    x, y = normal(0, 400, 20), normal(1, 500, 20, shift=0.3)
    whole = figures(x, y)
    monkeypatch.setattr(module, "BLOCK_MEBIBYTES", 0.01)
    assert figures(x, y) == whole


@pytest.mark.parametrize("dimension", [2, 64])
def test_identical_sets_are_perfect(dimension):
    x = normal(0, 200, dimension)
    found = figures(x, x)
    assert (found["precision"], found["recall"], found["coverage"]) == (1.0, 1.0, 1.0)
    # Each point is inside its own ball and, on average, in k others'.
    assert found["density"] == pytest.approx(6 / 5)


@pytest.mark.parametrize("dimension", [2, 64])
def test_distant_sets_share_nothing(dimension):
    found = figures(normal(0, 60, dimension), normal(1, 80, dimension, shift=100.0))
    assert set(found.values()) == {0.0}


def test_density_and_coverage_of_equal_distributions_near_their_expectation():
    # Naeem et al., 2020: 1 and 1 - 2^-k with as many samples on both sides.
    found = figures(normal(0, 1500, 8), normal(1, 1500, 8))
    assert found["density"] == pytest.approx(1.0, abs=0.06)
    assert found["coverage"] == pytest.approx(1 - 2**-5, abs=0.02)


def test_precision_and_recall_swap_with_their_sets():
    x, y = normal(0, 100, 3), normal(1, 130, 3, shift=1.0)
    forward, backward = figures(x, y), figures(y, x)
    assert forward["precision"] == backward["recall"]
    assert forward["recall"] == backward["precision"]
    assert forward["precision"] != forward["recall"]


def test_a_lost_mode_costs_recall_and_coverage_but_not_precision():
    both = np.concatenate([normal(0, 200, 2), normal(1, 200, 2, shift=50.0)])
    found = figures(both, normal(2, 400, 2))
    assert found["precision"] > 0.9
    assert found["recall"] < 0.55
    assert found["coverage"] < 0.55


@pytest.mark.parametrize("dimension", [2, 64])
def test_duplicates_have_balls_of_radius_zero_that_still_hold_them(dimension):
    point = normal(3, 1, dimension) + 7.0
    real = np.repeat(point, 10, axis=0)
    found = figures(real, np.repeat(point, 8, axis=0))
    assert (found["precision"], found["recall"], found["coverage"]) == (1.0, 1.0, 1.0)
    away = figures(real, np.repeat(point + 1e-3, 8, axis=0))
    assert set(away.values()) == {0.0}


def test_constant_samples_have_no_recall():
    found = figures(normal(0, 100, 4), np.zeros((50, 4)))
    assert found["recall"] == 0.0
    assert found["coverage"] < 0.5


def test_too_few_samples_have_no_figure():
    with pytest.raises(NotComputable, match="at least 6 samples"):
        NeighbourBalls(normal(0, 5, 2))
    assert NeighbourBalls(normal(0, 6, 2)).squared_radii.shape == (6,)


@pytest.mark.parametrize(
    ("features", "k", "message"),
    [
        (np.full((10, 2), np.nan), 5, "finite"),
        (np.zeros(10), 5, "shape"),
    ],
)
def test_bad_input_is_refused(features, k, message):
    with pytest.raises(ValueError, match=message):
        NeighbourBalls(features, neighbours=k)


def test_sets_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="same number of features"):
        compare_neighbours(np.zeros((10, 2)), np.zeros((10, 3)))
