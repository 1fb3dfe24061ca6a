"""Models that must be given something: by number, by picture, on the page's own paths."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from export_case import to_levels
from named_case import make_bundle, with_codes
from PIL import Image
from starlette.testclient import TestClient

from ganapp.export.layout import Input
from ganapp.export.server import pages
from ganapp.export.server.context import Limits
from ganapp.export.server.errors import InvalidArgument
from ganapp.export.server.pages import picture_counts, read_observation
from ganapp.export.server.serve import Settings, make_server

SPEED = [0.5, -0.25]
MODEL = "/v1/models/both"


def encoded(levels, form="PNG", **options):
    file = io.BytesIO()
    Image.fromarray(levels).save(file, form, **options)
    return {"b64": base64.b64encode(file.getvalue()).decode()}


@pytest.fixture(scope="module")
def colours():
    return np.random.default_rng(0).integers(0, 256, (4, 4, 3), np.uint8)


@pytest.fixture(scope="module")
def observed(colours):
    return {"frames": [encoded(colours)], "speed": SPEED}


@pytest.fixture(scope="module")
def named_client(named_folders):
    limits = Limits(samples=64)
    app = make_server(Path(named_folders), Settings(limits=limits, poll_seconds=60))
    with TestClient(app) as client:
        yield client


def made(colours, count, seed, class_=-1):
    """Levels as the bundle itself makes them."""
    bundle = make_bundle("both")
    drawn = bundle.draw(bundle.uniform_noise(count, seed), class_)
    rows = {"frames": colours / np.float32(127.5) - 1, "speed": np.float32(SPEED)}
    given = {name: np.repeat(each[np.newaxis], count, 0) for name, each in rows.items()}
    return drawn, np.int32(to_levels(bundle.generate(drawn | given)))


def test_a_page_learns_what_to_ask(named_client):
    about = named_client.get(f"{MODEL}/gallery.json").json()
    assert {each["name"]: (each["role"], each["pictures"]) for each in about["inputs"]} == {
        "label": ("label", []),
        "frames": ("observation", [1, 3]),
        "z": ("latent", []),
        "speed": ("observation", []),
    }


def test_a_grid_of_an_observation(named_client, observed, colours):
    path = f"{MODEL}/sample.png?count=4&seed=3&class=owl"
    answer = named_client.post(path, json={"observations": observed})
    assert answer.status_code == 200, answer.text
    grid = np.asarray(Image.open(io.BytesIO(answer.content)), np.int32)
    _, expected = made(colours, 4, 3, 2)
    step = 4 + pages.GAP
    for index, image in enumerate(expected):
        top, left = index // 2 * step, index % 2 * step
        np.testing.assert_allclose(grid[top : top + 4, left : left + 4], image[..., 0], atol=1)


def test_a_walk_keeps_the_observation(named_client, observed, colours):
    path = f"{MODEL}/walk.gif?count=3&seed=3&from=0&to=2&frames=5"
    answer = named_client.post(path, json={"observations": observed})
    gif = Image.open(io.BytesIO(answer.content))
    assert gif.n_frames == 5
    _, expected = made(colours, 3, 3)
    for frame, index in ((0, 0), (4, 2)):
        gif.seek(frame)
        found = np.int32(gif.convert("L"))
        np.testing.assert_allclose(found, expected[index, ..., 0], atol=2)


def test_rows_of_one_observation(named_client, observed, colours):
    drawing = {"signature_name": "generate", "inputs": {"seed": 3}, "count": 5}
    body = drawing | {"observations": observed}
    outputs = named_client.post(f"{MODEL}/observed.json", json=body).json()["outputs"]
    drawn, expected = made(colours, 5, 3)
    np.testing.assert_allclose(outputs["samples"], expected, atol=1)
    np.testing.assert_array_equal(outputs["label"], drawn["label"])
    given = {"z": outputs["latents"], "label": outputs["label"]}
    body = {"inputs": given, "count": 5, "observations": observed}
    again = named_client.post(f"{MODEL}/observed.json", json=body).json()["outputs"]
    np.testing.assert_allclose(to_levels(np.float32(again)), expected, atol=1)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"speed": None}, "expected an object of frames, speed, sent by POST"),
        ({"speed": [1, 2, 3]}, "`speed`: expected 2 numbers. Received: 3"),
        ({"speed": ["a", "b"]}, "`speed`: JSON Value: expected DT_FLOAT"),
        ({"speed": [{"b64": ""}]}, "`speed`: expected numbers and no pictures. Received: 1"),
        ({"frames": [{"b64": "aGVsbG8="}]}, "`frames`: picture 1 must be one of PNG, JPEG"),
        ({"frames": [{"b64": "aGVsbG8="}] * 2}, "`frames`: expected 1 or 3 pictures. Received: 2"),
        ({"frames": []}, "`frames`: expected 48 numbers. Received: 0"),
    ],
)
def test_what_does_not_fit_is_named(named_client, observed, change, complaint):
    changed = {name: each for name, each in (observed | change).items() if each is not None}
    for path in ("sample.png", "walk.gif", "observed.json"):
        answer = named_client.post(f"{MODEL}/{path}", json={"observations": changed, "inputs": {}})
        assert answer.status_code == 400
        assert complaint in answer.json()["error"], path


def test_observations_are_not_multiplied_beyond_the_limit(named_client, observed):
    limits, most = named_client.app.context.limits, 10 * 50
    object.__setattr__(limits, "elements", most)
    try:
        body = {"observations": observed}
        answer = named_client.post(f"{MODEL}/sample.png?count=11", json=body)
        assert answer.status_code == 400
        assert "500 numbers in all, 10 samples. Received: 11" in answer.json()["error"]
        assert named_client.post(f"{MODEL}/sample.png?count=10", json=body).status_code == 200
    finally:
        object.__setattr__(limits, "elements", Limits().elements)


def test_a_link_has_no_observations(named_client):
    answer = named_client.get(f"{MODEL}/sample.png")
    assert answer.status_code == 400
    assert "sent by POST" in answer.json()["error"]
    assert named_client.get("/v1/models/labelled/sample.png").status_code == 200


def test_metadata_says_what_must_be_given(named_client):
    answer = named_client.get(f"{MODEL}/metadata").json()
    signatures = answer["metadata"]["signature_def"]["signature_def"]
    assert set(signatures) == {"serving_default", "generate", "generate_png"}
    assert set(signatures["serving_default"]["inputs"]) == {"label", "frames", "z", "speed"}
    assert set(signatures["generate"]["inputs"]) == {
        "seed",
        "frames",
        "speed",
        "class",
        "truncation",
    }
    dimensions = signatures["generate"]["inputs"]["frames"]["tensor_shape"]["dim"]
    assert [each["size"] for each in dimensions] == ["-1", "4", "4", "3"]


def test_a_class_of_its_own_on_the_page(named_client):
    answer = named_client.get("/v1/models/labelled/walk.gif?class=all&count=2&from=0&to=5&frames=3")
    gif = Image.open(io.BytesIO(answer.content))
    bundle = make_bundle("labelled")
    draws = [bundle.draw(bundle.uniform_noise(2, 0), class_) for class_ in (0, 2)]
    for frame, (drawn, place) in ((0, (draws[0], 0)), (2, (draws[1], 1))):
        gif.seek(frame)
        expected = to_levels(bundle.generate(drawn))[place, ..., 0]
        np.testing.assert_allclose(np.int32(gif.convert("L")), np.int32(expected), atol=2)


def test_codes_of_a_request(named_client):
    address = "/v1/models/coded/sample.png?count=1&seed=1&code="
    answer = named_client.get(f"{address}shape=2&code=code.0=0.5")
    found = np.asarray(Image.open(io.BytesIO(answer.content)), np.int32)
    bundle = make_bundle("coded")
    drawn = with_codes(bundle.draw(bundle.uniform_noise(1, 1)), 2, 0.5)
    (clip,) = to_levels(bundle.generate(drawn))
    expected = np.concatenate([*np.int32(clip[..., 0])], axis=1)
    np.testing.assert_allclose(found, expected, atol=1)
    body = {"signature_name": "sample", "inputs": {"count": 2, "seed": 1, "shape": 1}}
    rows = named_client.post("/v1/models/coded:predict", json=body).json()["outputs"]
    np.testing.assert_array_equal(np.array(rows["latents"])[:, :3], np.eye(3)[[1, 1]])
    for code in ("shape", "shape=x", "tone=1", "shape=1&code=shape=1", "shape=7"):
        answer = named_client.get(address + code)
        assert answer.status_code == 400
        assert "shape" in answer.json()["error"]
    gallery = named_client.get("/v1/models/coded/gallery.json").json()
    assert [each["name"] for each in gallery["latent"]["codes"]] == ["shape", "code.0", "code.1"]


def test_clips_are_strips(named_client):
    answer = named_client.get("/v1/models/coded/sample.png?count=1&seed=1")
    found = np.asarray(Image.open(io.BytesIO(answer.content)), np.int32)
    bundle = make_bundle("coded")
    (clip,) = to_levels(bundle.generate(bundle.draw(bundle.uniform_noise(1, 1))))
    expected = np.concatenate([*np.int32(clip[..., 0])], axis=1)
    np.testing.assert_allclose(found, expected, atol=1)
    walk = named_client.get("/v1/models/coded/walk.gif?frames=3")
    assert Image.open(io.BytesIO(walk.content)).size == (12, 4)
    answer = named_client.get("/v1/models/coded/sample.csv")
    assert "Sheets are for tables" in answer.json()["error"]


@pytest.mark.parametrize(
    ("shape", "counts"),
    [
        ((4, 4, 1), [1]),
        ((4, 4, 3), [1, 3]),
        ((4, 4, 2), [2]),
        ((4, 4, 12), [3, 4, 12]),
        ((5, 4, 4, 3), [5]),
        ((5, 4, 4, 2), []),
        ((7,), []),
    ],
)
def test_numbers_of_pictures(shape, counts):
    assert picture_counts(shape) == counts


def test_pictures_are_turned_resized_and_scaled():
    grey = np.repeat(np.arange(0, 240, 10, dtype=np.uint8)[:, np.newaxis], 24, axis=1)
    turned = Image.Exif()
    turned[0x0112] = 6  # the camera lay on its side
    files = [encoded(grey), encoded(grey, "JPEG", exif=turned, quality=95)]
    frames = Input("frames", (8, 6, 2), "observation")
    found = read_observation(files, frames, most_pixels=1000)
    assert found.shape == (8, 6, 2)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[:, 0, 0], found[:, 5, 0])
    assert (np.diff(found[:, 0, 0]) > 0).all()
    np.testing.assert_allclose(found[0, 0, 0], 10 / 127.5 - 1, atol=0.05)
    assert (np.diff(found[0, :, 1]) < 0).all()
    apart = Input("frames", (2, 8, 6, 1), "observation")
    np.testing.assert_array_equal(
        read_observation(files, apart, most_pixels=1000)[..., 0], np.moveaxis(found, -1, 0)
    )
    clear = np.zeros((9, 9, 4), np.uint8)
    deep = np.full((9, 9), 65535, np.uint16)
    whites = read_observation([encoded(clear), encoded(deep)], frames, most_pixels=1000)
    np.testing.assert_array_equal(whites, np.ones((8, 6, 2)))
    with pytest.raises(InvalidArgument, match=r"at most 500 pixels\. Received: 24 x 24"):
        read_observation(files, frames, most_pixels=500)
