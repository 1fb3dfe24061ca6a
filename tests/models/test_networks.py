"""Network families: shapes, ranges and precision over the whole sweep of options."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from case import rows
from hypothesis import given, settings
from hypothesis import strategies as st

from ganapp.models.layers import ExampleNormalization, UpsamplingConv2D
from ganapp.models.networks import DISCRIMINATORS, GENERATORS
from ganapp.models.networks.dcgan import dcgan_discriminator, dcgan_generator
from ganapp.models.networks.mlp import mlp_discriminator, mlp_generator

SHAPES = [(7, 5, 2), (28, 28, 1), (8, 8, 3), (1, 1, 1)]
ONE_OUTPUT = sorted(set(GENERATORS) - {"multi_scale", "keras"})  # which have tests of their own
NORMALISATIONS = ["none", "batch", "layer"]


def check(generator, discriminator, shape, latent):
    images = generator(rows(3, (latent,)), training=True)
    assert images.shape == (3, *shape)
    assert generator.output_shape == (None, *shape)
    assert images.dtype == tf.float32
    scores = discriminator(images, training=True)
    assert scores.shape == (3, 1)
    assert scores.dtype == tf.float32
    assert np.isfinite(scores).all()
    return images


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("family", ONE_OUTPUT)
def test_default_networks_fit_any_image(family, shape):
    discriminator = DISCRIMINATORS.get(family, dcgan_discriminator)({"x": shape})
    images = check(GENERATORS[family]({"z": (5,)}, shape), discriminator, shape, 5)
    assert np.abs(images).max() <= 1.0


def test_every_generator_has_a_discriminator():
    assert set(DISCRIMINATORS) - set(GENERATORS) == {"autoencoder"}
    assert set(GENERATORS) - set(DISCRIMINATORS) == {"recurrent"}


@settings(max_examples=12, deadline=None)
@given(
    height=st.integers(1, 20),
    width=st.integers(1, 20),
    colours=st.integers(1, 4),
    widths=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    upsampling=st.sampled_from(["nearest", "transposed"]),
    downsampling=st.sampled_from(["strided", "average"]),
    depth=st.integers(1, 3),
    output=st.sampled_from(["convolution", "doubling"]),
)
def test_dcgan_of_any_size(height, width, colours, widths, upsampling, downsampling, depth, output):
    shape, options = (height, width, colours), {"channels": tuple(widths), "depth": depth}
    generator = dcgan_generator({"z": (2,)}, shape, upsampling=upsampling, output=output, **options)
    discriminator = dcgan_discriminator({"x": shape}, downsampling=downsampling, **options)
    check(generator, discriminator, shape, 2)


def test_depth_of_dcgan():
    options = {"channels": (3, 2), "normalisation": "batch", "depth": 3}
    generator = dcgan_generator({"z": (4,)}, (8, 8, 1), upsampling="nearest", **options)
    discriminator = dcgan_discriminator({"x": (8, 8, 1)}, **options)
    for network, resampling, refining in ((generator, 0, 2 * 3 + 1), (discriminator, 2, 2 * 2)):
        convolutions = [x for x in network.layers if isinstance(x, keras.layers.Conv2D)]
        sizes = [x.kernel_size for x in convolutions]
        assert (sizes.count((4, 4)), sizes.count((3, 3))) == (resampling, refining)
    # Normalised everywhere but after the discriminator's very first convolution.
    kinds = [[type(x) for x in network.layers] for network in (generator, discriminator)]
    assert [each.count(keras.layers.BatchNormalization) for each in kinds] == [7, 5]


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
@pytest.mark.parametrize(("up", "down"), [("nearest", "average"), ("transposed", "strided")])
def test_dcgan_options(normalisation, up, down):
    shape = (7, 5, 2)
    options = {"channels": (3, 2), "normalisation": normalisation}
    generator = dcgan_generator({"z": (4,)}, shape, upsampling=up, **options)
    discriminator = dcgan_discriminator({"x": shape}, downsampling=down, **options)
    check(generator, discriminator, shape, 4)
    kinds = {"batch": keras.layers.BatchNormalization, "layer": ExampleNormalization}
    for network, count in ((generator, 3), (discriminator, 1)):  # none after D's first layer
        for name, kind in kinds.items():
            found = [x for x in network.layers if isinstance(x, kind)]
            assert len(found) == (count if name == normalisation else 0)
            assert all(x.synchronized for x in found if name == "batch")
    upsamplings = [x for x in generator.layers if isinstance(x, UpsamplingConv2D)]
    assert len(upsamplings) == (2 if up == "nearest" else 0)


def test_the_last_doubling_makes_the_image():
    generator = dcgan_generator({"z": (4,)}, (28, 28, 1), channels=(5, 3), output="doubling")
    shapes = [x.output.shape[1:] for x in generator.layers if hasattr(x, "kernel")]
    assert shapes == [(7 * 7 * 5,), (14, 14, 3), (28, 28, 1)]


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
def test_mlp_of_vectors_is_unbounded(normalisation):
    generator = mlp_generator({"z": (4,)}, (2,), units=(6, 5), normalisation=normalisation)
    discriminator = mlp_discriminator({"x": (2,)}, units=(6, 5), normalisation=normalisation)
    check(generator, discriminator, (2,), 4)
    generator.layers[-2].bias.assign([10.0, -10.0])
    assert np.abs(generator(rows(3, (4,)))).max() > 5


@pytest.mark.parametrize("family", [name for name in ONE_OUTPUT if name in DISCRIMINATORS])
def test_scores_are_raw(family):
    discriminator = DISCRIMINATORS[family]({"x": (8, 8, 1)})
    head = discriminator.get_layer("scores")
    for value in (-30.0, 30.0):
        head.bias.assign([value])
        np.testing.assert_allclose(discriminator(np.zeros((1, 8, 8, 1))), value, rtol=1e-5)


@pytest.mark.parametrize("family", ONE_OUTPUT)
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_ends_in_float32(policy, family):
    keras.config.set_dtype_policy(policy)
    generator, discriminator = (
        GENERATORS[family]({"z": (4,)}, (8, 8, 1)),
        DISCRIMINATORS.get(family, dcgan_discriminator)({"x": (8, 8, 1)}),
    )
    check(generator, discriminator, (8, 8, 1), 4)
    computing = {x.compute_dtype for x in (*generator.layers, *discriminator.layers)}
    assert policy.removeprefix("mixed_") in computing
    assert {v.dtype for v in generator.variables} == {"float32"}


@pytest.mark.parametrize("family", ONE_OUTPUT)
def test_configuration_round_trip(family):
    for network in (
        GENERATORS[family]({"z": (4,)}, (7, 5, 2)),
        DISCRIMINATORS.get(family, dcgan_discriminator)({"x": (7, 5, 2)}),
    ):
        copy = keras.Model.from_config(network.get_config())
        copy.set_weights(network.get_weights())
        inputs = rows(2, network.input_shape[1:])
        np.testing.assert_array_equal(copy(inputs), network(inputs))


@pytest.mark.parametrize("shape", [(6,), (4, 3, 2)])
def test_example_normalisation(shape):
    """Mean 0 and variance 1 an example, then a scale and shift a channel; Keras agrees."""
    layer = ExampleNormalization()
    inputs = 3 * rows(5, shape) + 2
    outputs = layer(inputs).numpy()
    axes = tuple(range(1, outputs.ndim))
    np.testing.assert_allclose(outputs.mean(axes), 0, atol=1e-5)
    np.testing.assert_allclose(outputs.var(axes), 1, atol=2e-2)
    layer.gamma.assign(np.arange(shape[-1]) + 1.0)
    layer.beta.assign(np.arange(shape[-1]) - 1.0)
    reference = (
        keras.layers.LayerNormalization() if len(shape) == 1 else keras.layers.GroupNormalization(1)
    )
    reference.build((None, *shape))
    reference.set_weights(layer.get_weights())
    np.testing.assert_allclose(layer(inputs), reference(inputs), rtol=1e-4, atol=1e-5)
    copy = ExampleNormalization.from_config(ExampleNormalization(epsilon=0.5).get_config())
    assert copy.epsilon == 0.5
