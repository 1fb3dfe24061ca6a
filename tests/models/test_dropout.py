"""Dropout: masks are a function of the layer's state, and the same for any number of replicas."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from case import BATCH, plain_batches, rows, same_networks, tiny_gan, train, weights

from ganapp.models.layers import StatelessDropout
from ganapp.models.networks import DISCRIMINATORS
from ganapp.models.networks.mlp import mlp_discriminator, mlp_generator
from ganapp.training.objectives import NonSaturating

ONES = np.ones((40, 50), "float32")


def test_the_share_and_the_scale():
    outputs = StatelessDropout(0.25)(ONES, training=True).numpy()
    assert set(np.unique(outputs)) == {0.0, np.float32(1 / 0.75)}
    assert np.mean(outputs == 0) == pytest.approx(0.25, abs=4 * np.sqrt(0.25 * 0.75 / ONES.size))
    dropped = outputs == 0  # neither whole examples nor whole features
    assert 0 < dropped.mean(axis=0).min() < dropped.mean(axis=0).max() < 1
    assert 0 < dropped.mean(axis=1).min() < dropped.mean(axis=1).max() < 1


def test_each_call_draws_another_mask_and_restoring_draws_it_again():
    layer = StatelessDropout(0.5)
    masks = [layer(ONES, training=True).numpy()]
    state = layer.get_weights()
    masks += [layer(ONES, training=True).numpy() for _ in range(2)]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert 0.4 < np.mean((masks[one] == 0) != (masks[other] == 0)) < 0.6
    again = StatelessDropout(0.5)
    again.set_weights(state)
    for mask in masks[1:]:
        np.testing.assert_array_equal(again(ONES, training=True), mask)


def test_layers_differ_unless_their_seeds_are_the_same():
    first, second = StatelessDropout(0.5), StatelessDropout(0.5)
    mask = first(ONES, training=True).numpy()
    assert np.mean((mask == 0) != (second(ONES, training=True).numpy() == 0)) > 0.4
    copy = StatelessDropout.from_config(first.get_config())
    np.testing.assert_array_equal(copy(ONES, training=True), mask)
    keras.utils.set_random_seed(0)  # as the test began
    np.testing.assert_array_equal(StatelessDropout(0.5)(ONES, training=True), mask)


def test_inactive_at_inference():
    layer = StatelessDropout(0.9)
    before = layer.get_weights()
    for training in (False, None):
        np.testing.assert_array_equal(layer(ONES, training=training), ONES)
    np.testing.assert_array_equal(layer.get_weights(), before)
    network = mlp_discriminator({"x": (2,)}, units=(8,), dropout=0.5)
    np.testing.assert_array_equal(network(rows(3)), network(rows(3)))
    assert np.any(network(rows(3), training=True) != network(rows(3), training=True))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64"])
def test_keeps_the_dtype(dtype):
    outputs = StatelessDropout(0.5, dtype=dtype)(tf.cast(ONES, dtype), training=True)
    assert outputs.dtype == dtype
    assert set(np.unique(tf.cast(outputs, "float32"))) == {0.0, 2.0}


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_an_impossible_rate_is_refused(rate):
    with pytest.raises(ValueError, match=f"`rate` must be .*Received: rate={rate}"):
        StatelessDropout(rate)


@pytest.mark.parametrize("family", sorted(DISCRIMINATORS.keys() - {"keras"}))
def test_every_discriminator_can_drop(family):
    network = DISCRIMINATORS[family]({"x": (8, 8, 1)}, dropout=0.3)
    rates = [x.rate for x in network.layers if isinstance(x, StatelessDropout)]
    assert rates == [0.3] * len(rates)
    assert len(rates) >= 2
    plain = DISCRIMINATORS[family]({"x": (8, 8, 1)})
    assert not any(isinstance(x, StatelessDropout) for x in plain.layers)


def dropping_networks():
    return mlp_generator({"z": (3,)}, (2,), units=(8,)), mlp_discriminator(
        {"x": (2,)}, units=(8, 8), dropout=0.3
    )


def gan(strategy=None, k=2, **options):
    return tiny_gan(
        NonSaturating(discriminator_steps=k),
        networks=dropping_networks,
        optimizer=lambda: keras.optimizers.SGD(0.05),
        strategy=strategy,
        **options,
    )


def test_two_replicas_drop_as_one(two_replicas):
    single = gan(k=1, run_eagerly=True)
    double = gan(two_replicas, k=1, steps_per_execution=2)
    start = weights(single)
    for each in (single, double):
        train(each, 4)
    assert same_networks(double, single) < 1e-6
    # The discriminator's update sees real and generated examples, the generator's one of them.
    for each in (single, double):
        (layer, _) = [x for x in each.discriminator.layers if isinstance(x, StatelessDropout)]
        assert layer.draws.numpy()[1] == 4 * 3
    moved = np.abs(weights(single)["discriminator"][0] - start["discriminator"][0])
    assert moved.max() > 1e-3


def test_masks_are_not_the_same_on_both_replicas(two_replicas):
    with two_replicas.scope():
        layer = StatelessDropout(0.5)

    @tf.function
    def run():
        return two_replicas.run(lambda: layer(tf.ones((20, 50)), training=True))

    parts = two_replicas.experimental_local_results(run())
    whole = StatelessDropout(0.5, seed=layer.seed)(ONES, training=True)
    np.testing.assert_array_equal(np.concatenate([x.numpy() for x in parts]), whole)
    assert np.any(parts[0].numpy() != parts[1].numpy())


def test_a_resumed_run_drops_what_the_lost_one_dropped():
    batches = list(plain_batches(4, 2 * BATCH))

    def continued(model, part):
        data = tf.data.Dataset.from_tensor_slices(tf.stack(part))
        model.fit(data, steps_per_epoch=len(part), epochs=1, verbose=0)

    whole, lost, resumed = (gan(run_eagerly=True) for _ in range(3))
    continued(whole, batches)
    continued(lost, batches[:2])
    for part, variables in resumed.state().items():
        for variable, value in zip(variables, weights(lost)[part], strict=True):
            variable.assign(value)
    continued(resumed, batches[2:])
    (layer, _) = [x for x in whole.discriminator.layers if isinstance(x, StatelessDropout)]
    assert layer.draws.numpy()[1] == 4 * 5  # with two updates of the discriminator
    for part, arrays in weights(whole).items():
        for array, other in zip(arrays, weights(resumed)[part], strict=True):
            np.testing.assert_array_equal(array, other)
