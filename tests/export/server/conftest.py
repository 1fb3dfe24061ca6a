"""The server in this process, before a repository of fakes."""

import pytest
from gallery_case import Page, browsing, serving, write_models
from server_case import FakeRepository, Model, write_card
from starlette.testclient import TestClient

from ganapp.export.server.app import Server
from ganapp.export.server.context import Limits


@pytest.fixture
def repository(tmp_path):
    write_card(tmp_path)
    digits = [Model("digits", tmp_path, version) for version in (1, 3)]
    return FakeRepository(
        *digits, Model("people", tmp_path, kind="table"), Model("ring", tmp_path, kind="vector")
    )


@pytest.fixture
def model(repository):
    """The version that is served."""
    return repository.versions["digits"][3]


@pytest.fixture
def limits():
    return Limits(body_bytes=20_000, elements=4_000, depth=8, samples=64, deadline=5.0)


@pytest.fixture
def app(repository, limits):
    return Server(repository, limits)


@pytest.fixture
def client(app):
    with TestClient(app, raise_server_exceptions=True) as client:
        yield client


@pytest.fixture(scope="session")
def shared_page(version_folders, tmp_path_factory):
    """A server process of tiny models and one browser for all tests of the page."""
    folder = tmp_path_factory.mktemp("gallery")
    write_models(folder / "models", version_folders)
    (folder / "downloads").mkdir()
    with serving(folder) as address, browsing(folder / "downloads") as driver:
        yield Page(driver, address, folder / "downloads")


@pytest.fixture
def page(shared_page):
    """The page, of which the console must have nothing to complain at the end."""
    shared_page.errors()
    yield shared_page
    assert shared_page.errors() == []
