"""TF Serving's REST API: forms of requests and answers, and the status of what is refused."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image
from server_case import SHAPE, SIZE, draw, levels

from ganapp.export.server.errors import DeadlineExceeded, Overloaded, Unavailable
from ganapp.export.server.tensors import write

PREDICT = "/v1/models/digits:predict"
ROWS = draw(count=3, seed=1).tolist()


def error_of(answer, status):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json()) == ["error"]
    return answer.json()["error"]


def test_status_of_all_versions_highest_first(client):
    found = client.get("/v1/models/digits").json()
    assert found == {
        "model_version_status": [
            {
                "version": version,
                "state": "AVAILABLE",
                "status": {"error_code": "OK", "error_message": ""},
            }
            for version in ("3", "1")
        ]
    }


@pytest.mark.parametrize("which", ["versions/1", "labels/stable"])
def test_status_of_one_version(client, repository, which):
    repository.labels["stable"] = 1
    (found,) = client.get(f"/v1/models/digits/{which}").json()["model_version_status"]
    assert found["version"] == "1"


def test_metadata(client):
    found = client.get("/V1/Models/digits/METADATA").json()  # case counts for the name only
    assert found["model_spec"] == {"name": "digits", "signature_name": "", "version": "3"}
    signatures = found["metadata"]["signature_def"]["signature_def"]
    assert set(signatures) == {"serving_default", "sample", "sample_png"}
    default = signatures["serving_default"]
    assert default["method_name"] == "tensorflow/serving/predict"
    assert default["inputs"]["z"]["dtype"] == "DT_FLOAT"
    dimensions = default["inputs"]["z"]["tensor_shape"]["dim"]
    assert [each["size"] for each in dimensions] == ["-1", str(SIZE)]
    assert signatures["sample"]["defaults"]["truncation"]["float_val"] == [1.0]
    assert signatures["sample"]["defaults"]["class"]["int_val"] == [-1]


@pytest.mark.parametrize("instances", [ROWS, [{"z": row} for row in ROWS]])
def test_rows(client, model, instances):
    answer = client.post(PREDICT, json={"instances": instances}).json()
    assert list(answer) == ["predictions"]
    expected = model.generate(np.float32(ROWS))
    np.testing.assert_array_equal(np.float32(answer["predictions"]), expected)


@pytest.mark.parametrize("inputs", [ROWS, {"z": ROWS}])
def test_columns(client, model, inputs):
    answer = client.post(PREDICT, json={"inputs": inputs, "signature_name": ""}).json()
    assert list(answer) == ["outputs"]
    assert np.shape(answer["outputs"]) == (3, *SHAPE)


def test_several_outputs_are_an_object(client, model):
    inputs = {"count": 2, "seed": 5, "class": 1, "truncation": 0.5}
    body = {"signature_name": "sample", "inputs": inputs}
    outputs = client.post(PREDICT, json=body).json()["outputs"]
    assert set(outputs) == {"samples", "latents"}
    latents = draw(count=2, seed=5, truncation=0.5, **{"class": 1})
    np.testing.assert_array_equal(outputs["samples"], levels(model.generate(latents)))
    np.testing.assert_array_equal(np.float32(outputs["latents"]), latents)


def test_rows_of_several_outputs_are_objects(client, model):
    model.signatures["sample"].inputs.clear()
    model.signatures["sample"].inputs["count"] = model.signatures["serving_default"].inputs["z"]

    async def predict(name, inputs, deadline):
        return {"a": np.float32([1, 2]), "b": np.int32([[3], [4]])}

    model.predict = predict
    body = {"signature_name": "sample", "instances": ROWS[:2]}
    assert client.post(PREDICT, json=body).json() == {
        "predictions": [{"a": 1.0, "b": [3]}, {"a": 2.0, "b": [4]}]
    }


def test_defaults_may_be_left_out(client):
    body = {"signature_name": "sample", "inputs": {"count": 2, "seed": 5}}
    assert client.post(PREDICT, json=body).status_code == 200


def test_bytes_are_base64(client):
    body = {"signature_name": "sample_png", "inputs": {"count": 2, "seed": 5}}
    outputs = client.post(PREDICT, json=body).json()["outputs"]
    assert [list(each) for each in outputs] == [["b64"], ["b64"]]
    image = Image.open(io.BytesIO(base64.b64decode(outputs[0]["b64"])))
    assert image.size == (SHAPE[1], SHAPE[0])


def test_numbers_are_short_and_decimal(client, model):
    async def predict(name, inputs, deadline):
        return {"image": np.float32([0.2, 3, 1e-10])}

    model.predict = predict
    text = client.post(PREDICT, json={"inputs": ROWS}).text
    assert text == '{"outputs":[0.2,3.0,1e-10]}'


def test_what_is_not_finite_is_written_as_null_and_read_as_tf_serving_reads_it(client):
    answer = client.post("/v1/models/people:predict", json={"inputs": [[-1.0] * SIZE]})
    assert answer.text == '{"outputs":[[null,0.0,-1.0]]}'
    body = json.dumps({"inputs": [[float("nan"), float("inf")] + [-float("inf")] * 4]})
    text = client.post("/v1/models/ring:predict", content=body).text
    assert text == '{"outputs":[[null,null]]}'


@pytest.mark.parametrize(
    "value",
    [
        np.float32([np.nan, np.inf, -np.inf]),
        np.float64([np.nan, np.inf, -np.inf]),
        np.float16([np.nan, np.inf, -np.inf]),
        np.float32([[np.nan, np.inf], [-np.inf, 1]]).T[:, 0:1],
        np.float32("nan"),
        [{"a": float("inf")}, -float("inf"), np.float64("nan")],
    ],
)
def test_no_answer_holds_what_json_does_not_know(value):
    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    text = write({"outputs": value})
    assert b"null" in text
    json.loads(text, parse_constant=refuse)


def test_rows_of_the_inference_protocol_hold_null_where_values_are_missing(client):
    tensor = {"name": "z", "shape": [1, SIZE], "datatype": "FP32", "data": [-1.0] * SIZE}
    answer = client.post("/v2/models/people/infer", json={"inputs": [tensor]})
    assert answer.json()["outputs"][0]["data"] == [None, 0.0, -1.0]


def test_versions_and_labels(client, repository):
    repository.labels["stable"] = 1
    for which, version in (("", 3), ("/versions/1", 1), ("/labels/stable", 1)):
        answer = client.post(f"/v1/models/digits{which}:predict", json={"instances": ROWS})
        assert answer.status_code == 200
        assert len(repository.versions["digits"][version].deadlines) > 0
    assert repository.leased == 0


MALFORMED = {
    "empty": b"",
    "no JSON": b"{",
    "no UTF-8": b'{"instances": "\xff"}',
    "no object": b"[1]",
    "neither": b"{}",
    "both": b'{"instances": [1], "inputs": [1]}',
    "no rows": b'{"instances": []}',
    "rows of text": b'{"instances": "x"}',
    "signature of a number": b'{"signature_name": 3, "instances": [[1]]}',
    "unknown signature": b'{"signature_name": "none", "instances": [[1]]}',
    "another shape": b'{"instances": [[1.0, 2.0]]}',
    "ragged": b'{"instances": [[1, 2, 3, 4, 5, 6], [1, 2]]}',
    "deeper": b'{"instances": [[[1], 2, 3, 4, 5, 6]]}',
    "text": b'{"instances": [["a", 2, 3, 4, 5, 6]]}',
    "true": b'{"instances": [[true, 2, 3, 4, 5, 6]]}',
    "null": b'{"instances": [null]}',
    "bytes": b'{"instances": [{"b64": "AAAA"}]}',
    "large whole number": b'{"instances": [[16777217, 2, 3, 4, 5, 6]]}',
    "beyond float32": b'{"instances": [[1e39, 2, 3, 4, 5, 6]]}',
    "mixed rows": b'{"instances": [{"z": [1, 2, 3, 4, 5, 6]}, [1, 2, 3, 4, 5, 6]]}',
    "unknown input": b'{"instances": [{"y": [1, 2, 3, 4, 5, 6]}]}',
    "missing input": b'{"inputs": {"y": [1]}}',
    "several inputs unnamed": b'{"signature_name": "sample", "inputs": [1]}',
    "decimal count": b'{"signature_name": "sample", "inputs": {"count": 1.0, "seed": 1}}',
    "beyond int32": b'{"signature_name": "sample", "inputs": {"count": 1, "seed": 2147483648}}',
    "scalars in rows": b'{"signature_name": "sample", "instances": [{"count": 1, "seed": 1}]}',
    "no samples": b'{"signature_name": "sample", "inputs": {"count": 0, "seed": 1}}',
    "too many samples": b'{"signature_name": "sample", "inputs": {"count": 65, "seed": 1}}',
    "unknown class": b'{"signature_name": "sample", "inputs": {"count": 1, "seed": 1, "class": 7}}',
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_malformed_bodies(client, repository, body):
    assert error_of(client.post(PREDICT, content=body), 400)
    assert repository.leased == 0


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/models/none", 404),
        ("GET", "/v1/models/digits/versions/9", 404),
        ("GET", "/v1/models/none/metadata", 404),
        ("POST", "/v1/models/none:predict", 404),
        ("POST", "/v1/models/digits/versions/9:predict", 404),
        ("POST", "/v1/models/digits/labels/none:predict", 400),
        ("POST", f"/v1/models/digits/versions/{'9' * 30}:predict", 400),
        ("GET", "/v1/models", 400),
        ("GET", "/v1/models/digits:predict", 400),
        ("POST", "/v1/models/digits", 400),
        ("POST", "/v1/models/digits:train", 400),
        ("PUT", "/v1/models/digits:predict", 400),
        ("GET", "/v1/nothing", 400),
        ("GET", "/v3", 404),
    ],
)
def test_paths(client, method, path, status):
    error_of(client.request(method, path, json={"instances": ROWS}), status)


@pytest.mark.parametrize("verb", ["classify", "regress"])
def test_other_verbs_are_refused_as_of_models_without_such_a_signature(client, verb):
    path = f"/v1/models/digits:{verb}"
    assert "predict" in error_of(client.post(path, json={"examples": [{"x": 1}]}), 400)
    error_of(client.post(path, json={}), 400)
    missing = client.post(f"/v1/models/none:{verb}", json={"examples": [{"x": 1}]})
    error_of(missing, 404)


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (Overloaded("full", retry_after=7), 429),
        (Unavailable("loading"), 503),
        (DeadlineExceeded("late"), 504),
        (RuntimeError("secret"), 500),
    ],
)
def test_failures(client, model, failure, status, caplog):
    model.failure = failure
    answer = client.post(PREDICT, json={"instances": ROWS})
    assert "secret" not in error_of(answer, status)
    assert ("secret" in caplog.text) == (status == 500)
    assert answer.headers.get("retry-after") == {429: "7", 503: "1"}.get(status)
