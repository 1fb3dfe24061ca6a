"""Batches as a function of (seed, step), shared out among replicas without a row lost."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from ganapp.models.batches import minibatches
from ganapp.training.data import ArraySource, DataSpec, training_batches
from ganapp.training.data import source as source_module
from ganapp.training.data.densities import ring

EXAMPLES = 26


def array_source(labels=True):
    """Examples that are their own number."""
    spec = DataSpec(
        name="numbers",
        kind="vector",
        shape=(1,),
        examples=EXAMPLES,
        held_out=2,
        mean=(0.0,),
        scale=(1.0,),
    )
    train = np.arange(EXAMPLES, dtype=np.float32)[:, None]
    numbers = np.arange(EXAMPLES) if labels else None
    return ArraySource(spec, train, train[:2] + 100, numbers, numbers[:2] if labels else None)


SOURCES = {"array": array_source, "mixture": ring}


def take(dataset, steps):
    elements = itertools.islice(dataset, steps)
    return [(each["x"].numpy(), each["label"].numpy()) for each in elements]


def equal(left, right):
    return all(
        np.array_equal(a, b)
        for x, y in zip(left, right, strict=True)
        for a, b in zip(x, y, strict=True)
    )


@pytest.mark.parametrize("kind", SOURCES)
def test_same_seed_and_step_same_batch(kind):
    source = SOURCES[kind]()
    first = take(training_batches(source, batch_size=8, seed=1), 7)
    assert equal(first, take(training_batches(source, batch_size=8, seed=1), 7))
    assert not equal(first, take(training_batches(source, batch_size=8, seed=2), 7))
    assert not equal(first[:1], first[1:2])


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("start", [1, 2, 3, 5])
def test_starting_later_is_skipping(kind, start):
    source = SOURCES[kind]()
    whole = take(training_batches(source, batch_size=8, seed=1), 7)
    later = training_batches(source, batch_size=8, seed=1, start_step=start)
    assert equal(take(later, 7 - start), whole[start:])


def test_an_epoch_visits_distinct_examples_in_its_own_order():
    batches = take(training_batches(array_source(), batch_size=8, seed=1), 6)  # 3 fit into 26
    epochs = [np.concatenate([x[:, 0] for x, _ in batches[i : i + 3]]) for i in (0, 3)]
    for order in epochs:
        assert len(set(order)) == 24
    assert not np.array_equal(*epochs)
    assert not np.array_equal(epochs[0], np.sort(epochs[0]))


def test_every_example_is_met():
    batches = take(training_batches(array_source(), batch_size=8, seed=1), 30)
    assert set(np.concatenate([x[:, 0] for x, _ in batches])) == set(range(EXAMPLES))


def test_labels_belong_to_their_examples():
    for x, label in take(training_batches(array_source(), batch_size=8, seed=1), 4):
        np.testing.assert_array_equal(x[:, 0], label)
    for x, label in take(training_batches(ring(), batch_size=64, seed=1), 2):
        points = ring().spec.to_user_units(x).numpy()
        distances = np.linalg.norm(points[:, None] - ring().modes.centres, axis=-1)
        np.testing.assert_array_equal(distances.argmin(1), label)


def test_a_source_without_labels_gives_examples_alone():
    batch = next(iter(training_batches(array_source(labels=False), batch_size=8, seed=1)))
    assert batch.keys() == {"x"}
    assert batch["x"].shape == (8, 1)
    assert batch["x"].dtype == tf.float32


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize(("k", "start"), [(1, 3), (5, 0)])
def test_two_replicas_share_the_global_batch(kind, k, start, two_replicas):
    source, batch_size = SOURCES[kind](), 4 * k
    options = {"batch_size": batch_size, "seed": 1, "start_step": start}
    whole = take(training_batches(source, **options), 4)
    shared = training_batches(source, **options, strategy=two_replicas)
    for expected, element in zip(whole, shared, strict=False):
        for part, value in zip(expected, (element["x"], element["label"]), strict=True):
            slices = two_replicas.experimental_local_results(value)
            assert [len(s) for s in slices] == [batch_size // 2] * 2
            np.testing.assert_array_equal(np.concatenate(slices), part)


@pytest.mark.parametrize("k", [1, 5])
def test_minibatches_of_replicas_make_the_global_minibatch(k):
    """Strided splitting commutes with sharing out: what keeps k updates equal on N replicas."""
    rows = tf.range(8 * k)
    halves = [minibatches({"x": half}, k) for half in tf.split(rows, 2)]
    for place, whole in enumerate(minibatches({"x": rows}, k)):
        together = tf.concat([half[place]["x"] for half in halves], 0)
        np.testing.assert_array_equal(together, whole["x"])


def test_a_batch_that_replicas_cannot_share_is_refused(two_replicas):
    with pytest.raises(ValueError, match=r"multiple of the number.*batch_size=7, 2 replicas"):
        training_batches(array_source(), batch_size=7, seed=0, strategy=two_replicas)


def test_a_batch_larger_than_the_data_is_refused():
    with pytest.raises(ValueError, match=r"exceed the 26 training examples of 'numbers'"):
        training_batches(array_source(), batch_size=27, seed=0)


def test_views_for_evaluation():
    source = array_source()
    examples, labels = source.training_examples()
    assert len(examples) == len(labels) == EXAMPLES
    assert len(source.training_examples(5)[0]) == 5
    np.testing.assert_array_equal(source.held_out_examples()[0][:, 0], [100.0, 101.0])
    assert source.steps_per_epoch(8) == 3


def test_vectors_encoded_in_parts_are_those_encoded_at_once(monkeypatch):
    whole = array_source()
    monkeypatch.setattr(source_module, "ENCODED_AT_ONCE", 4)  # 26 rows: the last part is shorter
    encoded = []
    monkeypatch.setattr(
        DataSpec,
        "to_model_units",
        lambda spec, rows: encoded.append(len(rows)) or (rows - 3.0) / 2.0,
    )
    parts = array_source()
    assert encoded == [4] * 6 + [2]
    index = tf.range(EXAMPLES)
    np.testing.assert_array_equal(parts.at(index)["x"], (whole.at(index)["x"] - 3.0) / 2.0)
