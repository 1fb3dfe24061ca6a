"""Versions come and go under load: nothing is lost, and the broken ones stay out."""

import asyncio
import itertools
import shutil

import numpy as np
import pytest
from repository_case import Z, run, served, settled, states

from ganapp.export.server.errors import NotFound, Unavailable
from ganapp.export.server.spec import SERVING


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
            assert served(repository) == 2  # it may be about to come back
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


def test_a_look_between_two_renames_retires_nothing(models, second, tmp_path):
    """As when an export is written over: the old version is moved away, then the new one in."""

    async def test(repository):
        with repository.lease("digits") as old:
            pass
        (models / "digits" / "1").rename(tmp_path / "previous")
        await repository.refresh()
        assert states(repository) == {1: "AVAILABLE"}
        shutil.copytree(second, models / "digits" / "1")
        await repository.refresh()
        with repository.lease("digits") as new:
            assert new is not old
        shutil.rmtree(models / "digits" / "1")
        await repository.refresh()
        assert served(repository) == 1
        await repository.refresh()
        with pytest.raises(NotFound):
            served(repository)

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
