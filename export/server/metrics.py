"""Figures for Prometheus at `/metrics`: requests, their time, batches, the queue, versions."""

import asyncio
import dataclasses
import functools
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ganapp.export.server.batching import Hooks
from ganapp.export.server.repository import Repository

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
METHODS = ("GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE")
UNKNOWN = "unknown"  # paths and methods that are none: a label must not take what clients invent


class Metrics:
    """The figures of one server, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        own, version = {"registry": self.registry}, ("model", "version")
        text = "Answered requests."
        self.requests = Counter("ganapp_requests", text, ("method", "route", "status"), **own)
        text = "Seconds from the headers of a request to the end of its answer."
        self.seconds = Histogram("ganapp_request_seconds", text, ("route",), buckets=SECONDS, **own)
        self.under_way = Gauge("ganapp_requests_under_way", "Requests being answered.", **own)
        text = "Samples run together."
        self.batch_rows = Histogram("ganapp_batch_rows", text, version, buckets=ROWS, **own)
        text = "Samples that wait for a batch."
        self.queue_rows = Gauge("ganapp_queue_rows", text, version, **own)
        self._depths: dict[tuple[str, str], Callable[[], int]] = {}

    def batch_hooks(self, name: str, version: int) -> Hooks:
        """Hooks that count the batches of a version."""
        labels = (name, str(version))
        own: list[Callable[[], int]] = []

        def on_open(depth: Callable[[], int]) -> None:
            own.append(depth)
            self._depths[labels] = depth
            self.queue_rows.labels(*labels).set_function(depth)

        def on_close() -> None:  # else every version that ever was would be listed for ever
            self.batch_rows.remove(*labels)
            # The same number may have been loaded again.
            if self._depths.get(labels) in own:
                del self._depths[labels]
                self.queue_rows.remove(*labels)

        def on_batch(size: int) -> None:  # not sooner: what is never run has no figures
            self.batch_rows.labels(*labels).observe(size)

        return Hooks(on_open=on_open, on_batch=on_batch, on_close=on_close)

    def add_versions(self, repository: Repository) -> None:
        self.registry.register(_Versions(repository))

    def response(self) -> Response:
        return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST)


@dataclasses.dataclass(frozen=True)
class _Versions(Collector):
    """One gauge a version: 1, with its state."""

    repository: Repository

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily(
            "ganapp_model_version",
            "1 for every version that is known, with its state.",
            labels=("model", "version", "state"),
        )
        for name, versions in self.repository.models().items():
            for version, state in versions.items():
                family.add_metric((name, str(version), str(state)), 1)
        yield family


class Observe:
    """Middleware: counts and times every answer by the template of its route."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics
        # Looking a series up takes longer than counting. Routes and statuses are few.
        self._requests = functools.cache(metrics.requests.labels)
        self._seconds = functools.cache(metrics.seconds.labels)
        self.under_way = 0
        metrics.under_way.set_function(lambda: self.under_way)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Of this request alone: handlers write the template of their route into it.
        state = scope["state"] = dict(scope.get("state") or {})
        clock = asyncio.get_running_loop().time
        start, status = clock(), "499"  # if the client leaves before the answer

        async def tracked_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        self.under_way += 1
        try:
            await self.app(scope, receive, tracked_send)
        finally:
            self.under_way -= 1
            route = state.get("template", UNKNOWN)
            method = scope["method"] if scope["method"] in METHODS else UNKNOWN
            self._requests(method, route, status).inc()
            self._seconds(route).observe(clock() - start)
