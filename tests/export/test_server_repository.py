"""Versions come and go under load: nothing is lost, and the broken ones stay out."""

import asyncio
import itertools
import json
import shutil

import numpy as np
import pytest

from export.server.batching import Hooks
from export.server.errors import InvalidArgument, NotFound, Unavailable
from export.server.repository import Repository
from export.server.spec import SERVING

Z = np.ones((1, 5), np.float32)


@pytest.fixture
def models(version_folders, tmp_path):
    """A folder of models with the first version of digits."""
    shutil.copytree(version_folders / "digits" / "1", tmp_path / "models" / "digits" / "1")
    return tmp_path / "models"


@pytest.fixture
def second(version_folders):
    return version_folders / "digits" / "2"


def run(root, test, **options):
    """Calls `await test(repository)` with a repository that looks when it is told to."""

    async def within():
        repository = Repository(root, **({"poll_seconds": 0} | options))
        await repository.start()
        try:
            async with asyncio.timeout(30):
                await test(repository)
        finally:
            await repository.stop()

    asyncio.run(within())


def states(repository, name="digits"):
    return {each.version: str(each.state) for each in repository.status(name)}


def served(repository, **which):
    with repository.lease("digits", **which) as servable:
        return servable.version


async def settled(repository, expected):
    """Waits for closing, which goes on after a swap."""
    while states(repository) != expected:
        await asyncio.sleep(0.005)


@pytest.mark.parametrize("below", ["..", ".", "digits", "digits/1"])
def test_a_root_may_be_an_export_its_models_a_model_or_a_version(models, below):
    async def test(repository):
        assert repository.models() == {"digits": {1: "AVAILABLE"}}
        assert served(repository) == served(repository, version=1) == 1
        assert repository.servable("digits").name == "digits"

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


def test_a_new_version_takes_over_without_a_failed_request(models, second):
    """Clients ask without a pause while a version comes, goes, and comes again."""
    versions, stop = [], asyncio.Event()

    async def client(repository):
        while not stop.is_set():
            with repository.lease("digits") as servable:
                answer = await servable.predict("serving_default", {"z": Z})
                assert answer["image"].shape == (1, 6, 6, 1)
                versions.append(servable.version)

    async def test(repository):
        clients = [asyncio.create_task(client(repository)) for _ in range(8)]
        for _ in range(3):
            await asyncio.sleep(0.03)
            shutil.copytree(second, models / "digits" / "2")
            await repository.refresh()
            assert served(repository) == 2
            await asyncio.sleep(0.03)
            shutil.rmtree(models / "digits" / "2")
            await repository.refresh()
            assert served(repository) == 1
        stop.set()
        await asyncio.gather(*clients)  # raises what any of them met

    run(models, test)
    assert sum(before != after for before, after in itertools.pairwise(versions)) >= 5


def test_the_old_version_is_closed_when_its_last_request_ends(models, second):
    async def test(repository):
        with repository.lease("digits") as old:
            with repository.lease("digits"):
                shutil.copytree(second, models / "digits" / "2")
                await repository.refresh()
            assert served(repository) == 2
            assert states(repository) == {2: "AVAILABLE", 1: "UNLOADING"}
            await asyncio.sleep(0.02)
            assert (await old.predict("serving_default", {"z": Z}))["image"].shape[0] == 1
            with pytest.raises(NotFound):
                served(repository, version=1)
        await settled(repository, {2: "AVAILABLE", 1: "END"})
        with pytest.raises(Unavailable):
            await old.predict("serving_default", {"z": Z})

    run(models, test)


def test_half_written_folders_are_ignored_until_they_are_whole(models, second):
    async def test(repository):
        folder = models / "digits" / "2"
        for file in sorted(second.rglob("*"), key=lambda path: path.name == "latents.tflite"):
            if file.is_file():
                assert states(repository) == {1: "AVAILABLE"}
                target = folder / file.relative_to(second)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, target)
                await repository.refresh()
        assert served(repository) == 2

    run(models, test)


def test_a_growing_file_is_waited_for(models, second):
    async def test(repository):
        folder = shutil.copytree(second, models / "digits" / "2")
        content = (folder / "model.tflite").read_bytes()
        (folder / "model.tflite").write_bytes(content[:1000])
        await repository.refresh()
        assert states(repository) == {2: "START", 1: "AVAILABLE"}
        assert served(repository) == 1
        (folder / "model.tflite").write_bytes(content)
        await repository.refresh()
        assert served(repository) == 2

    run(models, test)


def test_a_broken_version_keeps_the_old_one_and_shows(models, second):
    async def test(repository):
        folder = shutil.copytree(second, models / "digits" / "2")
        content = (folder / "model.tflite").read_bytes()
        (folder / "model.tflite").write_bytes(content[::-1])
        await repository.refresh()
        await repository.refresh()  # nothing grew in between
        assert states(repository) == {2: "END", 1: "AVAILABLE"}
        (status,) = repository.status("digits", 2)
        assert status.error_code == "FAILED_PRECONDITION"
        assert "`model.tflite` must have the sha256" in status.error_message
        assert served(repository) == 1
        with pytest.raises(NotFound):
            served(repository, version=2)
        (folder / "model.tflite").write_bytes(content)  # repaired
        await repository.refresh()
        assert served(repository) == 2
        assert repository.status("digits", 2)[0].error_code == "OK"

    run(models, test)


def test_a_broken_version_at_the_start_leaves_the_one_below(models, second):
    folder = shutil.copytree(second, models / "digits" / "2")
    (folder / SERVING).write_text("{")

    async def test(repository):
        assert states(repository) == {2: "END", 1: "AVAILABLE"}
        assert "must be JSON" in repository.status("digits", 2)[0].error_message

    run(models, test)


def test_other_content_under_the_same_number_is_taken(models, second):
    async def test(repository):
        with repository.lease("digits") as old:
            before = (await old.predict("serving_default", {"z": Z}))["image"]
        folder = models / "digits" / "1"
        shutil.rmtree(folder)
        shutil.copytree(second, folder)
        (folder / "model.tflite").write_bytes(b"broken")
        await repository.refresh()
        await repository.refresh()
        status = repository.status("digits", 1)[0]
        assert (str(status.state), status.error_code) == ("AVAILABLE", "FAILED_PRECONDITION")
        shutil.copy(second / "model.tflite", folder)
        await repository.refresh()
        with repository.lease("digits") as new:
            assert new is not old
            after = (await new.predict("serving_default", {"z": Z}))["image"]
        assert np.abs(after - before).max() > 0.01
        assert repository.status("digits", 1)[0].error_code == "OK"

    run(models, test)


def test_deleted_models_are_unloaded(models):
    async def test(repository):
        shutil.rmtree(models / "digits")
        await repository.refresh()
        while repository.models():
            await asyncio.sleep(0.005)
            await repository.refresh()
        with pytest.raises(NotFound):
            served(repository)

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
