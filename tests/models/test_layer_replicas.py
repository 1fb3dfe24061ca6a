"""Layers that look at the whole minibatch see the global one: two replicas make the update of one.

SGD, because Adam's step does not change with the scale of the gradients.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.layers import MinibatchDiscrimination, MinibatchStandardDeviation
from models.layers.replicas import gathered, own_rows
from models.networks.blocks import raw_scores
from models.networks.mlp import mlp_discriminator, mlp_generator
from models.networks.resnet import resnet_discriminator, resnet_generator
from tests.case import relative_error, rows, same_networks, tiny_gan, train, weights
from training.constraints import SpectralNorm
from training.objectives import NonSaturating
from training.penalties import R1


def in_groups():
    """A network with groups of 4 over the global batch of 8: each spans both replicas."""
    inputs = keras.Input((2,))
    x = keras.layers.LeakyReLU()(keras.layers.Dense(8)(inputs))
    return keras.Model(inputs, raw_scores(MinibatchStandardDeviation(group=4)(x)))


DISCRIMINATORS = {
    "discrimination": lambda: mlp_discriminator((2,), units=(8,), minibatch="discrimination"),
    "deviation": lambda: mlp_discriminator((2,), units=(8,), minibatch="standard_deviation"),
    "groups": in_groups,
}
OBJECTIVES = {
    "penalised": NonSaturating(penalties=(R1(weight=0.5),)),
    "spectral": NonSaturating(constraint=SpectralNorm()),
}


@pytest.mark.parametrize(
    ("name", "objective"),
    [*[(name, "penalised") for name in DISCRIMINATORS], ("discrimination", "spectral")],
)
def test_two_replicas_train_as_one(name, objective, two_replicas):
    def networks():
        return mlp_generator(3, (2,), units=(8,)), DISCRIMINATORS[name]()

    gans = [
        tiny_gan(
            OBJECTIVES[objective],
            networks=networks,
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


@pytest.mark.parametrize("block", ["sngan", "r3gan"])
def test_residual_networks_on_two_replicas(block, two_replicas):
    """Convolutions in groups and attention too, with a penalty."""
    options = {"channels": (16,), "block": block, "attention": True}

    def networks():
        generator = resnet_generator(3, (6, 5, 1), **options)
        discriminator = resnet_discriminator((6, 5, 1), dropout=0.2, **options)
        for network in (generator, discriminator):  # none of the branches is at zero
            for variable in network.trainable_variables:
                if not np.any(variable):
                    variable.assign(0.1 * rows(1, variable.shape)[0])
        return generator, discriminator

    gans = [
        tiny_gan(
            NonSaturating(penalties=(R1(weight=0.1),)),
            networks=networks,
            optimizer=lambda: keras.optimizers.SGD(0.001),
            strategy=strategy,
            run_eagerly=strategy is None,  # nothing to trace for what is compared with
        )
        for strategy in (None, two_replicas)
    ]
    for gan in gans:
        train(gan, 2)
    # Synchronised batch normalisation costs some digits.
    assert same_networks(gans[1], gans[0]) < {"sngan": 1e-4, "r3gan": 1e-5}[block]


def test_gathering_and_its_gradients(two_replicas):
    """Of a function of all rows, to second order: what one device gets."""

    def function(own):
        with tf.GradientTape() as outer:
            outer.watch(own)
            with tf.GradientTape() as inner:
                inner.watch(own)
                every = gathered(own)
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
