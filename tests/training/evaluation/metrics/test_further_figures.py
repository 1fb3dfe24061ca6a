"""Distances, tests and scores against independent implementations and closed forms."""

import dataclasses

import numpy as np
import ot
import prdc
import pytest
from scipy import stats
from scipy.ndimage import convolve
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from ganapp.training.evaluation.checks import NotComputable
from ganapp.training.evaluation.metric import Paths
from ganapp.training.evaluation.metrics.class_score import class_score
from ganapp.training.evaluation.metrics.energy_distance import energy_distance
from ganapp.training.evaluation.metrics.kernel_distance import (
    kernel_distance,
    kernel_interval,
    squared_mmd,
)
from ganapp.training.evaluation.metrics.memorisation import NearestExamples, authentic, duplicates
from ganapp.training.evaluation.metrics.path_length import path_length
from ganapp.training.evaluation.metrics.precision_recall import compare_neighbours
from ganapp.training.evaluation.metrics.two_sample_test import logistic_test, neighbour_test
from ganapp.training.evaluation.metrics.wasserstein import (
    exact_wasserstein,
    laplacian_pyramid,
    pyramid_distances,
    random_directions,
    sliced_wasserstein,
)


def normal(seed, *shape, shift=0.0):
    return np.random.default_rng(seed).normal(size=shape) + shift


@pytest.mark.parametrize("counts", [(60, 60), (60, 45)])
def test_neighbour_figures_agree_with_prdc(counts):
    real, generated = normal(0, counts[0], 4), normal(1, counts[1], 4, shift=0.3)
    theirs = prdc.compute_prdc(real, generated, nearest_k=5)
    ours = vars(compare_neighbours(real, generated, neighbours=5))
    assert ours == pytest.approx(theirs, rel=1e-4)


@pytest.mark.parametrize("counts", [(50, 50), (50, 33)])
def test_sliced_wasserstein_agrees_with_pot(counts):
    first, second = normal(0, counts[0], 5), normal(1, counts[1], 5, shift=0.4)
    directions = random_directions(5, 64, seed=3)
    theirs = ot.sliced_wasserstein_distance(first, second, projections=directions, p=1)
    ours = sliced_wasserstein(first, second, projections=64, seed=3)
    assert ours == pytest.approx(theirs, rel=1e-6)


def test_sliced_wasserstein_of_a_shift_is_its_mean_projection():
    points, shift = normal(0, 200, 3), np.array([1.0, -2.0, 0.5])
    expected = np.abs(shift @ random_directions(3, 128)).mean()
    assert sliced_wasserstein(points, points + shift) == pytest.approx(expected)
    assert sliced_wasserstein(points, points[::-1]) == 0.0


def test_the_pyramid_agrees_with_the_definition_and_adds_up():
    images = normal(0, 2, 32, 28, 3).astype(np.float32)
    fine, rest = laplacian_pyramid(images)
    taps = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256.0
    plane = images[1, :, :, 2].astype(np.float64)
    smaller = convolve(plane, taps, mode="mirror")[::2, ::2]
    np.testing.assert_allclose(rest[1, :, :, 2], smaller, atol=1e-6)
    spread = np.zeros_like(plane)
    spread[::2, ::2] = smaller
    again = convolve(spread, 4 * taps, mode="mirror")
    np.testing.assert_allclose(fine[1, :, :, 2], plane - again, atol=1e-5)


def test_pyramid_distances_see_texture_and_not_brightness():
    generator = np.random.default_rng(0)
    noise = generator.integers(60, 190, (40, 32, 32, 1)).astype(np.uint8)
    other = generator.integers(60, 190, (40, 32, 32, 1)).astype(np.uint8)
    smooth = np.repeat(np.repeat(other[:, ::4, ::4], 4, axis=1), 4, axis=2)
    same = pyramid_distances(noise, other)
    assert list(same) == ["32x32", "16x16"]
    assert max(same.values()) < 0.1
    assert pyramid_distances(noise, smooth)["32x32"] > 2 * same["32x32"]
    brighter = pyramid_distances(noise, other + 50)
    assert brighter == pytest.approx(same, rel=0.02)


def test_exact_wasserstein_is_the_best_assignment():
    first, second = normal(0, 40, 3), normal(1, 40, 3, shift=0.5)
    costs = cdist(first, second)
    expected = costs[linear_sum_assignment(costs)].mean()
    assert exact_wasserstein(first, second) == pytest.approx(expected, rel=1e-6)
    line = normal(2, 31, 1)
    expected = stats.wasserstein_distance(line[:, 0], first[:, 0])
    assert exact_wasserstein(line, first[:, :1]) == pytest.approx(expected, rel=1e-6)
    assert exact_wasserstein(np.ones((4, 2)), np.ones((3, 2))) == 0.0


def test_energy_distance_agrees_with_scipy_and_with_the_definition():
    x, y = normal(0, 30, 1), normal(1, 44, 1, shift=0.6)
    expected = stats.energy_distance(x[:, 0], y[:, 0]) ** 2
    assert energy_distance(x, y) == pytest.approx(expected, rel=1e-6)
    x, y = normal(0, 30, 4), normal(1, 20, 4, shift=0.6)
    expected = 2 * cdist(x, y).mean() - cdist(x, x).mean() - cdist(y, y).mean()
    assert energy_distance(x, y) == pytest.approx(expected, rel=1e-6)
    assert energy_distance(x, x[::-1]) == pytest.approx(0.0, abs=1e-6)


def test_the_kernel_interval_is_students_over_disjoint_blocks():
    x, y = normal(0, 80, 3), normal(1, 120, 3, shift=0.4)
    low, high = kernel_interval(x, y, blocks=4, seed=2)
    generator = np.random.default_rng(2)
    orders = [generator.permutation(80)[:80], generator.permutation(120)[:80]]
    blocks = zip(*(order.reshape(4, 20) for order in orders), strict=True)
    found = [squared_mmd(x[i], y[j]) for i, j in blocks]
    expected = stats.t.interval(0.95, 3, loc=np.mean(found), scale=stats.sem(found))
    assert (low, high) == pytest.approx(expected, rel=1e-9)
    assert kernel_distance(x[:9], y).interval is None


def test_the_kernel_interval_covers_the_truth_as_often_as_it_says():
    hits = 0
    for seed in range(200):
        low, high = kernel_interval(normal(2 * seed, 60, 2), normal(2 * seed + 1, 60, 2))
        hits += low <= 0.0 <= high
    assert 0.88 <= hits / 200 <= 0.995


def test_two_sample_tests_are_at_chance_for_one_distribution_and_not_for_two():
    real = normal(0, 300, 4)
    for test in (neighbour_test, logistic_test):
        same, other = test(real, normal(1, 300, 4)), test(real, normal(1, 300, 4, shift=1.5))
        assert abs(same.accuracy - 0.5) < 0.09
        assert same.p_value > 0.01
        assert other.accuracy > 0.8
        assert other.p_value < 1e-6
    right = round(same.accuracy * same.judged)
    expected = stats.binomtest(right, same.judged, 0.5, alternative="greater").pvalue
    assert same.p_value == pytest.approx(expected)
    copies = neighbour_test(real, real + 1e-6)
    assert copies.accuracy == 0.0
    crowded = neighbour_test(real, 0.01 * normal(1, 200, 4))
    assert crowded.generated_accuracy > 0.95


def test_class_score_is_one_without_classes_and_their_number_with_all():
    assert class_score(np.full((9, 4), 0.25)) == pytest.approx(1.0)
    assert class_score(np.tile(np.eye(4), (5, 1))) == pytest.approx(4.0)
    shares = np.random.default_rng(0).dirichlet(np.ones(5), size=50)
    divergences = [stats.entropy(row, shares.mean(axis=0)) for row in shares]
    assert class_score(shares) == pytest.approx(np.exp(np.mean(divergences)), rel=1e-9)


def test_authenticity_agrees_with_the_definition():
    train, samples = normal(0, 40, 3), normal(1, 30, 3)
    samples[:5] = train[:5] + 1e-3
    among = cdist(train, train) + np.diag(np.full(40, np.inf))
    across = cdist(samples, train)
    expected = across.min(axis=1) > among.min(axis=1)[across.argmin(axis=1)]
    found = authentic(NearestExamples(train), samples)
    np.testing.assert_array_equal(found, expected)
    assert not found[:5].any()


def test_gaps_are_to_other_examples_also_among_copies():
    points = np.array([[0.0], [0.0], [1.0], [1.0], [1.0], [4.0]])
    nearest = NearestExamples(points)
    expected = [0.0, 0.0, 0.0, 0.0, 0.0, 3.0]
    np.testing.assert_array_equal(nearest.gaps(np.arange(6)), expected)
    np.testing.assert_array_equal(nearest.to_each_other(), expected)
    assert sorted(nearest.to_each_other(most=2)) in ([0.0, 0.0], [0.0, 3.0])


def test_duplicates_are_told_from_as_many_real_examples():
    real = normal(0, 2000, 3)
    fresh = duplicates(normal(1, 1500, 3), real)
    assert fresh.share == pytest.approx(0.05, abs=0.03)
    assert fresh.exact == 0.0
    doubled = duplicates(np.repeat(normal(1, 100, 3), 3, axis=0), real)
    assert doubled.share == 1.0
    assert doubled.exact == pytest.approx(2 / 3)


def linear_paths(scale):
    """Latents on a line, and a generator that multiplies them."""
    return Paths(
        inputs=lambda count, seed: normal(seed, count, 3).astype(np.float32),
        interpolate=lambda start, end, fraction: start + fraction * (end - start),
        generate=lambda latents: scale * np.asarray(latents, np.float64),
    )


def test_a_missing_value_on_a_path_is_no_fault_of_the_generator():
    class Holes:
        name = "holes"

        def __call__(self, samples):
            return np.nan_to_num(samples)

    def generate(latents):
        samples = np.array(latents, np.float64)
        samples[::3, 0] = np.nan
        return samples

    paths = dataclasses.replace(linear_paths(1.0), generate=generate)
    assert path_length(paths, Holes())[0] > 0
    paths = dataclasses.replace(paths, generate=lambda latents: np.array(latents) * np.inf)
    with pytest.raises(NotComputable, match="not finite"):
        path_length(paths, Holes())


def test_the_path_length_of_a_linear_generator_is_its_squared_speed():
    class Plain:
        name = "plain"

        def __call__(self, samples):
            return np.asarray(samples)

    # |3 (z2 - z1)|^2 = 9 * 2 * chi2(3): 54 on average, without the outermost hundredths less.
    value, error = path_length(linear_paths(3.0), Plain(), count=4000, seed=1)
    squares = stats.chi2(3)
    kept = squares.expect(lambda x: x, lb=squares.ppf(0.01), ub=squares.ppf(0.99)) / 0.98
    assert value == pytest.approx(18 * kept, abs=4 * error)
    assert path_length(linear_paths(0.0), Plain())[0] == 0.0
    with pytest.raises(NotComputable, match="not finite"):
        path_length(linear_paths(np.nan), Plain())


@pytest.mark.parametrize(
    ("figure", "message"),
    [
        (lambda: sliced_wasserstein(np.ones((1, 2)), np.ones((9, 2))), "at least 2 samples"),
        (lambda: neighbour_test(np.ones((9, 2)), np.ones((30, 2))), "at least 10 samples"),
        (lambda: logistic_test(np.ones((30, 2)), np.ones((30, 2))), "are the same"),
        (lambda: duplicates(np.ones((9, 2)), np.ones((30, 2))), "at least 20 samples"),
        (lambda: class_score(np.ones((1, 1))), "at least 2 samples. Received: 1"),
        (lambda: pyramid_distances(*np.zeros((2, 3, 6, 9, 1))), "at least 7 x 7 pixels"),
        (lambda: pyramid_distances(*np.zeros((2, 3, 9, 9, 1))), "without any contrast"),
        (lambda: pyramid_distances(*np.zeros((2, 1, 9, 9, 1))), "at least 2 images"),
    ],
)
def test_extreme_input_gets_a_sentence(figure, message):
    with pytest.raises(NotComputable, match=message):
        figure()
