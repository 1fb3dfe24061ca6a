"""Gradient penalties through every network and layer, against finite differences in float64."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from case import (
    assert_exact_through_a_penalty,
    critic_of,
    in_float64,
    numeric_gradient,
    relative_error,
)

from ganapp.models.layers import GroupedConv2D
from ganapp.models.networks.autoencoder import autoencoder_discriminator
from ganapp.models.networks.mlp import mlp_discriminator
from ganapp.models.networks.resnet import resnet_discriminator, resnet_generator
from ganapp.models.networks.style import style_discriminator, style_generator
from ganapp.training.constraints import SpectralNorm

SHAPE = (5, 4, 1)
TINY = {"channels": (2, 3)}


@pytest.fixture(autouse=True)
def float64(monkeypatch):
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    monkeypatch.setattr(
        "ganapp.models.networks.resnet.GROUP_WIDTH", 2
    )  # two groups of the few channels here


def examples(seed):
    return tf.constant(np.random.default_rng(seed).normal(size=(3, *SHAPE)))


def resnet(block, **options):
    return lambda: resnet_discriminator({"x": SHAPE}, block=block, **TINY, **options)


def mlp(**options):
    return lambda: mlp_discriminator({"x": SHAPE}, units=(4, 3), **options)


def autoencoder(**options):
    return lambda: autoencoder_discriminator({"x": SHAPE}, widths=(2,), code=3, **options)


DISCRIMINATORS = {
    "sngan": resnet("sngan", attention=True, normalisation="layer"),
    "r3gan spectral": resnet("r3gan", attention=True),
    "dropout": mlp(activation="maxout", pieces=3, dropout=0.4, minibatch="discrimination"),
    "minibatch deviation": mlp(minibatch="standard_deviation"),
    "squared": autoencoder(error="squared"),
    "absolute": autoencoder(error="absolute"),
}


def rewound(network, state):
    """The score of a network whose masks are drawn from the same state every time."""

    def score(inputs):
        for variable, value in state:
            variable.assign(value)
        return network(inputs, training=True)

    return score


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_discriminator_gradient_of_a_penalty(name):
    network = in_float64(DISCRIMINATORS[name]())
    if "spectral" in name:
        network = SpectralNorm().prepare(network)

        @tf.function
        def iterate():
            for variable, value in SpectralNorm().before_update(network):
                variable.assign(value)

        for _ in range(200):  # sigma is exact, and so its gradient, once `u` has converged
            iterate()
    assert ("r3gan" in name) == any(
        getattr(x, "groups", 1) > 1
        for x in network._flatten_layers()
        if isinstance(x, GroupedConv2D)
    )
    state = [(v, v.numpy()) for v in network.non_trainable_variables if "draws" in v.path]
    assert bool(state) == (name == "dropout")
    score, real = rewound(network, state), examples(1)

    @tf.function
    def value_at_weights():
        critic, given = critic_of(score), {"x": real}
        penalty = tf.reduce_sum(critic.gradient(given) ** 2, axis=[1, 2, 3])
        return tf.reduce_mean(penalty) + tf.reduce_mean(critic.scores(given) ** 2)

    variables = network.trainable_variables
    with tf.GradientTape() as tape:
        result = value_at_weights()
    sources = [v.value for v in variables]
    gradients = tape.gradient(result, sources, unconnected_gradients="zero")
    exact = [g.numpy() for g in gradients]
    numeric = [numeric_gradient(value_at_weights, v) for v in variables]
    assert max(np.abs(g).max() for g in exact) > 1e-3
    assert relative_error(exact, numeric) < 1e-6


@pytest.mark.parametrize("block", ["sngan", "r3gan"])
def test_generator_gradient_through_a_penalised_discriminator(block):
    """The generator's weights reach R2 through upsampling and attention: exact too."""
    options = {"block": block, "attention": True}
    generator = resnet_generator({"z": (2,)}, SHAPE, channels=(3,), normalisation="none", **options)
    generator = in_float64(generator)
    network = in_float64(resnet_discriminator({"x": SHAPE}, channels=(2,), **options))
    assert_exact_through_a_penalty(generator, network)


def test_style_based_networks():
    """Modulation, demodulation, both doublings and the residual halving: exact through R2 too."""
    options = {"mapping_layers": 1, "mapping_units": 2, "mapping_rate": 0.5, "depth": 1}
    generator = in_float64(style_generator({"z": (2,)}, SHAPE, channels=(2,), **options))
    network = in_float64(style_discriminator({"x": SHAPE}, channels=(2,)))
    assert_exact_through_a_penalty(generator, network)
