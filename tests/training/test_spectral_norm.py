"""Spectral normalisation against the singular value decomposition, and what it must not touch."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from case import BATCH, mlp_networks, numeric_gradient, plain_batches, tiny_gan, train

from ganapp.models.networks import dcgan_discriminator, resnet_discriminator
from ganapp.training.constraints import SpectralNorm, SpectralNormalization
from ganapp.training.objectives import Hinge
from ganapp.training.terms import R1

# The layer, an input shape, and its kernel as (inputs, outputs) written with numpy alone.
LAYERS = {
    "dense": (lambda: keras.layers.Dense(4), (5,), lambda w: w),
    "conv": (lambda: keras.layers.Conv2D(4, 3), (6, 6, 2), lambda w: w.reshape(-1, 4)),
    "conv3d": (lambda: keras.layers.Conv3D(4, 2), (3, 3, 3, 2), lambda w: w.reshape(-1, 4)),
    "conv1d": (lambda: keras.layers.Conv1D(4, 3), (6, 2), lambda w: w.reshape(-1, 4)),
    "transposed": (
        lambda: keras.layers.Conv2DTranspose(4, 3),
        (6, 6, 2),  # kernel (3, 3, outputs, inputs)
        lambda w: np.moveaxis(w, 2, 3).reshape(-1, 4),
    ),
}


def built(kind, **options):
    make, shape, matrix = LAYERS[kind]
    layer = SpectralNormalization(make(), **options)
    inputs = np.random.default_rng(0).normal(size=(3, *shape)).astype(np.float32)
    layer(inputs)
    layer.layer.bias.assign(np.arange(4) / 4)
    return layer, inputs, matrix


def iterate(layer, times):
    next_u = tf.function(layer.next_u, autograph=False)
    for _ in range(times):
        layer.u.assign(next_u())


@pytest.mark.parametrize("kind", LAYERS)
def test_sigma_becomes_the_largest_singular_value(kind):
    layer, inputs, matrix = built(kind)
    raw = layer.layer.kernel.numpy()
    largest = np.linalg.svd(matrix(raw), compute_uv=False)[0]
    assert float(layer.sigma()) < largest  # an estimate from below
    iterate(layer, 200)
    assert float(layer.sigma()) == pytest.approx(largest, rel=1e-4)
    np.testing.assert_array_equal(layer.layer.kernel.numpy(), raw)  # the raw weight is untouched
    # the layer computes with the kernel divided by sigma and the bias as it is
    plain = LAYERS[kind][0]()
    plain.build(inputs.shape)
    plain.set_weights([raw / largest, layer.layer.bias.numpy()])
    np.testing.assert_allclose(layer(inputs), plain(inputs), rtol=1e-4, atol=1e-5)


def test_layer_without_bias():
    layer = SpectralNormalization(keras.layers.Dense(3, use_bias=False))
    inputs = tf.ones((2, 4))
    layer(inputs)
    iterate(layer, 200)
    kernel = layer.layer.kernel.numpy()
    expected = inputs.numpy() @ kernel / np.linalg.norm(kernel, 2)
    np.testing.assert_allclose(layer(inputs), expected, rtol=1e-4)


@pytest.mark.parametrize("kind", ["dense", "conv3d", "transposed"])
def test_gradient_through_sigma(kind):
    """In float64 and with the exact `u` the gradient is exact, sigma's part included."""
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    layer, inputs, matrix = built(kind)
    layer.u.assign(np.linalg.svd(matrix(layer.layer.kernel.numpy()))[2][:1])
    inputs = tf.constant(inputs, tf.float64)

    @tf.function(autograph=False)
    def value():
        return tf.reduce_sum(layer(inputs) ** 2)

    kernel = layer.layer.kernel
    with tf.GradientTape() as tape:
        result = value()
    exact = tape.gradient(result, kernel).numpy()
    numeric = numeric_gradient(value, kernel)
    assert np.linalg.norm(exact - numeric) < 1e-6 * np.linalg.norm(numeric)
    with tf.GradientTape() as tape:  # a frozen sigma gives another gradient: the test can fail
        frozen = tf.reduce_sum(
            ((layer.layer(inputs) - layer.layer.bias) / layer.sigma().numpy()) ** 2
        )
    assert np.linalg.norm(tape.gradient(frozen, kernel) - exact) > 0.1 * np.linalg.norm(exact)


def test_u_moves_one_power_iteration_per_discriminator_update():
    """With a still discriminator, k updates of 2 steps leave `u` after 2 k iterations."""
    k = 2
    objective = Hinge(discriminator_steps=k, terms=(R1(),))  # more calls in an update
    gan = tiny_gan(objective, discriminator_optimizer=keras.optimizers.SGD(0.0))
    wrappers = [x for x in gan.discriminator.layers if isinstance(x, SpectralNormalization)]
    expected = []
    for layer in wrappers:
        kernel, u = layer.layer.kernel.numpy(), layer.u.numpy()
        for _ in range(2 * k):
            u = u @ kernel.T
            u = u / np.linalg.norm(u) @ kernel
            u /= np.linalg.norm(u)
        expected.append(u)
    train(gan, 2)
    assert len(wrappers) == 2
    assert expected[0].shape[1] > 1
    for layer, u in zip(wrappers, expected, strict=True):
        np.testing.assert_allclose(layer.u.numpy(), u, rtol=1e-4, atol=1e-5)
    moved = [layer.u.numpy() for layer in wrappers]
    gan.evaluate(plain_batches(1, BATCH), verbose=0)
    gan.scores(tf.ones((2, 2)))
    for layer, u in zip(wrappers, moved, strict=True):
        np.testing.assert_array_equal(layer.u.numpy(), u)


def nested():
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.PReLU()])
    x = keras.Input((2,))
    y = keras.layers.LayerNormalization()(inner(keras.layers.Dense(4)(x)))
    return keras.Model(x, keras.layers.Dense(1)(y))


@pytest.mark.parametrize(
    "make",
    [
        lambda: mlp_networks(normalisation="batch")[1],
        lambda: dcgan_discriminator({"x": (4, 4, 1)}, channels=(2, 3), normalisation="layer"),
        nested,
    ],
    ids=["mlp", "dcgan", "nested"],
)
def test_prepared_network_keeps_all_weights(make):
    network = make()
    for index, variable in enumerate(network.variables):
        variable.assign(variable + 0.1 * (index + 1))
    prepared = SpectralNorm().prepare(network)
    flat = [x for x in prepared._flatten_layers() if isinstance(x, SpectralNormalization)]
    linear = (keras.layers.Dense, keras.layers.Conv2D)
    assert len(flat) == sum(isinstance(x, linear) for x in network._flatten_layers())
    kept = [v.numpy() for v in prepared.variables if v.name != "u"]
    for actual, expected in zip(kept, network.variables, strict=True):
        np.testing.assert_array_equal(actual, expected.numpy())
    assert not {id(v) for v in prepared.variables} & {id(v) for v in network.variables}
    assert SpectralNorm().prepare(prepared) is prepared
    assert prepared.output_shape == network.output_shape


def test_precision_of_each_layer_is_kept():
    keras.config.set_dtype_policy("mixed_bfloat16")
    _, network = mlp_networks()
    keras.config.set_dtype_policy("float32")  # whatever is set when `compile` is called
    prepared = SpectralNorm().prepare(network)
    policies = [
        x.dtype_policy.name for x in prepared.layers if isinstance(x, SpectralNormalization)
    ]
    assert policies == ["mixed_bfloat16", "float32"]
    assert prepared(tf.ones((1, 2))).dtype == tf.float32


def test_activation_inside_is_refused():
    x = keras.Input((2,))
    network = keras.Model(x, keras.layers.Dense(1, activation="relu", name="last")(x))
    with pytest.raises(ValueError, match=r"layer 'last' with activation='relu'"):
        SpectralNorm().prepare(network)


@pytest.mark.parametrize(
    "layer", [keras.layers.SeparableConv2D(4, 3), keras.layers.DepthwiseConv2D(3)]
)
def test_a_kernel_that_would_stay_unconstrained_is_refused(layer):
    x = keras.Input((6, 6, 2))
    network = keras.Model(x, keras.layers.Dense(1)(keras.layers.Flatten()(layer(x))))
    with pytest.raises(ValueError, match=rf"unconstrained.*of type {type(layer).__name__}"):
        SpectralNorm().prepare(network)


def test_a_kernel_of_zeros_gets_a_direction():
    """Divided by its norm it would be NaN from the first score on; R3GAN's blocks end in one."""
    network = resnet_discriminator({"x": (8, 8, 1)}, channels=(4, 4), block="r3gan")
    prepared = SpectralNorm().prepare(network)
    images = tf.constant(np.random.default_rng(0).normal(size=(3, 8, 8, 1)), tf.float32)
    assert np.isfinite(prepared(images)).all()
    pairs = list(zip(network.trainable_variables, prepared.trainable_variables, strict=True))
    zeros = [(a, b) for a, b in pairs if not np.any(a) and a.shape.rank == 4]
    assert len(zeros) == 3  # a block before, between and after the halvings
    for _, given in zeros:
        assert np.linalg.matrix_rank(np.reshape(given, (-1, given.shape[-1]))) == 4
    for variable, value in SpectralNorm().before_update(prepared):
        assert np.isfinite(value).all(), variable.path


def test_subclassed_network_is_refused():
    class Subclassed(keras.Model):
        def call(self, inputs):
            return inputs

    with pytest.raises(ValueError, match=r"functional or sequential.*Received: Subclassed"):
        SpectralNorm().prepare(Subclassed())


def test_configuration_and_keras_file(tmp_path):
    layer, inputs, _ = built("conv")
    copy = SpectralNormalization.from_config(layer.get_config())
    assert copy.layer.get_config() == layer.layer.get_config()
    iterate(layer, 3)
    network = keras.Sequential([keras.Input(inputs.shape[1:]), layer])
    network.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras")
    np.testing.assert_allclose(loaded(inputs), network(inputs), rtol=1e-6)
    np.testing.assert_array_equal(loaded.layers[0].u.numpy(), layer.u.numpy())


def test_a_layer_that_is_a_function_stays():
    """Keras would refuse to copy it from its configuration, which holds code."""
    given = keras.Sequential(
        [keras.Input((2,)), keras.layers.Lambda(lambda x: 2 * x), keras.layers.Dense(1)]
    )
    wrapped = SpectralNorm().prepare(given)
    assert [type(layer).__name__ for layer in wrapped.layers] == ["Lambda", "SpectralNormalization"]
    dense = wrapped.layers[1]
    x = np.ones((3, 2), np.float32)
    np.testing.assert_allclose(wrapped(x) * dense.sigma(), given(x), rtol=1e-5)
