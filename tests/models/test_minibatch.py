"""Layers that compare the examples of a minibatch, against plain loops."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from case import rows

from ganapp.models.layers import MinibatchDiscrimination, MinibatchStandardDeviation
from ganapp.models.networks.blocks import MINIBATCH

LAYERS = {
    "discrimination": lambda: MinibatchDiscrimination(kernels=3),
    "standard_deviation": lambda: MinibatchStandardDeviation(),
    "groups": lambda: MinibatchStandardDeviation(group=2, epsilon=1e-4),
}


def reference_similarities(projected, kernels):
    """o(x_i)_b of Salimans et al., one pair of examples and one kernel after another."""
    matrices = projected.reshape(len(projected), kernels, -1)
    found = np.zeros((len(projected), kernels))
    for i, own in enumerate(matrices):
        for j, other in enumerate(matrices):
            if i != j:
                for b in range(kernels):
                    found[i, b] += np.exp(-np.abs(own[b] - other[b]).sum())
    return found


def reference_deviations(inputs, size):
    """The value that each example gets: groups hold every (rows / size)-th example."""
    groups = len(inputs) // size
    return np.array([inputs[i % groups :: groups].std(axis=0).mean() for i in range(len(inputs))])


def test_discrimination():
    projected = 0.3 * rows(5, (12,))
    found = MinibatchDiscrimination(kernels=3)(projected)
    assert found.shape == (5, 3)
    expected = reference_similarities(projected, 3)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert expected.min() > 1e-3  # no comparison of nothing with nothing


def test_discrimination_tells_copies_from_a_variety():
    layer = MinibatchDiscrimination(kernels=2)
    assert np.allclose(layer(np.ones((6, 4), "float32")), 5.0)  # all others, at distance 0
    assert np.abs(layer(100 * rows(6, (4,)))).max() < 1e-3


def test_discrimination_outside_of_training_counts_as_many_others_as_in_it():
    """Else the scores of a part of a batch, or of many examples at once, are another network's."""
    layer = MinibatchDiscrimination(kernels=2)
    examples = 0.1 * rows(64, (6,))
    layer(examples[:8], training=True)
    np.testing.assert_allclose(layer(examples[:8]), layer(examples[:8], training=True), rtol=1e-6)
    expected = np.mean([layer(examples[i : i + 8]) for i in range(0, 64, 8)], axis=(0, 1))
    np.testing.assert_allclose(np.mean(layer(examples), axis=0), expected, rtol=0.02)
    assert np.array_equal(layer(examples[:1]), [[0.0, 0.0]])  # nobody to compare it with


@pytest.mark.parametrize(
    ("count", "group", "size"),
    [(6, None, 6), (6, 3, 3), (6, 2, 2), (6, 4, 3), (7, 4, 1), (3, 4, 3), (1, None, 1)],
)
@pytest.mark.parametrize("shape", [(5,), (3, 2, 4)], ids=str)
def test_standard_deviation(shape, count, group, size):
    inputs = rows(count, shape)
    outputs = MinibatchStandardDeviation(group=group, epsilon=0.0)(inputs).numpy()
    assert outputs.shape == (count, *shape[:-1], shape[-1] + 1)
    np.testing.assert_array_equal(outputs[..., :-1], inputs)
    expected = reference_deviations(inputs, size).reshape(-1, *[1] * (len(shape) - 1))
    expected = np.broadcast_to(expected, outputs.shape[:-1])
    np.testing.assert_allclose(outputs[..., -1], expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_are_finite_among_equal_examples(name):
    """At first and at second order: a collapsed generator makes just that."""
    layer = LAYERS[name]()
    inputs = tf.ones((4, 6))
    with tf.GradientTape() as outer:
        outer.watch(inputs)
        with tf.GradientTape() as inner:
            inner.watch(inputs)
            outputs = layer(inputs)
        gradient = inner.gradient(outputs, inputs)
        total = tf.reduce_sum(gradient) + tf.reduce_sum(gradient**2)
    assert np.isfinite(gradient).all()
    assert np.isfinite(outer.gradient(total, inputs)).all()


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("name", LAYERS)
def test_arithmetic_is_float32_under_mixed_precision(name, policy):
    half = policy.removeprefix("mixed_")
    inputs = tf.cast(0.1 * rows(64, (6,)), half)
    expected = LAYERS[name]()(tf.cast(inputs, "float32"))
    keras.config.set_dtype_policy(policy)
    outputs = LAYERS[name]()(inputs)
    assert outputs.dtype == half
    # One rounding of the result, not one of each of 64 summands.
    np.testing.assert_array_equal(outputs, tf.cast(expected, half))


@pytest.mark.parametrize("name", LAYERS)
def test_a_saved_layer_is_the_same(name, tmp_path):
    inputs = keras.Input((6,))
    model = keras.Model(inputs, LAYERS[name]()(inputs))
    model.save(tmp_path / "model.keras")
    copy = keras.models.load_model(tmp_path / "model.keras")
    assert copy.layers[1].get_config() == model.layers[1].get_config()
    examples = rows(4, (6,))
    np.testing.assert_array_equal(copy(examples), model(examples))
    assert copy.output_shape == model.output_shape == (None, *model(examples).shape[1:])


def test_the_features_that_a_network_gets():
    features = rows(5, (7,))
    inputs = keras.Input((7,))
    model = keras.Model(inputs, MINIBATCH["discrimination"](inputs))
    projection = model.get_layer("minibatch_projection")
    assert projection.bias is None  # it would cancel out of every distance
    outputs = model(features).numpy()
    np.testing.assert_array_equal(outputs[:, :7], features)
    expected = reference_similarities(features @ projection.kernel.numpy(), 16)
    np.testing.assert_allclose(outputs[:, 7:], expected, rtol=1e-4, atol=1e-6)


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r"multiple of `kernels`.*Received: .*7.*kernels=3"):
        MinibatchDiscrimination(kernels=3)(rows(2, (7,)))
    with pytest.raises(ValueError, match=r"`group` must be at least 2.*Received: group=1"):
        MinibatchStandardDeviation(group=1)
