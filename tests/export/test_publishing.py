"""An export becomes the next version in a folder of models, whole or not at all."""

import functools
import shutil
import sys
from types import SimpleNamespace

import pytest

from ganapp import __main__ as cli
from ganapp.export import ExportError, staging
from ganapp.export.layout import as_text, files_below, sums_of
from ganapp.export.server.repository import read_versions
from ganapp.export.staging import publish


@pytest.fixture
def exported(version_folders, tmp_path):
    """An export of digits, version 1."""
    directory = tmp_path / "export"
    shutil.copytree(version_folders / "digits" / "2", directory / "models" / "digits" / "1")
    (directory / "SHA256SUMS").write_text(as_text(sums_of(directory, files_below(directory))))
    return directory


@pytest.fixture
def served(tmp_path):
    return tmp_path / "served"


def replace_copytree(monkeypatch, copytree):
    # For this module alone: the original calls itself by its name.
    replaced = SimpleNamespace(copytree=copytree, rmtree=shutil.rmtree)
    monkeypatch.setattr(staging, "shutil", replaced)


def everything(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_each_copy_is_the_next_version(exported, served):
    (first,) = publish(exported, served)
    (second,) = publish(exported, served)
    assert (first, second) == (served / "digits" / "1", served / "digits" / "2")
    (served / "digits" / "7").mkdir()  # somebody else's, whatever is in it
    assert publish(exported, served) == [served / "digits" / "8"]
    original = exported / "models" / "digits" / "1"
    assert everything(first) == everything(second) == everything(original)
    assert set(read_versions(served / "digits")) == {1, 2, 8}


def test_a_folder_is_never_seen_half_written(exported, served, monkeypatch):
    seen = []

    def looked(*arguments):
        seen.append(read_versions(served / "digits"))
        return shutil.copy2(*arguments)

    replace_copytree(monkeypatch, functools.partial(shutil.copytree, copy_function=looked))
    publish(exported, served)
    assert len(seen) > 1
    assert not any(seen)


def test_two_at_the_same_time_get_different_numbers(exported, served, monkeypatch):
    renamed = staging._rename_to_next

    def late(copy, model):
        listed = staging.os.listdir(model)
        shutil.copytree(exported / "models" / "digits" / "1", model / "1")
        monkeypatch.setattr(staging.os, "listdir", lambda folder: listed)
        return renamed(copy, model)

    monkeypatch.setattr(staging, "_rename_to_next", late)
    assert publish(exported, served) == [served / "digits" / "2"]


def test_what_has_changed_is_refused(exported, served):
    graph = exported / "models" / "digits" / "1" / "model.tflite"
    graph.write_bytes(graph.read_bytes()[:-1] + b"?")
    with pytest.raises(ExportError, match=r"model\.tflite has changed"):
        publish(exported, served)
    assert not served.exists()


def test_a_copy_that_went_wrong_leaves_nothing(exported, served, monkeypatch):
    def damaging(folder, copy):
        shutil.copytree(folder, copy)
        (copy / "model.tflite").write_bytes(b"")

    replace_copytree(monkeypatch, damaging)
    with pytest.raises(ExportError, match=r"The copy of .* model\.tflite has changed"):
        publish(exported, served)
    assert list((served / "digits").iterdir()) == []


def test_exports_stay_as_they_are(exported, tmp_path):
    for models in (exported, exported / "models"):
        with pytest.raises(ExportError, match="`MODELS` must lie outside of exports"):
            publish(exported, models)
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="`MODELS` must be a folder"):
        publish(exported, tmp_path / "file")


def test_the_command(exported, served, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["ganapp", "publish", str(exported), str(served)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"Published {served / 'digits' / '1'}\n"
    (exported / "SHA256SUMS").unlink()
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert "SHA256SUMS cannot be read" in " ".join(capsys.readouterr().err.split())
