"""Divergences against closed forms of Gaussians, and what they must be to each other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.integrate import quad
from scipy.stats import norm

from ganapp.training.data.densities import grid, ring
from ganapp.training.diagnostics.divergences import (
    integrated_jensen_shannon,
    jensen_shannon,
    regular_cells,
)
from ganapp.training.evaluation.checks import NotComputable

LINE = regular_cells(-30.0, 30.0, 3000)
SHARES = arrays.arrays(np.float64, 6, elements=st.floats(0.0, 1.0)).filter(lambda x: x.sum() > 0.1)


def normal(mean, sigma):
    return lambda points: norm.logpdf(points[:, 0], mean, sigma)


def discrete(shares):
    with np.errstate(divide="ignore"):
        return np.log(shares / shares.sum())


@pytest.mark.parametrize("skew", [0.1, 0.5, 0.8])
def test_skewed_divergence_against_adaptive_quadrature(skew):
    p, q = norm(0, 1), norm(1.5, 0.7)

    def integrand(x):
        middle = np.log(skew * p.pdf(x) + (1 - skew) * q.pdf(x))
        return skew * p.pdf(x) * (p.logpdf(x) - middle) + (1 - skew) * q.pdf(x) * (
            q.logpdf(x) - middle
        )

    expected, _ = quad(integrand, -15, 15, points=[0, 1.5])
    values = (law.logpdf(LINE.points[:, 0]) for law in (p, q))
    found = jensen_shannon(*values, LINE.areas, skew=skew)
    assert found == pytest.approx(expected, abs=1e-9)
    if skew == 0.5:
        assert integrated_jensen_shannon(normal(0, 1), normal(1.5, 0.7), LINE) == found


def test_skew_tends_to_the_two_kl_divergences():
    p, q = (normal(*a)(LINE.points) for a in [(0, 1), (1, 1.2)])
    forward, backward = (np.sum(np.exp(a) * (a - b) * LINE.areas) for a, b in ((p, q), (q, p)))
    assert forward == pytest.approx(np.log(1.2) + 1 / 1.44 - 0.5, abs=1e-9)
    small = 1e-5
    assert jensen_shannon(p, q, LINE.areas, skew=small) / small == pytest.approx(forward, rel=1e-3)
    other = jensen_shannon(p, q, LINE.areas, skew=1 - small) / small
    assert other == pytest.approx(backward, rel=1e-3)


def test_mixtures_with_disjoint_and_missing_modes():
    """Half of the modes are missing: the divergence by hand."""
    whole = ring().modes
    half = type(whole)(whole.centres[:4], whole.sigma)
    cells = regular_cells((-1.1, -1.1), (1.1, 1.1), (300, 300))
    assert cells.shape == (300, 300)
    found = integrated_jensen_shannon(whole.log_density, half.log_density, cells)
    # On the shared half p = q / 2, so M = 3q/4 there and p / 2 elsewhere.
    expected = 0.5 * (0.5 * np.log(2 / 3) + 0.5 * np.log(2)) + 0.5 * np.log(4 / 3)
    assert found == pytest.approx(expected, abs=1e-6)


def test_apart_is_as_far_as_it_gets():
    left, right = np.array([0.0, -np.inf]), np.array([-np.inf, 0.0])
    one = np.ones(2)
    assert jensen_shannon(left, right, one) == pytest.approx(np.log(2))
    entropy = -(0.3 * np.log(0.3) + 0.7 * np.log(0.7))
    assert jensen_shannon(left, right, one, skew=0.3) == pytest.approx(entropy)


@settings(max_examples=30, deadline=None)
@given(first=SHARES, second=SHARES, skew=st.floats(0.02, 0.98))
def test_inequalities_and_symmetries(first, second, skew):
    one = np.ones(6)
    p, q = discrete(first), discrete(second)
    js, slack = jensen_shannon(p, q, one), 1e-9
    variation = np.abs(np.exp(p) - np.exp(q)).sum() / 2
    assert -slack <= js <= np.log(2) * variation + slack  # Lin, 1991
    assert variation**2 / 2 <= js + slack  # Pinsker, on both halves
    assert js == pytest.approx(jensen_shannon(q, p, one), abs=1e-12)
    skewed = jensen_shannon(p, q, one, skew=skew)
    assert skewed == pytest.approx(jensen_shannon(q, p, one, skew=1 - skew), abs=1e-12)
    assert skewed <= -skew * np.log(skew) - (1 - skew) * np.log(1 - skew) + slack
    assert jensen_shannon(p, p, one) == pytest.approx(0, abs=1e-12)


def test_values_serve_as_well_as_callables():
    cells = regular_cells((-6, -6), (6, 6), (250, 250))
    first, second = grid().modes, grid(sigma=0.06).modes
    by_call = integrated_jensen_shannon(first.log_density, second.log_density, cells)
    by_value = integrated_jensen_shannon(
        first.log_density(cells.points), second.log_density(cells.points), cells
    )
    assert by_call == by_value


def test_a_grid_too_small_or_too_coarse_is_refused():
    with pytest.raises(NotComputable, match=r"`log_q`: take a wider or a finer grid.*0\.5"):
        integrated_jensen_shannon(normal(-5, 1), normal(0, 1), regular_cells(-20.0, 0.0, 500))
    with pytest.raises(NotComputable, match="`log_p`"):
        integrated_jensen_shannon(
            normal(0.01, 0.001), normal(0, 1), regular_cells(-10.0, 10.0, 500)
        )


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="one value per axis"):
        regular_cells(1.0, 0.0, 5)
    with pytest.raises(ValueError, match="one value per axis"):
        regular_cells((0, 0), (1, 1), 5)
    with pytest.raises(ValueError, match="`counts` must be at least 1"):
        regular_cells(0.0, 1.0, 0)
    with pytest.raises(ValueError, match="`skew` must lie"):
        jensen_shannon(np.zeros(2), np.zeros(2), np.ones(2), skew=1.0)
    with pytest.raises(ValueError, match="one value per cell"):
        integrated_jensen_shannon(np.zeros(3), normal(0, 1), LINE)
    with pytest.raises(ValueError, match="must not be NaN"):
        jensen_shannon([np.nan], [0.0], [1.0])
