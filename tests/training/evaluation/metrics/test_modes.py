"""Counting modes with points placed by hand and with a perfect sampler."""

import numpy as np
import pytest
from evaluation_cases import GRID, grid_points

from ganapp.training.evaluation.metrics.modes import count_modes, truncated_sigma

CENTRES = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]])


def test_hand_made_points_are_counted_by_the_protocol():
    points = np.array(
        [[0.0, 0.0]] * 16  # 16 in the first mode
        + [[10.0, 2.99], [10.0, 3.01]]  # just within and just outside 3 sigma of the second
        + [[0.0, 10.0]]  # one in the third: captured; its fair share is 5, 20 % of it is 1
        + [[5.0, 5.0]]  # nowhere
    )
    found = count_modes(points, centres=CENTRES, sigma=1.0)
    np.testing.assert_array_equal(found.histogram, [16, 1, 1, 0])
    assert found.modes == 3
    assert found.fair_modes == 3
    assert found.high_quality == pytest.approx(18 / 20)
    shares = np.array([16, 1, 1]) / 18
    assert found.reverse_kl == pytest.approx(np.sum(shares * np.log(shares / 0.25)))


def test_a_mode_below_a_fifth_of_its_share_is_captured_but_not_fair():
    points = np.concatenate([np.repeat(CENTRES[:1], 23, axis=0), CENTRES[1:2]])
    found = count_modes(points, centres=CENTRES, sigma=1.0)
    assert (found.modes, found.fair_modes) == (2, 1)  # 24 samples: a fifth of 6 is 1.2


def test_a_perfect_sampler_scores_the_published_floor():
    found = count_modes(grid_points(0, 20_000), centres=GRID.centres, sigma=GRID.sigma)
    assert (found.modes, found.fair_modes) == (9, 9)
    assert found.high_quality == pytest.approx(1 - np.exp(-4.5), abs=0.003)
    assert found.reverse_kl == pytest.approx(8 / 40_000, abs=4e-4)
    assert found.sigma_ratio == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("factor", [0.25, 0.5])
def test_narrow_modes_have_a_sigma_ratio_below_one(factor):
    points = grid_points(0, 4000, sigma=factor * GRID.sigma)
    found = count_modes(points, centres=GRID.centres, sigma=GRID.sigma)
    assert found.sigma_ratio == pytest.approx(factor / truncated_sigma(), rel=0.03)


def test_truncated_sigma_in_the_plane_is_the_closed_form():
    limit = 4.5
    variance = 1 - limit * np.exp(-limit) / (1 - np.exp(-limit))
    assert truncated_sigma(2) == pytest.approx(np.sqrt(variance))


def test_a_collapsed_sampler_has_the_largest_divergence():
    found = count_modes(np.zeros((50, 2)), centres=CENTRES, sigma=1.0)
    assert found.modes == 1
    assert found.reverse_kl == pytest.approx(np.log(4))
    assert found.sigma_ratio == 0.0


def test_without_a_good_sample_there_is_no_divergence_and_no_ratio():
    found = count_modes(np.full((5, 2), 100.0), centres=CENTRES, sigma=1.0)
    assert (found.modes, found.high_quality) == (0, 0.0)
    assert found.reverse_kl is None
    assert found.sigma_ratio is None


@pytest.mark.parametrize(
    ("points", "sigma", "message"),
    [
        (np.zeros((5, 3)), 1.0, "same number of features"),
        (np.zeros((5, 2)), 0.0, "`sigma` must be above 0"),
        (np.full((5, 2), np.inf), 1.0, "5 of 5 samples with NaN or infinite"),
    ],
)
def test_bad_input_is_refused(points, sigma, message):
    with pytest.raises(ValueError, match=message):
        count_modes(points, centres=CENTRES, sigma=sigma)
