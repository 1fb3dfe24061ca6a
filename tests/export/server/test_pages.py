"""Pictures, sheets, walks and the card; the page and what protects it."""

import asyncio
import csv
import io
import re
import types

import numpy as np
import pytest
from PIL import Image
from server_case import CLASSES, COLUMNS, SHAPE, draw, levels
from starlette.testclient import TestClient

from ganapp.export.server import pages
from ganapp.export.server.app import STATIC, Server
from ganapp.export.server.context import Limits
from ganapp.export.server.errors import Overloaded

HEIGHT, WIDTH, _ = SHAPE


def picture(answer):
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content)).convert("L"))


def cell(grid, row, column):
    top, left = row * (HEIGHT + pages.GAP), column * (WIDTH + pages.GAP)
    return grid[top : top + HEIGHT, left : left + WIDTH]


def images(model, **drawn):
    return levels(model.generate(draw(**drawn)))[..., 0]


def test_grid(client, model):
    answer = client.get("/v1/models/digits/sample.png?count=5&seed=3&truncation=0.5")
    assert answer.headers["content-type"] == "image/png"
    grid = picture(answer)
    assert grid.shape == (2 * HEIGHT + pages.GAP, 3 * WIDTH + 2 * pages.GAP)
    expected = images(model, count=5, seed=3, truncation=0.5)
    for index in range(5):
        np.testing.assert_array_equal(cell(grid, index // 3, index % 3), expected[index])
    assert (cell(grid, 1, 2) == 255).all()  # nothing there


@pytest.mark.parametrize("name", ["odd", "1"])
def test_grid_of_a_class(client, model, name):
    grid = picture(client.get(f"/v1/models/digits/versions/1/sample.png?count=1&class={name}"))
    np.testing.assert_array_equal(grid, images(model, count=1, seed=0, **{"class": 1})[0])


def test_a_row_a_class(client, model):
    grid = picture(client.get("/v1/models/digits/sample.png?count=3&class=all"))
    for row, _ in enumerate(CLASSES):
        expected = images(model, count=3, seed=0, **{"class": row})
        np.testing.assert_array_equal(cell(grid, row, 2), expected[2])


def test_one_class_that_is_refused_ends_the_others():
    ended = []

    class Busy:
        limits = Limits()

        async def predict(self, request, servable, name, inputs):
            if inputs["class"] == 1:
                raise Overloaded("The queue is full.")
            try:
                await asyncio.sleep(30)
            finally:
                ended.append(int(inputs["class"]))

    known = {"sample": types.SimpleNamespace(inputs={"class": None})}
    spec = types.SimpleNamespace(drawing="sample")
    servable = types.SimpleNamespace(signatures=known, spec=spec)

    async def ask():
        draw = pages.SampleQuery(count=1, seed=0, classes=(0, 1, 2))
        with pytest.raises(Overloaded):
            await pages.draw_samples(Busy(), None, servable, draw, {})
        assert sorted(ended) == [0, 2]

    asyncio.run(ask())


def test_walk(client, model):
    answer = client.get("/v1/models/digits/walk.gif?seed=2&from=1&to=4&frames=7")
    assert answer.headers["content-type"] == "image/gif"
    gif = Image.open(io.BytesIO(answer.content))
    assert (gif.n_frames, gif.size) == (7, (WIDTH, HEIGHT))
    ends = images(model, count=5, seed=2)[[1, 4]]
    for frame, expected in zip((0, 6), ends, strict=True):
        gif.seek(frame)
        np.testing.assert_allclose(np.float32(gif.convert("L")), expected, atol=2)


def test_walk_from_class_to_class(client, model):
    answer = client.get("/v1/models/digits/walk.gif?seed=2&count=3&class=all&from=1&to=5&frames=2")
    assert answer.status_code == 200, answer.text
    gif = Image.open(io.BytesIO(answer.content))
    for frame, (class_, place) in enumerate([(0, 1), (1, 2)]):
        gif.seek(frame)
        expected = images(model, count=3, seed=2, **{"class": class_})[place]
        np.testing.assert_allclose(np.float32(gif.convert("L")), expected, atol=2)


def test_walk_keeps_to_the_shell_and_moves_the_class_straight():
    start, end = draw(count=2, seed=3)
    way = pages.walk(start, end, frames=5, path="arc", classes=len(CLASSES))
    np.testing.assert_allclose(way[[0, -1]], [start, end], atol=1e-6)
    lengths = np.linalg.norm(way[:, : -len(CLASSES)], axis=1)
    np.testing.assert_allclose(lengths, np.linspace(lengths[0], lengths[-1], 5), rtol=1e-5)
    np.testing.assert_allclose(way[2, -2:], [0.5, 0.5])
    opposite = pages.walk(start, -start, frames=3, path="arc", classes=0)
    assert np.linalg.norm(opposite[1]) == pytest.approx(np.linalg.norm(start))


def test_sheet_of_a_table(client, repository):
    answer = client.get("/v1/models/people/sample.csv?count=20&seed=1")
    assert answer.headers["content-type"].startswith("text/csv")
    header, *lines = csv.reader(io.StringIO(answer.text))
    assert header == [column["name"] for column in COLUMNS]
    expected = repository.versions["people"][1].generate(draw(count=20, seed=1))
    for line, (age, town, share) in zip(lines, expected, strict=True):
        assert line[0] == ("" if np.isnan(age) else str(int(age)))
        assert line[1] == COLUMNS[1]["categories"][int(town)]
        assert line[2] == "2026"
        assert np.float32(line[3]) == share
    assert {line[0] == "" for line in lines} == {True, False}


def test_sheet_of_points(client):
    text = client.get("/v1/models/ring/sample.csv?count=2").text
    header, *lines = text.splitlines()
    assert header == "x0,x1"
    points = [line.split(",") for line in lines]
    np.testing.assert_array_equal(np.float32(points), draw(count=2, seed=0)[:, :2])


def test_gallery_and_card(client, repository):
    assert client.get("/v1/models/digits/gallery.json").json() == {
        "name": "digits",
        "kind": "image",
        "version": 3,
        "inputs": [{"name": "z", "shape": [6], "role": "latent", "pictures": []}],
    }
    listed = client.get("/gallery.json").json()["models"]
    assert listed[0] == {"name": "digits", "versions": {"1": "AVAILABLE", "3": "AVAILABLE"}}
    answer = client.get("/v1/models/digits/card")
    assert answer.text == "<p>digits</p>"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert client.get("/v1/models/digits/card.json").json() == {"name": "digits"}
    picture(client.get("/v1/models/digits/samples.png"))


def test_a_card_outside_the_folder_is_not_shown(client, model, tmp_path_factory):
    secret = tmp_path_factory.mktemp("outside") / "secret"
    secret.write_text("secret")
    card = model.spec.folder / "assets.extra" / "model_card.html"
    card.unlink()
    assert client.get("/v1/models/digits/card").status_code == 404
    card.symlink_to(secret)
    assert client.get("/v1/models/digits/card").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "digits/sample.png?count=0",
        "digits/sample.png?count=65",
        "digits/sample.png?count=33&class=all",
        "digits/sample.png?count=1e3",
        "digits/sample.png?seed=-1",
        "digits/sample.png?seed=2147483648",
        "digits/sample.png?class=third",
        "digits/sample.png?class=2",
        "digits/sample.png?truncation=1.5",
        "digits/sample.png?truncation=nan",
        "digits/sample.csv",
        "digits/walk.gif?frames=1",
        "digits/walk.gif?frames=65",
        "digits/walk.gif?to=64",
        "digits/walk.gif?class=all&count=2&to=4",
        "digits/walk.gif?count=2&to=2",
        "people/sample.png",
        "people/walk.gif",
        "people/sample.csv?class=odd",
        "people/sample.csv?truncation=0.5",
    ],
)
def test_refused_queries(client, repository, path):
    answer = client.get(f"/v1/models/{path}")
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]
    assert repository.leased == 0


def test_pages_are_protected(client):
    answer = client.get("/")
    assert answer.headers["content-type"].startswith("text/html")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    preflight = {"Origin": "https://x.org", "Access-Control-Request-Method": "POST"}
    for answer in (client.get("/v2"), client.options("/v2", headers=preflight)):
        assert "access-control-allow-origin" not in answer.headers
    assert client.get("/static/../app.py").status_code == 404
    assert client.get("/static/%2e%2e/app.py").status_code == 404
    assert client.get("/static/%00").status_code == 404


def test_the_page_needs_no_other_host():
    for file in STATIC.iterdir():
        links = re.findall(r"""(?:src|href)=["']?(?:https?:)?//""", file.read_text())
        assert links == [], file


def test_api_key(repository, limits):
    client = TestClient(Server(repository, limits, api_key="söme key"))
    key = "söme key".encode()
    for path in ("/v1/models/digits", "/v2", "/metrics", "/gallery.json", "/v9"):
        for headers in ({}, {"X-API-Key": "other"}, {"Authorization": "Basic c29tZQ=="}):
            answer = client.get(path, headers=headers)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
        expected = 404 if path == "/v9" else 200
        for headers in ({"X-API-Key": key}, {"Authorization": b"bearer " + key}):
            assert client.get(path, headers=headers).status_code == expected
    for path in ("/", "/v2/health/live", "/v2/health/ready"):
        assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    ("host", "good"),
    [
        ("localhost:8501", True),
        ("LOCALHOST", True),
        ("127.0.0.1:8501", True),
        ("127.8.8.8", True),
        ("[::1]:8501", True),
        ("site.example:8501", False),
        ("127.0.0.1.site.example", False),
        ("localhost.site.example", False),
        ("10.0.0.1", False),
        ("[::2]", False),
        ("[", False),
    ],
)
def test_names_of_other_machines(repository, host, good):
    """A site whose name points to 127.0.0.1 would read what the server tells this machine."""
    client = TestClient(Server(repository, local=True), base_url="http://127.0.0.1")
    answer = client.get("/gallery.json", headers={"Host": host})
    assert answer.status_code == (200 if good else 421)
    assert good or "`Host`" in answer.json()["error"]
    keyed = TestClient(Server(repository, local=True, api_key="key"))  # a proxy passes its name on
    assert keyed.get("/v2", headers={"Host": host, "X-API-Key": "key"}).status_code == 200
