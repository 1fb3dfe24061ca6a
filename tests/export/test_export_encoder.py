"""An encoder beside its generator: exported, verified again later, served."""

import base64
import dataclasses
import io
import json
import re
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from export_case import make_image_bundle, make_labelled_bundle
from keras import layers
from named_case import Parts, network
from one_process import WorkerHere, one_process
from PIL import Image, ImageSequence
from servable_case import answer
from starlette.testclient import TestClient

from ganapp.export import ExportError, verify
from ganapp.export.layout import EXTRA, SERVING
from ganapp.export.package import export
from ganapp.export.server.errors import InvalidArgument
from ganapp.export.server.serve import Settings, make_server
from ganapp.export.verify import verify_export

ENGINES = ("saved_model", "litert", "onnx")


def encoder_network(sizes, shape=(8, 8, 1), observed=()):
    """Latents by name of examples, and of what is observed beside them."""
    keras.utils.set_random_seed(5)
    inputs = {"x": keras.Input(shape, name="x")}
    inputs |= {name: keras.Input(each, name=name) for name, each in dict(observed).items()}
    flat = [layers.Flatten()(each) for each in inputs.values()]
    hidden = layers.Dense(12, "tanh")(layers.Concatenate()(flat) if len(flat) > 1 else flat[0])
    outputs = {name: layers.Dense(size)(hidden) for name, size in sizes.items()}
    return keras.Model(inputs if observed else inputs["x"], outputs)


def latents_of(encoder, x, name="z"):
    return np.asarray(encoder(x)[name])


@pytest.fixture(scope="module")
def bundle():
    return make_labelled_bundle(2, encoder=encoder_network({"z": 8}))


@pytest.fixture(scope="module")
def card(bundle, tmp_path_factory):
    with one_process():
        return export(bundle, tmp_path_factory.mktemp("encoder") / "export", ENGINES, name="d")


@pytest.fixture(scope="module")
def folder(card):
    return Path(card["directory"], card["place"])


@pytest.fixture(scope="module")
def examples():
    return np.random.default_rng(0).uniform(-1, 1, (5, 8, 8, 1)).astype("float32")


def test_every_format_holds_the_keras_encoder(card, folder):
    entries = card["encoder"]["artefacts"]
    assert [each["format"] for each in entries] == [*ENGINES]
    assert all(each["difference"] <= 1e-5 for each in entries)
    assert (folder / "encoder.tflite").is_file()
    assert (folder / "encoder.onnx").is_file()
    document = json.loads((folder / EXTRA / SERVING).read_text())
    assert document["encoder"]["inputs"] == [{"name": "x", "shape": [8, 8, 1], "role": "example"}]
    assert document["encoder"]["outputs"] == [{"name": "z", "shape": [8], "role": "latent"}]
    assert {"encoder.tflite", "encoder.onnx"} < set(document["files"])
    markdown = (Path(card["directory"]) / "model_card.md").read_text()
    assert "## Encoder" in markdown
    assert "encoder.onnx" in markdown


def test_the_code_of_the_card_runs(card, monkeypatch):
    monkeypatch.chdir(card["directory"])
    section = Path("model_card.md").read_text().split("## Encoder")[1].split("\n## ")[0]
    blocks = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert len(blocks) == len(ENGINES)
    for code in blocks:
        names = {}
        exec(code, names)
        found = names["latents"] if "latents" in names else names["found"]["latents"]
        assert found.shape == (16, 8)


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_answers_like_the_keras_encoder(bundle, folder, examples, engine):
    found = answer(folder, "encode", {"x": examples}, engine=engine)
    assert found.keys() == {"latents"}
    np.testing.assert_allclose(found["latents"], latents_of(bundle.encoder, examples), atol=1e-5)
    label = np.eye(2, dtype="float32")[[0] * 5]
    again = answer(folder, "serving_default", {"z": found["latents"], "label": label})["image"]
    expected = bundle.generate({"z": latents_of(bundle.encoder, examples), "label": label})
    np.testing.assert_allclose(again, expected, atol=1e-5)


def test_wrong_examples_are_refused(folder, examples):
    with pytest.raises(InvalidArgument, match=r"`x` must have the shape \[-1, 8, 8, 1\]"):
        answer(folder, "encode", {"x": examples[0]})
    with pytest.raises(InvalidArgument, match=r"`x` must hold finite"):
        answer(folder, "encode", {"x": examples * np.nan})


def test_it_is_verified_later(card, tmp_path, monkeypatch):
    monkeypatch.setattr(verify, "Worker", WorkerHere)
    copy = shutil.copytree(card["directory"], tmp_path / "given")
    paths = [each.path for each in verify_export(copy)]
    assert paths[-3:] == ["models/d/1", "models/d/1/encoder.tflite", "models/d/1/encoder.onnx"]
    kept = copy / "models/d/1" / EXTRA / "encoder.npz"
    with np.load(kept) as file:
        arrays = dict(file)
    np.savez(kept, **arrays | {"samples": arrays["samples"] + np.float32(0.1)})
    monkeypatch.setattr(verify, "check_sums", lambda directory: {})
    with pytest.raises(ExportError, match="models/d/1 differs from the samples kept"):
        verify_export(copy)


def test_latents_of_several_names_are_told_apart(tmp_path, examples):
    generator = network("z", "code", shape=(8, 8, 1))
    encoder = encoder_network({"code": 2, "z": 5})  # in another order than the generator's
    changes = {"generator": generator, "prior": Parts(5), "encoder": encoder}
    with one_process():
        card = export(make_image_bundle(**changes), tmp_path / "export", ENGINES)
    folder = Path(card["directory"], card["place"])
    for engine in ENGINES:
        found = answer(folder, "encode", {"x": examples}, engine=engine)
        assert found.keys() == {"latents", "code"}
        for name, output in (("z", "latents"), ("code", "code")):
            expected = latents_of(encoder, examples, name)
            np.testing.assert_allclose(found[output], expected, atol=1e-5)


def test_an_encoder_may_see_what_the_generator_observes(tmp_path, examples):
    generator = network("z", "speed", shape=(8, 8, 1))
    encoder = encoder_network({"z": 5}, observed={"speed": (2,)})
    prior = dataclasses.replace(make_image_bundle().prior, size=5)
    with one_process():
        card = export(
            make_image_bundle(generator=generator, prior=prior, encoder=encoder),
            tmp_path / "export",
            ("litert",),
        )
    folder = Path(card["directory"], card["place"])
    given = {"x": examples, "speed": np.ones((5, 2), "float32")}
    found = answer(folder, "encode", given)["latents"]
    np.testing.assert_allclose(found, np.asarray(encoder(given)["z"]), atol=1e-5)
    assert "saved_model" not in [each["format"] for each in card["encoder"]["artefacts"]]


def test_an_encoder_that_says_other_latents_is_refused(tmp_path):
    bundle = make_image_bundle(encoder=encoder_network({"other": 8}))
    with pytest.raises(ExportError, match=r"must give every latent .* z too\. Received: other"):
        export(bundle, tmp_path / "export", ("litert",))
    odd = make_image_bundle(encoder=encoder_network({"z": 8}, observed={"speed": (2,)}))
    with pytest.raises(ExportError, match=r"may take 'x' and what .*Received: 'speed'"):
        export(odd, tmp_path / "export", ("litert",))
    assert not (tmp_path / "export").exists()


def test_without_one_nothing_is_offered(version_folders):
    with pytest.raises(InvalidArgument, match='"encode" not found'):
        answer(version_folders / "digits" / "1", "encode", {"x": np.zeros((1, 8, 8, 1))})


# The page's own path: between two real pictures.


def picture(levels):
    file = io.BytesIO()
    Image.fromarray(levels[..., 0]).save(file, "PNG")
    return {"b64": base64.b64encode(file.getvalue()).decode()}


@pytest.fixture(scope="module")
def client(card):
    app = make_server(Path(card["directory"]), Settings(poll_seconds=60))
    with TestClient(app) as client:
        yield client


def frames_of(content):
    with Image.open(io.BytesIO(content)) as gif:
        return [np.asarray(each.convert("L"), int) for each in ImageSequence.Iterator(gif)]


def test_the_way_between_two_pictures(client, bundle):
    levels = np.random.default_rng(1).integers(0, 256, (2, 8, 8, 1), np.uint8)
    body = {"pictures": [picture(each) for each in levels]}
    response = client.post("/v1/models/d/between.gif?class=1&frames=5", json=body)
    assert (response.status_code, response.headers["content-type"]) == (200, "image/gif")
    frames = frames_of(response.content)
    assert len(frames) == 5
    z = latents_of(bundle.encoder, levels.astype("float32") / 127.5 - 1)
    ends = bundle.generate({"z": z, "label": np.eye(2, dtype="float32")[[1, 1]]})
    expected = np.asarray(bundle.to_user_units(ends)).astype(int)[..., 0]
    assert np.abs(frames[0] - expected[0]).max() <= 2  # a GIF's palette
    assert np.abs(frames[-1] - expected[1]).max() <= 2
    assert np.abs(frames[2] - expected[0]).max() > 2


@pytest.mark.parametrize(
    ("query", "body", "sentence"),
    [
        ("class=1", {}, "`pictures`: expected an array of two. Received: None"),
        ("class=1", {"pictures": [1, 2]}, "expected 64 numbers. Received: 1"),
        ("", None, "`class` must be one class: a picture does not say its own."),
        ("class=all", None, "`class` must be one class"),
        ("class=1&frames=1", None, "`frames` must be 2 to"),
    ],
)
def test_what_is_no_way_is_refused(client, query, body, sentence):
    body = {"pictures": [[0.0] * 64] * 2} if body is None else body
    response = client.post(f"/v1/models/d/between.gif?{query}", json=body)
    assert response.status_code == 400
    assert sentence in response.json()["error"]


def test_clients_of_tensorflow_serving_ask_the_same_way(client, bundle, examples):
    body = {"signature_name": "encode", "instances": examples.tolist()}
    found = client.post("/v1/models/d:predict", json=body).json()["predictions"]
    np.testing.assert_allclose(found, latents_of(bundle.encoder, examples), atol=1e-5)
    signatures = client.get("/v1/models/d/metadata").json()["metadata"]["signature_def"]
    assert "encode" in signatures["signature_def"]
    assert client.get("/v1/models/d/gallery.json").json()["encoder"]["outputs"]
