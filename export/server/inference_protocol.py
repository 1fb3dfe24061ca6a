"""Open Inference Protocol, version 2, in JSON; the parameter `signature` chooses the signature."""

import base64
import contextlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from ganapp.export.server.context import Context, Target, json_response, signature_of
from ganapp.export.server.errors import InvalidArgument, Unavailable
from ganapp.export.server.repository import State
from ganapp.export.server.rest import DEFAULT_SIGNATURE, check_shape
from ganapp.export.server.spec import TensorInfo
from ganapp.export.server.tensors import Json, JsonObject, data_type, shown, to_named_array


@dataclass
class Tensor:
    """A tensor of a request; `data` is flat or nested as `shape` says."""

    name: str
    datatype: str
    shape: list[int]
    data: list[Json]


@dataclass
class InferRequest:
    """A request to run a signature; `outputs` has the names of those that are wanted."""

    inputs: list[Tensor]
    id: str = ""
    parameters: JsonObject = field(default_factory=dict)
    outputs: list[JsonObject] = field(default_factory=list)


async def server_metadata(context: Context, request: Request, target: Target) -> Response:
    """Name and version of the server; no extensions."""
    return await json_response({"name": "ganapp", "version": "1", "extensions": []})


async def live(context: Context, request: Request, target: Target) -> Response:
    """The process answers: 200."""
    return await json_response({"live": True})


async def ready(context: Context, request: Request, target: Target) -> Response:
    """200 if every model that was there at the start, or has served since, serves; else 503."""
    states = [set(versions.values()) for versions in context.repository.required_models().values()]
    good = bool(states) and all(State.AVAILABLE in each for each in states) and not context.stopping
    return await json_response({"ready": good}, status=200 if good else 503)


async def model_ready(context: Context, request: Request, target: Target) -> Response:
    """200 if the model (or this version of it) serves; 404 if there is none, 503 if not yet."""
    good = False
    with contextlib.suppress(Unavailable), context.repository.lease(*target):
        good = not context.stopping
    return await json_response({"name": target.name, "ready": good}, status=200 if good else 503)


async def model_metadata(context: Context, request: Request, target: Target) -> Response:
    """Versions, and the tensors of `serving_default`."""
    with context.repository.lease(*target) as servable:
        signature = signature_of(servable, DEFAULT_SIGNATURE)
    states = context.repository.models().get(target.name, {})
    versions = [str(each) for each in sorted(states) if states[each] == State.AVAILABLE]
    document = {"name": target.name, "versions": versions, "platform": "ganapp"}
    for side in ("inputs", "outputs"):
        tensors = getattr(signature, side)
        document[side] = [_metadata(name, info, info.shape) for name, info in tensors.items()]
    return await json_response(document)


async def infer(context: Context, request: Request, target: Target) -> Response:
    """Runs a signature (the parameter `signature`) on the tensors of a request."""
    if "inference-header-content-length" in request.headers:
        raise InvalidArgument("Binary tensors are an extension that is not offered: send JSON.")
    context.admit(target)
    body = await context.json_object(request)
    parameters = _check_type(body.get("parameters") or {}, dict, "parameters")
    name = _check_type(parameters.get("signature", DEFAULT_SIGNATURE), str, "signature")
    answer = {"model_name": target.name, "parameters": {"signature": name}}
    if body.get("id") is not None:
        answer["id"] = _check_type(body["id"], str, "id")
    with context.repository.lease(*target) as servable:
        signature = signature_of(servable, name)
        sent = _by_name(body.get("inputs"), "inputs", signature.inputs)
        inputs = {key: _array(each, key, signature.inputs[key]) for key, each in sent.items()}
        names = body.get("outputs") or [{"name": each} for each in signature.outputs]
        wanted = _by_name(names, "outputs", signature.outputs)
        outputs = await context.predict(request, servable, name, inputs)
        answer["model_version"] = str(servable.version)
    answer["outputs"] = [_tensor(each, outputs[each], signature.outputs[each]) for each in wanted]
    return await json_response(answer, numbers=sum(outputs[each].size for each in wanted))


def _by_name(value: Json, field: str, known: Mapping[str, TensorInfo]) -> dict[str, JsonObject]:
    found: dict[str, JsonObject] = {}
    for each in _check_type(value, list, field):
        name = _check_type(_check_type(each, dict, field).get("name"), str, "name")
        if name not in known or name in found:
            raise InvalidArgument(
                f"`{field}`: expected each of {', '.join(known)} once. Received: {shown(name)}"
            )
        found[name] = each
    return found


def _array(tensor: JsonObject, name: str, info: TensorInfo) -> np.ndarray:
    wanted, shape = data_type(info.dtype).protocol, tensor.get("shape")
    if tensor.get("datatype") != wanted:
        received = shown(tensor.get("datatype"))
        raise InvalidArgument(f"`{name}`: expected the datatype {wanted}. Received: {received}")
    if any(type(size) is not int for size in _check_type(shape, list, "shape")):
        raise InvalidArgument(f"`{name}`: expected sizes as `shape`. Received: {shape!r:.60}")
    try:  # nested as the shape, or flat: row after row either way
        data = _check_type(tensor.get("data"), list, "data")
    except InvalidArgument as error:
        raise InvalidArgument(f"`{name}`: {error.sentence}") from None
    array = to_named_array(data, info.dtype, name).reshape(-1)
    shape = shape if info.shape or shape != [1] else []  # some clients send a scalar as [1]
    check_shape(shape, name, info)
    if math.prod(shape) != array.size:
        raise InvalidArgument(f"`{name}`: expected values for {shape}. Received: {array.size}")
    return array.reshape(shape)


def _tensor(name: str, array: np.ndarray, info: TensorInfo) -> JsonObject:
    data = np.ascontiguousarray(array).reshape(-1)
    tensor = _metadata(name, info, array.shape) | {"data": data}
    if data.dtype.kind in "OSU":
        tensor["data"] = [base64.b64encode(each).decode() for each in data.tolist()]
        tensor["parameters"] = {"content_type": "base64"}
    return tensor


def _metadata(name: str, info: TensorInfo, shape: tuple[int, ...]) -> JsonObject:
    return {"name": name, "datatype": data_type(info.dtype).protocol, "shape": shape}


def _check_type(value: Json, kind: type, name: str) -> Json:
    if not isinstance(value, kind):
        expected = {list: "be an array", dict: "hold objects", str: "be a string"}[kind]
        raise InvalidArgument(f"`{name}` must {expected}. Received: {shown(value)}")
    return value
