"""A version folder holds all that a server needs, and says so truly."""

import hashlib
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from export_case import NormalPrior, make_image_bundle, make_labelled_bundle, make_vector_bundle
from one_process import one_process
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from ganapp.export import ExportError, serving_files
from ganapp.export.bundle import Bundle
from ganapp.export.formats.litert import write_litert
from ganapp.export.formats.saved_model import write_saved_model
from ganapp.export.layout import (
    EXTRA,
    LATENTS,
    SERVING,
    UNITS,
    update_serving,
)
from ganapp.export.serving_files import (
    WARM_UP,
    class_names,
    units_of,
    verify_latents_graph,
    verify_units,
    write_serving_files,
)
from ganapp.training import priors
from ganapp.training.data import DataSpec
from ganapp.training.data.tables.codec import TableCodec
from ganapp.training.data.tables.columns import Categorical, Constant, Numeric
from ganapp.training.priors import PRIORS, Normal, Product

ARTEFACTS = {"saved_model": ".", "litert": "model.tflite"}
MODES = {"weights": (0.5, 0.5), "means": (1.0, 50.0), "scales": (1.0, 9.0), "reaches": (4.0, 36.0)}
CITIES = tuple(map(str, range(40)))
POINTS = tuple(map(tuple, np.random.default_rng(1).uniform(-1, 1, (41, 4)).tolist()))
NUMBERS = {"dtype": "Float64", "minimum": -3.0, "maximum": 86.0}
TABLE = TableCodec(
    columns=(
        Numeric(name="price", decimals=2, missing=True, **NUMBERS, **MODES),
        Constant(name="country", dtype="str", value="IS"),
        Categorical(name="kind", dtype="str", categories=("a", "b", "c"), missing=True),
        Numeric(name="pieces", decimals=0, missing=False, **NUMBERS, **MODES),
        Numeric(name="weight", decimals=None, missing=False, **NUMBERS, **MODES),
        Categorical(name="city", dtype="str", categories=CITIES, missing=True, points=POINTS),
    )
)
SPEC = DataSpec(
    name="shop",
    kind="vector",
    shape=(TABLE.width,),
    **{"examples": 100, "held_out": 10, "mean": (0.0,) * 5, "scale": (1.0,) * 5},
    table=TABLE,
)


def table_bundle():
    """Rows whose entries all lie between -1 and 1, so that every block has each of its maxima."""
    network = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(TABLE.width, activation="tanh")]
    )
    return Bundle(
        name="shop",
        generator=network,
        prior=NormalPrior(4),
        to_user_units=SPEC.to_user_units,
        kind="vector",
        transform=SPEC.transform,
        facts={"manifest": {"data": json.loads(json.dumps(SPEC.as_dict()))}},
    )


@pytest.fixture(scope="module")
def bundle():
    return make_labelled_bundle(2)


@pytest.fixture(scope="module")
def folder(bundle, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "digits" / "1"
    folder.mkdir(parents=True)
    write_saved_model(bundle, folder)
    write_litert(bundle, folder / "model.tflite")
    with one_process():
        write_serving_files(bundle, folder, name="digits", artefacts=ARTEFACTS)
    return folder


@pytest.fixture(scope="module")
def document(folder):
    return json.loads((folder / EXTRA / SERVING).read_text())


def run(path, **inputs):
    interpreter = Interpreter(model_path=str(path))
    return interpreter.get_signature_runner("serving_default")(**inputs)


def sums(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "serving.json"
    }


def test_what_the_document_says(document):
    assert document["schema"] == "ganapp-serving/1"
    assert (document["name"], document["kind"]) == ("digits", "image")
    assert document["output"] == {"name": "image", "shape": [8, 8, 1]}
    assert document["latent"] == {
        "size": 8,
        "prior": "normal",
        "path": "arc",
        "truncates": True,
        "noise_size": 9,
        "classes": ["0", "1"],
        "codes": [],
    }
    assert document["units"] == {"levels": True}
    assert document["columns"] is None
    assert document["artefacts"] == ARTEFACTS
    vectors, spread = document["directions"]["vectors"], document["directions"]["spread"]
    assert np.shape(vectors) == (8, 8)
    assert len(spread) == 8
    assert min(spread) > 0


def test_checksums_cover_every_other_file(folder, document, tmp_path):
    assert document["files"] == sums(folder)
    assert {WARM_UP, "assets.extra/latents.tflite", "model.tflite", "saved_model.pb"} <= set(
        document["files"]
    )
    (folder / "assets.extra" / "model_card.html").write_text("a card")
    update_serving(folder)
    again = json.loads((folder / EXTRA / SERVING).read_text())
    assert again["files"] == sums(folder) != document["files"]
    assert {k: v for k, v in again.items() if k != "files"} == {
        k: v for k, v in document.items() if k != "files"
    }


def test_signatures_are_those_of_the_saved_model(folder, document):
    saved = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    graph = saved.meta_graphs[0]

    def tensors(side):
        return {
            name: {
                "dtype": types_pb2.DataType.Name(info.dtype),
                "shape": [dimension.size for dimension in info.tensor_shape.dim],
            }
            for name, info in side.items()
        }

    found = {
        name: {
            "inputs": tensors(each.inputs),
            "outputs": tensors(each.outputs),
            "defaults": {k: tf.make_ndarray(v).item() for k, v in each.defaults.items()},
        }
        for name, each in graph.signature_def.items()
        if not name.startswith("__")
    }
    assert document["signatures"] == found
    assert set(found) == {"serving_default", "sample", "sample_png"}


def test_the_graph_of_latents_draws_what_the_saved_model_draws(folder, bundle):
    sample = tf.saved_model.load(str(folder)).signatures["sample"]
    for class_, truncation, seed in ((-1, 1.0, 3), (1, 1.0, 3), (0, 0.25, 2**31 - 1)):
        given = {"class": np.int32(class_), "truncation": np.float32(truncation)}
        tensors = {k: tf.constant(v) for k, v in given.items()}
        expected = sample(count=tf.constant(5), seed=tf.constant(seed), **tensors)
        noise = tf.random.stateless_uniform((5, 9), [0x5A11, seed], alg="philox").numpy()
        found = run(folder / LATENTS, noise=noise, **given)
        for name in ("latents", "label"):
            np.testing.assert_allclose(found[name], expected[name], atol=1e-5)


def test_warm_up_requests_are_answered(folder):
    saved = tf.saved_model.load(str(folder))
    logs = [
        PredictionLog.FromString(record.numpy())
        for record in tf.data.TFRecordDataset(str(folder / WARM_UP))
    ]
    asked = set()
    for log in logs:
        request = log.predict_log.request
        assert request.model_spec.name == "digits"
        name = request.model_spec.signature_name
        given = {k: tf.make_ndarray(v) for k, v in request.inputs.items()}
        asked.add((name, tuple(sorted(given))))
        nothing = {} if name == "serving_default" else {"class": -1, "truncation": 1.0}
        tensors = {k: tf.constant(v) for k, v in (nothing | given).items()}
        assert saved.signatures[name](**tensors)
    assert asked == {
        ("serving_default", ("label", "z")),
        ("sample", ("count", "seed")),
        ("sample", ("class", "count", "seed", "truncation")),
        ("sample_png", ("count", "seed")),
        ("sample_png", ("class", "count", "seed", "truncation")),
    }


PRIORS_TO_EXPORT = {name: PRIORS[name]() for name in PRIORS if name != "product"} | {
    "product": Product(parts={"z": Normal(size=3), "code": priors.Categorical()})
}


@pytest.mark.parametrize("name", PRIORS_TO_EXPORT)
def test_every_prior_leaves_as_a_graph(name, tmp_path):
    prior = PRIORS_TO_EXPORT[name]
    sizes = prior.sizes | {"label": 3}
    given = {key: keras.Input((size,), name=key) for key, size in sizes.items()}
    bundle = Bundle(
        name=name,
        generator=keras.Model(
            given, keras.layers.Dense(1)(keras.layers.Concatenate()([*given.values()]))
        ),
        prior=prior,
        class_shares=(0.5, 0.3, 0.2),
        to_user_units=tf.identity,
        kind="vector",
    )
    path = tmp_path / "latents.tflite"
    serving_files.write_latents(bundle, path)
    noise = bundle.uniform_noise(50, 3)
    for class_, truncation in ((-1, 1.0), (2, 0.5)):
        asked = {"class": np.int32(class_)}
        asked |= {"truncation": np.float32(truncation)} if prior.truncates else {}
        found = run(path, noise=noise.numpy(), **asked)
        found["z"] = found.pop("latents")
        expected = bundle.draw(noise, class_, truncation)
        assert found.keys() == expected.keys() == sizes.keys()
        for key in sizes:
            np.testing.assert_allclose(found[key], expected[key], atol=1e-5)
        if class_ >= 0:
            np.testing.assert_array_equal(found["label"], np.eye(3)[[class_] * 50])
        latents = {key: found[key] for key in prior.sizes}
        density = prior.log_density(latents if len(latents) > 1 else latents["z"])
        assert np.isfinite(density).all()


def test_a_wrong_graph_of_latents_is_found(bundle, folder, tmp_path):
    other = make_vector_bundle()
    with pytest.raises(ExportError, match=r"latents\.tflite artefact failed in a fresh process"):
        verify_latents_graph(other, folder / LATENTS)
    shifted = make_labelled_bundle(2, prior=Shifted(8))
    with pytest.raises(ExportError, match="graph of latents differs from the prior's latents"):
        verify_latents_graph(shifted, folder / LATENTS)


class Shifted(NormalPrior):
    """A prior whose latents are others."""

    def from_uniform(self, noise):
        return super().from_uniform(noise) + 0.01


def test_a_prior_that_cannot_be_converted_is_named(tmp_path):
    class Special(NormalPrior):
        def from_uniform(self, noise):
            return tf.math.igamma(noise + 1.0, noise)

    bundle = make_vector_bundle(prior=Special(2))
    with pytest.raises(ExportError, match="The prior 'normal' could not be converted to LiteRT: "):
        serving_files.write_latents(bundle, tmp_path / "latents.tflite")
    assert not list(tmp_path.iterdir())


def test_tables_take_their_units_along(tmp_path, capfd):
    bundle = table_bundle()
    write_serving_files(bundle, tmp_path, name="shop", artefacts={"litert": "model.tflite"})
    assert capfd.readouterr() == ("", "")
    document = json.loads((tmp_path / EXTRA / SERVING).read_text())
    graph = {"graph": "assets.extra/units.tflite"}
    assert (document["kind"], document["units"]) == ("table", graph)
    assert [column["name"] for column in document["columns"]] == [c.name for c in TABLE.columns]
    price, country, kind, pieces, weight, city = document["columns"]
    assert [price[key] for key in ("kind", "missing", "integer")] == ["numeric", True, False]
    assert (country["kind"], country["value"]) == ("constant", "IS")
    assert (kind["categories"], kind["missing"]) == (["a", "b", "c"], True)
    assert (city["categories"], "points" in city) == (list(CITIES), False)
    assert (pieces["integer"], weight["integer"]) == (True, False)
    assert document["signatures"]["sample"]["outputs"]["samples"]["shape"] == [-1, 5]
    assert not (tmp_path / WARM_UP).exists()
    codes = np.random.default_rng(0).uniform(-1, 1, (3000, TABLE.width)).astype("float32")
    found = run(tmp_path / UNITS, vector=codes)["samples"]
    np.testing.assert_array_equal(found, SPEC.to_user_units(codes))
    assert np.isnan(found[:, [0, 1, 4]]).any(axis=0).all()
    assert set(found[:, 4][~np.isnan(found[:, 4])]) == set(range(40))
    assert not np.isnan(found[:, [2, 3]]).any()
    verify_units(bundle, units_of(bundle), tmp_path)
    other = make_vector_bundle()
    with pytest.raises(ExportError, match=r"units\.tflite artefact failed in a fresh process"):
        verify_units(other, {"graph": UNITS}, tmp_path)


def test_units_are_those_of_the_transform():
    assert units_of(make_image_bundle()) == {"levels": True}
    assert units_of(make_vector_bundle()) == {
        "mean": [100.0, -2.0],
        "scale": [3.0, 0.5],
    }
    assert units_of(make_vector_bundle(transform={})) == {"graph": UNITS}
    assert units_of(table_bundle()) == {"graph": UNITS}


def test_a_transform_that_is_not_what_to_user_units_does_is_refused(tmp_path):
    for right in (make_image_bundle(), make_vector_bundle()):
        verify_units(right, units_of(right), tmp_path)
    square = make_vector_bundle(to_user_units=lambda x: tf.square(x))
    dark = make_image_bundle(to_user_units=lambda x: tf.cast(tf.round(x * 50.0 + 50.0), tf.uint8))
    for wrong in (square, dark):
        with pytest.raises(ExportError, match=r"`transform` differs from `to_user_units` by \d"):
            verify_units(wrong, units_of(wrong), tmp_path)


def test_classes_without_names_have_numbers():
    assert class_names(make_labelled_bundle(2)) == ["0", "1"]
    assert class_names(make_labelled_bundle(3)) == list("012")
    assert class_names(make_image_bundle()) == []


def test_an_unwritable_graph_leaves_no_document(tmp_path, monkeypatch, bundle):
    def fails(*_):
        raise ExportError("The graph of latents differs.")

    monkeypatch.setattr(serving_files, "write_latents", fails)
    with pytest.raises(ExportError, match="differs"):
        write_serving_files(bundle, tmp_path, name="digits", artefacts={})
    assert not (tmp_path / EXTRA / SERVING).exists()
