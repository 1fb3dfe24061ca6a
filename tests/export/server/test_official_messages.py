"""The server's answers are TF Serving's messages, read by TF Serving's own definitions."""

import base64
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import json_format, text_format
from server_case import SIZE, draw, levels
from tensorflow_serving.apis.get_model_metadata_pb2 import (
    GetModelMetadataResponse,
    SignatureDefMap,
)
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusResponse, ModelVersionStatus
from tensorflow_serving.apis.predict_pb2 import PredictRequest, PredictResponse
from tensorflow_serving.config.model_server_config_pb2 import ModelConfig

from ganapp.export.server.repository import State, VersionStatus

ROOT = Path(__file__).parents[3]
ROWS = draw(count=3, seed=1)


def signatures(client, name="digits"):
    """The signatures in a GetModelMetadataResponse, each a SignatureDef."""
    answer = client.get(f"/v1/models/{name}/metadata").json()
    # TF Serving's JSON leaves out the type of this `Any`, which JSON of protocol buffers has.
    answer["metadata"]["signature_def"]["@type"] = (
        f"type.googleapis.com/{SignatureDefMap.DESCRIPTOR.full_name}"
    )
    response = json_format.ParseDict(answer, GetModelMetadataResponse())
    found = SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(found)
    assert (response.model_spec.name, response.model_spec.version.value) == (name, 3)
    return found.signature_def


def ask(client, request):
    """Sends a PredictRequest as REST and reads the answer into a PredictResponse."""
    spec = request.model_spec
    which = f"/versions/{spec.version.value}" if spec.HasField("version") else ""
    which = f"/labels/{spec.version_label}" if spec.version_label else which
    body = {
        "signature_name": spec.signature_name,
        "inputs": {name: tf.make_ndarray(of).tolist() for name, of in request.inputs.items()},
    }
    answer = client.post(f"/v1/models/{spec.name}{which}:predict", json=body)
    assert answer.status_code == 200, answer.text
    outputs = answer.json()["outputs"]
    described = signatures(client, spec.name)[spec.signature_name].outputs
    if len(described) == 1:
        outputs = {next(iter(described)): outputs}
    assert set(outputs) == set(described)
    response = PredictResponse(model_spec=spec)
    for name, value in outputs.items():
        response.outputs[name].CopyFrom(tensor(value, described[name]))
    return response


def tensor(value, info):
    """A TensorProto of an output, of the type and shape that the metadata say."""
    if info.dtype == tf.string.as_datatype_enum:
        value = [base64.b64decode(each["b64"]) for each in value]
    made = tf.make_tensor_proto(value, dtype=info.dtype)
    assert tf.TensorShape(info.tensor_shape).is_compatible_with(tf.TensorShape(made.tensor_shape))
    return made


def request_for(signature, inputs, **version):
    request = PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "digits", signature
    if "number" in version:
        request.model_spec.version.value = version["number"]
    if "label" in version:
        request.model_spec.version_label = version["label"]
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return request


def test_status_of_versions(client, repository):
    repository.states["digits", 1] = "LOADING"
    answer = client.get("/v1/models/digits").text
    first, second = json_format.Parse(answer, GetModelStatusResponse()).model_version_status
    assert (first.version, first.state) == (3, ModelVersionStatus.AVAILABLE)
    assert (second.version, second.state) == (1, ModelVersionStatus.LOADING)
    assert (first.status.error_code, first.status.error_message) == (0, "")


@pytest.mark.parametrize("code", ["FAILED_PRECONDITION", "INTERNAL"])
def test_status_of_a_broken_version(client, repository, monkeypatch, code):
    broken = VersionStatus(3, State.END, code, "It is broken.")
    monkeypatch.setattr(repository, "status", lambda name, version=None: [broken])
    answer = client.get("/v1/models/digits").text
    (found,) = json_format.Parse(answer, GetModelStatusResponse()).model_version_status
    expected = getattr(tf.errors, code)
    assert (found.status.error_code, found.status.error_message) == (expected, "It is broken.")


def test_metadata(client):
    found = signatures(client)
    assert {each.method_name for each in found.values()} == {"tensorflow/serving/predict"}
    z = found["serving_default"].inputs["z"]
    assert z.dtype == tf.float32.as_datatype_enum
    assert tf.TensorShape(z.tensor_shape).as_list() == [None, SIZE]
    defaults = {name: tf.make_ndarray(of) for name, of in found["sample"].defaults.items()}
    assert defaults == {"class": -1, "truncation": 1.0}
    assert (defaults["class"].dtype, defaults["truncation"].dtype) == (np.int32, np.float32)


@pytest.mark.parametrize(
    ("version", "number"), [({}, 3), ({"number": 1}, 1), ({"label": "stable"}, 1)]
)
def test_predict(client, repository, version, number):
    repository.labels["stable"] = 1
    answer = ask(client, request_for("serving_default", {"z": ROWS}, **version))
    expected = repository.versions["digits"][number].generate(ROWS)
    np.testing.assert_array_equal(tf.make_ndarray(answer.outputs["image"]), expected)
    assert repository.versions["digits"][number].deadlines


def test_labels_as_the_documentation_translates_them():
    told = (ROOT / "docs" / "serving.md").read_text()
    label, policy = re.findall(r"`((?:version_labels|model_version_policy) [^`]+)`", told)
    config = text_format.Parse(f"{label} {policy}", ModelConfig())
    assert config.version_labels == {"stable": 3}
    assert 3 in config.model_version_policy.specific.versions


def test_samples_and_pictures(client, model):
    inputs = {"count": 2, "seed": 5, "class": 1, "truncation": np.float32(0.5)}
    answer = ask(client, request_for("sample", inputs))
    latents = draw(count=2, seed=5, truncation=0.5, **{"class": 1})
    samples = tf.make_ndarray(answer.outputs["samples"])
    assert samples.dtype == np.uint8
    np.testing.assert_array_equal(samples, levels(model.generate(latents)))
    np.testing.assert_array_equal(tf.make_ndarray(answer.outputs["latents"]), latents)
    answer = ask(client, request_for("sample_png", inputs))
    pictures = tf.make_ndarray(answer.outputs["image_bytes"])
    for picture, expected in zip(pictures, samples, strict=True):
        np.testing.assert_array_equal(tf.io.decode_png(picture), expected)
