"""Artefacts answer as the generator does, under the promised names, at any batch size."""

import contextlib
import os
import tempfile
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from ganapp.export import ExportError, graphs
from ganapp.export.bundle import computing_in_float32
from ganapp.export.formats.litert import write_litert
from ganapp.export.formats.saved_model import write_saved_model
from ganapp.export.stderr import CHATTER, native_stderr


@pytest.fixture(params=["image", "vector"])
def case(request):
    """(bundle, what its export returned, folder of the version)."""
    card = request.getfixturevalue(f"{request.param}_export")
    folder = Path(card["directory"], card["place"])
    return request.getfixturevalue(f"{request.param}_bundle"), card, folder


def latents(count, size):
    return np.random.default_rng(5).normal(size=(count, size)).astype("float32")


def test_differences_are_rounding(case):
    _, card, _ = case
    found = {each["format"]: each["difference"] for each in card["artefacts"]}
    assert {"saved_model", "litert"} <= set(found)
    assert found["saved_model"] <= 1e-6
    assert found["litert"] <= 1e-5
    assert card["precision_difference"] == 0.0


def test_saved_model_serves_any_batch(case):
    bundle, _, directory = case
    model = tf.saved_model.load(str(directory))
    function = model.signatures["serving_default"]
    given = function.structured_input_signature[1]
    assert {k: (v.shape.as_list(), v.dtype) for k, v in given.items()} == {
        "z": ([None, bundle.prior.size], tf.float32)
    }
    for count in (1, 3, 64):
        z = latents(count, bundle.prior.size)
        outputs = function(z=tf.constant(z))
        assert list(outputs) == [bundle.output_name]
        expected = bundle.generator(z, training=False).numpy()
        np.testing.assert_allclose(outputs[bundle.output_name].numpy(), expected, atol=1e-6)


def test_litert_serves_any_batch(case):
    bundle, _, directory = case
    interpreter = Interpreter(model_path=str(directory / "model.tflite"))
    assert interpreter.get_signature_list() == {
        "serving_default": {"inputs": ["z"], "outputs": [bundle.output_name]}
    }
    runner = interpreter.get_signature_runner("serving_default")
    for count in (64, 1, 3):
        z = latents(count, bundle.prior.size)
        output = runner(z=z)[bundle.output_name]
        assert output.dtype == np.float32
        expected = bundle.generator(z, training=False).numpy()
        np.testing.assert_allclose(output, expected, atol=1e-5)


def test_litert_needs_no_tensorflow(image_export):
    found = {each["format"]: each["tensorflow_imported"] for each in image_export["artefacts"]}
    with_tensorflow = {name for name, imported in found.items() if imported}
    assert with_tensorflow == {"saved_model", "keras"} < set(found)


def test_mixed_precision_generator_is_exported_in_float32(bfloat16_bundle, bfloat16_export):
    [artefact] = bfloat16_export["artefacts"]
    assert artefact["difference"] <= 1e-5
    # Something must have been shorter, or this test would not exercise the switch.
    assert 1e-4 < bfloat16_export["precision_difference"] < 0.1
    assert {x.compute_dtype for x in bfloat16_bundle.generator.layers[1:]} == {"bfloat16"}
    interpreter = Interpreter(model_path=bfloat16_export["directory"] + "/" + artefact["path"])
    assert interpreter.get_signature_runner()(z=latents(3, 8))["image"].dtype == np.float32


def test_mixed_precision_saved_model_computes_in_float32(bfloat16_bundle, tmp_path):
    z = latents(3, 8)
    with computing_in_float32(bfloat16_bundle.generator):
        write_saved_model(bfloat16_bundle, tmp_path / "saved_model")
        expected = bfloat16_bundle.generator(z, training=False).numpy()
    model = tf.saved_model.load(str(tmp_path / "saved_model"))
    image = model.signatures["serving_default"](z=tf.constant(z))["image"]
    assert image.dtype == tf.float32
    np.testing.assert_allclose(image.numpy(), expected, atol=1e-6)


def test_precision_is_restored_after_an_error(bfloat16_bundle):
    generator = bfloat16_bundle.generator
    before = [layer.dtype_policy.name for layer in generator.layers]
    inside = set()

    def interrupted():
        with computing_in_float32(generator):
            inside.update(layer.compute_dtype for layer in generator.layers)
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        interrupted()
    assert inside == {"float32"}
    assert [layer.dtype_policy.name for layer in generator.layers] == before


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_nested_models_compute_in_float32_too(policy):
    dense = [keras.layers.Dense(4, dtype=policy) for _ in range(3)]
    z = keras.Input((2,))
    x = keras.Sequential([dense[0], keras.layers.LeakyReLU(dtype=policy)], name="first")(z)
    inner = keras.Input((4,), dtype=policy.removeprefix("mixed_"))
    x = keras.Model(inner, dense[1](inner))(x)
    model = keras.Sequential([keras.Model(z, dense[2](x))])

    def dtypes():
        function = tf.function(lambda z: model(z, training=False))
        graph = function.get_concrete_function(tf.TensorSpec((None, 2), tf.float32)).graph
        return {
            output.dtype for operation in graph.get_operations() for output in operation.outputs
        }

    short = {tf.float16, tf.bfloat16}
    assert dtypes() & short
    with computing_in_float32(model):
        assert not dtypes() & short
    assert dtypes() & short


def test_native_chatter_is_held_back_and_kept_with_an_error(capfd):
    with native_stderr():
        os.write(2, b"chatter")
    assert capfd.readouterr() == ("", "")

    def failing():
        with native_stderr():
            os.write(2, b"the cause")
            raise ValueError("the consequence")

    with pytest.raises(ValueError, match="the consequence") as caught:
        failing()
    assert caught.value.__notes__ == ["the cause"]
    os.write(2, b"later")
    assert capfd.readouterr().err == "later"


def test_warnings_are_let_through_where_chatter_is_known(capfd, monkeypatch):
    with native_stderr(CHATTER):
        os.write(2, b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\nWARNING: odd\n\n")
        os.write(2, b"I0000 00:00 cpu_feature_guard.cc:210] This is fast\nlast")
        assert capfd.readouterr().err == ""
    assert capfd.readouterr().err == "WARNING: odd\nlast"
    # A container that may write nowhere.
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "tempdir", "/nowhere")
        with native_stderr(CHATTER):
            os.write(2, b"INFO: shown")
    assert capfd.readouterr().err == "INFO: shown"


def test_writers_are_quiet(image_bundle, tmp_path, capfd):
    write_saved_model(image_bundle, tmp_path / "saved_model")
    write_litert(image_bundle, tmp_path / "model.tflite")
    assert capfd.readouterr() == ("", "")
    assert (tmp_path / "model.tflite").stat().st_size > 0
    assert not any("call" in vars(layer) for layer in image_bundle.generator.layers)


def test_two_upsamplings_convert_only_as_one_operation_each(image_bundle, tmp_path, monkeypatch):
    # Fails when Keras or the converter no longer needs `upsampling_as_one_operation`: delete it.
    monkeypatch.setattr(graphs, "upsampling_as_one_operation", contextlib.nullcontext)
    with pytest.raises(ExportError, match=r"could not be converted to LiteRT: .*Conv2D"):
        write_litert(image_bundle, tmp_path / "model.tflite")
