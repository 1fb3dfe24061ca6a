"""Second-order gradients against finite differences, in float64, through the layers we offer."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from case import assert_exact_through_a_penalty, in_float64, numeric_gradient
from penalty_case import FixedDraws

from ganapp.models.critic import Critic
from ganapp.models.networks import dcgan_discriminator, dcgan_generator, mlp_discriminator
from ganapp.training.constraints import SpectralNorm, SpectralNormalization
from ganapp.training.penalties import PENALTIES, GradientPenalty

SHAPE = (4, 4, 1)


@pytest.fixture(autouse=True)
def float64():
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")


def examples(seed):
    return tf.constant(np.random.default_rng(seed).normal(size=(3, *SHAPE)))


DISCRIMINATORS = {
    "strided": lambda: dcgan_discriminator(SHAPE, channels=(2, 3), downsampling="strided"),
    "average, layer norm": lambda: dcgan_discriminator(
        SHAPE, channels=(2, 3), downsampling="average", normalisation="layer"
    ),
    "mlp": lambda: mlp_discriminator(SHAPE, units=(4, 3)),
    "mlp layer norm": lambda: mlp_discriminator(SHAPE, units=(4, 3), normalisation="layer"),
    "spectral": lambda: dcgan_discriminator(SHAPE, channels=(2, 3), downsampling="strided"),
}


OPTIONS = {"consistency": {"shift": 2, "flip": True}}


@pytest.mark.parametrize("layers", DISCRIMINATORS)
def test_discriminator_gradient_through_every_layer(layers):
    """The gradient penalty's: R1's, and the root of it."""
    check_gradient(layers, GradientPenalty())


@pytest.mark.parametrize("name", sorted(set(PENALTIES) - {"gradient_penalty"}))
def test_discriminator_gradient_of_every_penalty(name):
    """Through convolutions and the sigma of each; the gradient penalty's is above."""
    check_gradient("spectral", PENALTIES[name](**OPTIONS.get(name, {})))


def test_discriminator_gradient_on_both_sides_of_the_target():
    """One-sided, with a slope that some of the examples keep to and others exceed."""
    slopes = check_gradient("mlp", GradientPenalty(one_sided=True, target=1.0))
    assert set(slopes > 0) == {True, False}


def check_gradient(layers, penalty):
    """Compares with finite differences; returns the penalty of each example."""
    network = in_float64(DISCRIMINATORS[layers]())
    if layers == "spectral":
        network = SpectralNorm().prepare(network)
        for layer in network.layers:  # sigma is exact, and so its gradient, with the exact `u`
            if isinstance(layer, SpectralNormalization):
                kernel = layer.layer.kernel.numpy()
                layer.u.assign(np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]))[2][:1])
    real, fake = examples(1), examples(2)

    def of_examples():
        draw = FixedDraws(3, dtype="float64")
        return penalty.per_example(Critic(network, network), real, fake, draw)

    @tf.function(autograph=False)
    def value_at_weights():
        return tf.reduce_mean(of_examples())

    with tf.GradientTape() as tape:
        result = value_at_weights()
    variables = network.trainable_variables
    sources = [v.value for v in variables]
    gradients = tape.gradient(result, sources, unconnected_gradients="zero")
    exact = [g.numpy() for g in gradients]
    numeric = [numeric_gradient(value_at_weights, v) for v in variables]
    assert max(np.abs(g).max() for g in exact) > 1e-3
    scale = max(np.linalg.norm(n) for n in numeric)
    for a, b in zip(exact, numeric, strict=True):
        assert np.linalg.norm(a - b) < 1e-6 * scale
    return of_examples().numpy()


@pytest.mark.parametrize("upsampling", ["nearest", "transposed"])
def test_generator_gradient_through_a_penalised_discriminator(upsampling):
    """The generator's weights reach R2 through upsampling: exact too, should a loss need it."""
    generator = in_float64(
        dcgan_generator(2, SHAPE, channels=(2,), normalisation="none", upsampling=upsampling)
    )
    network = in_float64(dcgan_discriminator(SHAPE, channels=(2,)))
    assert_exact_through_a_penalty(generator, network)
