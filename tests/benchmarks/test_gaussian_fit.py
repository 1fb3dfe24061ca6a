"""The nearest Gaussian against closed forms at both ends of the skew, and its minima in between."""

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import norm

from benchmarks.gaussian_fit import gaussian_fits, gaussian_log_density
from ganapp.training.diagnostics.divergences import jensen_shannon, regular_cells
from ganapp.training.evaluation.checks import NotComputable

LINE = regular_cells(-30.0, 30.0, 1500)
STARTS = [(mean, sigma) for mean in (-4.0, 0.0, 4.0) for sigma in (0.5, 1.0, 3.0)]


def mixture(*parts):
    """Log-density of Gaussians given as (share, mean, sigma)."""
    shares, means, sigmas = np.array(parts).T
    return lambda points: logsumexp(norm.logpdf(points, means, sigmas), axis=1, b=shares)


NEAR = mixture((0.6, -2.0, 0.6), (0.4, 2.5, 0.9))
FAR = mixture((0.6, -9.0, 0.8), (0.4, 9.0, 1.2))  # nothing of one reaches the other


@pytest.mark.parametrize("skew", [1e-3, 0.3, 0.99])
def test_a_gaussian_is_found_whatever_the_skew(skew):
    fits = gaussian_fits(mixture((1.0, 1.5, 0.7)), LINE, skew=skew, starts=[(0, 2), (3, 0.5)])
    assert len(fits) == 1
    assert fits[0].mean == pytest.approx(1.5, abs=1e-5)
    assert fits[0].sigma == pytest.approx(0.7, abs=1e-5)
    assert fits[0].divergence == pytest.approx(0, abs=1e-9)
    assert fits[0].starts == ((0, 2), (3, 0.5))


def test_towards_0_it_matches_mean_and_variance():
    # KL(P || Q) is least at P's own moments, with h(Q) - h(P) left over.
    mean = 0.6 * -2.0 + 0.4 * 2.5
    variance = 0.6 * (0.36 + 4.0) + 0.4 * (0.81 + 6.25) - mean**2
    fits = gaussian_fits(NEAR, LINE, skew=1e-5, starts=STARTS)
    assert len(fits) == 1  # KL(P || Q) has one minimum only
    assert fits[0].mean == pytest.approx(mean, abs=1e-3)
    assert fits[0].sigma == pytest.approx(np.sqrt(variance), abs=1e-3)
    log_p = NEAR(LINE.points)
    entropy = -np.sum(np.exp(log_p) * log_p * LINE.areas)
    expected = 0.5 * np.log(2 * np.pi * np.e * variance) - entropy
    assert fits[0].divergence / 1e-5 == pytest.approx(expected, abs=1e-3)


def test_towards_1_every_far_mode_is_a_minimum():
    # For a Q equal to a mode of share w, KL(Q || P) is -log w.
    fits = gaussian_fits(FAR, LINE, skew=1 - 1e-6, starts=[(9.5, 2.0), (-8.0, 1.5)])
    assert [fit.mean for fit in fits] == pytest.approx([-9.0, 9.0], abs=1e-3)
    assert [fit.sigma for fit in fits] == pytest.approx([0.8, 1.2], abs=1e-3)
    found = [fit.divergence / 1e-6 for fit in fits]
    assert found == pytest.approx([-np.log(0.6), -np.log(0.4)], abs=1e-4)
    assert [fit.starts for fit in fits] == [((-8.0, 1.5),), ((9.5, 2.0),)]


def test_covers_at_a_small_skew_and_seeks_at_a_large_one():
    p = np.exp(NEAR(LINE.points)) * LINE.areas
    covered = []
    for skew in (0.1, 0.99):
        best = gaussian_fits(NEAR, LINE, skew=skew, starts=STARTS)[0]
        covered.append(p[np.abs(LINE.points[:, 0] - best.mean) < 2 * best.sigma].sum())
    assert covered[0] > 0.9
    assert covered[1] < 0.7


@pytest.mark.parametrize("skew", [0.1, 0.5, 0.99])
def test_the_ends_are_minima_best_first_and_share_the_starts(skew):
    fits = gaussian_fits(NEAR, LINE, skew=skew, starts=STARTS)
    log_p = NEAR(LINE.points)

    def divergence(mean, sigma):
        log_q = gaussian_log_density(LINE, mean, sigma)
        return jensen_shannon(log_p, log_q, LINE.areas, skew=skew)

    for fit in fits:
        assert fit.divergence == pytest.approx(divergence(fit.mean, fit.sigma), abs=1e-12)
        for mean, sigma in ((0.02, 1), (-0.02, 1), (0, 1.02), (0, 1 / 1.02)):
            assert divergence(fit.mean + mean * fit.sigma, fit.sigma * sigma) > fit.divergence
    assert fits == sorted(fits, key=lambda fit: fit.divergence)
    assert sorted(start for fit in fits for start in fit.starts) == sorted(STARTS)


def test_log_density_is_the_normal_one():
    expected = norm.logpdf(LINE.points[:, 0], 0.3, 1.7)
    assert gaussian_log_density(LINE, 0.3, 1.7) == pytest.approx(expected, abs=1e-12)


def test_refuses_a_start_that_the_cells_do_not_catch():
    with pytest.raises(NotComputable, match=r"`starts`.*\(29, 2\)"):
        gaussian_fits(NEAR, LINE, skew=0.5, starts=[(29.0, 2.0)])


@pytest.mark.parametrize(
    ("cells", "skew", "starts", "message"),
    [
        (regular_cells([-9, -9], [9, 9], [8, 8]), 0.5, [(0, 1)], "`cells`"),
        (LINE, 0.5, [], "`starts`"),
        (LINE, 0.5, [(0, 0)], "`starts`"),
        (LINE, 1.0, [(0, 1)], "`skew`"),
        (LINE, 0.0, [(0, 1)], "`skew`"),
    ],
)
def test_refuses(cells, skew, starts, message):
    with pytest.raises(ValueError, match=message):
        gaussian_fits(NEAR, cells, skew=skew, starts=starts)
