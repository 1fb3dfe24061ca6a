"""Generators of several named inputs: a class, and observations that must be given."""

import json
import re
from pathlib import Path

import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from export_case import NormalPrior, to_levels
from keras import layers
from one_process import WorkerHere, one_process

from ganapp.export import ExportError, verify
from ganapp.export.bundle import Bundle
from ganapp.export.package import export
from ganapp.export.serving_files import principal_directions
from ganapp.export.verify import check_version, verify_export

SHAPE = (4, 4, 1)
SHARES = (0.5, 0.3, 0.2)
SHAPES = {"z": (5,), "label": (3,), "frames": (2, 4, 4, 1)}
FORMATS = {
    "labelled": ("saved_model", "litert", "onnx", "keras"),
    "framed": ("saved_model", "litert", "onnx", "keras"),
    "both": ("saved_model", "litert", "litert_int8"),
}


def network(*names, output=None):
    keras.utils.set_random_seed(0)
    inputs = {name: keras.Input(SHAPES[name], name=name) for name in names}
    hidden = [layers.Dense(16)(layers.Flatten()(each)) for each in inputs.values()]
    x = layers.Dense(16, activation="tanh")(layers.LeakyReLU()(layers.Add()(hidden)))
    x = layers.Reshape(SHAPE)(x)
    return keras.Model(inputs, {output: x} if output else x)


def bundle_of(generator, **fields):
    named = {"name": "named", "prior": NormalPrior(5), "to_user_units": to_levels, "kind": "image"}
    return Bundle(generator=generator, **named | {"class_shares": SHARES} | fields)


FRAMES = np.random.default_rng(1).uniform(-1, 1, (6, *SHAPES["frames"])).astype("float32")


@pytest.fixture(scope="module")
def bundles():
    return {
        "labelled": bundle_of(network("z", "label", output="x")),
        "framed": bundle_of(network("z", "frames"), observations={"frames": FRAMES}),
        "both": bundle_of(network("label", "frames", "z")),
    }


@pytest.fixture(scope="module", params=["labelled", "framed", "both"])
def case(request, bundles, tmp_path_factory):
    """(name, bundle, its card, folder of the version)."""
    bundle = bundles[request.param]
    with one_process():
        card = export(bundle, tmp_path_factory.mktemp("named") / "export", FORMATS[request.param])
    return request.param, bundle, card, Path(card["directory"], card["place"])


def rows_of(bundle, count=7):
    draw = np.random.default_rng(2)
    return {x.name: draw.normal(size=(count, *x.shape)).astype("float32") for x in bundle.inputs}


def test_inputs_are_described(case):
    name, _, card, folder = case
    roles = {"z": "latent", "label": "label", "frames": "observation"}
    names = {
        "labelled": ["z", "label"],
        "framed": ["z", "frames"],
        "both": ["label", "frames", "z"],
    }[name]
    expected = [{"name": x, "shape": list(SHAPES[x]), "role": roles[x]} for x in names]
    serving = json.loads((folder / "assets.extra" / "serving.json").read_text())
    assert card["inputs"] == serving["inputs"] == expected
    drawing = "sample" if name == "labelled" else "generate"
    assert set(serving["signatures"]) == {"serving_default", drawing, f"{drawing}_png"}
    options = {"labelled": {"count", "class"}, "framed": {"frames"}, "both": {"frames", "class"}}
    given = {"seed", "truncation"} | options[name]
    assert set(serving["signatures"][drawing]["inputs"]) == given
    assert serving["latent"]["classes"] == ([] if name == "framed" else ["0", "1", "2"])


def test_every_format_takes_inputs_by_name(case):
    name, bundle, card, folder = case
    assert [each["format"] for each in card["artefacts"]] == list(FORMATS[name])
    exact = {e["format"]: e["difference"] for e in card["artefacts"] if "int8" not in e["format"]}
    assert max(exact.values()) < 1e-5
    for count in (7, 1):
        rows = rows_of(bundle, count)
        expected = bundle.generate(rows)
        runner = Interpreter(str(folder / "model.tflite")).get_signature_runner("serving_default")
        np.testing.assert_allclose(runner(**rows)["image"], expected, atol=1e-5)
        if (folder / "model.onnx").exists():
            session = onnxruntime.InferenceSession(str(folder / "model.onnx"))
            np.testing.assert_allclose(session.run(["image"], rows)[0], expected, atol=1e-5)
        function = tf.saved_model.load(str(folder)).signatures["serving_default"]
        tensors = {name: tf.constant(each) for name, each in rows.items()}
        np.testing.assert_allclose(function(**tensors)["image"], expected, atol=1e-6)


def test_it_draws_what_it_can(case):
    name, bundle, _, folder = case
    model = tf.saved_model.load(str(folder))
    signature = model.signatures[bundle.drawing]
    given = {"seed": tf.constant(3), "truncation": tf.constant(1.0)}
    given |= {"count": tf.constant(6)} if name == "labelled" else {"frames": tf.constant(FRAMES)}
    given |= {} if name == "framed" else {"class": tf.constant(-1)}
    found = signature(**given)
    drawn = bundle.draw(bundle.uniform_noise(6, 3))
    np.testing.assert_allclose(found["latents"], drawn["z"], atol=1e-6)
    assert ("label" in found) == (name != "framed")
    images = to_levels(bundle.generate(drawn | {"frames": FRAMES}))
    np.testing.assert_allclose(np.int32(found["samples"]), np.int32(images), atol=1)
    if name != "framed":
        assert len({*np.argmax(found["label"], axis=1)}) > 1
        found = signature(**given | {"class": tf.constant(2)})
        np.testing.assert_array_equal(found["label"], np.eye(3)[[2] * 6])
        with pytest.raises(tf.errors.InvalidArgumentError, match="`class` must be -1"):
            signature(**given | {"class": tf.constant(3)})


def test_the_graph_of_latents_draws_the_same(case):
    name, bundle, _, folder = case
    graph = Interpreter(str(folder / "assets.extra" / "latents.tflite"))
    noise = bundle.uniform_noise(6, 3)
    given = {"noise": noise.numpy(), "truncation": np.float32(0.5)}
    given |= {} if name == "framed" else {"class": np.int32(1)}
    found = graph.get_signature_runner("serving_default")(**given)
    expected = bundle.draw(noise, 1, 0.5)
    assert set(found) == {"latents"} | ({"label"} if name != "framed" else set())
    np.testing.assert_allclose(found["latents"], expected["z"], atol=1e-5)
    if name != "framed":
        np.testing.assert_array_equal(found["label"], expected["label"])


def test_classes_are_drawn_by_their_shares(bundles):
    bundle = bundles["labelled"]
    labels = bundle.draw(bundle.uniform_noise(4000, 0))["label"].numpy()
    np.testing.assert_array_equal(labels.sum(axis=1), 1)
    np.testing.assert_allclose(labels.mean(axis=0), SHARES, atol=0.03)


def test_code_of_the_card_runs_as_printed(case, monkeypatch):
    name, _, card, _ = case
    monkeypatch.chdir(card["directory"])
    text = Path("model_card.md").read_text()
    codes = re.findall(r"```python\n(.*?)```", text, re.S)
    assert len(codes) == (2 if name == "both" else 4)
    for code in codes:
        space = {}
        exec(code, space)
        assert np.shape(space["image"]) == (16, *SHAPE)
        if "samples" in space:
            levels = np.int32(to_levels(space["image"]))
            np.testing.assert_allclose(np.int32(space["samples"]), levels, atol=1)
    assert ("generate` takes `frames` of shape (n, 2, 4, 4, 1)" in text) == (name != "labelled")


def test_it_is_verified_later(case, monkeypatch):
    name, _, card, folder = case
    monkeypatch.setattr(verify, "Worker", WorkerHere)
    found = verify_export(Path(card["directory"]))
    assert len(found) == len(FORMATS[name])
    path = folder / "assets.extra" / "model_card.json"
    whole = path.read_text()
    for inputs in ([{"shape": [1]}], 3, [], [{"name": 3}]):
        path.write_text(json.dumps(json.loads(whole) | {"inputs": inputs}))
        with pytest.raises(ExportError, match=r"`inputs` in .* must list inputs by `name`"):
            list(check_version(Path(card["directory"]), folder))
    path.write_text(whole)


def test_an_export_that_lists_no_inputs_has_one_latent(vector_export, tmp_path, monkeypatch):
    monkeypatch.setattr(verify, "Worker", WorkerHere)
    place = Path(vector_export["directory"], vector_export["place"])
    extra = tmp_path / "1" / "assets.extra"
    extra.mkdir(parents=True)
    (extra / "reference.npz").write_bytes((place / "assets.extra/reference.npz").read_bytes())
    card = {key: value for key, value in vector_export.items() if key != "inputs"}
    (extra / "model_card.json").write_text(json.dumps(card))
    found = list(check_version(Path(vector_export["directory"]), tmp_path / "1"))
    assert len(found) == len(card["artefacts"])


def test_directions_are_those_of_the_latent(bundles):
    for bundle in bundles.values():
        found = principal_directions(bundle, latents=3)
        assert found.vectors.shape == (5, 5)
        assert min(found.spread) > 0


@pytest.mark.parametrize(
    ("generator", "fields", "message"),
    [
        (
            network("z", "label"),
            {"class_shares": ()},
            r"must accept .* and `label` of shape \(0,\)",
        ),
        (
            network("z", "frames"),
            {"observations": {"frames": np.zeros((2, 3))}},
            "`frames` of shape",
        ),
        (network("z", output="y"), {}, "must call its output 'x'. Received: y"),
    ],
)
def test_what_does_not_fit_is_refused(generator, fields, message):
    with pytest.raises(ExportError, match=message):
        bundle_of(generator, **fields)


def test_names_of_inputs_are_checked():
    frames = keras.Input((None, 4), name="seed")
    generator = keras.Model({"seed": frames}, layers.GlobalMaxPooling1D()(frames))
    with pytest.raises(ExportError, match=r"must have a name that Python can use and .* 'seed'"):
        bundle_of(generator, kind="vector")
    frames = keras.Input((None, 4), name="frames")
    generator = keras.Model({"frames": frames}, layers.GlobalMaxPooling1D()(frames))
    with pytest.raises(ExportError, match="`observations` must hold examples of 'frames'"):
        bundle_of(generator, kind="vector")
    assert bundle_of(generator, kind="vector", observations={"frames": np.zeros((2, 3, 4))})
