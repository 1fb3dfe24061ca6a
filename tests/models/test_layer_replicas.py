"""Layers that look at the whole minibatch see the global one: two replicas make the update of one.

SGD, because Adam's step does not change with the scale of the gradients.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
from case import relative_error, rows, same_networks, tiny_gan, train, weights

from ganapp.models.layers import MinibatchDiscrimination, MinibatchStandardDeviation
from ganapp.models.networks.blocks import MINIBATCH
from ganapp.models.networks.mlp import mlp_generator
from ganapp.models.networks.resnet import resnet_discriminator, resnet_generator
from ganapp.models.replicas import gather_rows, own_rows
from ganapp.training.constraints import SpectralNorm
from ganapp.training.objectives import NonSaturating
from ganapp.training.terms import R1


def minibatch_discriminator():
    """Everything that looks at other examples; the groups of 4 span both replicas' rows."""
    inputs = keras.Input((2,))
    x = keras.layers.LeakyReLU()(keras.layers.Dense(8)(inputs))
    seen = [MINIBATCH[name](x) for name in ("discrimination", "standard_deviation")]
    seen.append(MinibatchStandardDeviation(group=4)(x))
    return keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Concatenate()(seen)))


def test_two_replicas_train_as_one(two_replicas):
    gans = [
        tiny_gan(
            NonSaturating(terms=(R1(weight=0.5),), constraint=SpectralNorm()),
            networks=lambda: (
                mlp_generator({"z": (3,)}, (2,), units=(8,)),
                minibatch_discriminator(),
            ),
            optimizer=lambda: keras.optimizers.SGD(0.01),
            strategy=strategy,
            run_eagerly=strategy is None,  # nothing to trace for what is compared with
        )
        for strategy in (None, two_replicas)
    ]
    start = weights(gans[0])["discriminator"]
    for gan in gans:
        train(gan, 3)
    assert same_networks(gans[1], gans[0]) < 1e-6
    assert relative_error(weights(gans[0])["discriminator"], start) > 1e-4


def test_residual_networks_on_two_replicas(two_replicas, monkeypatch):
    """Both kinds of blocks, convolutions in groups and attention too, with a penalty."""
    monkeypatch.setattr(
        "ganapp.models.networks.resnet.GROUP_WIDTH", 2
    )  # two groups of the few channels here
    options = {"channels": (4,), "attention": True}

    def networks():
        generator = resnet_generator({"z": (3,)}, (6, 5, 1), block="sngan", **options)
        discriminator = resnet_discriminator(
            {"x": (6, 5, 1)}, block="r3gan", dropout=0.2, **options
        )
        for network in (generator, discriminator):  # none of the branches is at zero
            for variable in network.trainable_variables:
                if not np.any(variable):
                    variable.assign(0.1 * rows(1, variable.shape)[0])
        return generator, discriminator

    gans = [
        tiny_gan(
            NonSaturating(terms=(R1(weight=0.1),)),
            networks=networks,
            optimizer=lambda: keras.optimizers.SGD(0.001),
            strategy=strategy,
            run_eagerly=strategy is None,  # nothing to trace for what is compared with
        )
        for strategy in (None, two_replicas)
    ]
    for gan in gans:
        train(gan, 2)
    left, right = (weights(gan) for gan in gans)
    # Synchronised batch normalisation costs the generator some digits.
    assert same_networks(gans[1], gans[0]) < 1e-4
    assert relative_error(right["discriminator"], left["discriminator"]) < 1e-5


def test_gathering_and_its_gradients(two_replicas):
    """Of a function of all rows, to second order: what one device gets."""

    def function(own):
        with tf.GradientTape() as outer:
            outer.watch(own)
            with tf.GradientTape() as inner:
                inner.watch(own)
                every = gather_rows(own)
                # Each replica's value is a function of its own rows and of all others.
                value = tf.reduce_sum(own * tf.reduce_prod(every) + own**3)
            gradient = inner.gradient(value, own)
            norm = tf.reduce_sum(gradient**2)
        return gradient, outer.gradient(norm, own)

    inputs = tf.constant(rows(4, (2,)))
    expected = function(inputs)
    shares = two_replicas.experimental_distribute_values_from_function(
        lambda context: inputs[2 * context.replica_id_in_sync_group :][:2]
    )
    found = tf.function(lambda: two_replicas.run(function, args=(shares,)))()
    for part, whole in zip(found, expected, strict=True):
        parts = [x.numpy() for x in two_replicas.experimental_local_results(part)]
        np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-5)


def test_own_rows(two_replicas):
    values = tf.reshape(tf.range(12), (6, 2))
    found = two_replicas.run(lambda: own_rows(values, 3))
    parts = two_replicas.experimental_local_results(found)
    np.testing.assert_array_equal(tf.concat(parts, axis=0), values)
    np.testing.assert_array_equal(own_rows(values, 6), values)


@pytest.mark.parametrize(
    "layer",
    [MinibatchDiscrimination(kernels=1), MinibatchStandardDeviation()],
    ids=lambda layer: type(layer).__name__,
)
def test_a_network_may_be_called_where_no_replica_is(layer, two_replicas):
    """The checks of a GAN call it like that, in the scope of the strategy."""
    with two_replicas.scope():
        inside = layer(rows(3))
    np.testing.assert_array_equal(inside, layer(rows(3)))
