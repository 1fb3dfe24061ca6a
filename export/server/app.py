"""The server as an ASGI application: its routes, their document, and what stands before them."""

import contextlib
import functools
import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route, Router
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from ganapp.export.server import inference_protocol, pages, rest
from ganapp.export.server.context import (
    Context,
    Handler,
    Limits,
    Target,
    json_response,
    whole_number,
)
from ganapp.export.server.errors import InvalidArgument
from ganapp.export.server.metrics import Metrics, Observe
from ganapp.export.server.middleware import (
    HEADERS,
    AddHeaders,
    AnswerErrors,
    CheckHost,
    CheckKey,
    LimitRequests,
)
from ganapp.export.server.repository import Repository
from ganapp.export.server.tensors import JsonObject

STATIC = Path(__file__).with_name("static")
LARGEST_VERSION = 2**63 - 1
WHICH = ("", "/versions/{version}", "/labels/{label}")  # of a model in version 1
ERRORS = {
    400: "The request does not fit: the sentence says what was expected.",
    401: "The API key is missing or another one.",
    404: "There is no such model or version, or the model has no such thing.",
    408: "The body did not come in time.",
    413: "The body is too long.",
    415: "The body is compressed with something else than gzip (`Content-Encoding`).",
    421: "`Host` is not this machine, to which a server without a key keeps.",
    429: "The queue is full; `Retry-After` says for how many seconds.",
    503: "The model is being loaded, or the server is full or being stopped.",
    504: "There was no answer before the deadline.",
}
ALWAYS = (401, 415, 421, 503, 504)
OF_MODELS = (400, 404, *ALWAYS)
OF_RUNS = (400, 404, 408, 413, 429, *ALWAYS)


@dataclass
class ErrorResponse:
    """Why a request is not answered."""

    error: str


@dataclass(frozen=True)
class Endpoint:
    """A path, what answers it, and what its document says."""

    path: str  # with `{name}`, `{version}` and `{label}`; of version 1, what follows the model
    handler: Handler  # what answers; its docstring's first line is the summary
    body: object = None  # JSON type of the request's body
    answer: object = JsonObject  # JSON or media type; `None` where there is only an error
    method: str = "GET"
    query: Callable[[Limits], JsonObject] = lambda limits: {}  # schemas of the query's parameters
    errors: tuple[int, ...] = OF_MODELS  # keys of `ERRORS`
    unready: bool = False  # whether 503 is answered like 200


_post = functools.partial(Endpoint, method="POST", errors=OF_RUNS)


def _picture(path: str, handler: Handler, answer: str, query: Callable) -> Iterator[Endpoint]:
    yield Endpoint(path, handler, answer=answer, query=query, errors=OF_RUNS)
    yield _post(path, handler, pages.ObservationsRequest, answer, query=query)


VERSION_1 = (
    _post(
        ":predict",
        rest.predict,
        rest.RowsRequest | rest.ColumnsRequest,
        rest.RowsResponse | rest.ColumnsResponse,
    ),
    _post(":classify", rest.refuse_examples, rest.ExamplesRequest, None),
    _post(":regress", rest.refuse_examples, rest.ExamplesRequest, None),
    Endpoint("", rest.model_status, answer=rest.StatusResponse),
    Endpoint("/metadata", rest.model_metadata, answer=rest.MetadataResponse),
    *_picture("/sample.png", pages.sample_png, "image/png", pages.sample_parameters),
    *_picture("/sample.csv", pages.sample_csv, "text/csv", pages.sample_parameters),
    *_picture("/walk.gif", pages.walk_gif, "image/gif", pages.walk_parameters),
    _post(
        "/between.gif",
        pages.between_gif,
        pages.PicturesRequest,
        "image/gif",
        query=pages.between_parameters,
    ),
    _post("/observed.json", pages.observed_json, pages.ObservedRequest, rest.ColumnsResponse),
    Endpoint("/gallery.json", pages.gallery_json),
    Endpoint("/card", pages.card_page, answer="text/html"),
    Endpoint("/card.json", pages.card_json),
    Endpoint("/samples.png", pages.card_picture, answer="image/png"),
)


def _version_2() -> Iterator[Endpoint]:
    health = {"errors": (), "unready": True}
    yield Endpoint("/v2", inference_protocol.server_metadata, errors=ALWAYS)
    yield Endpoint("/v2/health/live", inference_protocol.live, errors=())
    yield Endpoint("/v2/health/ready", inference_protocol.ready, **health)
    for model in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
        yield Endpoint(model, inference_protocol.model_metadata)
        yield Endpoint(f"{model}/ready", inference_protocol.model_ready, unready=True)
        yield _post(f"{model}/infer", inference_protocol.infer, inference_protocol.InferRequest)


class _StaticFiles(StaticFiles):
    """Files of the page, which browsers ask about anew each time: after an update none is old."""

    def file_response(self, *arguments, **options) -> Response:
        response = super().file_response(*arguments, **options)
        response.headers["Cache-Control"] = "no-cache"
        return response


class Server:
    """The ASGI application for a repository of models, which starts and stops with it.

    Args:
        repository: the models.
        limits: of one request and of all of them together.
        metrics: the figures to add to, for those that the batches are counted in.
        api_key: what every request but health checks and the page must carry; `None` for none.
        local: whether only this machine reaches it; without a key, requests must then name it.
    """

    def __init__(
        self,
        repository: Repository,
        limits: Limits | None = None,
        *,
        metrics: Metrics | None = None,
        api_key: str | None = None,
        local: bool = False,
    ) -> None:
        self.context = context = Context(repository, limits or Limits())
        self.metrics = metrics = metrics or Metrics()
        metrics.add_versions(repository)
        self.endpoints = (
            *_version_2(),
            Endpoint("/", _index, answer="text/html", errors=()),
            Endpoint("/gallery.json", _models, errors=ALWAYS),
            Endpoint("/openapi.json", self._document, errors=ALWAYS),
            Endpoint("/metrics", self._metrics, answer="text/plain", errors=ALWAYS),
        )
        self._stack: ASGIApp = LimitRequests(self._dispatch, context.limits)
        if local and not api_key:
            self._stack = CheckHost(self._stack)
        self._stack = AnswerErrors(CheckKey(self._stack, api_key))
        self._stack = AddHeaders(Observe(self._stack, metrics), self._headers)
        self._router = Router(
            [*map(self._route, self.endpoints), Mount("/static", _StaticFiles(directory=STATIC))],
            redirect_slashes=False,
            default=_not_found,
            lifespan=self.lifespan,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self  # then the router raises what it refuses, for `AnswerErrors`
        await (self._stack if scope["type"] == "http" else self._router)(scope, receive, send)

    @contextlib.asynccontextmanager
    async def lifespan(self, app: object) -> AsyncIterator[None]:
        await self.context.repository.start()
        try:
            yield
        finally:
            await self.context.repository.stop()

    def _headers(self) -> dict[bytes, bytes]:
        """What every answer carries; while the server is being stopped each ends its connection.

        Clients that keep connections then open the next one elsewhere, instead of losing a request
        on one that is closed under it.
        """
        return HEADERS | {b"connection": b"close"} if self.context.stopping else HEADERS

    async def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Version 1 apart: TF Serving's paths have no regard to case, and colons."""
        if scope["path"][:4].lower() not in ("/v1", "/v1/"):
            await self._router(scope, receive, send)
            return
        raw = scope.get("raw_path") or scope["path"].encode()
        path = raw.split(b"?")[0].decode("latin-1")
        handler, target, scope["state"]["template"] = find_endpoint(scope["method"], path)
        response = await handler(self.context, Request(scope, receive, send), target)
        await response(scope, receive, send)

    def _route(self, endpoint: Endpoint) -> Route:
        async def answer(request: Request) -> Response:
            request.state.template = endpoint.path
            version = request.path_params.get("version")
            if version is not None:
                version = whole_number(version, "version", least=0, most=LARGEST_VERSION)
            target = Target(name=request.path_params.get("name", ""), version=version)
            return await endpoint.handler(self.context, request, target)

        return Route(endpoint.path, answer, methods=[endpoint.method])

    async def _metrics(self, context: Context, request: Request, target: Target) -> Response:
        """Figures for Prometheus."""
        return self.metrics.response()

    async def _document(self, context: Context, request: Request, target: Target) -> Response:
        """This document."""
        return await json_response(openapi(self.endpoints, context.limits))


@functools.lru_cache(maxsize=64)  # most requests ask the same as those before
def find_endpoint(method: str, path: str) -> tuple[Handler, Target, str]:
    """What answers a request of version 1, the model it names, and the template of its path."""
    for endpoint, pattern in _patterns():
        found = pattern.fullmatch(path) if method == endpoint.method else None
        if found is None:
            continue
        digits, label = found["version"], found["label"]
        if digits is not None and (len(digits) > 19 or int(digits) > LARGEST_VERSION):
            raise InvalidArgument(
                f"Expected a version of at most {LARGEST_VERSION}. Received: {digits[:40]}"
            )
        target = Target(
            name=unquote(found["name"]),
            version=int(digits) if digits else None,
            label=unquote(label) if label else None,
        )
        which = WHICH[1 if digits else 2 if label else 0]
        return endpoint.handler, target, f"/v1/models/{{name}}{which}{endpoint.path}"
    raise InvalidArgument(f"Malformed request: {method} {path[:200]}")


@functools.cache
def _patterns() -> list[tuple[Endpoint, re.Pattern[str]]]:
    which = r"(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
    model = rf"/v1/models/(?P<name>[^/:]+){which}"
    flags = re.IGNORECASE | re.ASCII
    return [(each, re.compile(model + re.escape(each.path), flags)) for each in VERSION_1]


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        raise HTTPException(404, "There is nothing at this path; see /openapi.json")


async def _index(context: Context, request: Request, target: Target) -> Response:
    """The page."""
    return FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})


async def _models(context: Context, request: Request, target: Target) -> Response:
    """All models with the states of their versions."""
    models = [
        {"name": name, "versions": {str(number): str(state) for number, state in versions.items()}}
        for name, versions in context.repository.models().items()
    ]
    return await json_response({"models": models})


def openapi(endpoints: tuple[Endpoint, ...], limits: Limits) -> JsonObject:
    """The OpenAPI 3.1 document of version 1 and of further endpoints, within the limits."""
    from pydantic import TypeAdapter

    routes = [
        (f"/v1/models/{{name}}{which}{each.path}", each) for which in WHICH for each in VERSION_1
    ]
    routes += [(each.path, each) for each in endpoints]
    types = {kind for _, each in routes for kind in (each.body, each.answer)} | {ErrorResponse}
    adapters = [(each, "validation", TypeAdapter(each)) for each in types if not _is_media(each)]
    found, shared = TypeAdapter.json_schemas(adapters, ref_template="#/components/schemas/{model}")
    schemas = {kind: schema for (kind, _), schema in found.items()}
    paths: dict[str, JsonObject] = {}
    for path, endpoint in routes:
        operation = _operation(path, endpoint, limits, schemas)
        paths.setdefault(path, {})[endpoint.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "ganapp serve", "version": "1", "description": __doc__},
        "paths": paths,
        "components": {
            "schemas": shared["$defs"],
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
        # The empty one: a server without a key asks for none.
        "security": [{}, {"bearer": []}, {"header": []}],
    }


def _is_media(answer: object) -> bool:
    return answer is None or isinstance(answer, str)


def _operation(
    path: str, endpoint: Endpoint, limits: Limits, schemas: dict[object, JsonObject]
) -> JsonObject:
    def content(kind: object) -> JsonObject:
        if isinstance(kind, str):
            return {"content": {kind: {"schema": {"type": "string"}}}}
        return {"content": {"application/json": {"schema": schemas[kind]}}}

    def parameter(name: str, place: str, schema: JsonObject) -> JsonObject:
        return {"name": name, "in": place, "required": place == "path", "schema": schema}

    good = {"description": "The answer."} | (content(endpoint.answer) if endpoint.answer else {})
    responses = {
        str(status): {"description": ERRORS[status]} | content(ErrorResponse)
        for status in endpoint.errors
    }
    if endpoint.answer is not None:
        responses["200"] = good
    if endpoint.unready:
        responses["503"] = good
    in_path = {"name": {"type": "string"}, "label": {"type": "string"}}
    in_path["version"] = {"type": "integer", "minimum": 0}
    parameters = [
        *(parameter(name, "path", of) for name, of in in_path.items() if f"{{{name}}}" in path),
        *(parameter(name, "query", of) for name, of in endpoint.query(limits).items()),
    ]
    summary = (endpoint.handler.__doc__ or "").partition("\n")[0]
    operation = {"summary": summary, "parameters": parameters, "responses": responses}
    if endpoint.body is not None:
        operation["requestBody"] = {"required": True, **content(endpoint.body)}
    return operation
