"""Examples on the disk give the batches that the same examples in memory give."""

import itertools

import numpy as np
import pytest

from ganapp.training.data import ArraySource, DataSpec, MemmapSource, training_batches
from ganapp.training.data.source import split_order

TRAIN, HELD_OUT = 30, 4


def sources(folder, *, labels=True, ordered=False):
    """The same images from memory and from a file, there in another order if `ordered`."""
    images = np.arange((TRAIN + HELD_OUT) * 64, dtype=np.uint32).reshape(-1, 8, 8, 1) % 251
    images = images.astype(np.uint8)
    numbers = np.arange(TRAIN + HELD_OUT) % 3 if labels else None
    spec = DataSpec(name="x", kind="image", shape=(8, 8, 1), examples=TRAIN, held_out=HELD_OUT)
    parts = (numbers[:TRAIN], numbers[TRAIN:]) if labels else (None, None)
    memory = ArraySource(spec, images[:TRAIN], images[TRAIN:], *parts)
    order = np.random.default_rng(0).permutation(len(images)) if ordered else None
    places = np.argsort(order) if ordered else slice(None)
    np.save(folder / "x.npy", images[places])
    mapped = np.load(folder / "x.npy", mmap_mode="r")
    return memory, MemmapSource(spec, mapped, numbers[places] if labels else None, order=order)


def take(dataset, steps):
    elements = itertools.islice(dataset, steps)
    return [[each[name].numpy() for name in ("x", "label") if name in each] for each in elements]


@pytest.mark.parametrize(("labels", "ordered"), [(False, True), (True, False)])
def test_batches_are_those_of_examples_in_memory(tmp_path, labels, ordered):
    memory, disk = sources(tmp_path, labels=labels, ordered=ordered)
    options = {"batch_size": 8, "seed": 3}
    for start in (0, 5):
        expected = take(training_batches(memory, **options, start_step=start), 4)
        batches = training_batches(disk, **options, start_step=start)
        assert batches.element_spec["x"].shape == (8, 8, 8, 1)
        for left, right in zip(take(batches, 4), expected, strict=True):
            assert len(left) == len(right) == 1 + labels
            for a, b in zip(left, right, strict=True):
                np.testing.assert_array_equal(a, b)


def test_two_replicas_share_the_global_batch(tmp_path, two_replicas):
    _, disk = sources(tmp_path)
    whole = take(training_batches(disk, batch_size=8, seed=1), 5)
    shared = training_batches(disk, batch_size=8, seed=1, strategy=two_replicas)
    for expected, element in zip(whole, shared, strict=False):
        for part, value in zip(expected, (element["x"], element["label"]), strict=True):
            slices = two_replicas.experimental_local_results(value)
            np.testing.assert_array_equal(np.concatenate(slices), part)


@pytest.mark.parametrize("ordered", [False, True])
def test_views_for_evaluation(tmp_path, ordered):
    memory, disk = sources(tmp_path, ordered=ordered)
    for count in (None, 3, 1000):
        for view in ("training_examples", "held_out_examples"):
            (x, y), (expected, labels) = (getattr(s, view)(count) for s in (disk, memory))
            np.testing.assert_array_equal(x, expected)
            np.testing.assert_array_equal(y, labels)
    if not ordered:
        assert isinstance(disk.training_examples()[0], np.memmap)  # nothing was read
    assert dict(disk.bad_files) == {}


def test_a_split_is_a_permutation_the_same_every_time():
    order, held_out = split_order(1000, 0.1)
    assert held_out == 100
    np.testing.assert_array_equal(np.sort(order), np.arange(1000))
    np.testing.assert_array_equal(order, split_order(1000, 0.1)[0])
    # Written down: another numpy must not move an example from one part to the other.
    np.testing.assert_array_equal(split_order(10, 0.1)[0], [2, 1, 3, 6, 0, 4, 5, 9, 8, 7])
    assert abs(order[-100:].mean() - 500) < 100  # of all, not of the end


@pytest.mark.parametrize(
    ("count", "share", "expected"), [(12, 0.01, 1), (500_000, 0.1, 10_000), (25, 0.2, 5)]
)
def test_at_least_one_and_at_most_ten_thousand_are_held_out(count, share, expected):
    assert split_order(count, share)[1] == expected


def test_too_few_examples_for_the_description(tmp_path):
    spec = DataSpec(name="x", kind="image", shape=(8, 8, 1), examples=5, held_out=2)
    with pytest.raises(ValueError, match=r"`examples` must hold 5 training and 2 .* Received: 6"):
        MemmapSource(spec, np.zeros((6, 8, 8, 1), np.uint8))
