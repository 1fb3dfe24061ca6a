"""What a word says of a data set of TensorFlow Datasets."""

import pytest

from ganapp.training.data.tfds import NAMESPACES, base_splits, read_name


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
        ("huggingface:cifar10", "huggingface:cifar10", None),
        ("huggingface:cifar10:train[:5]", "huggingface:cifar10", "train[:5]"),
        ("huggingface:glue:cola:1.0.0:test", "huggingface:glue/cola:1.0.0", "test"),
        ("robotics:train:train", "robotics:train", "train"),
        ("kaggle:ds/cfg:1.2.3", "kaggle:ds/cfg:1.2.3", None),
        ("my-own:ds/cfg:test", "my-own:ds/cfg", "test"),
        ("huggingface", "huggingface", None),
        ("mnist/:test", "mnist", "test"),
    ],
)
def test_parts_are_told_by_what_they_look_like(text, name, split):
    expected = {"name": name} | ({"split": split} if split else {})
    assert read_name(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "mnist:train:test",
        "a:b:c:d",
        "a:1.0.0:2.0.0",
        ":train",
        "emnist/letters:a:b",
        "mnist:::test",
        "mnist::",
        "mnist:letters:",
        "huggingface:a:b:c:d",
        "a:b:c/d",
        "a/b:c/d",
        "",
    ],
)
def test_a_part_too_many(text):
    with pytest.raises(ValueError, match=r"is written .*name\[:config\].* Received: '") as caught:
        read_name(text)
    assert "\n" not in str(caught.value)


def test_namespaces_are_those_of_tensorflow_datasets():
    from tensorflow_datasets.core.community import config

    assert set(config.get_community_config().config_per_namespace) == NAMESPACES


@pytest.mark.parametrize("text", ["huggingface:cifar10", "kaggle:ds/cfg:1.2.3", "mnist:3.*.*"])
def test_names_are_such_as_tensorflow_datasets_reads(text):
    from tensorflow_datasets.core.naming import parse_builder_name_kwargs

    assert parse_builder_name_kwargs(read_name(text)["name"]) == parse_builder_name_kwargs(text)


def test_names_of_splits():
    assert base_splits("train[:50%]+test") == {"train", "test"}
    assert base_splits("train") == {"train"}
