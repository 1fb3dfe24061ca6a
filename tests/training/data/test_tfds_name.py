"""What a word says of a data set of TensorFlow Datasets."""

import pytest

from training.data.tfds_name import base_splits, read_name


@pytest.mark.parametrize(
    ("text", "name", "split"),
    [
        ("mnist", "mnist", None),
        ("mnist:test", "mnist", "test"),
        ("mnist:train[:50%]", "mnist", "train[:50%]"),
        ("mnist:train[10:20]+test[:5%]", "mnist", "train[10:20]+test[:5%]"),
        ("mnist:train+test", "mnist", "train+test"),
        ("mnist:3.0.1", "mnist:3.0.1", None),
        ("mnist:3.*.*:test", "mnist:3.*.*", "test"),
        ("emnist:letters", "emnist/letters", None),
        ("emnist:letters:test", "emnist/letters", "test"),
        ("emnist:letters:3.1.0:test", "emnist/letters:3.1.0", "test"),
        ("emnist/letters:3.1.0", "emnist/letters:3.1.0", None),
        ("emnist/letters:test", "emnist/letters", "test"),
        ("eurosat:all", "eurosat/all", None),  # a configuration of that name there is
        ("eurosat:all:all", "eurosat/all", "all"),
        ("cycle_gan:apple2orange:trainA", "cycle_gan/apple2orange", "trainA"),
        ("cycle_gan::trainA", "cycle_gan", "trainA"),
        ("odd/train:train", "odd/train", "train"),
    ],
)
def test_parts_are_told_by_what_they_look_like(text, name, split):
    expected = {"name": name} | ({"split": split} if split else {})
    assert read_name(text) == expected


@pytest.mark.parametrize(
    "text", ["mnist:train:test", "a:b:c:d", "a:1.0.0:2.0.0", ":train", "emnist/letters:a:b"]
)
def test_a_part_too_many(text):
    with pytest.raises(ValueError, match=r"is written name\[:config\].* Received: '"):
        read_name(text)


def test_names_of_splits():
    assert base_splits("train[:50%]+test") == {"train", "test"}
    assert base_splits("train") == {"train"}
