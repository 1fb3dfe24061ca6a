"""Second-order gradients against finite differences, in float64, through the layers we offer."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from case import assert_exact_through_a_penalty, in_float64, numeric_gradient
from extension_case import FixedDraws

from ganapp.models.critic import Critic
from ganapp.models.networks import (
    dcgan_discriminator,
    dcgan_generator,
    mlp_discriminator,
    mlp_generator,
)
from ganapp.models.tensors import with_outputs
from ganapp.training.constraints import SpectralNorm, SpectralNormalization
from ganapp.training.terms import TERMS, GradientPenalty

SHAPE = (4, 4, 1)


@pytest.fixture(autouse=True)
def float64():
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")


def examples(seed):
    return tf.constant(np.random.default_rng(seed).normal(size=(3, *SHAPE)))


DISCRIMINATORS = {
    "strided": lambda: dcgan_discriminator({"x": SHAPE}, channels=(2, 3), downsampling="strided"),
    "average, layer norm": lambda: dcgan_discriminator(
        {"x": SHAPE}, channels=(2, 3), downsampling="average", normalisation="layer"
    ),
    "mlp": lambda: mlp_discriminator({"x": SHAPE}, units=(4, 3)),
    "mlp layer norm": lambda: mlp_discriminator({"x": SHAPE}, units=(4, 3), normalisation="layer"),
    "spectral": lambda: dcgan_discriminator({"x": SHAPE}, channels=(2, 3), downsampling="strided"),
}


OPTIONS = {"consistency": {"shift": 2, "flip": True}}


@pytest.mark.parametrize("layers", DISCRIMINATORS)
def test_discriminator_gradient_through_every_layer(layers):
    """The gradient penalty's: R1's, and the root of it."""
    check_gradient(layers, GradientPenalty())


@pytest.mark.parametrize(
    ("name", "player"),
    [
        (name, player)
        for name, term in TERMS.items()
        # The first is above; the others, which add up in float32 and read codes, have tests of
        # their own.
        if name
        not in ("gradient_penalty", "historical_average", "mutual_information", "real_codes")
        for player in term.players
    ],
)
def test_gradient_of_every_term(name, player):
    """By the weights of each player that it is for, through convolutions and the sigma of each."""
    check_gradient("spectral", TERMS[name](**OPTIONS.get(name, {})), player)


def test_discriminator_gradient_on_both_sides_of_the_target():
    """One-sided, with a slope that some of the examples keep to and others exceed."""
    slopes = check_gradient("mlp", GradientPenalty(one_sided=True, target=1.0))
    assert set(slopes > 0) == {True, False}


def check_gradient(layers, term, player="discriminator"):
    """Compares with finite differences; returns the term's values."""
    network = in_float64(DISCRIMINATORS[layers]())
    if layers == "spectral":
        network = SpectralNorm().prepare(network)
        for layer in network.layers:  # sigma is exact, and so its gradient, with the exact `u`
            if isinstance(layer, SpectralNormalization):
                kernel = layer.layer.kernel.numpy()
                layer.u.assign(np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]))[2][:1])
    speaking = with_outputs(network, ["features"])
    generator = in_float64(mlp_generator({"z": (2,)}, SHAPE, units=(3,)))
    networks = {"discriminator": network, "generator": generator}
    label = tf.eye(2, dtype="float64")
    latents = tf.constant(np.random.default_rng(4).normal(size=(3, 2)))
    real = {"x": examples(1), "label": tf.gather(label, [0, 1, 0]), "frame": examples(3)}

    def discriminate(tensors):
        said = speaking(tensors["x"] + tensors.get("frame", 0.0))
        return said | {"class_logits": tf.reshape(said["features"], (3, -1))[:, :2]}

    def of_examples():
        made = generator(latents) if player == "generator" else examples(2)
        fake = {"x": made, "label": tf.gather(label, [1, 1, 0])}
        draw = FixedDraws(3, dtype="float64")
        comparator = {"comparator": lambda given: {"features": tf.sin(given["x"])}}
        critic = Critic(
            discriminate, networks=networks, companions=comparator, takes=("x", "frame")
        )
        return getattr(term, f"{player}_term")(critic, real, fake, draw)

    @tf.function(autograph=False)
    def value_at_weights():
        return tf.reduce_mean(of_examples())

    with tf.GradientTape() as tape:
        result = value_at_weights()
    variables = networks[player].trainable_variables
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
        dcgan_generator(
            {"z": (2,)}, SHAPE, channels=(2,), normalisation="none", upsampling=upsampling
        )
    )
    network = in_float64(dcgan_discriminator({"x": SHAPE}, channels=(2,)))
    assert_exact_through_a_penalty(generator, network)
