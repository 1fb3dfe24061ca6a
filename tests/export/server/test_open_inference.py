"""Open Inference Protocol v2: health, metadata, infer."""

import base64
import json

import numpy as np
import pytest
from server_case import SHAPE, SIZE, draw

Z = draw(count=3, seed=1)
INFER = "/v2/models/digits/infer"


def tensor(**changes):
    return {
        "name": "z",
        "datatype": "FP32",
        "shape": [3, SIZE],
        "data": Z.reshape(-1).tolist(),
    } | changes


def scalar(name, value):
    return {"name": name, "datatype": "INT32", "shape": [], "data": [value]}


def test_server_and_health(client, app, repository):
    assert client.get("/v2").json()["name"] == "ganapp"
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    app.context.stopping = True
    answer = client.get("/v2/health/ready")
    assert (answer.status_code, answer.json()) == (503, {"ready": False})
    assert answer.headers["connection"] == "close"
    assert client.get("/v2/health/live").status_code == 200
    assert client.get("/v2/models/digits/ready").status_code == 503


def test_not_ready_while_a_model_has_no_version_that_serves(client, repository):
    repository.states["ring", 1] = "LOADING"
    assert client.get("/v2/health/ready").status_code == 503
    repository.optional.add("ring")  # which nobody can have used yet
    assert client.get("/v2/health/ready").status_code == 200
    repository.versions.clear()
    assert client.get("/v2/health/ready").status_code == 503


def test_model(client, repository):
    repository.states["digits", 1] = "END"
    assert client.get("/v2/models/digits").json() == {
        "name": "digits",
        "versions": ["3"],
        "platform": "ganapp",
        "inputs": [{"name": "z", "datatype": "FP32", "shape": [-1, SIZE]}],
        "outputs": [{"name": "image", "datatype": "FP32", "shape": [-1, *SHAPE]}],
    }
    assert client.get("/v2/models/digits/versions/1/ready").json()["ready"] is True
    for path in ("/v2/models/none", "/v2/models/none/ready", "/v2/models/digits/versions/7/ready"):
        assert client.get(path).status_code == 404


@pytest.mark.parametrize("data", [Z.tolist(), Z.reshape(-1).tolist()], ids=["nested", "flat"])
def test_infer(client, model, data):
    body = {"id": "a", "inputs": [tensor(data=data)], "outputs": [{"name": "image"}]}
    answer = client.post(INFER, json=body).json()
    assert (answer["id"], answer["model_name"], answer["model_version"]) == ("a", "digits", "3")
    (output,) = answer["outputs"]
    assert output.pop("data") == pytest.approx(model.generate(Z).reshape(-1).tolist(), rel=1e-6)
    assert output == {"name": "image", "datatype": "FP32", "shape": [3, *SHAPE]}


def test_another_signature(client):
    inputs = [scalar("count", 2), scalar("seed", 9), scalar("class", 1)]
    body = {"inputs": inputs, "parameters": {"signature": "sample"}}
    outputs = client.post(INFER, json=body).json()["outputs"]
    assert [(each["name"], each["datatype"]) for each in outputs] == [
        ("samples", "UINT8"),
        ("latents", "FP32"),
    ]
    latents = draw(count=2, seed=9, **{"class": 1}).reshape(-1)
    np.testing.assert_array_equal(np.float32(outputs[1]["data"]), latents)


def test_bytes_say_that_they_are_base64(client):
    inputs = [scalar("count", 2), scalar("seed", 9)]
    body = {"inputs": inputs, "parameters": {"signature": "sample_png"}}
    (output,) = client.post(INFER, json=body).json()["outputs"]
    assert (output["datatype"], output["shape"]) == ("BYTES", [2])
    assert output["parameters"] == {"content_type": "base64"}
    assert base64.b64decode(output["data"][1]).startswith(b"\x89PNG")


REFUSED = {
    "nothing": {},
    "no list": {"inputs": {"z": 1}},
    "no object": {"inputs": [3]},
    "unknown tensor": {"inputs": [tensor(name="y")]},
    "no name": {"inputs": [tensor(name=["z"])]},
    "twice": {"inputs": [tensor(), tensor()]},
    "missing": {"inputs": []},
    "another type": {"inputs": [tensor(datatype="FP64")]},
    "another shape": {"inputs": [tensor(shape=[SIZE, 3])]},
    "too few values": {"inputs": [tensor(data=[1.0])]},
    "huge shape": {"inputs": [tensor(shape=[2**40, 2**40])]},
    "huge shape of nothing": {"inputs": [tensor(shape=[0, *[2**31 - 1] * 3], data=[])]},
    "negative sizes": {"inputs": [tensor(shape=[-3, -SIZE])]},
    "true for a size": {"inputs": [tensor(shape=[True, SIZE])]},
    "text": {"inputs": [tensor(data=["a"] * Z.size)]},
    "no data": {"inputs": [{key: value for key, value in tensor().items() if key != "data"}]},
    "unknown output": {"inputs": [tensor()], "outputs": [{"name": "y"}]},
    "unknown signature": {"inputs": [tensor()], "parameters": {"signature": "none"}},
    "signature of a number": {"inputs": [tensor()], "parameters": {"signature": 3}},
    "parameters in a list": {"inputs": [tensor()], "parameters": [1]},
    "id of a number": {"inputs": [tensor()], "id": 3},
    "too many samples": {"inputs": [tensor(shape=[65, SIZE], data=[0.0] * 65 * SIZE)]},
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_refused(client, body):
    answer = client.post(INFER, json=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]


@pytest.mark.parametrize(("id_", "status"), [(r"\ud800", 400), (r"\ud83d\ude00", 200)])
def test_half_a_character_beside_nan(client, id_, status):
    body = json.dumps({"inputs": [tensor()], "unread": float("nan")})
    answer = client.post(INFER, content=f'{{"id": "{id_}", {body[1:]}')
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", INFER, 405),
        ("POST", "/v2/models/digits", 405),
        ("GET", "/v2/nothing", 404),
        ("POST", "/v2/models/none/infer", 404),
        ("POST", f"/v2/models/digits/versions/{'9' * 40}/infer", 400),
        ("POST", f"/v2/models/digits/versions/{'1'.zfill(20)}/infer", 400),  # not 0 of 19 digits
        ("POST", "/v2/models/digits/versions/x/infer", 400),
    ],
)
def test_paths(client, method, path, status):
    answer = client.request(method, path, json={"inputs": [tensor()]})
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]
    assert (answer.headers.get("allow") is not None) == (status == 405)


def test_binary_tensors_are_refused(client):
    headers = {"Inference-Header-Content-Length": "10"}
    assert client.post(INFER, json={"inputs": []}, headers=headers).status_code == 400
