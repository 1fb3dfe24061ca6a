"""serving.json is checked before anything it names is opened."""

import dataclasses
import json
import shutil

import pytest

from ganapp.export.server.spec import (
    LATENTS,
    SERVING,
    BrokenVersion,
    IncompleteVersion,
    ServingSpec,
)

CODE = {"name": "c", "kind": "category", "latent": "z", "start": 1, "size": 2}
CODE |= {"minimum": 0, "maximum": 1}


@pytest.fixture
def folder(version_folders, tmp_path):
    return shutil.copytree(version_folders / "digits" / "2", tmp_path / "2")


def edit(folder, change):
    document = json.loads((folder / SERVING).read_text())
    change(document)
    (folder / SERVING).write_text(json.dumps(document))


def test_everything_is_read(folder):
    spec = ServingSpec.read(folder)
    spec.verify()
    assert (spec.name, spec.kind, spec.output_name) == ("digits", "image", "image")
    assert spec.output_shape == (6, 6, 1)
    assert (spec.latent.size, spec.latent.noise_size, spec.latent.path) == (5, 4, "arc")
    assert spec.latent.classes == ("even", "odd")
    assert spec.latent.truncates is True
    assert spec.signatures["serving_default"].inputs["z"].shape == (-1, 5)
    assert spec.signatures["sample"].defaults == {"class": -1, "truncation": 1.0}
    assert spec.document["directions"]["spread"] == [1.0, 0.5]
    assert spec.loadable("model.tflite") == (folder / "model.tflite").read_bytes()


@pytest.mark.parametrize("missing", [SERVING, LATENTS, "model.tflite"])
def test_half_written_folders_are_told_from_broken_ones(folder, missing):
    (folder / missing).unlink()
    with pytest.raises(IncompleteVersion, match=missing):
        ServingSpec.read(folder)


def test_changed_files_are_found(folder):
    model = folder / "model.tflite"
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)
    spec = ServingSpec.read(folder)
    for read in (spec.verify, lambda: spec.loadable("model.tflite")):
        with pytest.raises(BrokenVersion, match=r"`model.tflite` must have the sha256"):
            read()


def test_codes_are_read(folder):
    assert ServingSpec.read(folder).latent.codes == ()
    edit(folder, lambda document: document["latent"].update(codes=[CODE]))
    assert dataclasses.asdict(*ServingSpec.read(folder).latent.codes) == CODE


def test_a_file_without_checksum_is_not_loaded(folder):
    edit(folder, lambda document: document["files"].pop(LATENTS))
    with pytest.raises(BrokenVersion, match=r"latents.tflite` must have the sha256 .*\(none\)"):
        ServingSpec.read(folder).verify()


@pytest.mark.parametrize(
    "path", ["../1/model.tflite", "/etc/passwd", "a/../../x", "..", "", "a\\..\\b", "a\0b"]
)
def test_paths_out_of_the_folder_are_refused(folder, path):
    edit(folder, lambda document: document["files"].update({path: "0" * 64}))
    with pytest.raises(BrokenVersion, match="inside the version folder") as caught:
        ServingSpec.read(folder)
    assert not isinstance(caught.value, IncompleteVersion)


def test_links_out_of_the_folder_are_refused(folder, tmp_path):
    outside = tmp_path / "outside.tflite"
    (folder / "model.tflite").rename(outside)
    (folder / "model.tflite").symlink_to(outside)
    with pytest.raises(BrokenVersion, match=r"`model.tflite` must not be a link that leads out"):
        ServingSpec.read(folder)


def test_only_graphs_are_loaded(folder):
    for name in ("model.keras", "model.pkl"):
        (folder / name).write_bytes(b"x")
        with pytest.raises(BrokenVersion, match=r"must be \('.tflite', '.onnx'\)"):
            ServingSpec.read(folder).loadable(name)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda d: d.update(schema="ganapp-serving/9"), "`schema` must be 'ganapp-serving/1'"),
        (lambda d: d.update(kind="clip"), "`kind` must be one of"),
        (lambda d: d.pop("latent"), "`latent` is missing"),
        (lambda d: d["latent"].update(size="5"), "whole numbers from 1. Received: '5'"),
        (lambda d: d["latent"].update(size=True), "whole numbers from 1. Received: True"),
        (lambda d: d["output"].update(shape=[6, -1, 1]), "whole numbers from 1. Received: -1"),
        (lambda d: d["latent"].update(codes=[CODE | {"latent": "y"}]), "parts of the latents"),
        (lambda d: d["latent"].update(codes=[CODE | {"start": 4}]), "parts of the latents"),
        (lambda d: d["latent"].update(codes=[CODE | {"maximum": 2}]), "parts of the latents"),
        (lambda d: d["latent"].update(codes=[CODE | {"kind": "word"}]), "parts of the latents"),
        (lambda d: d.update(files=[]), "export the model again"),
        (lambda d: d.update(signatures={"sample": 3}), "export the model again"),
        (lambda d: d["files"].update({"model.tflite": 5}), "must be text"),
    ],
)
def test_another_document_is_refused_in_a_sentence(folder, change, complaint):
    edit(folder, change)
    with pytest.raises(BrokenVersion, match=complaint):
        ServingSpec.read(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"schema": ', "[" * 100_000])
def test_what_is_no_document_is_refused(folder, text):
    (folder / SERVING).write_text(text)
    with pytest.raises(BrokenVersion):
        ServingSpec.read(folder)
