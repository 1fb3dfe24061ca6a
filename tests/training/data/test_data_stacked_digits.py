"""Stacked digits: three real digits, three channels, one label that tells them all."""

import dataclasses
import itertools

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from ganapp.training.data import SOURCES, ArraySource, DataSpec, training_batches
from ganapp.training.data.digits import StackedSource, digits, stacked_digits


@pytest.fixture(scope="module")
def source(cache_dir):
    return stacked_digits(cache_dir=str(cache_dir))


@pytest.fixture(scope="module")
def images(cache_dir):
    return digits(cache_dir=str(cache_dir))


def tiny_images(labels=(0, 1, 1), held_out_labels=(1, 0)):
    """Images of 2 x 2 pixels, each filled with its own number; held-out ones count from 100."""
    train = np.broadcast_to(
        np.arange(len(labels), dtype=np.uint8)[:, None, None, None], (3, 2, 2, 1)
    )
    held_out = np.broadcast_to(np.uint8([100, 101])[:, None, None, None], (2, 2, 2, 1))
    spec = DataSpec(
        name="tiny", kind="image", shape=(2, 2, 1), examples=3, held_out=2, classes=("a", "b")
    )
    return ArraySource(spec, train, held_out, np.array(labels), np.array(held_out_labels))


def take(dataset, steps):
    elements = itertools.islice(dataset, steps)
    return [(each["x"].numpy(), each["label"].numpy()) for each in elements]


def same(left, right):
    return all(
        np.array_equal(a, b)
        for x, y in zip(left, right, strict=True)
        for a, b in zip(x, y, strict=True)
    )


def places_of(stacks, examples):
    """Which example each channel is: int `(n, channels)`; a KeyError where it is none of them."""
    known = {example.tobytes(): place for place, example in enumerate(examples[..., 0])}
    channels = np.ascontiguousarray(np.moveaxis(stacks, -1, 1))
    return np.array([[known[channel.tobytes()] for channel in stack] for stack in channels])


def number(classes):
    return 100 * classes[:, 0] + 10 * classes[:, 1] + classes[:, 2]


def test_what_it_says_it_is(source):
    spec = source.spec
    assert SOURCES["stacked_digits"] is stacked_digits
    assert (spec.kind, spec.shape, spec.examples) == ("image", (8, 8, 3), None)
    assert spec.classes == tuple(f"{number:03d}" for number in range(1000))
    assert spec.held_out == len(source.held_out_examples()[0]) == 26_000
    assert source.steps_per_epoch(64) is None
    assert source.modes is None


@pytest.mark.parametrize("split", ["train", "held_out"])
def test_channels_are_digits_of_their_own_split_and_the_label_reads_them(source, images, split):
    stacks, labels = {
        "train": source.training_examples,
        "held_out": source.held_out_examples,
    }[split](2000)
    examples, classes = getattr(images, split), getattr(images, f"{split}_labels")
    assert (stacks.dtype, stacks.shape) == (np.uint8, (2000, 8, 8, 3))
    assert (labels.dtype, labels.shape) == (np.int32, (2000,))
    np.testing.assert_array_equal(number(classes[places_of(stacks, examples)]), labels)


def test_batches_are_made_of_training_digits_in_model_units(source, images):
    ((x, labels),) = take(training_batches(source, batch_size=96, seed=3), 1)
    assert (x.dtype, x.shape) == (np.float32, (96, 8, 8, 3))
    assert (x.min(), x.max()) == (-1.0, 1.0)
    stacks = source.spec.to_user_units(x).numpy()
    classes = images.train_labels[places_of(stacks, images.train)]
    np.testing.assert_array_equal(number(classes), labels)


def test_all_triples_and_all_digits_of_a_class_are_equally_likely(source, images):
    stacks, labels = source.training_examples()
    triples = np.bincount(labels, minlength=1000)
    assert len(triples) == 1000
    assert scipy.stats.chisquare(triples).pvalue > 1e-3
    drawn = np.bincount(places_of(stacks, images.train).ravel(), minlength=1497)
    # Duplicates would be found under the last of them only: there are none.
    assert len(np.unique(images.train, axis=0)) == 1497
    per_class = np.bincount(images.train_labels)
    expected = 3 * 26_000 / 10 / per_class[images.train_labels]
    assert scipy.stats.chisquare(drawn, expected).pvalue > 1e-3


def test_a_batch_is_a_function_of_seed_and_step(source):
    batches = take(training_batches(source, batch_size=8, seed=1), 5)
    assert same(batches, take(training_batches(source, batch_size=8, seed=1), 5))
    later = training_batches(source, batch_size=8, seed=1, start_step=3)
    assert same(take(later, 2), batches[3:])
    other = take(training_batches(source, batch_size=8, seed=2), 5)
    labels = [label.tobytes() for _, label in batches + other]
    assert len(set(labels)) == 10


def test_a_slice_is_a_part_of_the_whole_batch(source):
    def rows(first, count):
        found = source.rows(tf.constant(4, tf.int64), first, count, batch_size=12, seed=1)
        return found["x"], found["label"]

    whole = rows(tf.constant(0, tf.int64), 12)
    for first, count in [(0, 5), (5, 7), (11, 1)]:
        for part, complete in zip(rows(tf.constant(first, tf.int64), count), whole, strict=True):
            np.testing.assert_array_equal(part, complete[first : first + count])


def test_two_replicas_share_the_global_batch(source, two_replicas):
    options = {"batch_size": 8, "seed": 1, "start_step": 2}
    whole = take(training_batches(source, **options), 3)
    shared = training_batches(source, **options, strategy=two_replicas)
    for expected, element in zip(whole, shared, strict=False):
        for part, value in zip(expected, (element["x"], element["label"]), strict=True):
            slices = two_replicas.experimental_local_results(value)
            assert [len(piece) for piece in slices] == [4, 4]
            np.testing.assert_array_equal(np.concatenate(slices), part)


def test_fewer_examples_are_the_first_of_the_view(source):
    for examples in (source.training_examples, source.held_out_examples):
        assert same([examples(70)], [tuple(part[:70] for part in examples())])


def test_any_number_of_channels_and_classes():
    source = StackedSource("tiny", tiny_images(), channels=2, description="")
    assert (source.spec.shape, source.spec.classes) == ((2, 2, 2), ("aa", "ab", "ba", "bb"))
    stacks, labels = source.training_examples()
    first, second = stacks[:, 0, 0, 0], stacks[:, 0, 0, 1]
    np.testing.assert_array_equal(labels, 2 * (first > 0) + (second > 0))  # 1 and 2 are of class b
    assert (stacks == stacks[:, :1, :1]).all()
    held_out, labels = source.held_out_examples()
    assert set(np.unique(held_out)) == {100, 101}
    np.testing.assert_array_equal(labels, [2, 1] @ (held_out[:, 0, 0].T == 100))


@pytest.mark.parametrize(
    ("change", "counts"),
    [({"labels": (0, 0, 0)}, r"\[3, 0\]"), ({"held_out_labels": (0, 2)}, r"\[1, 0, 1\]")],
)
def test_images_without_an_example_of_each_class_are_refused(change, counts):
    with pytest.raises(ValueError, match=rf"`labels` must hold each of 0 to 1.*{counts}"):
        StackedSource("tiny", tiny_images(**change), channels=2, description="")


def test_the_description_travels_through_json(source):
    fields = {**dataclasses.asdict(source.spec), "classes": list(source.spec.classes)}
    assert DataSpec.from_dict(fields) == source.spec
    assert "CC BY 4.0" in source.spec.licence
