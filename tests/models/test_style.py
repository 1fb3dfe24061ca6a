"""Style-based networks: modulation against the paper's formula, equalised weights, mixed styles."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from case import relative_error, rows, tiny_gan, train, weights

from ganapp.models.layers import (
    EqualizedDense,
    LearnedMap,
    MinibatchStandardDeviation,
    ModulatedConv2D,
    StyleMixing,
)
from ganapp.models.networks.style import style_discriminator, style_generator
from ganapp.training.objectives import NonSaturating

SHAPE = (7, 5, 2)
SMALL = {"channels": (4, 3), "mapping_units": 6}


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
@pytest.mark.parametrize(
    "options",
    [{}, {"gain": 2**0.5, "upsample": True}, {"kernel_size": 1, "demodulate": False}],
    ids=["plain", "upsampled", "to_image"],
)
def test_modulation_is_the_papers_formula(options, training):
    """Equations 1 and 3: weights of each example, and a convolution of that example by them."""
    x, styles = rows(3, (5, 4, 3)), rows(3, (3,), seed=1)
    layer = ModulatedConv2D(2, **options)
    layer.build([x.shape, styles.shape])
    layer.bias.assign([0.5, -1.0])
    found = layer([x, styles], training=training)
    size, gain = options.get("kernel_size", 3), options.get("gain", 1.0)
    plain = np.asarray(layer.kernel, np.float64) / np.sqrt(3 * size**2)
    for image, style, own in zip(x, styles, found, strict=True):
        kernel = plain * style[:, None]  # (k, k, input, output)
        if options.get("demodulate", True):
            kernel = kernel / np.sqrt((kernel**2).sum(axis=(0, 1, 2)) + 1e-8)
        image = image.repeat(2, axis=0).repeat(2, axis=1) if "upsample" in options else image
        wanted = tf.nn.conv2d(image[None].astype("float64"), kernel, 1, "SAME")[0]
        np.testing.assert_allclose(own, gain * wanted + [0.5, -1.0], atol=1e-5)


def test_demodulated_outputs_have_the_gain_as_deviation():
    x = normal(64, 16, 16, 8)
    styles = np.exp(2.0 * normal(64, 8, seed=1))  # from a hundredth to a hundred
    for gain in (1.0, 3.0):
        layer = ModulatedConv2D(6, gain=gain)
        found = layer([x, styles]).numpy()[:, 1:-1, 1:-1]  # zeros beyond the border have none
        np.testing.assert_allclose(found.std(axis=(0, 1, 2)), gain, rtol=0.05)
    plain = ModulatedConv2D(6, demodulate=False)([x, styles]).numpy()
    assert plain.std() > 5


@pytest.mark.parametrize("rate", [1.0, 0.01])
def test_equalised_weights(rate):
    layer = EqualizedDense(40, rate=rate, gain=2.0, bias=1.0)
    x = normal(2000, 50)
    found = layer(x).numpy()
    assert found.std() == pytest.approx(2.0, rel=0.05)
    assert found.mean() == pytest.approx(1.0, abs=0.05)

    def used():
        offset = layer(np.zeros((1, 50))).numpy()
        return layer(np.eye(50)).numpy() - offset, offset

    (kernel, bias), step = used(), 0.1
    optimizer = keras.optimizers.Adam(step)  # whose first steps have the size of its rate
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x[:1]))
    variables = layer.trainable_variables
    optimizer.apply(tape.gradient(loss, [v.value for v in variables]), variables)
    moved, shifted = used()
    np.testing.assert_allclose(np.abs(moved - kernel), step * rate * 2 / 50**0.5, rtol=0.03)
    np.testing.assert_allclose(np.abs(shifted - bias), step * rate, rtol=0.03)


def test_mixed_styles():
    """Each row has its own w, or its own up to some layer and the other from there on."""
    count, layers, rate = 4000, 5, 0.6
    w = np.arange(1, count + 1, dtype="float32")[:, None]
    layer = StyleMixing(layers, rate)
    inputs = [w, -w]
    np.testing.assert_array_equal(layer(inputs), np.repeat(w[:, None], layers, axis=1))
    state = layer.get_weights()
    found = layer(inputs, training=True).numpy()[..., 0]
    own = found > 0
    np.testing.assert_array_equal(np.abs(found), np.repeat(w, layers, axis=1))
    assert (np.diff(own.astype(int), axis=1) <= 0).all()
    assert own[:, 0].all()
    lengths = own.sum(axis=1)
    shares = [np.mean(lengths == k) for k in range(1, layers + 1)]
    wanted = [rate / (layers - 1)] * (layers - 1) + [1 - rate]
    np.testing.assert_allclose(shares, wanted, atol=4 * 0.5 / count**0.5)
    assert np.any(layer(inputs, training=True).numpy()[..., 0] != found)
    layer.set_weights(state)  # as a resumed run does
    np.testing.assert_array_equal(layer(inputs, training=True).numpy()[..., 0], found)


def test_a_mixed_image_is_of_this_and_the_next_row():
    generator = style_generator({"z": (3,)}, SHAPE, mixing=1.0, **SMALL)
    z = rows(2, (3,))
    alike = np.repeat(z[:1], 2, axis=0)
    np.testing.assert_allclose(
        generator(alike, training=True), generator(alike), atol=1e-5
    )  # a mixture of one with itself
    assert np.abs(generator(z, training=True) - generator(z)).max() > 1e-3
    plain = style_generator({"z": (3,)}, SHAPE, **SMALL)
    assert [v.shape for v in plain.trainable_variables] == [
        v.shape for v in generator.trainable_variables
    ]


def test_two_replicas_train_as_one(two_replicas):
    """With mixed styles and a discriminator that compares; the state of the draws included."""
    options = {"channels": (3,), "depth": 1, "mapping_layers": 1, "mapping_units": 4}
    options |= {"mixing": 0.7, "mapping_rate": 1.0}  # all weights of one scale

    def networks():
        return (
            style_generator({"z": (3,)}, SHAPE, **options),
            style_discriminator({"x": SHAPE}, channels=(3,), minibatch="standard_deviation"),
        )

    def of(gan, kind):
        parts = weights(gan)
        return [
            w for name in ("generator", "discriminator") for w in parts[name] if w.dtype == kind
        ]

    gans = [
        tiny_gan(
            NonSaturating(),
            networks=networks,
            optimizer=lambda: keras.optimizers.SGD(0.1),
            strategy=strategy,
            run_eagerly=strategy is None,  # nothing to trace for what is compared with
        )
        for strategy in (None, two_replicas)
    ]
    start = of(gans[0], "float32")
    for gan in gans:
        train(gan, 3)
    alone, shared = gans
    assert relative_error(of(shared, "float32"), of(alone, "float32")) < 1e-6
    np.testing.assert_array_equal(of(shared, "int64"), of(alone, "int64"))
    assert relative_error(of(alone, "float32"), start) > 1e-3


def test_depth():
    for depth, counts in ((1, [1, 1, 1]), (3, [2, 3, 3])):
        network = style_generator({"z": (3,)}, (8, 8, 1), depth=depth, **SMALL)
        layers = [x for x in network.layers if isinstance(x, ModulatedConv2D)]
        convolutions = [x for x in layers if x.kernel_size == 3]
        sides = [x.output.shape[1] for x in convolutions]
        assert [sides.count(side) for side in (2, 4, 8)] == counts
        assert sum(x.upsample for x in convolutions) == 2
        assert all(x.demodulate for x in convolutions)
        assert len(layers) - len(convolutions) == 3  # one image of each resolution
        (learned,) = [x for x in network.layers if isinstance(x, LearnedMap)]
        assert learned.map_shape == (2, 2, 4)


def test_truncation_has_an_effect():
    """The length of z matters, for the prior's truncation is a change of it."""
    generator, z = style_generator({"z": (3,)}, SHAPE, **SMALL), rows(4, (3,))
    spreads = [np.std(generator(amount * z), axis=0).mean() for amount in (0.0, 0.5, 1.0)]
    assert spreads[0] < 1e-6 < 0.8 * spreads[2] > spreads[1]


def test_what_does_not_go_together():
    with pytest.raises(ValueError, match="latent 'z', which this generator does not take"):
        style_generator({"code": (3,)}, SHAPE, mixing=0.5, **SMALL)
    with pytest.raises(ValueError, match="needs a generator with batch normalisation"):
        style_generator({"z": (3,), "label": (2,)}, SHAPE, condition="batch_norm", **SMALL)
    with pytest.raises(ValueError, match=r"a style for each channel.*3 channels and 2 styles"):
        ModulatedConv2D(2)([rows(1, (4, 4, 3)), rows(1, (2,))])


def test_the_discriminator_compares_maps():
    network = style_discriminator({"x": SHAPE}, channels=(4, 3), minibatch="standard_deviation")
    (layer,) = [x for x in network.layers if isinstance(x, MinibatchStandardDeviation)]
    assert layer.input.shape == (None, 2, 2, 3)
    x = rows(3, SHAPE)
    assert np.abs(network(x)[:1] - network(x[:1])).max() > 1e-6
