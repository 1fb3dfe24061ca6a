"""Bodies that come compressed."""

import gzip
import json
import tracemalloc

import pytest
from server_case import draw
from starlette.testclient import TestClient

from ganapp.export.server.app import Server
from ganapp.export.server.context import Limits

PREDICT = "/v1/models/digits:predict"
PLAIN = json.dumps({"instances": draw(count=3, seed=1).round(3).tolist()}).encode()
PACKED = gzip.compress(PLAIN)


def test_compressed_bodies(client):
    expected = client.post(PREDICT, content=PLAIN)
    for name, body in {"identity": PLAIN, "": PLAIN, "gzip": PACKED, "X-GZIP ": PACKED}.items():
        answer = client.post(PREDICT, content=body, headers={"Content-Encoding": name})
        assert (answer.status_code, answer.content) == (200, expected.content), name


@pytest.mark.parametrize("names", ["br", "deflate", "gzip, gzip", "é"])
def test_other_compressions_are_refused(client, names):
    headers = {"Content-Encoding": names.encode("latin-1")}
    answer = client.post(PREDICT, content=PACKED, headers=headers)
    assert (answer.status_code, "gzip or identity" in answer.json()["error"]) == (415, True)


WRONG = {
    "no gzip": (PLAIN, "not gzip"),
    "cut short": (PACKED[:-5], "ends too soon"),
    "nothing": (b"", "ends too soon"),
    "two streams": (PACKED * 2, "one gzip stream"),
    "wrong checksum": (PACKED[:-8] + bytes(8), "not gzip"),
}


@pytest.mark.parametrize(("body", "word"), WRONG.values(), ids=WRONG)
def test_bodies_that_are_no_gzip(client, body, word):
    answer = client.post(PREDICT, content=body, headers={"Content-Encoding": "gzip"})
    assert (answer.status_code, word in answer.json()["error"]) == (400, True), answer.text


@pytest.mark.parametrize(("length", "status"), [(1000, 200), (1001, 413)])
@pytest.mark.parametrize("size", [1, 60])
def test_in_pieces_and_to_the_last_byte(repository, length, status, size):
    client = TestClient(Server(repository, Limits(body_bytes=1000)))
    packed = gzip.compress(PLAIN.ljust(length))
    pieces = (packed[start : start + size] for start in range(0, len(packed), size))
    answer = client.post(PREDICT, content=pieces, headers={"Content-Encoding": "gzip"})
    assert answer.status_code == status


def test_a_bomb_is_not_unpacked(repository):
    """Of 50 MB no more is unpacked than the limit."""
    client = TestClient(Server(repository, Limits(body_bytes=100_000)))
    packed = gzip.compress(bytes(50_000_000))
    tracemalloc.start()
    answer = client.post(PREDICT, content=packed, headers={"Content-Encoding": "gzip"})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (answer.status_code, "unpacked" in answer.json()["error"]) == (413, True)
    assert peak < 5_000_000
