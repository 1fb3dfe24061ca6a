"""Open Inference Protocol, version 2: health, metadata, infer, with tensors in JSON.

Which signature is meant says the request's parameter `signature`; without it `serving_default`.
Tensors of bytes come as base64, which their parameter `content_type` says.
"""

import base64
import binascii
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from ganapp.export.server.context import Context, json_response, signature_of
from ganapp.export.server.errors import InvalidArgument, Unavailable
from ganapp.export.server.json_body import shown
from ganapp.export.server.limits import whole_number
from ganapp.export.server.paths import LARGEST_VERSION
from ganapp.export.server.rest import DEFAULT_SIGNATURE, check_shape
from ganapp.export.server.tensors import DATA_TYPES, data_type, to_array

PROTOCOL_NAMES = {kind.protocol: name for name, kind in DATA_TYPES.items()}
READY = "AVAILABLE"
BASE64 = {"content_type": "base64"}


async def server_metadata(context: Context, request: Request) -> Response:
    """Name and version of the server; no extensions."""
    return await json_response({"name": "ganapp", "version": "1", "extensions": []})


async def live(context: Context, request: Request) -> Response:
    """The process answers: 200."""
    return await json_response({"live": True})


async def ready(context: Context, request: Request) -> Response:
    """200 if every model that was there at the start, or has served since, serves.

    Never while the server is being stopped.
    """
    models = context.repository.relied_on()
    good = bool(models) and all(map(_serves, models.values())) and not context.stopping
    return await json_response({"ready": good}, status=200 if good else 503)


def _serves(versions: dict[int, Any]) -> bool:
    return READY in map(str, versions.values())


def _target(request: Request) -> tuple[str, int | None]:
    version = request.path_params.get("version")
    if version is not None:
        version = whole_number(version, "version", least=0, most=LARGEST_VERSION)
    return request.path_params["name"], version


async def model_ready(context: Context, request: Request) -> Response:
    """200 if the model (or this version of it) serves; 404 if there is none, 503 if not yet."""
    name, version = _target(request)
    try:
        with context.repository.lease(name, version):
            good = not context.stopping
    except Unavailable:
        good = False
    return await json_response({"name": name, "ready": good}, status=200 if good else 503)


async def model_metadata(context: Context, request: Request) -> Response:
    """Versions, and the tensors of `serving_default`."""
    name, version = _target(request)
    with context.repository.lease(name, version) as servable:
        signature = signature_of(servable, DEFAULT_SIGNATURE)
        versions = context.repository.models().get(name, {})
        document = {
            "name": name,
            "versions": [str(one) for one in sorted(versions) if str(versions[one]) == READY],
            "platform": "ganapp",
            "inputs": _described(signature.inputs),
            "outputs": _described(signature.outputs),
        }
    return await json_response(document)


def _described(tensors: Any) -> list[dict[str, Any]]:
    return [
        {"name": name, "datatype": data_type(info.dtype).protocol, "shape": list(info.shape)}
        for name, info in tensors.items()
    ]


async def infer(context: Context, request: Request) -> Response:
    """Runs a signature on the tensors of a request."""
    if "inference-header-content-length" in request.headers:
        raise InvalidArgument("Binary tensors are an extension that is not offered: send JSON.")
    name, version = _target(request)
    context.admit(name, version)
    body = await context.json_object(request)
    parameters = _object(body.get("parameters"), "parameters")
    asked = parameters.get("signature", DEFAULT_SIGNATURE)
    with context.repository.lease(name, version) as servable:
        signature = signature_of(servable, asked if isinstance(asked, str) else shown(asked))
        inputs = read_inputs(body.get("inputs"), signature)
        wanted = wanted_outputs(body.get("outputs"), signature)
        outputs = await context.predict(request, servable, asked, inputs)
        answer = {"model_name": name, "model_version": str(servable.version)}
    if body.get("id") is not None:
        answer["id"] = _text(body["id"], "id")
    answer["parameters"] = {"signature": asked}
    answer["outputs"] = [_written(each, outputs[each], signature.outputs[each]) for each in wanted]
    return await json_response(answer, numbers=sum(outputs[each].size for each in wanted))


def read_inputs(value: Any, signature: Any) -> dict[str, np.ndarray]:
    """The tensors of a request.

    Raises:
        InvalidArgument: if one is missing, unknown, twice there, or does not fit.
    """
    inputs: dict[str, np.ndarray] = {}
    for tensor in _list(value, "inputs"):
        tensor = _object(tensor, "inputs")
        name = _text(tensor.get("name"), "name")
        if name not in signature.inputs or name in inputs:
            raise InvalidArgument(
                f"`inputs`: expected each of {', '.join(signature.inputs)} once. "
                f"Received: {shown(name)}"
            )
        inputs[name] = _read(tensor, name, signature.inputs[name])
    missing = [n for n in signature.inputs if n not in inputs and n not in signature.defaults]
    if missing:
        raise InvalidArgument(f"`inputs`: expected {', '.join(missing)} too.")
    return inputs


def _read(tensor: dict[str, Any], name: str, info: Any) -> np.ndarray:
    wanted = data_type(info.dtype).protocol
    if tensor.get("datatype") != wanted:
        raise InvalidArgument(
            f"`{name}`: expected the datatype {wanted}. Received: {shown(tensor.get('datatype'))}"
        )
    if "data" not in tensor:
        raise InvalidArgument(f"`{name}`: expected `data`, an array of JSON.")
    shape = _list(tensor.get("shape"), "shape")
    if any(type(size) is not int or not 0 <= size < 2**31 for size in shape) or len(shape) > 8:
        raise InvalidArgument(
            f"`{name}`: expected sizes from 0 as `shape`. Received: {shape!r:.60}"
        )
    try:
        # Nested as the shape, or flat: row after row either way.
        array = to_array(_list(tensor["data"], "data"), info.dtype).reshape(-1)
    except InvalidArgument as error:
        raise InvalidArgument(f"`{name}`: {error.sentence}") from None
    count = 1
    for size in shape:  # in whole numbers of any length: no product overflows
        count *= size
    if count != array.size:
        raise InvalidArgument(
            f"`{name}`: expected {count} values for the shape {shape}. Received: {array.size}"
        )
    if (tensor.get("parameters") or {}) == BASE64 and array.dtype == object:
        array[:] = [_decoded(value, name) for value in array]
    if not info.shape and count == 1:  # some clients have no empty shapes, and send a scalar as [1]
        shape = []
    check_shape(shape, name, info)  # first: numpy cannot make some shapes, even of no values
    return array.reshape(shape)


def _decoded(value: bytes, name: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidArgument(f"`{name}`: expected base64. Received: {shown(value)}") from None


def wanted_outputs(value: Any, signature: Any) -> list[str]:
    """Names of the outputs that a request asks for; all of them without `outputs`.

    Raises:
        InvalidArgument: if one is unknown.
    """
    if value is None:
        return list(signature.outputs)
    names = [
        _text(_object(each, "outputs").get("name"), "name") for each in _list(value, "outputs")
    ]
    for name in names:
        if name not in signature.outputs:
            raise InvalidArgument(
                f"`outputs`: expected some of {', '.join(signature.outputs)}. "
                f"Received: {shown(name)}"
            )
    return list(dict.fromkeys(names))


def _written(name: str, array: np.ndarray, info: Any) -> dict[str, Any]:
    tensor: dict[str, Any] = {
        "name": name,
        "shape": list(array.shape),
        "datatype": data_type(info.dtype).protocol,
    }
    if array.dtype.kind in "OSU":
        flat = array.reshape(-1).tolist()
        data = [base64.b64encode(each).decode() for each in flat]
        return tensor | {"parameters": BASE64, "data": data}
    return tensor | {"data": np.ascontiguousarray(array).reshape(-1)}


def _list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise InvalidArgument(f"`{name}` must be an array. Received: {shown(value)}")
    return value


def _object(value: Any, name: str) -> dict[str, Any]:
    if value is None and name == "parameters":
        return {}
    if not isinstance(value, dict):
        raise InvalidArgument(f"`{name}` must hold objects. Received: {shown(value)}")
    return value


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise InvalidArgument(f"`{name}` must be a string. Received: {shown(value)}")
    return value
