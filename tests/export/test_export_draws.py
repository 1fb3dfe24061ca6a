"""What a SavedModel draws: by seed, class and truncation, as samples and as pictures."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from export_case import (
    NormalPrior,
    make_image_bundle,
    make_labelled_bundle,
    make_vector_bundle,
)
from tensorflow.core.protobuf import saved_model_pb2

from ganapp.export import ExportError
from ganapp.export.formats.saved_model import (
    SavedModelProcess,
    check_draws,
    requests,
    write_saved_model,
)
from ganapp.export.graphs import signature_functions

BUNDLES = {
    "both": lambda: make_labelled_bundle(3),
    "class": lambda: make_labelled_bundle(3, prior=NormalPrior(8, truncates=False)),
    "truncation": make_image_bundle,
    "neither": lambda: make_image_bundle(prior=NormalPrior(8, truncates=False)),
}
INPUTS = {
    "both": {"class": -1, "truncation": 1.0},
    "class": {"class": -1},
    "truncation": {"truncation": 1.0},
    "neither": {},
}


def draws(bundle, directory):
    """A SavedModel and all that it draws, by `<request>/<output>`."""
    process = SavedModelProcess(str(directory), "image")
    found = process.draw(requests(bundle))
    arrays = {f"{name}/{key}": each for name, part in found.items() for key, each in part.items()}
    return process.model, arrays


def verified(bundle, arrays):
    found = {}
    for key, values in arrays.items():
        name, _, output = key.rpartition("/")
        found.setdefault(name, {})[output] = values
    return check_draws(bundle, "SavedModel", found)


@pytest.fixture(scope="module", params=BUNDLES)
def case(request, tmp_path_factory):
    """(name, bundle, directory, SavedModel, its draws)."""
    bundle = BUNDLES[request.param]()
    directory = tmp_path_factory.mktemp("draws")
    (directory / "model.onnx").write_text("another artefact")
    write_saved_model(bundle, directory)
    model, arrays = draws(bundle, directory)
    return request.param, bundle, directory, model, arrays


@pytest.fixture(scope="module")
def drawn():
    """(bundle, draws as they should be), made without a SavedModel."""
    bundle = BUNDLES["both"]()
    arrays = {}
    for name, given in requests(bundle).items():
        shape, seeds = (given["count"], 9), [0x5A11, given["seed"]]
        noise = tf.random.stateless_uniform(shape, seeds, alg="philox").numpy()
        z = given["truncation"] * (2 * noise[:, :8] - 1)
        classes = np.floor(3 * noise[:, 8]) if given["class"] < 0 else [given["class"]] * len(z)
        labels = np.eye(3, dtype="float32")[np.asarray(classes, int)]
        samples = bundle.to_user_units(bundle.generator({"z": z, "label": labels}))
        parts = {"latents": z, "label": labels, "samples": samples.numpy()}
        arrays |= {f"{name}/{key}": part for key, part in parts.items()}
    arrays |= {f"session/{k}": arrays[f"first/{k}"] for k in ("latents", "label", "samples")}
    arrays |= {"png/samples": arrays["first/samples"]}
    arrays |= {"signature/inputs": np.array(["class", "count", "seed", "truncation"])}
    assert verified(bundle, arrays) <= 1
    return bundle, arrays


def signature_def(directory, name="sample"):
    saved = saved_model_pb2.SavedModel.FromString((directory / "saved_model.pb").read_bytes())
    return saved.meta_graphs[0].signature_def[name]


def draw(model, signature="sample", **given):
    tensors = {name: tf.constant(value) for name, value in given.items()}
    return {k: v.numpy() for k, v in model.signatures[signature](**tensors).items()}


def test_only_inputs_of_effect_are_there_and_have_defaults(case):
    name, _, directory, _, _ = case
    for signature in ("sample", "sample_png"):
        found = signature_def(directory, signature)
        assert set(found.inputs) == {"count", "seed", *INPUTS[name]}
        defaults = {k: tf.make_ndarray(v).item() for k, v in found.defaults.items()}
        assert defaults == INPUTS[name]
    assert not signature_def(directory, "serving_default").defaults


def test_draws_are_those_of_the_prior_and_the_generator(case):
    _, bundle, _, _, arrays = case
    assert verified(bundle, arrays) <= 1
    assert arrays["first/samples"].dtype == np.uint8
    assert arrays["png/samples"].shape == (8, 8, 8, 1)


def test_draws_do_not_depend_on_this_code(case, drawn):
    name, _, _, _, arrays = case
    if name == "both":
        expected = drawn[1]
        assert set(arrays) == set(expected)
        for key in (key for key in arrays if "latents" in key):
            np.testing.assert_allclose(arrays[key], expected[key], atol=1e-6)


def test_classes_are_obeyed(case):
    name, _, _, model, arrays = case
    if "class" not in INPUTS[name]:
        return
    for number in (0, 1):
        labels = arrays[f"class {number}/label"]
        np.testing.assert_array_equal(labels, np.eye(3)[[number] * 8])
    assert len({*arrays["first/label"].argmax(axis=1)}) > 1
    # Python's own name of the input and everybody else's.
    given = {"count": 8, "seed": 7} | {k: v for k, v in INPUTS[name].items() if k != "class"}
    for spelling in ("class", "class_"):
        again = draw(model, **given, **{spelling: 1})
        np.testing.assert_array_equal(again["latents"], arrays["class 1/latents"])
        np.testing.assert_array_equal(again["label"], arrays["class 1/label"])


def test_files_beside_a_saved_model_stay(case):
    directory = case[2]
    assert (directory / "model.onnx").read_text() == "another artefact"
    assert tf.saved_model.experimental.read_fingerprint(str(directory)).graph_def_program_hash


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"count": 0}, "`count` must be at least 1"),
        ({"class": 3}, r"`class` must be -1 \(as drawn\) or a number from 0 to 2"),
        ({"class": -2}, "`class` must be -1"),
        ({"truncation": -0.1}, "`truncation` must lie between 0 and 1"),
        ({"truncation": float("nan")}, "`truncation` must lie between 0 and 1"),
    ],
)
def test_what_cannot_be_drawn_is_refused(case, change, sentence):
    name, _, _, model, _ = case
    if set(change) <= {"count", *INPUTS[name]}:
        given = {"count": 1, "seed": 1} | INPUTS[name] | change
        with pytest.raises(tf.errors.InvalidArgumentError, match=sentence):
            draw(model, **given)


def test_vectors_are_no_pictures(tmp_path):
    bundle = make_vector_bundle()
    write_saved_model(bundle, tmp_path / "saved_model")
    model, arrays = draws(bundle, tmp_path / "saved_model")
    assert set(model.signatures) == {"serving_default", "sample"}
    assert verified(bundle, arrays) <= 1e-4
    assert arrays["first/samples"].dtype == np.float32


@pytest.mark.parametrize("channels", [3, 4])
def test_colours_come_through_a_picture(channels):
    z = keras.Input((8,))
    x = keras.layers.Dense(16 * channels, activation="tanh", kernel_initializer="he_normal")(z)
    network = keras.Model(z, keras.layers.Reshape((4, 4, channels))(x))
    functions = signature_functions(make_image_bundle(generator=network))
    given = {"count": tf.constant(3), "seed": tf.constant(4), "truncation": tf.constant(1.0)}
    files = functions["sample_png"](**given)["image_bytes"]
    pixels = np.stack([SavedModelProcess.pixels(file) for file in files.numpy()])
    np.testing.assert_array_equal(pixels, functions["sample"](**given)["samples"])


def alike(samples):
    return {f"{name}/samples": samples for name in ("first", "again", "session")}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda a: {"again/samples": a["first/samples"] + 1},
            "different samples for the same seed",
        ),
        (
            lambda a: {f"other/{key}": a[f"first/{key}"] for key in ("latents", "label")},
            "same latents for different",
        ),
        (lambda a: {"session/latents": a["other/latents"]}, "in a session that leaves"),
        (lambda a: alike(a["first/samples"][:3]), "must return `samples` uint8"),
        (lambda a: alike(255 - a["first/samples"]), "differs from the Keras generator"),
        (
            lambda a: {"truncated 0.5/latents": 1.1 * a["truncated 0.5/latents"]},
            r"`sample` .*differs from the prior's latents for .*truncation 0.5",
        ),
        (lambda a: {"class 1/label": a["class 0/label"]}, "prior's label for .*class 1"),
        (lambda a: {"both/latents": a["both/latents"][:3]}, r"must return `latents` \(8, 8\)"),
        (lambda a: {"truncated 0.0/samples": a["truncated 0.0/samples"] + 9}, "Keras generator"),
        (
            lambda a: {"signature/inputs": ["class", "count", "seed"]},
            "must take class, count, seed, truncation, .* 'normal'. Received: class, count, seed$",
        ),
        (lambda a: {"png/samples": a["other/samples"]}, "`sample_png` .*gave other pixels"),
        (lambda a: {"png/samples": None}, "`sample_png` .*is missing for samples of shape"),
    ],
)
def test_wrong_draws_are_found(drawn, change, message):
    bundle, arrays = drawn
    changed = arrays | change(arrays)
    changed = {name: values for name, values in changed.items() if values is not None}
    with pytest.raises(ExportError, match=message):
        verified(bundle, changed)


def test_inputs_of_no_effect_are_found(drawn):
    fixed = BUNDLES["class"]()
    with pytest.raises(ExportError, match="must take class, count, seed, which have an effect"):
        verified(fixed, drawn[1])
