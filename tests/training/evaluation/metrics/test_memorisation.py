"""Copies are found, fresh data are not accused."""

import numpy as np
import pytest

from ganapp.training.evaluation import checks
from ganapp.training.evaluation.checks import NotComputable
from ganapp.training.evaluation.features import spaces
from ganapp.training.evaluation.features.spaces import FeatureRows, Pixels, features_of
from ganapp.training.evaluation.metric import SampleSet
from ganapp.training.evaluation.metrics.memorisation import MemorisationTest, NearestExamples


def normal(seed, count, dimension=16):
    return np.random.default_rng(seed).normal(size=(count, dimension))


@pytest.fixture(scope="module")
def trial():
    return MemorisationTest(normal(0, 800), normal(1, 400))


def test_exact_and_slightly_noisy_copies_are_memorised(trial):
    copies = normal(0, 800)
    assert trial(copies).share == 1.0
    assert trial(copies + 0.01 * normal(5, 800)).share == 1.0
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
    assert trial(mixed).share == pytest.approx(0.525, abs=0.015)


def test_copies_are_found_when_real_data_hold_duplicates():
    train, held_out = normal(0, 100), normal(1, 100)
    train[:30] = train[30:60]  # the percentile is then exactly 0
    trial = MemorisationTest(train, held_out)
    assert trial.threshold == 0.0
    assert trial(train).share == 1.0
    assert trial(normal(2, 100)).share == 0.0


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


def pixels(seed, count, levels=256):
    return np.random.default_rng(seed).integers(0, levels, (count, 4, 4, 1), np.uint8)


@pytest.fixture
def small_memory(monkeypatch):
    """A few kB are much: features of 100 images are float32, and 7 are worked on at once."""
    monkeypatch.setattr(checks, "LARGE", 2**12)
    monkeypatch.setattr(spaces, "CHUNK_BYTES", 7 * 16 * 8)


@pytest.mark.parametrize("levels", [256, 2])
def test_a_part_after_the_other_gives_what_all_at_once_give(small_memory, levels):
    train = np.concatenate([pixels(0, 100, levels), pixels(0, 30, levels)])  # with duplicates
    samples = np.concatenate([train[90:], pixels(1, 60, levels)])
    rows, whole = FeatureRows(Pixels(), train), features_of(Pixels(), train)
    assert rows.dtype == whole.dtype == np.float32
    assert rows.shape == whole.shape
    np.testing.assert_array_equal(rows[np.arange(130)], whole)
    parts = list(rows.parts())
    assert max(map(len, parts)) == 7
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    parted, at_once = NearestExamples(rows), NearestExamples(whole)
    found, places = parted(features_of(Pixels(), samples))
    np.testing.assert_array_equal(found, at_once(features_of(Pixels(), samples))[0])
    assert (found[:40] == 0).all()
    again = np.linalg.norm(whole[places] - features_of(Pixels(), samples), axis=1)
    np.testing.assert_array_equal(found, again)
    for most in (10_000, 50):
        np.testing.assert_array_equal(
            parted.to_each_other(most=most), at_once.to_each_other(most=most)
        )


def test_the_test_is_the_same_and_holds_no_second_copy(small_memory):
    train, held_out, samples = pixels(0, 200), pixels(1, 50), pixels(2, 100)
    batch = SampleSet(train, neighbours=5)
    nearest = NearestExamples(batch.features_or_rows(Pixels()))
    assert isinstance(nearest.features, FeatureRows)
    assert ("features", "pixels") not in batch.cache
    held_out, samples = (features_of(Pixels(), each) for each in (held_out, samples))
    trial, expected = (
        MemorisationTest(each, held_out) for each in (nearest, features_of(Pixels(), train))
    )
    assert trial.threshold == expected.threshold
    assert trial.median == expected.median
    assert trial(samples) == expected(samples)


def test_few_examples_and_short_ones_are_searched_at_once(small_memory):
    for each in (pixels(0, 20), pixels(0, 2000)[:, :2, :2]):
        found = SampleSet(each, neighbours=5).features_or_rows(Pixels())
        assert isinstance(found, np.ndarray)
