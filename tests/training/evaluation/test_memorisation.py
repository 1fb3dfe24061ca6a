"""Copies are found, fresh data are not accused."""

import numpy as np
import pytest

from training.evaluation.checks import NotComputable
from training.evaluation.memorisation import MemorisationTest, NearestExamples


def normal(seed, count, dimension=16):
    return np.random.default_rng(seed).normal(size=(count, dimension))


@pytest.fixture(scope="module")
def trial():
    return MemorisationTest(normal(0, 800), normal(1, 400))


def test_exact_and_slightly_noisy_copies_are_memorised(trial):
    copies = normal(0, 800)
    assert trial.share(copies) == 1.0
    assert trial.share(copies + 0.01 * normal(5, 800)) == 1.0
    found = trial(copies)
    assert found.median_ratio == 0.0
    assert found.nearest_in_training == 1.0


def test_the_threshold_is_a_percentile_of_the_distances_of_training_examples_to_each_other(trial):
    train = normal(0, 800)
    table = np.linalg.norm(train[:, None] - train[None], axis=2)
    nearest = np.sort(table, axis=1)[:, 1]
    assert trial.threshold == pytest.approx(np.percentile(nearest, 5))


def test_fresh_data_are_not_accused(trial):
    found = trial(normal(2, 3000))
    assert found.share == pytest.approx(0.05, abs=0.02)
    assert found.median_ratio == pytest.approx(1.0, abs=0.03)
    assert found.nearest_in_training_expected == pytest.approx(2 / 3)
    assert found.nearest_in_training == pytest.approx(2 / 3, abs=0.06)


def test_half_copies_score_about_a_half(trial):
    mixed = np.concatenate([normal(0, 800), normal(3, 800)])
    assert trial.share(mixed) == pytest.approx(0.525, abs=0.015)


def test_copies_are_found_when_real_data_hold_duplicates():
    train, held_out = normal(0, 100), normal(1, 100)
    train[:30] = train[30:60]  # the percentile is then exactly 0
    trial = MemorisationTest(train, held_out)
    assert trial.threshold == 0.0
    assert trial.share(train) == 1.0
    assert trial.share(normal(2, 100)) == 0.0


def test_an_example_in_both_sets_counts_for_neither():
    shared = normal(0, 50)
    assert MemorisationTest(shared, shared)(shared).nearest_in_training == 0.5


def test_nearest_examples_are_the_nearest():
    train, samples = normal(0, 60, 3), normal(1, 20, 3)
    distances, indices = NearestExamples(train)(samples)
    table = np.linalg.norm(samples[:, None] - train[None], axis=2)
    np.testing.assert_array_equal(indices, table.argmin(axis=1))
    np.testing.assert_allclose(distances, table.min(axis=1))


def test_a_handful_of_held_out_examples_is_not_enough():
    with pytest.raises(NotComputable, match="at least 20 held-out examples"):
        MemorisationTest(normal(0, 50), normal(1, 19))
