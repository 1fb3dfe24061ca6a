"""TF Serving's REST API, version 1: status, metadata, predict, classify, regress.

Paths, methods, forms of requests and answers are TF Serving's, field by field, so that clients
move between the two unchanged, and so is the status of errors but for those that
docs/serving.md lists. What is more than TF Serving: inputs with a default may be left out of
`inputs` and of the objects in `instances`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from ganapp.export.server.context import Context, Target, json_response, signature_of
from ganapp.export.server.errors import InvalidArgument
from ganapp.export.server.repository import State
from ganapp.export.server.spec import Arrays, Signature, TensorInfo
from ganapp.export.server.tensors import (
    Json,
    JsonObject,
    data_type,
    is_base64,
    shown,
    to_json,
    to_named_array,
)

DEFAULT_SIGNATURE = "serving_default"
METHOD = "tensorflow/serving/"


@dataclass
class StatusCode:
    """Whether something is wrong with a version, and what."""

    error_code: str
    error_message: str


@dataclass
class VersionStatusJson:
    """The state of a version; JSON of protocol buffers has int64 as text."""

    version: str
    state: State
    status: StatusCode


@dataclass
class StatusResponse:
    """A GetModelStatusResponse."""

    model_version_status: list[VersionStatusJson]


@dataclass
class MetadataResponse:
    """A GetModelMetadataResponse with the one field there is, `signature_def`."""

    model_spec: JsonObject
    metadata: JsonObject


@dataclass
class RowsRequest:
    """A request for predictions by rows."""

    instances: list[Json]
    signature_name: str = DEFAULT_SIGNATURE


@dataclass
class ColumnsRequest:
    """A request for predictions by tensors."""

    inputs: Json
    signature_name: str = DEFAULT_SIGNATURE


@dataclass
class RowsResponse:
    """Predictions by rows."""

    predictions: list[Json]


@dataclass
class ColumnsResponse:
    """Predictions by tensors."""

    outputs: Json


@dataclass
class ExamplesRequest:
    """A request to classify or regress examples."""

    examples: list[JsonObject]
    signature_name: str = DEFAULT_SIGNATURE


async def model_status(context: Context, request: Request, target: Target) -> Response:
    """The state of every version of a model, or of one."""
    version = target.version
    if target.label is not None:
        with context.repository.lease(target.name, None, target.label) as servable:
            version = servable.version
    states = context.repository.status(target.name, version)
    found = [
        VersionStatusJson(
            str(each.version), each.state, StatusCode(each.error_code, each.error_message)
        )
        for each in sorted(states, key=lambda each: -each.version)
    ]
    return await json_response(StatusResponse(found))


async def model_metadata(context: Context, request: Request, target: Target) -> Response:
    """The signatures of a model."""
    with context.repository.lease(*target) as servable:
        signatures = {key: _signature_json(key, of) for key, of in servable.signatures.items()}
        model = {"name": target.name, "signature_name": "", "version": str(servable.version)}
    metadata = {"signature_def": {"signature_def": signatures}}
    return await json_response(MetadataResponse(model, metadata))


def _signature_json(key: str, signature: Signature) -> JsonObject:
    def tensors(infos: Mapping[str, TensorInfo]) -> JsonObject:
        # TensorInfo's field `name` is the graph's with TF Serving; here there may be no graph, and
        # it says signature and tensor.
        return {
            name: {
                "dtype": info.dtype,
                "tensor_shape": shape(info.shape),
                "name": f"{key}_{name}:0",
            }
            for name, info in infos.items()
        }

    def shape(sizes: Sequence[int]) -> JsonObject:
        dimensions = [{"size": str(size), "name": ""} for size in sizes]
        return {"dim": dimensions, "unknown_rank": False}

    def constant(dtype: str, value: Json) -> JsonObject:  # a TensorProto of one number
        return {"dtype": dtype, "tensor_shape": shape(()), data_type(dtype).field: [value]}

    return {
        "inputs": tensors(signature.inputs),
        "outputs": tensors(signature.outputs),
        "method_name": f"{METHOD}predict",
        "defaults": {
            name: constant(signature.inputs[name].dtype, value)
            for name, value in signature.defaults.items()
        },
    }


async def predict(context: Context, request: Request, target: Target) -> Response:
    """Runs a signature on rows (`instances`) or columns (`inputs`)."""
    context.admit(target)
    body = await context.json_object(request)
    name = signature_name(body)
    with context.repository.lease(*target) as servable:
        signature = signature_of(servable, name)
        by_row = "instances" in body
        if by_row == ("inputs" in body):
            raise InvalidArgument(
                "JSON Value: expected one of the keys 'inputs' and 'instances'. "
                f"Received: {shown(body)}"
            )
        inputs = (
            rows(body["instances"], signature) if by_row else columns(body["inputs"], signature)
        )
        outputs = await context.predict(request, servable, name, inputs)
    numbers = sum(array.size for array in outputs.values())
    answer = {"predictions": as_rows(outputs)} if by_row else {"outputs": as_columns(outputs)}
    return await json_response(answer, numbers=numbers)


async def refuse_examples(context: Context, request: Request, target: Target) -> NoReturn:
    """Refused (400) as TF Serving refuses models without such a signature, after the checks."""
    body = await context.json_object(request)
    name = signature_name(body)
    examples = body.get("examples")
    if not isinstance(examples, list) or not examples:
        raise InvalidArgument(
            f"JSON Value: expected a list of at least one object as 'examples'. "
            f"Received: {shown(examples)}"
        )
    with context.repository.lease(*target) as servable:
        signature_of(servable, name)
    method = request.scope["path"].rpartition(":")[2].lower()
    raise InvalidArgument(
        f"Signature {name!r} has the method {METHOD}predict, expected {METHOD}{method}: send it to "
        ":predict."
    )


def signature_name(body: JsonObject) -> str:
    name = body.get("signature_name", DEFAULT_SIGNATURE)
    if not isinstance(name, str):
        raise InvalidArgument(f"'signature_name' must be a string. Received: {shown(name)}")
    return name or DEFAULT_SIGNATURE


def columns(value: Json, signature: Signature) -> Arrays:
    """Tensors of the columnar format: an object by input name, or the only input's value."""
    if not isinstance(value, dict) or is_base64(value):
        value = {_only_input(signature, "inputs"): value}
    missing = [name for name in signature.required if name not in value]
    if missing:
        raise InvalidArgument(
            f"Missing input in the object 'inputs': expected {', '.join(missing)}. "
            f"Received: {shown(value)}"
        )
    # As TF Serving does, keys that are no input are not looked at.
    known = {name: value[name] for name in signature.inputs if name in value}
    return {name: _tensor(each, name, signature) for name, each in known.items()}


def rows(value: Json, signature: Signature) -> Arrays:
    """Tensors of the row format: a list of values, or of objects by input name."""
    if not isinstance(value, list) or not value:
        raise InvalidArgument(
            f"JSON Value: expected a list of at least one row as 'instances'. "
            f"Received: {shown(value)}"
        )
    named = [isinstance(row, dict) and not is_base64(row) for row in value]
    if not any(named):
        only = _only_input(signature, "instances")
        return {only: _tensor(value, only, signature)}
    keys = value[0].keys() if named[0] else set()
    required = set(signature.required)
    for index, row in enumerate(value):
        if (
            not named[index]
            or row.keys() != keys
            or not required <= row.keys() <= set(signature.inputs)
        ):
            raise InvalidArgument(
                f"Failed to process row {index} of 'instances': expected an object with the keys "
                f"{', '.join(signature.inputs)}, the same in every row. Received: {shown(row)}"
            )
    return {name: _tensor([row[name] for row in value], name, signature) for name in keys}


def _only_input(signature: Signature, key: str) -> str:
    names = list(signature.inputs)
    if len(names) != 1:
        raise InvalidArgument(
            f"'{key}' must give every input by name, for there are several: {', '.join(names)}. "
            "Received: a plain value or list"
        )
    return names[0]


def _tensor(value: Json, name: str, signature: Signature) -> np.ndarray:
    info = signature.inputs[name]
    array = to_named_array(value, info.dtype, name)
    check_shape(array.shape, name, info)
    return array


def check_shape(shape: Sequence[int], name: str, info: TensorInfo) -> None:
    """Refuses the shape of a tensor that does not fit its input."""
    expected, received = list(info.shape), list(shape)
    fits = len(expected) == len(received) and all(
        wanted in (-1, size) for wanted, size in zip(expected, received, strict=True)
    )
    if not fits:
        raise InvalidArgument(f"`{name}`: expected the shape {expected}. Received: {received}")


def as_rows(outputs: Arrays) -> Json:
    """A value a row, or an object a row where there are several outputs."""
    if any(array.ndim == 0 for array in outputs.values()):
        raise InvalidArgument("An output is no batch: ask with 'inputs' instead of 'instances'.")
    if len({len(array) for array in outputs.values()}) > 1:
        raise InvalidArgument(
            "The outputs have different batch sizes: ask with 'inputs' instead of 'instances'."
        )
    values = {name: to_json(name, array) for name, array in outputs.items()}
    if len(values) == 1:
        return next(iter(values.values()))
    return [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]


def as_columns(outputs: Arrays) -> Json:
    values = {name: to_json(name, array) for name, array in outputs.items()}
    return next(iter(values.values())) if len(values) == 1 else values
