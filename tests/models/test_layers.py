"""Layers without a file of tests of their own: maxout, gain, grouped convolution, score."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from case import rows

from ganapp.models.layers import (
    Gain,
    GroupedConv2D,
    Maxout,
    ReconstructionScore,
    UpsamplingConv2D,
    convolution,
)
from ganapp.models.networks.mlp import mlp_discriminator, mlp_generator


def test_maxout_takes_the_largest_of_neighbours():
    outputs = Maxout(pieces=3)(np.float32([[1, 5, 2, -4, -6, -3], [0, 0, 7, 9, 8, 7]]))
    np.testing.assert_array_equal(outputs, [[5, -3], [7, 9]])
    with pytest.raises(ValueError, match=r"multiple of `pieces`.*Received: .*pieces=4"):
        Maxout(pieces=4)(rows(1, (6,)))


@pytest.mark.parametrize("pieces", [2, 5])
def test_maxout_networks(pieces):
    options = {"units": (6, 4), "activation": "maxout", "pieces": pieces}
    for network, last in (
        (mlp_generator({"z": (3,)}, (2,), **options), 2),
        (mlp_discriminator({"x": (2,)}, **options), 1),
    ):
        dense = [x for x in network.layers if isinstance(x, keras.layers.Dense)]
        maxout = [x for x in network.layers if isinstance(x, Maxout)]
        assert [x.units for x in dense] == [6 * pieces, 4 * pieces, last]
        assert len(maxout) == 2
        inputs = rows(3, dense[0].kernel.shape[:1])
        products = (inputs @ dense[0].kernel.numpy()).reshape(3, 6, pieces)
        found = keras.Model(dense[0].input, maxout[0].output)(inputs)
        np.testing.assert_allclose(found, products.max(-1), rtol=1e-4, atol=1e-6)


def test_maxout_of_two_keeps_the_scale():
    """Mean squares stay at 1 through many layers, so that deep networks start well."""
    network = mlp_discriminator({"x": (256,)}, units=(256,) * 8, activation="maxout")
    hidden = keras.Model(network.input, network.layers[-2].output)
    inputs = np.random.default_rng(0).normal(size=(64, 256)).astype("float32")
    assert 0.5 < np.mean(np.square(hidden(inputs))) < 2.0


def test_gain_starts_at_nothing():
    layer, inputs = Gain(), rows(2, (3, 2))
    assert not np.any(layer(inputs))
    layer.gamma.assign(0.5)
    np.testing.assert_array_equal(layer(inputs), 0.5 * inputs)


@pytest.mark.parametrize("error", ["squared", "absolute"])
def test_reconstruction_score(error):
    examples, copies = rows(3, (4, 2), seed=1), rows(3, (4, 2), seed=2)
    power = {"squared": 2, "absolute": 1}[error]
    expected = [-np.mean(np.abs(x - y) ** power) for x, y in zip(examples, copies, strict=True)]
    scores = ReconstructionScore(error=error)([examples, copies])
    assert scores.shape == (3, 1)
    np.testing.assert_allclose(scores[:, 0], expected, rtol=1e-5)
    with pytest.raises(ValueError, match=r"`error` must be one of .*Received: error='cubed'"):
        ReconstructionScore(error="cubed")


def by_hand(layer, inputs):
    """Each group convolved by itself, then the bias."""
    parts = zip(
        np.split(inputs, layer.groups, axis=-1),
        np.split(layer.kernel.numpy(), layer.groups, axis=-1),
        strict=True,
    )
    return tf.concat([tf.nn.conv2d(x, k, 1, "SAME") for x, k in parts], -1) + layer.bias


@pytest.mark.parametrize("native", [True, False], ids=["one operation", "group by group"])
@pytest.mark.parametrize(
    ("shape", "filters", "groups"), [((5, 4, 6), 9, 3), ((1, 1, 8), 8, 8), ((3, 7, 4), 2, 1)]
)
def test_grouped_convolution(shape, filters, groups, native, monkeypatch):
    if native and not convolution._has_gradient(tf.float32):
        pytest.skip("this processor has no gradient of convolutions in groups")
    monkeypatch.setattr(convolution, "_has_gradient", lambda dtype: native)
    layer = GroupedConv2D(filters, 3, groups=groups, bias_initializer="random_normal")
    inputs = rows(2, shape)
    np.testing.assert_allclose(layer(inputs), by_hand(layer, inputs), rtol=1e-4, atol=1e-5)
    assert layer.kernel.shape == (3, 3, shape[-1] // groups, filters)


def test_both_ways_of_grouped_convolution_have_the_same_gradients(monkeypatch):
    """Penalty gradients: those of a gradient's norm."""
    if not convolution._has_gradient(tf.float32):
        pytest.skip("this processor has no gradient of convolutions in groups")
    layer, inputs = GroupedConv2D(6, 3, groups=3), tf.constant(rows(2, (4, 5, 6)))
    layer.build(inputs.shape)

    def gradients():
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                inner.watch(inputs)
                outputs = tf.nn.leaky_relu(layer(inputs)) ** 2
            norm = tf.reduce_sum(inner.gradient(outputs, inputs) ** 2)
        return outer.gradient(norm, layer.kernel.value).numpy()

    found = []
    for native in (True, False):
        monkeypatch.setattr(convolution, "_has_gradient", lambda dtype, native=native: native)
        found.append(gradients())
    np.testing.assert_allclose(found[0], found[1], rtol=1e-3, atol=1e-4 * np.abs(found[0]).max())


def test_grouped_convolution_has_no_stride():
    with pytest.raises(ValueError, match=r"stride 1, no dilation.*Received: .*\(2, 2\)"):
        GroupedConv2D(4, 3, groups=2, strides=2)


LAYERS = {
    "maxout": lambda: Maxout(pieces=2),
    "gain": lambda: Gain(),
    "grouped": lambda: GroupedConv2D(4, 3, groups=2),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_saved_layer_is_the_same(name, tmp_path):
    inputs = keras.Input((3, 2, 4))
    model = keras.Model(inputs, LAYERS[name]()(inputs))
    for variable in model.trainable_variables:
        variable.assign(rows(1, variable.shape)[0])
    model.save(tmp_path / "model.keras")
    copy = keras.models.load_model(tmp_path / "model.keras")
    examples = rows(4, (3, 2, 4))
    np.testing.assert_array_equal(copy(examples), model(examples))
    assert copy.output_shape == (None, *model(examples).shape[1:])


def upsampling_network(**options):
    inputs = keras.Input((3, 5, 4))
    return keras.Model(inputs, UpsamplingConv2D(6, **options)(inputs))


@pytest.mark.parametrize("options", [{}, {"use_bias": False, "activation": "tanh"}])
def test_upsampling_convolution_is_upsampling_then_convolution(options):
    network, inputs = upsampling_network(**options), rows(2, (3, 5, 4))
    for weight in network.weights:
        weight.assign(np.random.default_rng(1).normal(size=weight.shape))
    stock = keras.Sequential([keras.Input((3, 5, 4)), *network.layers[-1].stock_layers()])
    stock.set_weights(network.get_weights())
    np.testing.assert_array_equal(network(inputs), stock(inputs))
    np.testing.assert_allclose(network(inputs, training=True), stock(inputs), atol=2e-5)
    assert network.output_shape == stock.output_shape == (None, 6, 10, 6)


def test_upsampling_convolution_has_the_same_gradients():
    network, inputs = upsampling_network(), tf.constant(rows(2, (3, 5, 4)))
    found = []
    for training in (True, False):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.reduce_sum(network(inputs, training=training) ** 3)
        found.append(tape.gradient(loss, [inputs, *(x.value for x in network.weights)]))
    for cheap, plain in zip(*found, strict=True):
        np.testing.assert_allclose(cheap, plain, rtol=1e-3, atol=1e-3)


def test_upsampling_convolution_survives_its_configuration():
    network = upsampling_network(activation="relu")
    again = keras.Model.from_config(network.get_config())
    again.set_weights(network.get_weights())
    inputs = rows(2, (3, 5, 4))
    np.testing.assert_array_equal(again(inputs), network(inputs))
