"""Clusters in place of classes."""

import logging
import os

import numpy as np
import pytest

from ganapp.training.data import labels as clusters
from ganapp.training.data.arrays import npz
from ganapp.training.data.densities import moons
from ganapp.training.data.digits import digits
from ganapp.training.data.labels import with_clusters
from ganapp.training.data.source import training_batches
from ganapp.training.data.tables.sources import wine

LEVELS = (0, 100, 200)  # of three kinds of images, which nothing else tells apart


def three_kinds(folder, *, labels=False, count=120):
    draw = np.random.default_rng(0)
    kind = draw.integers(0, 3, count)
    images = np.take(LEVELS, kind)[:, None, None] + draw.integers(0, 40, (count, 8, 8))
    told = {"y": np.arange(count) % 2} if labels else {}
    np.savez(folder / "x.npz", x=images.astype(np.uint8), **told)
    return npz(path=folder / "x.npz", cache_dir=str(folder / "cache"))


def kinds(images):
    return np.asarray(images).reshape(len(images), -1).min(axis=1) // 100


def same_parts(labels, others):
    """Whether two labellings differ in the names of the parts only."""
    return len({*zip(labels, others, strict=True)}) == len(set(labels)) == len(set(others))


@pytest.mark.parametrize("labels", [False, True])
def test_what_is_alike_has_one_label_in_training_and_in_what_is_held_out(tmp_path, labels):
    whole = three_kinds(tmp_path, labels=labels)
    clustered = with_clusters(whole, 3)
    assert clustered.spec.classes == ("cluster 0", "cluster 1", "cluster 2")
    images, told = clustered.training_examples()
    np.testing.assert_array_equal(images, whole.training_examples()[0])
    np.testing.assert_array_equal(told, clustered.training_labels())
    held_out, also = clustered.held_out_examples()
    np.testing.assert_array_equal(held_out, whole.held_out_examples()[0])
    assert len(held_out) > 3
    assert same_parts(np.concatenate([told, also]), kinds(np.concatenate([images, held_out])))
    for batch in training_batches(clustered, batch_size=8, seed=0).take(20):
        name = dict(zip(kinds(images), told, strict=True))
        found = kinds(clustered.spec.to_user_units(batch["x"]))
        assert batch["label"].numpy().tolist() == [name[kind] for kind in found]


def test_judges_see_the_labels_that_people_gave(tmp_path):
    whole = three_kinds(tmp_path, labels=True)
    assert whole.original is whole
    assert with_clusters(whole, 3).original is whole
    assert whole.original.spec.classes == ("0", "1")


def test_the_same_examples_have_the_same_clusters_every_time(tmp_path):
    whole = digits(cache_dir=str(tmp_path))
    first, again = (with_clusters(whole, 40) for _ in range(2))
    np.testing.assert_array_equal(first.training_labels(), again.training_labels())
    assert first.fingerprint() == again.fingerprint()
    assert first.fingerprint() != whole.fingerprint()
    assert with_clusters(whole, 39).fingerprint() != first.fingerprint()


def counted(monkeypatch):
    """How often groups are looked for, a line for each time."""
    times, groups = [], clusters.KMeansClusters

    def count(*args):
        times.append(args[-1])
        return groups(*args)

    monkeypatch.setattr(clusters, "KMeansClusters", count)
    return times


def told(clustered):
    """What the networks and the judges are told, and the name of all that."""
    return [
        clustered.training_labels().tolist(),
        clustered.held_out_examples()[1].tolist(),
        clustered.spec.classes,
        clustered.fingerprint(),
    ]


def test_what_was_found_is_kept_by_content(tmp_path, monkeypatch):
    times, whole = counted(monkeypatch), three_kinds(tmp_path)
    expected = told(with_clusters(whole, 3))
    for _ in range(3):
        again = with_clusters(three_kinds(tmp_path), 3, cache=tmp_path / "kept")
        assert told(again) == expected
    assert times == [3, 3]
    assert len(with_clusters(whole, 4, cache=tmp_path / "kept").spec.classes) == 4
    less = npz(path=tmp_path / "x.npz", held_out=0.2, cache_dir=str(tmp_path / "cache"))
    assert less.fingerprint() == whole.fingerprint(), "the same examples, cut elsewhere"
    assert len(with_clusters(less, 3, cache=tmp_path / "kept").training_labels()) == 96
    other = three_kinds(tmp_path, count=130)
    assert len(with_clusters(other, 3, cache=tmp_path / "kept").training_labels()) == 117
    monkeypatch.setattr(clusters, "METHOD", "another")
    with_clusters(other, 3, cache=tmp_path / "kept")
    assert times == [3, 3, 4, 3, 3, 3]


def test_held_out_examples_are_not_sorted_again(tmp_path, monkeypatch):
    clustered = with_clusters(three_kinds(tmp_path), 3)
    monkeypatch.setattr(clusters.KMeansClusters, "__call__", None)
    examples, labels = clustered.held_out_examples()
    some, first = clustered.held_out_examples(5)
    np.testing.assert_array_equal(some, examples[:5])
    np.testing.assert_array_equal(first, labels[:5])


def test_what_is_damaged_is_found_anew(tmp_path, monkeypatch):
    whole = three_kinds(tmp_path)
    expected = told(with_clusters(whole, 3, cache=tmp_path / "kept"))
    (file,) = (tmp_path / "kept").rglob("examples.npy")
    times, when, content = counted(monkeypatch), file.stat(), bytearray(file.read_bytes())
    content[-4] ^= 1
    file.write_bytes(content)
    os.utime(file, ns=(when.st_atime_ns, when.st_mtime_ns))  # a disk says nothing of its mistakes
    assert told(with_clusters(whole, 3, cache=tmp_path / "kept")) == expected
    assert times == [3]


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, monkeypatch, caplog):
    (tmp_path / "kept").write_text("a file")
    times, whole = counted(monkeypatch), three_kinds(tmp_path)
    with caplog.at_level(logging.WARNING, "ganapp"):
        clustered = with_clusters(whole, 3, cache=tmp_path / "kept")
    assert told(clustered) == told(with_clusters(whole, 3))
    assert f"{tmp_path}/kept/clusters is not kept" in caplog.text
    assert times == [3, 3]


def test_clusters_of_digits_are_mostly_of_one_digit(tmp_path):
    whole = digits(cache_dir=str(tmp_path))
    found, real = with_clusters(whole, 40).training_labels(), whole.training_labels()
    most = [np.bincount(real[found == place]).max() for place in range(40)]
    assert sum(most) / len(real) > 0.85  # chance: a tenth


def test_fewer_are_found_where_fewer_examples_differ(tmp_path):
    images = np.repeat(np.array(LEVELS, np.uint8), 20)[:, None, None] * np.ones((1, 8, 8), np.uint8)
    np.savez(tmp_path / "x.npz", x=images)
    whole = npz(path=tmp_path / "x.npz", cache_dir=str(tmp_path / "cache"))
    clustered = with_clusters(whole, 5)
    assert len(clustered.spec.classes) == 3
    assert set(clustered.training_labels()) == {0, 1, 2}


def test_what_has_no_clusters_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"needs data with an end.*data.source='moons'"):
        with_clusters(moons(), 3)
    with pytest.raises(ValueError, match=r"a table with a label column.*data.source='wine'"):
        with_clusters(wine(), 3)
    whole = three_kinds(tmp_path)
    with pytest.raises(ValueError, match=r"at most 10, for 10 .*clusters=11 with 108 training"):
        with_clusters(whole, 11)
