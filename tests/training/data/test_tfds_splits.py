"""Splits of any names and parts of them, of a data set that was prepared from arrays."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from image_case import noise

from ganapp.training.data.tfds import read_name, tfds_images

SIZES = {"train": 20, "test": 4, "validation": 10, "unlabelled": 11, "fold_1": 13}
BOTH = ("a", "b")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where a data set `mine` is, its images the seeds from 0 on, split after split."""
    place = tmp_path_factory.mktemp("splits")
    starts = np.cumsum([0, *SIZES.values()])
    tfds.dataset_builders.store_as_tfds_dataset(
        name="mine",
        version="1.0.0",
        features=tfds.features.FeaturesDict(
            {
                "image": tfds.features.Image(shape=(16, 16, 3)),
                "label": tfds.features.ClassLabel(names=list(BOTH)),
            }
        ),
        split_datasets={
            name: labelled(range(first, first + SIZES[name]), known=name != "unlabelled")
            for name, first in zip(SIZES, starts, strict=False)
        },
        data_dir=str(place / "tfds"),
        disable_shuffling=True,
    )
    return place


def labelled(seeds, *, known):
    images = np.stack([noise(seed) for seed in seeds])
    labels = [seed % 2 if known else -1 for seed in seeds]
    return tf.data.Dataset.from_tensor_slices({"image": images, "label": labels})


@pytest.fixture
def source(folder):
    """What a word on the command line gives."""

    def make(word):
        options = {"data_dir": folder / "tfds", "cache_dir": str(folder / "cache")}
        return tfds_images(**read_name(word), held_out=0.2, **options)

    return make


@pytest.mark.parametrize(
    ("word", "training", "held_out", "classes"),
    [
        ("mine", range(20), range(20, 24), BOTH),
        ("mine:unlabelled", range(34, 45), range(20, 24), ()),  # no label that could be learnt
        ("mine:train+unlabelled", [*range(20), *range(34, 45)], range(20, 24), BOTH),
        ("mine::fold_1", range(45, 58), range(20, 24), BOTH),
        ("mine:train[25%:]", range(5, 20), range(20, 24), BOTH),
        ("mine:train[2:5]+validation[-8:]", [*range(2, 5), *range(26, 34)], range(20, 24), BOTH),
    ],
)
def test_what_is_trained_on_and_what_is_held_out(source, word, training, held_out, classes):
    found = source(word)
    assert found.spec.classes == classes
    for view, seeds in {"training_examples": training, "held_out_examples": held_out}.items():
        images, labels = getattr(found, view)()
        assert len(images) == len(seeds)
        assert {image.tobytes() for image in images} == {noise(seed).tobytes() for seed in seeds}
        assert (labels is None) == (not classes)


@pytest.mark.parametrize(
    ("word", "training", "held_out"),
    [("mine:train+test", 19, 5), ("mine:train[:50%]+test[:3]", 10, 3), ("mine::all", 46, 12)],
)
def test_the_split_test_is_trained_on_only_if_that_is_asked_for(source, word, training, held_out):
    spec = source(word).spec
    assert (spec.examples, spec.held_out) == (training, held_out)


@pytest.mark.parametrize(
    "word", ["mine::tset", "mine:train[:200]", "mine:train[5]", "mine:all[:5%]", "mine:train+"]
)
def test_parts_that_there_are_not(source, word):
    known = r"`split` must be a split .* test \(4 examples\), .*fold_1 .* Received: split='"
    with pytest.raises(ValueError, match=known) as caught:
        source(word)
    assert "\n" not in str(caught.value)


def test_too_small_a_part(source):
    with pytest.raises(ValueError, match=r"at least 10 training images. Received: 9"):
        source("mine:train[:9]")
