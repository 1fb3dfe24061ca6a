"""Networks are called by the names of their inputs."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ganapp.models.tensors import apply, input_names, input_shapes

SIZES = {"p": 2, "q": 3}


def joined(names, structure):
    inputs = {name: keras.Input((SIZES[name],), name=name) for name in names}
    both = keras.layers.Concatenate()(list(inputs.values()))
    return keras.Model(structure(inputs), keras.layers.Dense(2)(both))


def rows(seed, width):
    return tf.constant(np.random.default_rng(seed).normal(size=(4, width)), tf.float32)


class Named(keras.Model):
    input_names = ("p", "q")

    def call(self, inputs):
        return {"x": inputs["p"][:, :1] - inputs["q"][:, :1], "sum": inputs["p"] + 1}


@pytest.mark.parametrize("order", [("p", "q"), ("q", "p")])
@pytest.mark.parametrize("structure", [dict, lambda inputs: list(inputs.values())])
def test_a_network_is_given_exactly_its_inputs(order, structure):
    """Of a superset, Keras itself would feed the first ones in silence."""
    network = joined(order, structure)
    assert input_names(network, "z") == order
    assert input_shapes(network, "z") == {name: (SIZES[name],) for name in order}
    tensors = {"a": rows(9, 2), "p": rows(0, 2), "q": rows(1, 3), "z": rows(8, 2)}
    expected = tf.concat([tensors[name] for name in order], axis=1) @ network.layers[-1].kernel
    found = apply(network, tensors)
    assert list(found) == ["x"]
    np.testing.assert_allclose(found["x"], expected, rtol=1e-5, atol=1e-6)


def test_the_only_input_has_the_name_of_its_role():
    sequential = keras.Sequential([keras.layers.Dense(1)])
    functional = joined("p", lambda inputs: inputs["p"])
    for network in (sequential, functional):
        assert input_names(network, "z") == ("z",)
        tensors = {"p": rows(0, 2), "z": rows(1, 2)}
        np.testing.assert_array_equal(apply(network, tensors)["x"], network(tensors["z"]))
        assert list(apply(network, tensors, takes="p", gives="scores")) == ["scores"]


def test_outputs_have_names():
    p, q = rows(0, 2), rows(1, 3)
    found = apply(Named(), {"p": p, "q": q, "z": q})
    assert list(found) == ["x", "sum"]
    np.testing.assert_array_equal(found["x"], p[:, :1] - q[:, :1])
    given = keras.Input((2,), name="p")
    scores = keras.layers.Dense(1, name="scores")(given)
    features = keras.layers.Dense(3, name="features")(given)
    several = keras.Model(given, [scores, features])
    found = apply(several, {"x": p}, takes="x", gives="scores")
    assert {name: each.shape[1] for name, each in found.items()} == {"scores": 1, "features": 3}


def test_a_missing_input_is_named():
    network = joined("pq", dict)
    with pytest.raises(ValueError, match=r"takes 'p', 'q', but there is no 'q'.*There are: p, z"):
        apply(network, {"z": rows(0, 2), "p": rows(1, 2)})
