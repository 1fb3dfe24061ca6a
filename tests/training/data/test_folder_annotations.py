"""What folders say of images: classes, parts for training and test under any usual name."""

import pytest

from ganapp.training.data.folder import (
    FileLabels,
    annotations_of_file,
    annotations_of_places,
    labels_in_files,
)


def classes_and_parts(*names, **options):
    """Class of each image, or `None`, and whether it is held out."""
    found = annotations_of_places(names, **options)
    numbers = [-1] * len(names) if found.labels is None else found.labels.tolist()
    classes = [found.classes[number] if number >= 0 else None for number in numbers]
    return classes, None if found.held_out is None else found.held_out.tolist()


@pytest.mark.parametrize(
    ("training", "test"),
    [
        ("training_set", "test_set"),
        ("train", "val"),
        ("Train", "VALID"),
        ("train2017", "val2017"),
        ("trainset", "testset"),
        ("train-images", "validation images"),
        ("seg_train/seg_train", "seg_test/seg_test"),
        ("training", "held_out"),
        ("TrainingData", "dev"),
        ("photos_train", "photos_eval"),
    ],
)
def test_parts_under_any_usual_name_are_no_classes(training, test):
    names = [f"{training}/{kind}/1.png" for kind in ("cat", "dog")]
    held_out = [f"{test}/{kind}/2.png" for kind in ("cat", "dog")]
    expected = ["cat", "dog", "cat", "dog"], [False, False, True, True]
    assert classes_and_parts(*names, *held_out) == expected
    inside = [
        f"{kind}/{part.split('/')[0]}/1.png" for part in (training, test) for kind in ("cat", "dog")
    ]
    assert classes_and_parts(*inside) == expected


def test_parts_are_said_and_may_be_meant_as_classes():
    names = ("training_set/a/1.png", "test_set/a/2.png", "test_set/b/3.png")
    (note,) = annotations_of_places(names).notes
    assert note.startswith("The 2 images in 'test_set' are held out, those in 'training_set' are")
    assert "`--set data.parts=none`" in note
    found = annotations_of_places(names, parts="none")
    assert (found.classes, found.held_out) == (("test_set", "training_set"), None)


def test_what_else_the_names_of_parts_say_is_the_class():
    names = ("trainA/1.png", "trainB/2.png", "testA/3.png", "testB/4.png")
    assert classes_and_parts(*names) == (["A", "B", "A", "B"], [False, False, True, True])
    assert classes_and_parts(*names[:2]) == (["A", "B"], None)  # no folder says what is held out
    assert classes_and_parts("test/1.png", "val/2.png") == ([None, None], None)


@pytest.mark.parametrize(
    ("other", "named"), [("extra/a/1.png", "folders such as 'extra'"), ("1.png", "images")]
)
def test_others_beside_parts_are_refused(other, named):
    names = ("train/a/1.png", "test/b/2.png", other)
    with pytest.raises(ValueError, match=rf"data.parts=none`. Received: 'test', 'train' .*{named}"):
        annotations_of_places(names)
    if "/" in other:
        assert annotations_of_places(names, parts="none").classes == ("extra", "test", "train")


def test_a_class_may_be_called_as_a_part_is():
    names = ("train/1.png", "bus/2.png", "invalid/3.png", "strain/4.png")
    assert classes_and_parts(*names) == (["train", "bus", "invalid", "strain"], None)


def test_folders_that_may_be_no_classes_are_told():
    (note,) = annotations_of_places([f"{s}/{k}/1.png" for s in "pq" for k in ("cat", "dog")]).notes
    assert "'p', 'q' were taken for classes, and each holds folders 'cat', 'dog'" in note
    inner = annotations_of_places([f"{s}/{k}/1.png" for s in "pq" for k in "ab"], labels="inner")
    assert (inner.classes, inner.labels.tolist()) == (("a", "b"), [0, 1, 0, 1])
    (note,) = annotations_of_places(["00000/1.png", "01000/2.png"]).notes
    assert "`--set data.labels=none` says that they are none" in note
    assert annotations_of_places(["0/1.png", "1/2.png"]).notes == ()


def test_names_in_any_bytes_and_letters():
    latin = "caf\udce9/1.png"  # as the system gives bytes that are not UTF-8
    assert annotations_of_places([latin, "b\n\x1b/2.png"]).classes == ("b\\n\\x1b", "caf\\xe9")
    composed, apart = "train/caf\u00e9/1.png", "test/cafe\u0301/2.png"  # macOS writes the second
    assert len(annotations_of_places([composed, apart, "train/b/3.png"]).classes) == 2


FILE = b'{"labels": [["00000/a.png", 5], ["00000/b.png", 7], ["00001/c.png", 5]]}'
NAMES = ("00000/a.png", "00000/b.png", "00001/c.png", "00001/d.png")


def test_labels_in_a_file_are_the_classes_and_folders_are_not():
    marks = annotations_of_places(NAMES, labels="none")
    found = annotations_of_file(NAMES, labels_in_files({"dataset.json": FILE}), marks)
    assert (found.classes, found.labels.tolist()) == (("5", "7"), [0, 1, 0, -1])
    assert "Classes are those of dataset.json" in found.notes[0]
    deep = tuple(f"x/{name}" for name in NAMES)
    found = annotations_of_file(deep, labels_in_files({"x/dataset.json": FILE}), marks)
    assert found.labels.tolist() == [0, 1, 0, -1]
    with pytest.raises(ValueError, match=r"must name the images .* Received: '00000/a.png' for"):
        annotations_of_file(("1.png",), labels_in_files({"dataset.json": FILE}), marks)


@pytest.mark.parametrize(
    ("content", "numbers", "said"),
    [
        (b'{"labels": [["a.png", [0, 0, 1]]]}', {"a.png": 2}, "Classes are those"),
        (b'{"labels": [["a\\\\b.png", 1.0]]}', {"a/b.png": 1}, "Classes are those"),
        (b'{"labels": null}', {}, "says that there are no labels, so folders are no classes"),
        (b'{"images": 3}', None, "it holds no 'labels'"),
        (b"[" * 100_000, None, "it holds no JSON"),
        (b"\xff", None, "it holds no JSON"),
        (b'{"labels": [["a.png", [0.2, 0.8]]]}', None, "vectors and not classes"),
        (b'{"labels": [["a.png", "cat"]]}', None, "a label is 'cat' and no whole number"),
        (b'{"labels": [3]}', None, "no list of names with labels"),
    ],
)
def test_what_files_of_labels_hold(content, numbers, said):
    found = labels_in_files({"dataset.json": content})
    assert found.numbers == numbers
    assert said in found.notes[0]


def test_no_files_say_nothing():
    assert labels_in_files({}) == FileLabels()
