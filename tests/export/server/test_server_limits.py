"""Limits: each with its status, before what it protects is spent."""

import asyncio
import contextlib
import json
import time

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families
from server_case import draw
from starlette.testclient import TestClient

from ganapp.export.server.app import Server
from ganapp.export.server.context import Limits
from ganapp.export.server.errors import InvalidArgument
from ganapp.export.server.middleware import Pace
from ganapp.export.server.tensors import check_size

PREDICT = "/v1/models/digits:predict"
ROWS = draw(count=3, seed=1).tolist()


def request(app, body, *, headers=(), path=PREDICT):
    """One POST to the application itself; `body` gives its chunks and is counted."""
    sent, read = [], []

    async def receive():
        for chunk in body:
            read.append(len(chunk))
            return {"type": "http.request", "body": chunk, "more_body": True}
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append((dict(message), sum(read)))

    scope = {"type": "http", "method": "POST", "path": path, "query_string": b""}
    asyncio.run(app({**scope, "headers": list(headers)}, receive, send))
    return sent


def test_a_long_body_is_refused_before_it_is_read(app):
    chunks = iter([b"x" * 1000] * 10)
    sent = request(app, chunks, headers=[(b"content-length", b"100000000")])
    (start, read_before), (body, _), (end, read_in_the_end) = sent
    assert (start["status"], read_before) == (413, 0)
    assert (b"connection", b"close") in [(n.lower(), v) for n, v in start["headers"]]
    assert "100000000" in json.loads(body["body"])["error"]
    # The rest is read away after the answer, so that the client gets to read it.
    assert (end["more_body"], read_in_the_end) == (False, 10_000)


@pytest.mark.parametrize("path", [PREDICT, "/v1/models/none:predict", "/v9"])
def test_whoever_waits_to_send_a_body_is_refused_for_good(app, model, path):
    """The body may be sent for all that, and would be taken for the next request."""
    model.full = True
    headers = [(b"expect", b"100-Continue"), (b"content-length", b"1000")]
    sent = request(app, iter([b"x" * 1000]), headers=headers, path=path)
    closes = (b"connection", b"close") in [(n.lower(), v) for n, v in sent[0][0]["headers"]]
    asked = sent[-1][1] > 0  # then the client was told to go on, and all of the body was read
    assert closes != asked
    assert closes == (path != "/v1/models/none:predict")


def test_a_long_body_of_unknown_length_is_refused_while_it_is_read(app):
    (start, read_before), *_ = request(app, iter([b"x" * 1000] * 1000))
    assert start["status"] == 413
    assert read_before < 22_000


@pytest.mark.parametrize("path", [PREDICT, "/v2/models/digits/infer"])
def test_a_full_queue_refuses_before_the_body_is_read(app, model, path):
    model.full = True
    (start, read_before), *_ = request(app, iter([b"x" * 1000] * 10), path=path)
    assert (start["status"], read_before) == (429, 0)
    assert (b"retry-after", b"3") in start["headers"]


def test_refusals_are_spaced_where_there_are_many(monkeypatch):
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    pace = Pace(rate=10, longest=0.45)
    held = [pace.seconds() for _ in range(6)]
    assert held == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.45])
    now += 60
    assert pace.seconds() == 0


def test_a_crowd_that_is_refused_waits_and_others_do_not(repository, model):
    app = Server(repository)

    async def ask(client, path, seconds):
        start = time.monotonic()
        answer = await client.post(path, json={})
        assert (time.monotonic() - start > 0.1) == seconds
        return answer.status_code

    async def within():
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://server") as client:
            crowd = [asyncio.create_task(client.post(PREDICT, json={})) for _ in range(30)]
            await asyncio.sleep(0.02)
            model.full = False
            assert await ask(client, PREDICT, False) == 400  # no refusal for want of room
            model.full = True
            assert await ask(client, PREDICT, True) == 429
            assert {(await each).status_code for each in crowd} == {429}

    model.full = True
    asyncio.run(within())


@pytest.mark.parametrize("length", [b"-1", b"x", "٣".encode(), b"9" * 5000])
def test_strange_lengths(app, length):
    (start, _), *_ = request(app, iter([]), headers=[(b"content-length", length)])
    assert start["status"] == (413 if length.isdigit() else 400)


def test_values_and_depth_of_json(client):
    many = {"inputs": [0] * 5000}
    deep = '{"inputs": ' + "[" * 9 + "]" * 9 + "}"
    for content, words in ((json.dumps(many), "more values"), (deep, "nested")):
        answer = client.post(PREDICT, content=content)
        assert answer.status_code == 400
        assert words in answer.json()["error"]


@pytest.mark.parametrize(
    ("body", "good"),
    [
        (b'{"a": "[[[[[[[[[[,,,,,,,,,,"}', True),
        (b'{"a": "\\"[[[[[[[[[[,,,,,,,,,,"}', True),
        (b'{"a": "\\\\"}[[[[[[[[[[', False),
        (b"[" * 9, False),
        (b"]" * 9, True),
        (b"[" + b"1," * 9, False),
        (b"[" + b"1," * 8, False),
        (b"[" + b"1," * 7, True),
        (b'"' + b"[" * 9, True),
        (b'"\\', True),
        (b"", True),
    ],
)
def test_sizes_are_told_from_bytes(body, good):
    if good:
        check_size(body, elements=8, depth=8)
    else:
        with pytest.raises(InvalidArgument):
            check_size(body, elements=8, depth=8)


@pytest.mark.parametrize("unit", [b'"', b'\\"', b'"\\', b'["\\\\', b'",'])
def test_telling_the_size_takes_no_time_on_hostile_bodies(unit):
    """A million of each within the test's patience; a quadratic scan would take hours."""
    body = b"[" + unit * 1_000_000
    with contextlib.suppress(InvalidArgument):
        check_size(body, elements=10**7, depth=0)  # which a look at the bytes cannot tell


def test_numbers_in_an_answer(repository):
    client = TestClient(Server(repository, Limits(elements=300)))
    body = {"signature_name": "sample", "inputs": {"count": 8, "seed": 1}}
    assert client.post(PREDICT, json=body).status_code == 200
    body["inputs"]["count"] = 9  # of 6 x 5 + 6 numbers each
    answer = client.post(PREDICT, json=body)
    assert answer.status_code == 400
    assert "8 samples" in answer.json()["error"]


def test_deadline(repository, model):
    client = TestClient(Server(repository, Limits(deadline=0.05)))
    model.delay = 5.0
    answer = client.post(PREDICT, json={"instances": ROWS})
    assert answer.status_code == 504
    assert repository.leased == 0


def test_requests_at_once(repository, model):
    app = Server(repository, Limits(requests=2))
    model.delay = 0.1
    body = json.dumps({"instances": ROWS}).encode()

    async def one():
        status = []

        async def receive():
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message):
            status.append(message.get("status"))

        scope = {"type": "http", "method": "POST", "path": PREDICT, "query_string": b""}
        await app({**scope, "headers": []}, receive, send)
        return status[0]

    async def five():
        return await asyncio.gather(*(one() for _ in range(5)))

    assert sorted(asyncio.run(five())) == [200, 200, 503, 503, 503]
    assert asyncio.run(one()) == 200


def test_figures(client, app):
    client.post(PREDICT, json={"instances": ROWS})
    client.get("/v1/models/digits/versions/1/metadata")
    client.get("/v1/models/none")
    client.get("/invented/1")
    client.request("INVENT", "/v2")
    # The third is the second loaded again, before the second is closed.
    past, old, new = (app.metrics.batch_hooks("digits", number) for number in (2, 3, 3))
    for hooks, depth in ((past, 6), (old, 4), (new, 5)):
        hooks.on_open(lambda depth=depth: depth)
        hooks.on_batch(depth)
    for hooks in (past, old):
        hooks.on_close()
    new.on_batch(7)
    families = text_string_to_metric_families(client.get("/metrics").text)
    samples = {
        (each.name, *sorted(each.labels.items())): each.value
        for family in families
        for each in family.samples
    }
    counted = {
        tuple(value for _, value in key[1:]): number
        for key, number in samples.items()
        if key[0] == "ganapp_requests_total"
    }
    assert counted == {  # method, route, status
        ("POST", "/v1/models/{name}:predict", "200"): 1,
        ("GET", "/v1/models/{name}/versions/{version}/metadata", "200"): 1,
        ("GET", "/v1/models/{name}", "404"): 1,
        ("GET", "unknown", "404"): 1,
        ("unknown", "unknown", "405"): 1,
    }
    seconds = ("ganapp_request_seconds_count", ("route", "/v1/models/{name}:predict"))
    assert samples[seconds] == 1
    model, version = ("model", "digits"), ("version", "3")
    assert samples["ganapp_batch_rows_sum", model, version] == 7
    assert samples["ganapp_requests_under_way",] == 1
    assert samples["ganapp_queue_rows", model, version] == 5
    assert not any(("version", "2") in key for key in samples)
    assert samples["ganapp_model_version", model, ("state", "AVAILABLE"), version] == 1
