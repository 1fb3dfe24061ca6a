"""Data of every kind a user brings: too short, odd, unlabelled, of unknown length."""

import numpy as np
import pytest
import tensorflow as tf

from tests.case import BATCH, plain_batches, rows, same_networks, tiny_gan, train, weights
from training.objectives import NonSaturating


def of_unknown_length(dataset):
    """The same elements, but nobody can count them beforehand."""
    unknown = dataset.filter(lambda examples: True)
    assert int(unknown.cardinality()) == tf.data.UNKNOWN_CARDINALITY
    return unknown


@pytest.mark.parametrize(("steps_per_execution", "replicas"), [(1, 1), (1, 2), (4, 1), (4, 2)])
@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_data_that_run_out_leave_no_step_behind(steps_per_execution, replicas, two_replicas):
    """Six batches at four steps a call: the second call ends in its middle."""
    strategy = two_replicas if replicas == 2 else None
    whole = tiny_gan(strategy=strategy)
    train(whole, 6)
    gan = tiny_gan(strategy=strategy, steps_per_execution=steps_per_execution)
    gan.fit(of_unknown_length(plain_batches(6, BATCH)), verbose=0)
    assert int(gan.step.numpy()) == 6
    assert int(gan.generator_optimizer.iterations.numpy()) == 6
    assert int(gan.discriminator_optimizer.iterations.numpy()) == 6
    assert same_networks(gan, whole) < 1e-6
    for part, arrays in weights(whole).items():  # moments and counters too
        for ours, theirs in zip(weights(gan)[part], arrays, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)


@pytest.mark.filterwarnings("ignore:The dataset's batches have no fixed size")
def test_a_short_last_batch_that_k_does_not_divide_is_refused():
    gan = tiny_gan(NonSaturating(discriminator_steps=2))
    data = tf.data.Dataset.from_tensor_slices(rows(2 * BATCH + 1)).batch(2 * BATCH)
    with pytest.raises(tf.errors.InvalidArgumentError, match="use drop_remainder=True"):
        gan.fit(data, verbose=0)


@pytest.mark.filterwarnings("ignore:The dataset's batches have no fixed size")
def test_a_batch_with_nothing_for_a_replica_is_refused(two_replicas):
    """One row on two replicas: the second one's mean would be NaN."""
    gan = tiny_gan(strategy=two_replicas)
    data = tf.data.Dataset.from_tensor_slices(rows(BATCH + 1)).batch(BATCH)
    with pytest.raises(tf.errors.InvalidArgumentError, match="at least one on every replica"):
        gan.fit(data, verbose=0)
    assert all(np.isfinite(v.numpy()).all() for v in gan.generator.variables)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_integers_are_refused(dtype):
    data = tf.data.Dataset.from_tensors(rows(BATCH).astype(dtype))
    with pytest.raises(ValueError, match="must be floating-point numbers in the range"):
        tiny_gan().fit(data, verbose=0)


def test_dictionaries_name_the_examples():
    data = tf.data.Dataset.from_tensors({"image": rows(BATCH)})
    with pytest.raises(ValueError, match=r"dicts with 'x'.*Received: elements with 'image'"):
        tiny_gan().fit(data, verbose=0)
    named, plain = tiny_gan(), tiny_gan()
    named.fit({"x": rows(BATCH), "image": rows(BATCH)}, batch_size=BATCH, shuffle=False, verbose=0)
    plain.fit(rows(BATCH), batch_size=BATCH, shuffle=False, verbose=0)
    assert same_networks(named, plain) == 0


@pytest.mark.parametrize("count", [2 * BATCH, 2 * BATCH + 1, 2 * BATCH + 5])
def test_evaluate_weighs_every_example_alike(count, two_replicas):
    """Whatever the last batch holds, and even nothing for a replica: the mean over all rows."""
    data = tf.data.Dataset.from_tensor_slices(rows(count)).batch(BATCH)
    expected = float(tf.reduce_mean(tiny_gan().scores(rows(count))))
    for strategy in (None, two_replicas):
        logs = tiny_gan(strategy=strategy).evaluate(data, verbose=0, return_dict=True)
        assert logs["real_score"] == pytest.approx(expected, rel=1e-5)
        assert np.isfinite(list(logs.values())).all()
