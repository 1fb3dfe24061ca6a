"""Every format: what it holds, what it costs, and when it is refused."""

import dataclasses
import json
import types
from pathlib import Path

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from export_case import NormalPrior, dense_image_generator, make_image_bundle

from ganapp.export import ExportError
from ganapp.export.bundle import computing_in_float32
from ganapp.export.formats import FORMATS
from ganapp.export.formats.keras_file import modules_in, write_keras
from ganapp.export.formats.litert import LITERT, calibration_inputs, write_litert
from ganapp.export.package import Figures, export, quality_drop
from ganapp.export.worker import Artefact, Worker
from ganapp.models.networks.dcgan import dcgan_generator

NAMES = [
    "saved_model",
    "litert",
    "litert_float16",
    "litert_dynamic",
    "litert_int8",
    "onnx",
    "keras",
]


@pytest.fixture(scope="module")
def entries(image_export):
    return {each["format"]: each for each in image_export["artefacts"]}


def test_all_formats_are_written(image_export, entries):
    assert list(entries) == NAMES == list(FORMATS)
    assert image_export["left_out"] == {}
    folder = Path(image_export["directory"], image_export["place"])
    serving = json.loads((folder / "assets.extra" / "serving.json").read_text())
    assert serving["artefacts"] == {name: FORMATS[name].path for name in NAMES}
    present = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert set(serving["files"]) == present - {"assets.extra/serving.json"}


def test_shorter_weights_make_larger_differences(entries):
    assert entries["onnx"]["difference"] <= 1e-5
    assert entries["keras"]["difference"] <= 1e-6
    order = ["litert", "litert_float16", "litert_int8"]
    means = [entries[name]["mean_difference"] for name in order]
    assert means[0] < 1e-6 < means[1] < 1e-3 < means[2] < 0.2


def test_figures_stand_beside_those_of_keras(image_export, entries):
    own = image_export["judged"]["keras"]
    assert set(own) == {"coverage", "frechet_distance"} == set(image_export["judged"]["noise"])
    assert entries["litert"]["figures"] == pytest.approx(own, abs=1e-4)
    assert entries["litert_int8"]["figures"] != entries["litert"]["figures"]
    assert all(each["warning"] is None for each in entries.values())


def test_int8_computes_in_int8_and_takes_floats(image_export, entries):
    path = Path(image_export["directory"], entries["litert_int8"]["path"])
    interpreter = Interpreter(model_path=str(path))
    types = [details["dtype"] for details in interpreter.get_tensor_details()]
    assert types.count(np.int8) > types.count(np.float32)
    [inputs] = interpreter.get_input_details()
    assert inputs["dtype"] == np.float32
    assert list(inputs["shape_signature"]) == [-1, 8]


def test_a_fixed_batch(image_bundle, tmp_path):
    path = tmp_path / "model.tflite"
    write_litert(image_bundle, path, batch=4)
    [inputs] = Interpreter(model_path=str(path)).get_input_details()
    assert list(inputs["shape_signature"]) == [4, 8]
    z = next(calibration_inputs(image_bundle))["z"][:7]
    artefact = Artefact(title="LiteRT", runtime=LITERT, path=path, output="image")
    with Worker(artefact) as worker:
        samples, measured = worker.run({"z": z}, (1, 6))
    np.testing.assert_allclose(samples, image_bundle.generator(z, training=False), atol=1e-5)
    assert not measured["tensorflow_imported"]


def test_a_process_that_hangs_is_ended(image_export, entries):
    path = Path(image_export["directory"], entries["litert"]["path"])
    artefact = Artefact(title="LiteRT", runtime=LITERT, path=path, output="image")
    with pytest.raises(ExportError, match=r"did not answer within 0\.01 seconds"):
        Worker(artefact, timeout=0.01)


def test_layers_of_ours_load_with_the_modules_that_are_named(entries):
    """In the fresh process that found that the artefact does what the generator does."""
    assert entries["keras"]["modules"] == ["ganapp.models.layers.activations"]
    assert entries["keras"]["difference"] <= 1e-6


def test_a_keras_file_of_shorter_numbers_computes_in_float32(bfloat16_bundle, tmp_path):
    path, z = tmp_path / "model.keras", next(calibration_inputs(bfloat16_bundle))["z"]
    with computing_in_float32(bfloat16_bundle.generator):
        write_keras(bfloat16_bundle, path)
        expected = bfloat16_bundle.generator(z, training=False).numpy()
    assert modules_in(path) == ("ganapp.models.layers.activations",)
    found = keras.saving.load_model(path, compile=False)(z, training=False)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert np.abs(expected).max() > 0.1
    path.write_bytes(b"no archive")
    with pytest.raises(ExportError, match=r"model\.keras is no \.keras file"):
        modules_in(path)


FIGURES = Figures(
    inputs={"z": np.zeros((1, 1), "float32")},
    values={"coverage": 0.9, "frechet_distance": 1.0},
    noise={"coverage": 0.02, "frechet_distance": 0.1},
)


def test_keras_file_of_a_faster_layer_needs_no_code_of_ours(tmp_path):
    generator = dcgan_generator({"z": (8,)}, (8, 8, 1), channels=(4, 4), upsampling="nearest")
    path, z = tmp_path / "model.keras", np.random.default_rng(0).normal(size=(5, 8))
    write_keras(types.SimpleNamespace(generator=generator), path)
    assert modules_in(path) == ()
    again = keras.saving.load_model(path)
    np.testing.assert_allclose(again(z), generator(z), atol=1e-6)
    assert again.output_names == generator.output_names


@pytest.mark.parametrize(
    ("coverage", "distance", "lost"),
    [
        (0.84, 1.59, None),
        (1.0, 0.1, None),
        (0.82, 1.0, "coverage 0.82 where the Keras generator has 0.9"),
        (0.9, 1.61, "Fréchet distance 1.61 where the Keras generator has 1"),
        (float("nan"), 1.0, "coverage nan"),
    ],
)
def test_what_is_too_much_to_lose(coverage, distance, lost):
    said = quality_drop({"coverage": coverage, "frechet_distance": distance}, FIGURES)
    assert said is None if lost is None else said.startswith(lost)


def test_a_generator_without_these_figures_loses_none():
    assert quality_drop({"high_quality": 0.1}, FIGURES) is None


class Falling:
    """Judges the Keras generator's two draws well and everything after them badly."""

    def __init__(self):
        self.calls = 0

    def __call__(self, samples):
        self.calls += 1
        return {"coverage": 0.9 if self.calls <= 2 else 0.5}


def test_lost_figures_refuse_a_format_and_warn_of_int8(tmp_path, here):
    with pytest.raises(ExportError, match=r"LiteRT float16 artefact loses quality: coverage 0\.5"):
        export(make_image_bundle(judge=Falling()), tmp_path / "export", ("litert_float16",))
    assert list(tmp_path.iterdir()) == []
    card = export(make_image_bundle(judge=Falling()), tmp_path / "export", ("litert_int8",))
    [artefact] = card["artefacts"]
    assert artefact["warning"].startswith("The LiteRT int8 artefact loses quality: coverage 0.5")
    assert f"**{artefact['warning']}**" in (tmp_path / "export" / "model_card.md").read_text()


@pytest.fixture
def two_formats():
    """LiteRT and its float16 are all there are; afterwards all are again, in their order."""
    kept = dict(FORMATS)
    for name in {*NAMES} - {"litert", "litert_float16"}:
        del FORMATS[name]
    yield FORMATS
    FORMATS.clear()
    FORMATS.update(kept)


def test_all_goes_on_without_what_is_impossible(tmp_path, here, two_formats):
    def impossible(bundle, path):
        raise ExportError("No such operation.")

    form = dataclasses.replace(two_formats["litert_float16"], fixes_batch=False)
    for write, reason in ((impossible, "No such operation"), (wrong, "differs from the Keras")):
        two_formats[form.name] = dataclasses.replace(form, write=write)
        card = export(make_image_bundle(), tmp_path / "export", ("all",))
        assert [each["format"] for each in card["artefacts"]] == ["litert"]
        assert reason in card["left_out"]["litert_float16"]
        assert not list(tmp_path.rglob("model_float16.tflite"))
        with pytest.raises(ExportError, match=reason):
            export(make_image_bundle(), tmp_path / "export", ("litert_float16",))


def wrong(bundle, path):
    write_litert(make_image_bundle(generator=dense_image_generator(seed=9)), path)


def test_vectors_leave_in_every_format(vector_bundle, tmp_path):
    bundle = dataclasses.replace(vector_bundle, prior=NormalPrior(2, truncates=False))
    card = export(bundle, tmp_path / "export", ("litert_int8", "onnx"))
    assert [each["tensorflow_imported"] for each in card["artefacts"]] == [False, False]
    assert max(each["mean_difference"] for each in card["artefacts"]) < 0.05
