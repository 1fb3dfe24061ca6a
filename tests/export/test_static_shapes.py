"""Transposed convolutions and reshapes that LiteRT's fast kernels take, with the same results."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from keras import layers

from ganapp.export.graphs import static_shapes

Z = np.random.default_rng(1).normal(size=(5, 24)).astype(np.float32)


def network(kernel, stride, padding, **options):
    keras.utils.set_random_seed(2)
    z = keras.Input((24,))
    x = layers.Reshape((-1, 4, 2))(z)  # 3 x 4 x 2
    x = layers.Conv2DTranspose(3, kernel, stride, padding, activation="tanh", **options)(x)
    model = keras.Model(z, x)
    for variable in model.variables:
        variable.assign(np.random.default_rng(3).normal(size=variable.shape))
    return model


def graph_of(model):
    spec = [tf.TensorSpec((None, 24), tf.float32, name="z")]
    function = tf.function(lambda z: model(z, training=False), input_signature=spec)
    return function.get_concrete_function()


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(
    ("kernel", "stride"), [(4, 2), (3, 2), (5, 2), (2, 3), (3, 1), ((3, 6), 3), (1, 1)]
)
def test_results_are_those_of_the_layer(kernel, stride, padding):
    model = network(kernel, stride, padding)
    expected = model(Z)
    with static_shapes(model):
        actual = model(Z)
        graph = graph_of(model)
    np.testing.assert_allclose(actual, expected, atol=1e-5)
    assert not [
        op for op in graph.graph.get_operations() if op.type in ("Shape", "Conv2DBackpropInput")
    ]
    np.testing.assert_array_equal(model(Z), expected)  # the layers are as they were


def test_a_layer_without_bias_gives_the_same():
    model = network(3, 2, "same", use_bias=False)
    expected = model(Z)
    with static_shapes(model):
        np.testing.assert_allclose(model(Z), expected, atol=1e-5)


def transposed_convolutions(model):
    """The graph's own transposed convolutions; nothing runs, since not every CPU has the kernel."""
    operations = graph_of(model).graph.get_operations()
    return [op.get_attr("dilations") for op in operations if op.type == "Conv2DBackpropInput"]


def test_a_dilated_layer_is_left_as_it_is():
    model = network(3, 1, "same", dilation_rate=2)
    before = transposed_convolutions(model)
    assert before == [[1, 2, 2, 1]]
    with static_shapes(model):
        assert transposed_convolutions(model) == before


def test_litert_takes_it_in_one_piece_for_any_batch():
    model = network(4, 2, "same")
    module = tf.Module()
    module.weights = [variable.value for variable in model.variables]
    with static_shapes(model):
        converter = tf.lite.TFLiteConverter.from_concrete_functions([graph_of(model)], module)
        content = converter.convert()
    interpreter = Interpreter(model_content=content)
    (given,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
    for count in (1, 5, 2):
        interpreter.resize_tensor_input(given["index"], (count, 24))
        interpreter.allocate_tensors()
        interpreter.set_tensor(given["index"], Z[:count])
        interpreter.invoke()
        found = interpreter.get_tensor(result["index"])
        np.testing.assert_allclose(found, model(Z[:count]), atol=1e-5)
    names = [each["op_name"] for each in interpreter._get_ops_details()]
    assert names.count("DELEGATE") == 1
    assert not {"SHAPE", "TRANSPOSE_CONV"} & set(names)
