"""Data of every kind a user brings: too short, odd, unlabelled, of unknown length."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from case import BATCH, plain_batches, rows, same_networks, tiny_gan, train, weights

from ganapp.training.objectives import NonSaturating
from ganapp.training.terms import R1


def of_unknown_length(dataset):
    """The same elements, but nobody can count them beforehand."""
    unknown = dataset.filter(lambda examples: True)
    assert int(unknown.cardinality()) == tf.data.UNKNOWN_CARDINALITY
    return unknown


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_steps_per_execution_and_data_that_run_out(two_replicas):
    """Four steps in one call are four steps; data that run out leave no step behind.

    Six batches end in the middle of the loop of the second call, seven before its last step.
    """
    options = {
        "objective": NonSaturating(terms=(R1(),)),
        "optimizer": lambda: keras.optimizers.SGD(0.02, momentum=0.5),
    }
    single = tiny_gan(**options, run_eagerly=True)
    several = [
        tiny_gan(**options, strategy=strategy, steps_per_execution=4)
        for strategy in (None, two_replicas)
    ]
    expected = train(single, 8).history
    for gan in several:
        for key, values in train(gan, 8).history.items():  # the logs are those of the last
            if gan is several[0] or not key.endswith("_std"):  # within a replica, by definition
                assert values == pytest.approx(expected[key], rel=1e-5, abs=1e-6), key
        assert same_networks(gan, single) < 1e-6
    for seen, count in ((14, 6), (21, 7)):
        data = plain_batches(count, BATCH)
        train(single, count, data)
        for gan in several:
            gan.fit(of_unknown_length(data), verbose=0)
            assert int(gan.step.numpy()) == seen
            assert int(gan.generator_optimizer.iterations.numpy()) == seen
            assert int(gan.discriminator_optimizer.iterations.numpy()) == seen
            assert same_networks(gan, single) < 1e-6
            for part, arrays in weights(single).items():  # moments and counters too
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


def test_evaluate_weighs_every_example_alike(two_replicas):
    """Whatever the last batch holds, and even nothing for a replica: the mean over all rows."""
    for strategy in (None, two_replicas):
        gan = tiny_gan(strategy=strategy)
        for count in (2 * BATCH, 2 * BATCH + 1, 2 * BATCH + 5):
            expected = float(tf.reduce_mean(gan.scores(rows(count))))
            data = tf.data.Dataset.from_tensor_slices(rows(count)).batch(BATCH)
            logs = gan.evaluate(data, verbose=0, return_dict=True)
            assert logs["real_score"] == pytest.approx(expected, rel=1e-5)
            assert np.isfinite(list(logs.values())).all()
