"""The server as an ASGI application: routes, and what stands before them."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route, Router
from starlette.staticfiles import StaticFiles

from ganapp.export.server import inference_protocol, people, rest
from ganapp.export.server.asgi import App, Receive, Scope, Send
from ganapp.export.server.context import Context, Models, json_response
from ganapp.export.server.limits import LimitRequests, Limits
from ganapp.export.server.metrics import Metrics, Observe
from ganapp.export.server.openapi import document
from ganapp.export.server.paths import Endpoint, dispatcher
from ganapp.export.server.refusals import AnswerErrors
from ganapp.export.server.security import HEADERS, ApiKey, LocalHosts, SecurityHeaders

LAST_HEADERS = HEADERS | {b"connection": b"close"}
STATIC = Path(__file__).with_name("static")

V1 = [
    Endpoint("POST", ":predict", rest.predict),
    Endpoint("POST", ":classify", rest.classify_or_regress),
    Endpoint("POST", ":regress", rest.classify_or_regress),
    Endpoint("GET", "", rest.model_status),
    Endpoint("GET", "/metadata", rest.model_metadata),
    Endpoint("GET", "/sample.png", people.sample_png),
    Endpoint("GET", "/sample.csv", people.sample_csv),
    Endpoint("GET", "/walk.gif", people.walk_gif),
    Endpoint("GET", "/gallery.json", people.gallery_json),
    *(Endpoint("GET", f"/{ending}", people.card) for ending in people.CARD_FILES),
]
_MODELS = ("/v2/models/{name}", "/v2/models/{name}/versions/{version}")
V2 = [
    ("GET", "/v2", inference_protocol.server_metadata),
    ("GET", "/v2/health/live", inference_protocol.live),
    ("GET", "/v2/health/ready", inference_protocol.ready),
    *(("GET", model, inference_protocol.model_metadata) for model in _MODELS),
    *(("GET", f"{model}/ready", inference_protocol.model_ready) for model in _MODELS),
    *(("POST", f"{model}/infer", inference_protocol.infer) for model in _MODELS),
]


class _Static(StaticFiles):
    """Files of the page, which browsers ask about anew each time: after an update none is old."""

    def file_response(self, *arguments: Any, **options: Any) -> Response:
        response = super().file_response(*arguments, **options)
        response.headers["Cache-Control"] = "no-cache"
        return response


class Server:
    """The ASGI application with its state.

    Args:
        context: models, limits, whether it is being stopped.
        metrics: figures for `/metrics`.
        api_key: what requests must carry, or `None`.
        local: whether only this machine reaches it.
    """

    def __init__(
        self, context: Context, metrics: Metrics, api_key: str | None, *, local: bool = False
    ) -> None:
        self.context = context
        self.metrics = metrics
        routes = _by_version(dispatcher(context, V1), self._router())
        self._stack: App = LimitRequests(routes, context.limits)
        if local and not api_key:
            self._stack = LocalHosts(self._stack)
        self._stack = AnswerErrors(ApiKey(self._stack, api_key))
        self._stack = SecurityHeaders(Observe(self._stack, metrics), self._headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self  # then the router raises what it refuses, for `AnswerErrors`
        await self._stack(scope, receive, send)

    def _headers(self) -> dict[bytes, bytes]:
        """What every answer carries; while the server is being stopped each ends its connection.

        Clients that keep connections then open the next one elsewhere, instead of losing a request
        on one that is closed under it.
        """
        return LAST_HEADERS if self.context.stopping else HEADERS

    def _router(self) -> Router:
        pages = [
            ("GET", "/", _index),
            ("GET", "/gallery.json", _models),
            ("GET", "/openapi.json", _openapi),
            ("GET", "/metrics", self._metrics),
        ]
        routes = [self._route(*each) for each in (*V2, *pages)]
        return Router(
            [
                *routes,
                Mount("/static", _Static(directory=STATIC)),
            ],
            redirect_slashes=False,
            default=_nothing,
            lifespan=self._lifespan,
        )

    def _route(
        self,
        method: str,
        path: str,
        handler: Callable[[Context, Request], Awaitable[Response]],
    ) -> Route:
        async def endpoint(request: Request) -> Response:
            request.state.template = path
            return await handler(self.context, request)

        return Route(path, endpoint, methods=[method])

    async def _metrics(self, context: Context, request: Request) -> Response:
        return self.metrics.response()

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: object) -> AsyncIterator[None]:
        await self.context.repository.start()
        try:
            yield
        finally:
            await self.context.repository.stop()


def _by_version(version_1: App, others: App) -> App:
    """Version 1 reads its paths itself: TF Serving's have no regard to case, and colons."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        first = scope["type"] == "http" and scope["path"][:4].lower() in ("/v1", "/v1/")
        await (version_1 if first else others)(scope, receive, send)

    return application


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        raise HTTPException(404, "There is nothing at this path; see /openapi.json")


async def _index(context: Context, request: Request) -> Response:
    return FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})


async def _models(context: Context, request: Request) -> Response:
    """Every model with its versions' states: what the page starts from."""
    models = [
        {"name": name, "versions": {str(number): str(state) for number, state in versions.items()}}
        for name, versions in context.repository.models().items()
    ]
    return await json_response({"models": models})


async def _openapi(context: Context, request: Request) -> Response:
    return await json_response(document(context.limits))


def make_app(
    repository: Models,
    limits: Limits | None = None,
    *,
    metrics: Metrics | None = None,
    api_key: str | None = None,
    local: bool = False,
) -> Server:
    """The server for a repository of models.

    Args:
        repository: see `ganapp.export.server.repository`; started and stopped with the application.
        limits: see `Limits`.
        metrics: the figures to add to, for those that the batches are counted in.
        api_key: what every request but health checks and the page must carry; `None` for none.
        local: whether only this machine reaches it; without a key, requests must then name it.
    """
    metrics = metrics or Metrics()
    metrics.watch(repository)
    return Server(Context(repository, limits or Limits()), metrics, api_key, local=local)
