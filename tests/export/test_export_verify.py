"""An export that is looked at again, later, by whoever was given it."""

import io
import json
import shutil
import zipfile
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from one_process import WorkerHere

from ganapp.export import ExportError, verify
from ganapp.export.layout import (
    as_text,
    check_sums,
    files_below,
    from_text,
    sums_of,
    write_sums,
)
from ganapp.export.verify import check_version, verify_export
from ganapp.export.worker import Worker


@pytest.fixture
def copy(vector_export, tmp_path):
    """An export somewhere else, to be damaged."""
    return Path(shutil.copytree(vector_export["directory"], tmp_path / "given"))


def worker_of(artefact):
    """A fresh process, but for what needs TensorFlow: that starts slowly.

    Of a SavedModel in a fresh process `image_export` and what is asked of it tell.
    """
    return (WorkerHere if artefact.runtime.name == "saved_model" else Worker)(artefact)


def test_a_whole_export_is_verified(copy, monkeypatch):
    monkeypatch.setattr(verify, "Worker", worker_of)
    (copy / ".given.0123abcd.previous").mkdir()
    said = []
    found = verify_export(copy, said.append)
    assert [each.path for each in found] == [
        "models/ring-run/1",
        "models/ring-run/1/model.tflite",
    ]
    assert all(each.difference <= 1e-5 for each in found)
    assert "files are as they were written" in said[0]
    assert said[1].startswith(".given.0123abcd.previous is no part of it")
    assert said[3].startswith("models/ring-run/1/model.tflite: largest difference")


@pytest.mark.parametrize(
    "name",
    [
        "model_card.html",
        "models/ring-run/1/model.tflite",
        "models/ring-run/1/saved_model.pb",
        "models/ring-run/1/variables/variables.data-00000-of-00001",
        "models/ring-run/1/assets.extra/reference.npz",
        "models/ring-run/1/assets.extra/serving.json",
    ],
)
def test_a_flipped_byte_is_named(copy, name):
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    message = f"{name} has changed"
    if name.endswith("serving.json"):
        message += "|serving.json (cannot be read|lists no files)"
    with pytest.raises(ExportError, match=message):
        check_sums(copy)


def test_what_is_missing_added_or_a_link_is_named(copy):
    version = copy / "models" / "ring-run" / "1"
    (version / "model.tflite").rename(copy / "elsewhere.tflite")
    (version / "model.tflite").symlink_to(copy / "elsewhere.tflite")
    (version / "fingerprint.pb").unlink()
    with pytest.raises(ExportError) as caught:
        check_sums(copy)
    said = str(caught.value)
    assert "1/model.tflite is a link" in said
    assert "1/fingerprint.pb is missing" in said
    assert "elsewhere.tflite was added" in said


def test_checksums_that_lead_out_are_refused(copy):
    sums = copy / "SHA256SUMS"
    sums.write_text(f"{'0' * 64}  ../../etc/passwd\n" + sums.read_text())
    with pytest.raises(ExportError, match=r"SHA256SUMS is damaged.*\.\./\.\./etc/passwd"):
        check_sums(copy)
    sums.write_text(f"{'0' * 64}  {'a' * 300}\n")
    with pytest.raises(ExportError, match=r"given cannot be read: .*File name too long"):
        check_sums(copy)
    sums.unlink()
    with pytest.raises(ExportError, match="must be what `ganapp export` wrote"):
        check_sums(copy)


def test_labels_are_whoever_serves_its_own(copy):
    """The documented file changes while an export is served, and is no part of what was written."""
    labels = copy / "models" / "ring-run" / "labels.json"
    labels.write_text('{"stable": 1}')
    before = check_sums(copy)
    labels.write_text('{"stable": "1"}')
    with pytest.raises(ExportError, match=r"labels\.json holds no labels .*'1'"):
        check_sums(copy)
    labels.unlink()
    labels.symlink_to(copy / "elsewhere.json")
    with pytest.raises(ExportError, match=r"labels\.json was added"):
        check_sums(copy)
    labels.rename(copy / "models" / "labels.json")
    with pytest.raises(ExportError, match=r"models/labels\.json was added"):
        check_sums(copy)
    (copy / "models" / "labels.json").unlink()
    (copy / ".given.0123abcd.partial" / "models").mkdir(parents=True)
    (copy / ".given.0123abcd.partial" / "half").write_text("half")
    assert check_sums(copy) == before


def test_versions_that_somebody_deleted_are_no_longer_listed(copy, tmp_path):
    version = copy / "models" / "ring-run" / "1"
    shutil.copytree(version, copy / "models" / "ring-run" / "2")
    (copy / "SHA256SUMS").write_text(as_text(sums_of(copy, files_below(copy))))
    new = tmp_path / "new" / "models" / "ring-run" / "3"
    shutil.copytree(version, new)
    shutil.rmtree(version)
    write_sums(tmp_path / "new", copy, PurePosixPath("models/ring-run/3"))
    listed = from_text((tmp_path / "new" / "SHA256SUMS").read_text())
    assert {name.split("/")[2] for name in listed} == {"2", "3"}


def test_a_card_that_somebody_sealed_again(copy):
    version = copy / "models" / "ring-run" / "1"
    path = version / "assets.extra" / "model_card.json"
    card = json.loads(path.read_text())
    artefact = card["artefacts"][0]
    without = {key: value for key, value in artefact.items() if key != "runtime"}
    for change, message in (
        ({"artefacts": [without]}, "`runtime` is missing"),
        ({"artefacts": 3}, "must be as `ganapp export` wrote it"),
        ({"artefacts": ["x"]}, "must be as `ganapp export` wrote it"),
        ({"artefacts": [artefact | {"path": 3}]}, "must be as `ganapp export` wrote it"),
        ({"artefacts": [artefact | {"difference": None}]}, "must be as `ganapp export`"),
        ({"artefacts": [artefact | {"runtime": "none"}]}, "`runtime` must be one of .*'none'"),
        ({"output": {}}, "`name` is missing"),
    ):
        path.write_text(json.dumps(card | change))
        with pytest.raises(ExportError, match=message):
            list(check_version(copy, version))
    path.write_text("[" * 100_000)
    with pytest.raises(ExportError, match="cannot be read: it is nested too deeply"):
        list(check_version(copy, version))


def claim_shape(path, shape):
    """Writes a .npz of two arrays of which the first claims a shape that it has not."""
    np.savez(path, z=np.zeros((2, 2), np.float32), samples=np.zeros((2, 2), np.float32))
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    with zipfile.ZipFile(path, "w") as archive, io.BytesIO() as file:
        np.lib.format.write_array_header_1_0(file, header)
        archive.writestr("z.npy", file.getvalue() + bytes(64))
        archive.writestr("samples.npy", content["samples.npy"])


def test_kept_samples_that_are_none(copy):
    version = copy / "models" / "ring-run" / "1"
    path = version / "assets.extra" / "reference.npz"
    whole = path.read_bytes()
    for content in (b"", b"PK\x03\x04" + bytes(40), whole[: len(whole) // 2], b"none"):
        path.write_bytes(content)
        with pytest.raises(ExportError, match=r"reference\.npz cannot be read"):
            list(check_version(copy, version))
    for shape, reason in (
        ((-3, 2), "the impossible shape"),
        ((10**12, 9), "claims 36,000,000,000,000 bytes"),
    ):
        claim_shape(path, shape)
        with pytest.raises(ExportError, match=rf"reference\.npz cannot be read: .*{reason}"):
            list(check_version(copy, version))
    np.savez(path, z=np.array([{}, []], object), samples=np.zeros((2, 2)))
    with pytest.raises(ExportError, match=r"reference\.npz cannot be read: .* Python objects"):
        list(check_version(copy, version))
    np.savez(path, z=np.float32(1), samples=np.float32(1))
    with pytest.raises(ExportError, match=r"must hold rows of latents.*shape=\(\)"):
        list(check_version(copy, version))
    with path.open("wb") as file:  # one array and no table of them
        np.save(file, np.zeros(3))
    with pytest.raises(ExportError, match=r"reference\.npz cannot be read"):
        list(check_version(copy, version))


def test_a_card_of_another_layout_is_refused(copy):
    version = copy / "models" / "ring-run" / "1"
    path = version / "assets.extra" / "model_card.json"
    card = json.loads(path.read_text())
    for change, message in (
        ({"schema": "other/9"}, "must be of the schema ganapp-model-card/2; .*'other/9'"),
        ({"artefacts": [card["artefacts"][0] | {"path": "../x"}]}, r"must lie in .*\.\./x"),
    ):
        path.write_text(json.dumps(card | change))
        with pytest.raises(ExportError, match=message):
            list(check_version(copy, version))


def test_an_artefact_that_answers_otherwise_is_found(bfloat16_export, tmp_path):
    """As on a machine or with a runtime that computes something else: every file is as it was."""
    copy = Path(shutil.copytree(bfloat16_export["directory"], tmp_path / "given"))
    version = copy / bfloat16_export["place"]
    path = version / "assets.extra" / "reference.npz"
    with np.load(path) as kept:
        np.savez(path, z=kept["z"], samples=kept["samples"] + 0.01)
    with pytest.raises(ExportError, match=r"model\.tflite differs .* by 0\.01, more than"):
        list(check_version(copy, version))


def test_an_artefact_that_answers_in_text_differs(copy, monkeypatch):
    class Text(WorkerHere):
        def run(self, inputs, batches):
            samples, measured = super().run(inputs, batches)
            return np.full(samples.shape, "text"), measured

    monkeypatch.setattr(verify, "Worker", Text)
    with pytest.raises(ExportError, match="differs from the samples kept with it by inf"):
        list(check_version(copy, copy / "models" / "ring-run" / "1"))


def test_layers_of_earlier_exports_are_found_by_their_present_names():
    """The networks were a package of their own before they were one of ganapp's."""
    artefact = {
        "title": "Keras",
        "runtime": "keras",
        "path": "model.keras",
        "difference": 0,
        "modules": ["models.layers.gain", "ganapp.models.layers.maxout", "their.models.layer"],
    }
    card = {"artefacts": [artefact], "output": {"name": "samples"}}
    ((_, found),) = verify._artefacts(card, Path("export"), Path("card.json"))
    assert found.modules == (
        "ganapp.models.layers.gain",
        "ganapp.models.layers.maxout",
        "their.models.layer",
    )
