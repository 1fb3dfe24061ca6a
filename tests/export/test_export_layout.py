"""Where an export goes: versions side by side, each replaced whole, nothing else touched."""

import dataclasses
import itertools
import json
import os

import pytest
from one_process import one_process

from ganapp.export import ExportError, staging
from ganapp.export.formats import FORMATS
from ganapp.export.layout import may_be_served, safe_name, version_folder
from ganapp.export.package import export

LITERT = ("litert",)
ON_TOP = {"model_card.md", "model_card.json", "model_card.html", "SHA256SUMS"}


def contents(directory):
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))


def everything(directory):
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def two_versions(plain_bundle, another_bundle, tmp_path_factory):
    """An export of two versions, the first made twice, and what the first was at first."""
    out = tmp_path_factory.mktemp("versions") / "export"
    with one_process():
        export(plain_bundle, out, LITERT)
        first = everything(out)
        export(another_bundle, out, LITERT, version=2)
        after_second = everything(out)
        export(another_bundle, out, LITERT)
    return out, first, after_second


def test_versions_lie_beside_each_other(two_versions):
    out, first, after_second = two_versions
    one, two = (out / "models" / "digits-run" / number for number in "12")
    assert {path.name for path in out.iterdir()} == {*ON_TOP, "models"}  # the second has no picture
    assert {path: first[path] for path in first if one in path.parents}.items() <= (
        after_second.items()
    )
    now = everything(out)
    assert now[one / "model.tflite"] == now[two / "model.tflite"]  # the first was replaced
    assert now[one / "model.tflite"] != first[one / "model.tflite"]
    unchanged = {path: content for path, content in after_second.items() if two in path.parents}
    assert unchanged.items() <= now.items()
    assert json.loads(now[out / "model_card.json"])["version"] == 1
    sums = (out / "SHA256SUMS").read_text()
    assert "models/digits-run/1/model.tflite" in sums
    assert "models/digits-run/2/model.tflite" in sums
    assert "samples.png" not in sums


def test_a_failure_keeps_the_earlier_export(plain_bundle, two_versions, monkeypatch):
    out, _, _ = two_versions
    before = everything(out)
    form = dataclasses.replace(FORMATS["litert"], write=lambda _, path: path.write_bytes(b"no"))
    monkeypatch.setitem(FORMATS, "litert", form)
    with pytest.raises(ExportError, match="failed in a fresh process"):
        export(plain_bundle, out, LITERT)
    assert everything(out) == before
    assert contents(out.parent)[0] == "export"
    assert {path.name for path in out.iterdir()} == {*ON_TOP, "models"}


def test_what_is_not_ours_is_refused(plain_bundle, two_versions, tmp_path):
    out, _, _ = two_versions
    for thesis in (out / "thesis.txt", out / "models" / "digits-run" / "1" / "thesis.txt"):
        thesis.write_text("years of work")
        with pytest.raises(ExportError, match=r"also .*thesis\.txt, which is no part of it"):
            export(plain_bundle, out, LITERT)
        assert thesis.read_text() == "years of work"
        thesis.unlink()
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ExportError, match="`out` must be new, empty or an earlier export"):
        export(plain_bundle, tmp_path, LITERT)
    (tmp_path / "model_card.json").write_text(json.dumps({"name": "somebody else's"}))
    with pytest.raises(ExportError, match="earlier export"):
        export(plain_bundle, tmp_path, LITERT)
    assert contents(tmp_path) == ["model_card.json", "thesis.txt"]


def test_what_is_written_aside_lies_on_the_same_disk(tmp_path):
    out = tmp_path / "mounted"
    out.mkdir()
    with staging.staging(out, ("a",)) as directory:
        assert directory.parent == out
        (directory / "a").write_text("new")
    assert contents(out) == ["a"]

    def interrupted():
        with staging.staging(out, ("a",)) as directory:
            (directory / "a").write_text("newer")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert contents(out) == ["a"]
    assert (out / "a").read_text() == "new"


def test_what_a_killed_export_left_is_removed(tmp_path):
    out = tmp_path / "out"
    places = [
        folder / f".{name}.partial"
        for folder in (tmp_path, out)
        for name in ("out.0123abcd", "out.4567abcd", "another.0123abcd", "out.0123abcd.more")
    ]
    for place in places:
        (place / "models").mkdir(parents=True)
    previous = out / ".out.0123abcd.previous"  # perhaps the only copy
    previous.mkdir()
    for place in (*places, previous):
        os.utime(place, (0, 0))
    os.utime(places[1])  # just made
    with staging.locked(places[5]), staging.staging(out, ("a",)):
        pass
    assert {place for place in places if not place.exists()} == {places[0], places[4]}
    assert previous.exists()
    staging.remove_stale(out, "out")
    assert not places[5].exists()


def test_moving_is_undone_when_a_rename_fails(tmp_path, monkeypatch):
    out, new = tmp_path / "export", tmp_path / "new"
    paths = ("models/a/1", "card", "picture")
    for directory, text in ((out, "old"), (new, "new")):
        for path in (*paths, "models/a/2"):
            (directory / path).mkdir(parents=True)
            (directory / path / "file").write_text(text)
    before = everything(out)
    rename = staging.Path.rename
    for failing in range(6):
        calls = itertools.count()

        def interrupted(self, target, failing=failing, calls=calls):
            if next(calls) == failing:
                raise KeyboardInterrupt
            return rename(self, target)

        with monkeypatch.context() as patch:
            patch.setattr(staging.Path, "rename", interrupted)
            with pytest.raises(KeyboardInterrupt):
                staging.put_in_place(new, out, paths)
        assert everything(out) == before
        assert {path.name for path in out.iterdir()} == {"models", "card", "picture"}
    staging.put_in_place(new, out, paths)
    assert [(out / path / "file").read_text() for path in paths] == ["new"] * 3
    assert (out / "models/a/2/file").read_text() == "old"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "../x"}, r"`name` must consist of letters.*'\.\./x'"),
        ({"name": ""}, "`name` must consist"),
        ({"name": "a" * 201}, "at most 200 characters"),
        ({"name": "models"}, r"not be models or assets\.extra\. Received: name='models'"),
        ({"version": 0}, "`version` must be from 1 .*version=0"),
        ({"batch": 0}, "`batch` must be at least 1"),
    ],
)
def test_bad_options_are_refused(plain_bundle, tmp_path, options, message):
    with pytest.raises(ExportError, match=message):
        export(plain_bundle, tmp_path / "export", LITERT, **options)
    assert contents(tmp_path) == []


def test_names_become_safe():
    assert safe_name("a run/ü 1") == "a-run-1"
    assert safe_name("..") == "model"
    assert safe_name("models") == "models-model"
    assert safe_name("a" * 199 + "-b") == "a" * 199
    assert version_folder(safe_name("b" * 300), 1).parts[1] == "b" * 200
    assert all(map(may_be_served, ("a", "b" * 200, "digits_0.1")))
    assert not any(map(may_be_served, ("", ".a", "b" * 201, "a b", "models", "assets.extra")))
    assert str(version_folder("digits_0.1", 12)) == "models/digits_0.1/12"
