"""The OpenAPI 3.1 document of every route, at `/openapi.json`."""

from typing import Any

from ganapp.export.server.limits import Limits

Json = dict[str, Any]

_SENTENCES = {
    400: "The request does not fit: the sentence says what was expected.",
    401: "The API key is missing or another one.",
    404: "There is no such model or version, or the model has no such thing.",
    405: "The path has other methods.",
    413: "The body is too long.",
    415: "The body is compressed with something else than gzip (`Content-Encoding`).",
    421: "`Host` is not this machine, to which a server without a key keeps.",
    429: "The queue is full; `Retry-After` says for how many seconds.",
    503: "The model is being loaded, or the server is full or being stopped.",
    504: "There was no answer before the deadline.",
}
_ALWAYS = (401, 415, 421, 503, 504)
_MODEL = (400, 404, *_ALWAYS)
_RUN = (400, 404, 413, 429, *_ALWAYS)


def document(limits: Limits) -> Json:
    """The document, with the limits of this server."""
    paths = _pages() | _version_2()
    for which in ("", "/versions/{version}", "/labels/{label}"):
        paths |= _version_1(f"/v1/models/{{name}}{which}", limits)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ganapp serve",
            "version": "1",
            "description": "Generators, by TF Serving's REST API (/v1) and Open Inference "
            "Protocol v2 (/v2), and pictures of them.",
        },
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
        # The empty one: a server without a key asks for none.
        "security": [{}, {"bearer": []}, {"header": []}],
    }


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(properties: Json, *, required: list[str] | None = None, **more: Any) -> Json:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties) if required is None else required,
        **more,
    }


_TEXT: Json = {"type": "string"}
_TEXTS: Json = {"type": "array", "items": _TEXT}
_ANYTHING: Json = {}
_PARAMETERS: Json = {"type": "object"}
_TENSOR = {
    "name": _TEXT,
    "datatype": _TEXT,
    "shape": {"type": "array", "items": {"type": "integer"}},
}
_TENSORS: Json = {
    "type": "array",
    "items": _object(
        _TENSOR | {"parameters": _PARAMETERS, "data": {"type": "array"}},
        required=["name", "shape", "datatype", "data"],
    ),
}
SCHEMAS: Json = {
    "Error": _object({"error": _TEXT}),
    "PredictRequest": {
        "oneOf": [
            _object(
                {"signature_name": _TEXT, "instances": {"type": "array", "minItems": 1}},
                required=["instances"],
                not_={"required": ["inputs"]},
            ),
            _object(
                {"signature_name": _TEXT, "inputs": _ANYTHING},
                required=["inputs"],
                not_={"required": ["instances"]},
            ),
        ]
    },
    "PredictResponse": {
        "oneOf": [
            _object({"predictions": {"type": "array"}}),
            _object({"outputs": _ANYTHING}),
        ]
    },
    "ClassifyRequest": _object(
        {"signature_name": _TEXT, "examples": {"type": "array", "items": {"type": "object"}}},
        required=["examples"],
    ),
    "Status": _object(
        {
            "model_version_status": {
                "type": "array",
                "items": _object(
                    {
                        "version": _TEXT,
                        "state": {"enum": ["START", "LOADING", "AVAILABLE", "UNLOADING", "END"]},
                        "status": _object({"error_code": _TEXT, "error_message": _TEXT}),
                    }
                ),
            }
        }
    ),
    "Metadata": _object({"model_spec": {"type": "object"}, "metadata": {"type": "object"}}),
    "InferRequest": _object(
        {
            "id": _TEXT,
            "parameters": _PARAMETERS,
            "inputs": _TENSORS,
            "outputs": {
                "type": "array",
                "items": _object({"name": _TEXT, "parameters": _PARAMETERS}, required=["name"]),
            },
        },
        required=["inputs"],
    ),
    "InferResponse": _object(
        {
            "model_name": _TEXT,
            "model_version": _TEXT,
            "id": _TEXT,
            "parameters": _PARAMETERS,
            "outputs": _TENSORS,
        },
        required=["model_name", "model_version", "outputs"],
    ),
    "Model": _object(
        {
            "name": _TEXT,
            "versions": _TEXTS,
            "platform": _TEXT,
            "inputs": {"type": "array", "items": _object(_TENSOR)},
            "outputs": {"type": "array", "items": _object(_TENSOR)},
        }
    ),
}
for _request in SCHEMAS["PredictRequest"]["oneOf"]:
    _request["not"] = _request.pop("not_")  # a word of Python


def _content(schema: Json, media_type: str = "application/json") -> Json:
    return {"content": {media_type: {"schema": schema}}}


def _operation(
    summary: str,
    answer: Json,
    *,
    errors: tuple[int, ...] = _ALWAYS,
    parameters: list[Json] | None = None,
    body: str | None = None,
    also: Json | None = None,
) -> Json:
    responses = {"200": {"description": "The answer.", **answer}, **(also or {})}
    for status in errors:
        responses.setdefault(
            str(status), {"description": _SENTENCES[status], **_content(_ref("Error"))}
        )
    operation: Json = {"summary": summary, "responses": responses}
    if parameters:
        operation["parameters"] = parameters
    if body:
        operation["requestBody"] = {"required": True, **_content(_ref(body))}
    return operation


def _in_path(path: str) -> list[Json]:
    kinds = {"name": _TEXT, "label": _TEXT, "version": {"type": "integer", "minimum": 0}}
    return [
        {"name": name, "in": "path", "required": True, "schema": schema}
        for name, schema in kinds.items()
        if f"{{{name}}}" in path
    ]


def _in_query(**schemas: Json) -> list[Json]:
    return [
        {"name": name.rstrip("_"), "in": "query", "required": False, "schema": schema}
        for name, schema in schemas.items()
    ]


def _version_1(model: str, limits: Limits) -> Json:
    place = _in_path(model)
    draw = {
        "count": {"type": "integer", "minimum": 1, "maximum": limits.samples},
        "seed": {"type": "integer", "minimum": 0, "maximum": 2**31 - 1},
        "class_": _TEXT,
        "truncation": {"type": "number", "minimum": 0, "maximum": 1},
    }
    end = {"type": "integer", "minimum": 0, "maximum": limits.samples - 1}
    way = {"from_": end, "to": end, "frames": {"type": "integer", "minimum": 2, "maximum": 240}}

    def get(ending: str, summary: str, answer: Json, query: Json | None = None) -> Json:
        errors = _MODEL if query is None else _RUN
        parameters = place + _in_query(**(query or {}))
        operation = _operation(summary, answer, errors=errors, parameters=parameters)
        return {f"{model}{ending}": {"get": operation}}

    def post(verb: str, body: str, answer: Json) -> Json:
        operation = _operation(
            f"TF Serving's {verb}.", answer, errors=_RUN, parameters=place, body=body
        )
        if body == "ClassifyRequest":  # no signature of ours is of this kind
            operation["responses"].pop("200")
        return {f"{model}:{verb}": {"post": operation}}

    binary: Json = {"type": "string", "format": "binary"}
    return (
        get("", "State of every version, or of one.", _content(_ref("Status")))
        | get("/metadata", "Signatures.", _content(_ref("Metadata")))
        | get("/gallery.json", "What a page needs to know.", _content({"type": "object"}))
        | get("/card", "The model card.", _content(binary, "text/html"))
        | get("/card.json", "The model card as data.", _content({"type": "object"}))
        | get("/samples.png", "The model card's picture.", _content(binary, "image/png"))
        | get("/sample.png", "A grid of samples.", _content(binary, "image/png"), draw)
        | get("/sample.csv", "A sheet of samples.", _content(binary, "text/csv"), draw)
        | get("/walk.gif", "From one sample to another.", _content(binary, "image/gif"), draw | way)
        | post("predict", "PredictRequest", _content(_ref("PredictResponse")))
        | post("classify", "ClassifyRequest", _content(_ANYTHING))
        | post("regress", "ClassifyRequest", _content(_ANYTHING))
    )


def _version_2() -> Json:
    health = _content({"type": "object"})
    not_ready = {"503": {"description": "Not ready.", **_content({"type": "object"})}}
    paths = {
        "/v2": {"get": _operation("The server.", _content({"type": "object"}))},
        "/v2/health/live": {"get": _operation("Does it answer?", health, errors=())},
        "/v2/health/ready": {
            "get": _operation("Does every model serve?", health, errors=(), also=not_ready)
        },
    }
    for model in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
        place = _in_path(model)
        infer = _operation(
            "Runs a signature (the parameter `signature`).",
            _content(_ref("InferResponse")),
            errors=_RUN,
            parameters=place,
            body="InferRequest",
        )
        about = _operation("The model.", _content(_ref("Model")), errors=_MODEL, parameters=place)
        ready = _operation(
            "Does it serve?", health, errors=_MODEL, parameters=place, also=not_ready
        )
        paths |= {model: {"get": about}, f"{model}/ready": {"get": ready}}
        paths |= {f"{model}/infer": {"post": infer}}
    return paths


def _pages() -> Json:
    return {
        "/": {"get": _operation("The page.", _content(_TEXT, "text/html"), errors=())},
        "/gallery.json": {"get": _operation("All models.", _content({"type": "object"}))},
        "/openapi.json": {"get": _operation("This document.", _content({"type": "object"}))},
        "/metrics": {"get": _operation("Figures for Prometheus.", _content(_TEXT, "text/plain"))},
    }
