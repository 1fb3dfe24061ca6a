"""Residual networks: any size, both kinds of block, exact at the start, ready for export."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganapp.models.networks.resnet import resnet_discriminator, resnet_generator
from ganapp.models.tensors import with_outputs
from ganapp.training.constraints import SpectralNorm

BLOCKS = ["sngan", "r3gan"]


@settings(max_examples=8, deadline=None)
@given(
    height=st.integers(8, 21),
    width=st.integers(8, 21),
    colours=st.integers(1, 4),
    block=st.sampled_from(BLOCKS),
    channels=st.lists(st.integers(1, 5), min_size=1, max_size=3),
)
def test_images_of_any_size(height, width, colours, block, channels):
    shape = (height, width, colours)
    generator = resnet_generator({"z": (3,)}, shape, channels=tuple(channels), block=block)
    discriminator = resnet_discriminator({"x": shape}, channels=tuple(channels), block=block)
    images = generator(np.random.default_rng(0).normal(size=(2, 3)).astype("float32"))
    assert images.shape == (2, *shape)
    assert np.abs(images).max() <= 1
    assert discriminator(images).shape == (2, 1)


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("attention", [False, True])
def test_saved_and_loaded(tmp_path, block, attention):
    options = {"channels": (4, 4), "block": block, "attention": attention}
    for network, size in (
        (resnet_generator({"z": (3,)}, (8, 8, 1), **options), (2, 3)),
        (resnet_discriminator({"x": (8, 8, 1)}, **options), (2, 8, 8, 1)),
    ):
        inputs = np.random.default_rng(0).normal(size=size).astype("float32")
        network.save(tmp_path / "network.keras")
        loaded = keras.models.load_model(tmp_path / "network.keras")
        np.testing.assert_allclose(loaded(inputs), network(inputs), rtol=1e-6)


@pytest.mark.parametrize("block", BLOCKS)
def test_attention_begins_as_nothing(block):
    """Its weight starts at 0 (SAGAN); moved, it shows."""
    network = resnet_discriminator({"x": (8, 8, 1)}, channels=(4, 4), block=block, attention=True)
    images = np.random.default_rng(0).normal(size=(2, 8, 8, 1)).astype("float32")
    (gamma,) = [weight for weight in network.weights if weight.name == "gamma"]
    assert gamma.numpy() == 0.0
    before = network(images).numpy()
    attended = [w for w in network.weights if "conv2d" in w.path and w.shape[:2] == (1, 1)]
    assert attended
    gamma.assign(0.5)
    assert np.abs(network(images).numpy() - before).max() > 1e-4


def test_r3gan_blocks_begin_as_the_identity():
    """The last convolution of a branch is zero, so the depth changes nothing at the start."""
    outputs = []
    images = np.random.default_rng(0).normal(size=(2, 8, 8, 1)).astype("float32")
    for depth in (1, 3):
        network = resnet_discriminator({"x": (8, 8, 1)}, channels=(4,), block="r3gan", depth=depth)
        features = with_outputs(network, ["features"])(images)["features"]
        outputs.append((len(network.weights), features.numpy().std()))
    assert outputs[1][0] > outputs[0][0]
    assert outputs[1][1] == pytest.approx(outputs[0][1], rel=1.0)  # no explosion with depth
    assert outputs[1][1] > 0


@pytest.mark.parametrize("block", BLOCKS)
def test_spectral_norm_finds_every_convolution(block):
    network = resnet_discriminator({"x": (8, 8, 1)}, channels=(4,), block=block, attention=True)
    wrapped = SpectralNorm().prepare(network)
    convolutions = [
        x
        for x in network._flatten_layers()
        if isinstance(x, keras.layers.Conv2D | keras.layers.Dense)
    ]
    states = [w for w in wrapped.weights if w.name == "u"]
    assert len(states) == len(convolutions) > 3


def test_vectors_are_refused():
    with pytest.raises(ValueError, match=r"'resnet' must have images.*Received: shape=\(2,\)"):
        resnet_discriminator({"x": (2,)})
