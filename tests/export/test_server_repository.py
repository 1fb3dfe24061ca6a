"""Which models and versions a repository finds, and under which names."""

import asyncio
import json
import shutil

import numpy as np
import pytest
from repository_case import run, served, settled, states

from ganapp.export.server.batching import Hooks
from ganapp.export.server.errors import InvalidArgument, NotFound
from ganapp.export.server.repository import Repository


@pytest.mark.parametrize("below", ["..", ".", "digits", "digits/1"])
def test_a_root_may_be_an_export_its_models_a_model_or_a_version(models, below):
    async def test(repository):
        assert repository.models() == {"digits": {1: "AVAILABLE"}}
        assert served(repository) == served(repository, version=1) == 1
        with repository.lease("digits") as servable:
            assert servable.name == "digits"

    run(models / below, test)


def test_every_model_is_served_in_its_highest_version(version_folders):
    async def test(repository):
        expected = {
            "digits": {2: "AVAILABLE"},
            "points": {1: "AVAILABLE"},
            "table": {1: "AVAILABLE"},
        }
        assert repository.models() == expected

    run(version_folders, test)


def test_what_is_not_there_is_not_found_in_tensorflow_servings_words(models):
    async def test(repository):
        for which, words in (
            ({"name": "letters"}, r"Servable not found for request: Latest\(letters\)"),
            ({"name": "digits", "version": 7}, r"request: Specific\(digits, 7\)"),
        ):
            with pytest.raises(NotFound, match=words), repository.lease(**which):
                pass
        with pytest.raises(InvalidArgument, match="Unrecognized servable version label: best"):
            served(repository, label="best")
        with pytest.raises(NotFound, match="Could not find any versions of model letters"):
            repository.status("letters")
        with pytest.raises(NotFound, match="Could not find version 7 of model digits"):
            repository.status("digits", 7)

    run(models, test)


def test_labels_keep_a_version_and_name_it(models, second):
    async def test(repository):
        labels = models / "digits" / "labels.json"
        shutil.copytree(second, models / "digits" / "2")
        labels.write_text(json.dumps({"stable": 1, "canary": 2, "lost": 9}))
        await repository.refresh()
        assert states(repository) == {2: "AVAILABLE", 1: "AVAILABLE"}
        assert served(repository, label="stable") == 1
        assert served(repository, label="canary") == served(repository) == 2
        with pytest.raises(NotFound, match=r"Specific\(digits, 9\)"):
            served(repository, label="lost")
        with pytest.raises(InvalidArgument, match="`version` and `label`"):
            served(repository, version=1, label="stable")
        labels.write_text("[1]")  # what is no labels leaves them as they were
        await repository.refresh()
        assert served(repository, label="stable") == 1
        labels.write_text('{"stable": 2}')
        await repository.refresh()
        await settled(repository, {2: "AVAILABLE", 1: "END"})
        assert served(repository, label="stable") == 2

    run(models, test)


def test_a_later_model_is_required_once_it_has_served(models, second):
    async def test(repository):
        (folder := models / "letters" / "1").parent.mkdir()
        shutil.copytree(second, folder)
        spec = folder / "assets.extra" / "serving.json"
        whole = spec.read_text()
        spec.write_text("{}")
        for _ in range(2):  # the first look may have come while the folder was being written
            await repository.refresh()
        assert repository.models()["letters"] == {1: "END"}
        assert set(repository.required_models()) == {"digits"}
        spec.write_text(whole)
        await repository.refresh()
        assert repository.required_models()["letters"] == {1: "AVAILABLE"}

    run(models, test)


def test_links_out_of_the_root_are_not_followed(models, second, tmp_path):
    (models / "digits" / "2").symlink_to(second)
    (models / "letters").symlink_to(second.parent)
    (models / "digits" / "01x").mkdir()
    (models / ".hidden").mkdir()
    (models / "digits" / "labels.json").symlink_to(tmp_path / "outside.json")
    (tmp_path / "outside.json").write_text('{"stable": 1}')

    async def test(repository):
        assert repository.models() == {"digits": {1: "AVAILABLE"}}
        with pytest.raises(InvalidArgument):
            served(repository, label="stable")

    run(models, test)


def test_a_model_has_no_versions_of_another(models, second, caplog):
    """A link that stays in the root would serve one model's samples under another's name."""
    shutil.copytree(second, models / "letters" / "1")
    (models / "digits" / "2").symlink_to("../letters/1")
    (models / "digits" / "3").symlink_to("1")
    (models / "aside").symlink_to("..")

    async def test(repository):
        assert repository.models() == {"digits": {3: "AVAILABLE"}, "letters": {1: "AVAILABLE"}}
        (models / "letters" / "labels.json").write_text("{")
        for _ in range(3):
            await repository.refresh()

    run(models, test)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == len(set(said)) == 3  # each once, however often it looks
    assert "digits/2 is a link that leads out of" in said[1]
    assert said[2].startswith("labels of letters stay as they were")


def test_it_looks_by_itself(models, second):
    async def test(repository):
        shutil.copytree(second, models / "digits" / "2")
        while served(repository) != 2:
            await asyncio.sleep(0.01)
        shutil.rmtree(models)  # a drive that is away: what is loaded stays
        await asyncio.sleep(0.05)
        assert served(repository) == 2

    run(models, test, poll_seconds=0.01)


def test_hooks_know_the_model_and_the_version(models):
    told = []

    async def test(repository):
        with repository.lease("digits") as servable:
            await servable.predict("serving_default", {"z": np.ones((3, 5))})

    run(models, test, hooks=lambda name, of: Hooks(on_batch=lambda n: told.append((name, of, n))))
    assert told == [("digits", 1, 3)]


def test_what_cannot_be_served_is_said_at_once(tmp_path):
    with pytest.raises(NotADirectoryError, match="`root` must be a folder"):
        Repository(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"`engine` must be one of .*engine='torch'"):
        Repository(tmp_path, "torch")

    async def test(repository):
        assert repository.models() == {}

    run(tmp_path, test)
