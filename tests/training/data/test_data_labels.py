"""Labels that are hidden on purpose, or missing in the files, in every kind of source."""

import numpy as np
import pytest
import tensorflow as tf
from image_case import pictures, put

from ganapp.training.data.arrays import npy, npz
from ganapp.training.data.densities import moons, ring
from ganapp.training.data.digits import digits, moving_digits, stacked_digits
from ganapp.training.data.folder import folder
from ganapp.training.data.labels import keep_share, with_share_of_labels
from ganapp.training.data.source import training_batches
from ganapp.training.data.tables.sources import wine

LABELS = np.repeat([0, 1, 2], (50, 30, 4))
IMAGES = np.random.default_rng(0).integers(0, 256, (84, 8, 8), np.uint8)


def from_npz(tmp_path):
    np.savez(tmp_path / "x.npz", x=IMAGES, y=LABELS)
    return npz(path=tmp_path / "x.npz", cache_dir=str(tmp_path / "cache"))


def from_npy(tmp_path):
    np.save(tmp_path / "x.npy", IMAGES)
    np.save(tmp_path / "y.npy", LABELS)
    return npy(path=tmp_path / "x.npy", labels_path=tmp_path / "y.npy")


def from_folder(tmp_path):
    put(tmp_path / "images", {**pictures(30, "a/"), **pictures(20, "b/", first=30)})
    return folder(path=tmp_path / "images", cache_dir=str(tmp_path / "cache"))


def from_digits(tmp_path):
    return digits(cache_dir=str(tmp_path / "cache"))


def counts(labels):
    return np.bincount(labels[labels >= 0]).tolist()


def test_every_class_keeps_the_same_share_and_at_least_one():
    kept = keep_share(LABELS, 0.1, seed=0)
    assert counts(kept) == [5, 3, 1]
    assert set(kept[kept != LABELS]) == {-1}
    np.testing.assert_array_equal(kept, keep_share(LABELS, 0.1, seed=0))
    assert (kept != keep_share(LABELS, 0.1, seed=1)).any()
    np.testing.assert_array_equal(keep_share(LABELS, 1.0, seed=0), LABELS)


def test_a_larger_share_keeps_what_a_smaller_one_keeps():
    few, more = (keep_share(LABELS, share, seed=3) >= 0 for share in (0.1, 0.4))
    assert more[few].all()
    assert more.sum() == 20 + 12 + 2


def test_the_share_is_of_the_labels_that_are_known():
    half = np.where(np.arange(84) % 2, LABELS, -1)
    kept = keep_share(half, 0.2, seed=0)
    assert counts(kept) == [5, 3, 1]
    assert (kept[half < 0] == -1).all()


@pytest.mark.parametrize("make", [from_npz, from_npy, from_folder, from_digits])
def test_an_example_is_labelled_in_every_epoch_or_in_none(make, tmp_path):
    whole = make(tmp_path)
    partly = with_share_of_labels(whole, 0.25, seed=2)
    assert partly.spec == whole.spec
    images, labels = partly.training_examples()
    np.testing.assert_array_equal(labels, keep_share(whole.training_labels(), 0.25, seed=2))
    np.testing.assert_array_equal(labels, partly.training_labels())
    np.testing.assert_array_equal(images, whole.training_examples()[0])
    np.testing.assert_array_equal(partly.training_examples(7)[1], labels[:7])
    for ours, theirs in zip(partly.held_out_examples(), whole.held_out_examples(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    known = {image.tobytes(): int(label) for image, label in zip(images, labels, strict=True)}
    size = 8
    batches = [iter(training_batches(each, batch_size=size, seed=0)) for each in (whole, partly)]
    for _ in range(2 * whole.steps_per_epoch(size) if len(labels) < 100 else 5):
        (x, y), (seen, told) = ((each["x"], each["label"]) for each in map(next, batches))
        np.testing.assert_array_equal(seen, x)
        back = partly.spec.to_user_units(seen).numpy()
        assert told.numpy().tolist() == [known[image.tobytes()] for image in back]
        assert told.dtype == y.dtype


def test_where_examples_never_end_each_is_labelled_with_that_probability():
    whole = moons()
    partly = with_share_of_labels(whole, 0.2, seed=1)
    step, zero = tf.constant(3, tf.int64), tf.constant(0, tf.int64)
    expected = whole.rows(step, zero, 4000, batch_size=4000, seed=5)
    found = partly.rows(step, zero, 4000, batch_size=4000, seed=5)
    labels, told = expected["label"], found["label"]
    np.testing.assert_array_equal(found["x"], expected["x"])
    known = told.numpy() >= 0
    assert known.mean() == pytest.approx(0.2, abs=4 * np.sqrt(0.2 * 0.8 / 4000))
    np.testing.assert_array_equal(told.numpy()[known], labels.numpy()[known])
    part = partly.rows(step, zero + 2, 3, batch_size=4000, seed=5)["label"]
    np.testing.assert_array_equal(part, told[2:5])
    next_step = partly.rows(step + 1, zero, 4000, batch_size=4000, seed=5)["label"]
    assert ((next_step.numpy() >= 0) != known).any()
    view, view_labels = partly.training_examples(200)
    assert (view_labels >= 0).mean() == pytest.approx(0.2, abs=4 * np.sqrt(0.2 * 0.8 / 200))
    np.testing.assert_array_equal(view, whole.training_examples(200)[0])
    np.testing.assert_array_equal(view_labels, partly.training_labels()[:200])
    assert (partly.held_out_examples(50)[1] >= 0).all()
    assert partly.density is whole.density


@pytest.mark.parametrize("make", [ring, stacked_digits])
def test_a_view_of_what_never_ends_is_labelled_alike_whatever_its_length(make):
    whole = make()
    partly = with_share_of_labels(whole, 0.3, seed=1)
    examples, labels = partly.training_examples()
    of_all = whole.training_examples()[1]
    assert counts(labels) == [max(1, round(0.3 * each)) for each in counts(of_all)]
    np.testing.assert_array_equal(labels[labels >= 0], of_all[labels >= 0])
    for count in (1, 50, len(labels) + 1):
        few, told = partly.training_examples(count)
        np.testing.assert_array_equal(few, examples[:count])
        np.testing.assert_array_equal(told, labels[:count])
    batch = next(iter(training_batches(partly, batch_size=16, seed=0)))
    assert (len(batch["x"]), batch["label"].shape) == (16, (16,))


def test_of_a_table_the_column_is_empty_where_the_label_is_not_known():
    whole = wine()
    source = with_share_of_labels(whole, 0.3, seed=1)
    labels, place = source.training_labels(), whole.spec.table.label_place
    np.testing.assert_array_equal(labels, keep_share(whole.train_labels, 0.3, seed=1))
    rows, _ = source.training_examples()
    np.testing.assert_array_equal(np.isnan(rows[:, place]), labels < 0)
    np.testing.assert_array_equal(rows[:, :place], whole.train[:, :place])
    np.testing.assert_array_equal(rows[labels >= 0, place], labels[labels >= 0])
    assert not np.isnan(source.held_out_examples()[0]).any()
    found = source.at(tf.range(len(rows), dtype=tf.int64))
    codes, told = found["x"], found["label"]
    start = source.spec.label_start
    np.testing.assert_array_equal(codes[:, start : start + 3], tf.one_hot(told, 3))
    assert not np.isnan(whole.train).any()
    assert not whole.spec.partly_labelled
    assert source.spec.partly_labelled
    assert with_share_of_labels(whole, 1.0) is whole


def test_where_no_label_can_be_hidden(tmp_path):
    with pytest.raises(ValueError, match=r"needs data with labels. .*'moving_digits', which has"):
        with_share_of_labels(moving_digits(), 0.5)
    np.save(tmp_path / "x.npy", IMAGES)
    with pytest.raises(ValueError, match=r"needs data with labels. .*'npy', which has none"):
        with_share_of_labels(npy(path=tmp_path / "x.npy"), 0.5)


@pytest.mark.parametrize(
    ("labels", "classes", "unknown"),
    [
        (np.where(np.arange(84) % 3, LABELS, -1), ("0", "1", "2"), 28),
        (np.where(np.arange(84) % 3, np.array(["a", "b", "c"])[LABELS], ""), ("a", "b", "c"), 28),
        (np.where(LABELS > 0, 1, -1), ("-1", "1"), 0),  # two classes are often called so
        (np.where(LABELS > 0, 1, -7), (), 84),
    ],
)
def test_labels_below_zero_and_empty_ones_are_unknown(tmp_path, labels, classes, unknown):
    np.savez(tmp_path / "x.npz", x_train=IMAGES, y_train=labels, x_test=IMAGES, y_test=labels)
    source = npz(path=tmp_path / "x.npz", cache_dir=str(tmp_path / "cache"))
    assert source.spec.classes == classes
    for images, found in (source.training_examples(), source.held_out_examples()):
        if not classes:
            assert found is None
            continue
        assert (found == -1).sum() == unknown
        expected = {i.tobytes(): str(n) for i, n in zip(IMAGES[..., None], labels, strict=True)}
        for image, number in zip(images, found, strict=True):
            if number >= 0:
                assert classes[number] == expected[image.tobytes()]


@pytest.mark.parametrize("apart", ["unlabelled", "Unlabeled"])
def test_images_in_a_folder_called_unlabelled_have_no_class(tmp_path, apart):
    files = {**pictures(9, "cat/"), **pictures(9, "dog/", first=9)}
    put(tmp_path / "images", files | pictures(12, f"{apart}/deep/", first=18))
    source = folder(path=tmp_path / "images", cache_dir=str(tmp_path / "cache"))
    assert source.spec.classes == ("cat", "dog")
    labels = np.concatenate([source.training_labels(), source.held_out_examples()[1]])
    assert [(labels == each).sum() for each in (-1, 0, 1)] == [12, 9, 9]


def test_unlabelled_images_beside_folders_for_training_and_test(tmp_path):
    files = pictures(8, "set/train/a/") | pictures(8, "set/train/b/", first=8)
    files |= pictures(3, "set/test/a/", first=16) | pictures(5, "set/unlabeled/", first=19)
    source = folder(path=put(tmp_path / "i", files), cache_dir=str(tmp_path / "cache"))
    assert (source.spec.examples, source.spec.classes) == (21, ("a", "b"))
    assert counts(source.training_labels()) == [8, 8]
    assert source.held_out_examples()[1].tolist() == [0, 0, 0]


def test_one_class_and_unlabelled_images_tell_nothing_apart(tmp_path, caplog):
    files = pictures(12, "cat/") | pictures(12, "unlabelled/", first=12)
    source = folder(path=put(tmp_path / "i", files), cache_dir=str(tmp_path / "cache"))
    assert source.spec.classes == ()
    assert source.training_labels() is None
    assert "they name a single class" in caplog.text
