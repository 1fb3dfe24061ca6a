"""The Frechet and the kernel distance: closed forms, symmetry, unbiasedness."""

import numpy as np
import pytest
from evaluation_cases import moments
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from ganapp.training.evaluation.checks import NotComputable
from ganapp.training.evaluation.metrics.frechet_distance import (
    frechet_distance,
    gaussian_moments,
)
from ganapp.training.evaluation.metrics.kernel_distance import kernel_distance, squared_mmd


def normal(seed, count, dimension, shift=0.0):
    return np.random.default_rng(seed).normal(size=(count, dimension)) + shift


def covariance(seed, dimension, rank):
    root = normal(seed, dimension, rank)
    return root @ root.T


def test_frechet_of_axis_aligned_gaussians_is_the_closed_form():
    first = gaussian_moments([0.0, 1.0, 2.0], np.diag([1.0, 4.0, 9.0]))
    second = gaussian_moments([1.0, 1.0, 0.0], np.diag([4.0, 1.0, 9.0]))
    # Means: 1 + 0 + 4; standard deviations: (1 - 2)^2 + (2 - 1)^2 + 0.
    assert frechet_distance(first, second) == pytest.approx(7.0)


@pytest.mark.parametrize("seed", range(4))
def test_frechet_agrees_with_the_matrix_root(seed):
    c1, c2 = covariance(seed, 5, 7), covariance(seed + 100, 5, 7)
    mean = normal(seed, 1, 5)[0]
    expected = mean @ mean + np.trace(c1 + c2 - 2 * np.real(sqrtm(c1 @ c2)))
    found = frechet_distance(gaussian_moments(mean, c1), gaussian_moments(np.zeros(5), c2))
    assert found == pytest.approx(expected, rel=1e-6)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 1000),
    dimension=st.integers(1, 12),
    first=st.integers(2, 20),
    second=st.integers(2, 20),
)
def test_frechet_is_symmetric_finite_and_never_negative_even_when_singular(
    seed, dimension, first, second
):
    a, b = moments(normal(seed, first, dimension)), moments(normal(seed + 1, second, dimension))
    forward, backward = frechet_distance(a, b), frechet_distance(b, a)
    assert isinstance(forward, float)
    assert np.isfinite(forward)
    assert forward >= 0.0
    assert forward == pytest.approx(backward, rel=1e-9, abs=1e-12)
    assert frechet_distance(a, a) == pytest.approx(0.0, abs=1e-9 * (1 + a.trace))


def test_frechet_of_a_constant_set_is_mean_and_spread():
    points = normal(0, 500, 3)
    constant = np.full((10, 3), 2.0)
    expected = np.square(points.mean(axis=0) - 2.0).sum() + points.var(axis=0, ddof=1).sum()
    assert frechet_distance(moments(points), moments(constant)) == pytest.approx(expected)


def test_frechet_is_invariant_to_rotation_and_shift():
    x, y = normal(0, 200, 4), normal(1, 200, 4, shift=0.5)
    rotation, _ = np.linalg.qr(normal(2, 4, 4))
    plain = frechet_distance(moments(x), moments(y))
    turned = frechet_distance(moments(x @ rotation + 3.0), moments(y @ rotation + 3.0))
    assert turned == pytest.approx(plain)


def test_moments_use_the_unbiased_covariance():
    points = np.array([[0.0], [2.0]])
    assert moments(points).trace == pytest.approx(2.0)
    np.testing.assert_allclose(moments(points).root ** 2, [[2.0]])


def test_mmd_agrees_with_the_definition():
    x, y = normal(0, 5, 3), normal(1, 4, 3, shift=0.7)

    def kernel(a, b):
        return (a @ b / 3 + 1) ** 3

    def pairs(points):
        values = [
            kernel(p, q) for i, p in enumerate(points) for j, q in enumerate(points) if i != j
        ]
        return np.mean(values)

    expected = pairs(x) + pairs(y) - 2 * np.mean([kernel(p, q) for p in x for q in y])
    assert squared_mmd(x, y) == pytest.approx(expected)


def test_mmd_is_unbiased_where_the_biased_estimate_is_not():
    estimates, diagonals = [], []
    for seed in range(600):
        x, y = normal(2 * seed, 8, 2), normal(2 * seed + 1, 8, 2)
        estimates.append(squared_mmd(x, y))
        diagonals.append((np.sum((np.square(x).sum(1) / 2 + 1) ** 3)) / 64)
    error = np.std(estimates) / np.sqrt(len(estimates))
    assert abs(np.mean(estimates)) < 4 * error
    # What the diagonal would add is far outside of that: the test can tell the two apart.
    assert np.mean(diagonals) > 10 * error


def test_kernel_distance_of_equal_distributions_is_near_zero_and_of_others_is_not():
    same = kernel_distance(normal(0, 600, 4), normal(1, 600, 4))
    other = kernel_distance(normal(0, 600, 4), normal(1, 600, 4, shift=0.5))
    assert abs(same.value) < 0.05
    assert other.value > 0.3
    assert other.value > 5 * other.standard_error


def test_kernel_distance_is_a_function_of_its_seed():
    x, y = normal(0, 60, 2), normal(1, 50, 2)
    assert kernel_distance(x, y, seed=3) == kernel_distance(x, y, seed=3)
    assert kernel_distance(x, y, seed=3) != kernel_distance(x, y, seed=4)


def test_too_few_samples_have_no_distance():
    with pytest.raises(NotComputable, match="at least 2 samples"):
        moments(np.zeros((1, 3)))
    with pytest.raises(NotComputable, match="at least 4 samples"):
        kernel_distance(np.zeros((3, 3)), np.zeros((9, 3)))
    assert kernel_distance(np.zeros((4, 3)), np.zeros((9, 3))).value == 0.0


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="same number of features"):
        kernel_distance(np.zeros((9, 3)), np.zeros((9, 2)))
    with pytest.raises(ValueError, match="same number of features"):
        frechet_distance(moments(np.zeros((9, 3))), moments(np.zeros((9, 2))))
