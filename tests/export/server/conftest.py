"""The server in this process, before a repository of fakes."""

import pytest
from server_case import FakeRepository, Model, write_card
from starlette.testclient import TestClient

from export.server.app import make_app
from export.server.limits import Limits


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
    return make_app(repository, limits)


@pytest.fixture
def client(app):
    with TestClient(app, raise_server_exceptions=True) as client:
        yield client
