"""Mean and covariance in batches: exact, whatever the batches; on disk and back."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganapp.training.evaluation.checks import NotComputable, as_features, storage_type
from ganapp.training.evaluation.features import spaces as features
from ganapp.training.evaluation.features.spaces import (
    FeatureStatistics,
    FeatureStore,
    Pixels,
    features_of,
)
from ganapp.training.evaluation.metrics.frechet_distance import (
    frechet_distance,
    gaussian_moments,
    statistics_moments,
)


def normal(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


@settings(max_examples=30, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=6),
    dimension=st.integers(1, 5),
    seed=st.integers(0, 99),
)
def test_any_batches_give_mean_and_covariance(sizes, dimension, seed):
    points = normal(seed, sum(sizes) + 1, dimension)
    found = FeatureStatistics(dimension).update(points[:1])
    start = 1
    for size in sizes:
        found.update(points[start : start + size])
        start += size
    assert found.count == len(points)
    np.testing.assert_allclose(found.mean, points.mean(axis=0), atol=1e-12)
    expected = np.atleast_2d(np.cov(points, rowvar=False))
    np.testing.assert_allclose(found.covariance(), expected, atol=1e-12)


def test_a_small_spread_far_from_zero_survives_where_sums_of_squares_do_not():
    points = 1e8 + normal(0, 1000, 2)
    found = FeatureStatistics(2)
    for part in np.array_split(points, 7):
        found.update(part)
    np.testing.assert_allclose(found.covariance(), np.cov(points, rowvar=False), rtol=1e-6)
    naive = (points.T @ points - 1000 * np.outer(points.mean(0), points.mean(0))) / 999
    assert np.abs(naive - np.cov(points, rowvar=False)).max() > 0.1


def test_two_halves_are_the_whole():
    points = normal(1, 50, 3)
    halves = FeatureStatistics(3).update(points[:13]).update(points[13:])
    whole = FeatureStatistics(3).update(points)
    np.testing.assert_allclose(halves.covariance(), whole.covariance(), atol=1e-12)
    known = gaussian_moments(points.mean(axis=0), np.cov(points, rowvar=False))
    found = frechet_distance(statistics_moments(halves), known)
    assert found == pytest.approx(0.0, abs=1e-9)


def test_bad_batches_are_refused():
    with pytest.raises(ValueError, match="`features` must be finite"):
        FeatureStatistics(2).update(np.full((3, 2), np.nan))
    with pytest.raises(NotComputable, match=r"at least 2 samples. Received: 1"):
        statistics_moments(FeatureStatistics(2).update(np.zeros((1, 2))))


def test_chunks_give_the_same_features_and_bound_what_is_held(monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (50, 4, 4, 1)).astype(np.uint8)
    whole = features_of(Pixels(), images)
    monkeypatch.setattr(features, "CHUNK_BYTES", 8 * 16 * 7)
    seen = []

    class Watched(Pixels):
        def __call__(self, samples):
            seen.append(len(samples))
            return super().__call__(samples)

    np.testing.assert_array_equal(features_of(Watched(), images), whole)
    assert seen == [7] * 7 + [1]


def test_what_would_be_large_is_kept_in_float32():
    assert storage_type(10_000 * 784) is np.float64
    assert storage_type(50_000 * 64 * 64) is np.float32
    assert as_features("x", np.zeros((3, 2), np.float32)).dtype == np.float64


class Network:
    """A space that says what it is and counts how often it is asked."""

    name, identity = "network", "weights-1"

    def __init__(self):
        self.asked = 0

    def __call__(self, samples):
        self.asked += 1
        return samples.reshape(len(samples), -1) * 2.0


def test_real_features_are_worked_out_once_and_found_again(tmp_path):
    store, space, images = FeatureStore(tmp_path), Network(), np.arange(40.0).reshape(10, 2, 2, 1)
    first = store.features(space, images)
    np.testing.assert_array_equal(FeatureStore(tmp_path).features(space, images), first)
    assert space.asked == 1
    statistics = store.statistics(space, images)
    np.testing.assert_allclose(statistics.mean, first.mean(axis=0))
    assert space.asked == 2
    assert store.statistics(space, images).count == 10
    assert space.asked == 2
    store.features(space, images + 1)  # other samples
    other = Network()
    other.identity = "weights-2"
    store.features(other, images)
    assert (space.asked, other.asked) == (3, 1)


def saved(save, *arrays, **named):
    file = io.BytesIO()
    save(file, *arrays, **named)
    return file.getvalue()


def unknown_compression(content):
    place = content.index(b"PK\1\2") + 10
    return content[:place] + b"\x63" + content[place + 1 :]


@pytest.mark.parametrize(
    "change",
    [
        lambda content: b"",
        lambda content: b"broken",
        lambda content: content[:-40],
        unknown_compression,
        lambda content: saved(np.savez, other=np.ones(3)),
        lambda content: saved(np.save, np.ones(3)),
    ],
    ids=["empty", "text", "cut", "compression", "names", "array"],
)
def test_damaged_and_foreign_files_are_made_anew(tmp_path, change):
    store, space, images = FeatureStore(tmp_path), Network(), np.arange(40.0).reshape(10, 2, 2, 1)
    first, statistics = store.features(space, images), store.statistics(space, images)
    for path in tmp_path.iterdir():
        path.write_bytes(change(path.read_bytes()))
    for asked in (4, 4):  # once each, and then they are found again
        np.testing.assert_array_equal(store.features(space, images), first)
        found = store.statistics(space, images)
        np.testing.assert_array_equal(found.scatter, statistics.scatter)
        assert (found.count, space.asked) == (10, asked)


def test_a_full_disk_spoils_nothing(tmp_path, monkeypatch, caplog):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(features, "write_atomically", full)
    found = FeatureStore(tmp_path).features(Network(), np.ones((3, 2)))
    assert found.shape == (3, 2)
    assert "is not kept: No space left on device" in caplog.text
