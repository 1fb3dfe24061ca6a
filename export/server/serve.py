"""The server as a process: uvicorn with our protocol, signals and one socket."""

import asyncio
import contextlib
import errno
import logging
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn

from ganapp.export.server.app import Server, make_app
from ganapp.export.server.errors import ServerError, StartError
from ganapp.export.server.limits import Limits
from ganapp.export.server.metrics import Metrics
from ganapp.export.server.security import KEY_VARIABLE, is_loopback
from ganapp.export.server.slow_clients import Patience, patient
from ganapp.export.server.stopping import GracefulServer
from ganapp.export.stderr import CHATTER, native_stderr

BACKLOG = 2048  # connections that may wait to be accepted
LONGEST = 3600  # seconds of a deadline or of draining
Tell = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to serve.

    Args:
        host: address to listen at; loopback unless told otherwise.
        port: 0 for any that is free.
        limits: see `Limits`.
        patience: with slow clients.
        drain_seconds: for which a server that is told to stop (SIGTERM) is not ready but still
            takes requests, so that whoever sends them has time to notice.
        api_key: what requests must carry; from the environment.

    Raises:
        StartError: a time is not from 0 to 3600 seconds.
    """

    host: str = "127.0.0.1"
    port: int = 8501
    limits: Limits = field(default_factory=Limits)
    patience: Patience = field(default_factory=Patience)
    drain_seconds: float = 1.0
    api_key: str | None = field(default_factory=lambda: os.environ.get(KEY_VARIABLE) or None)

    def __post_init__(self) -> None:
        """Refuses times that no server should wait for; NaN is between no two numbers."""
        times = {"--deadline": self.limits.deadline, "--drain": self.drain_seconds}
        for name, seconds in times.items():
            if not 0 <= seconds <= LONGEST:
                raise StartError(
                    f"`{name}` must be from 0 to {LONGEST} seconds. Received: {seconds}"
                )


def serve(
    root: Path,
    *,
    engine: str,
    settings: Settings,
    batching: dict[str, int],
    poll_seconds: float,
    tell: Tell,
    warn: Tell,
) -> None:
    """Serves what lies in a folder until SIGTERM or SIGINT.

    Args:
        root: an export, its `models/` folder, a model's folder or a version's.
        engine: a member of `ganapp.export.server.engines.ENGINES`.
        settings: see `Settings`.
        batching: arguments of `ganapp.export.server.batching.Batching`.
        poll_seconds: between two looks for new versions.
        tell: where to say that the server is ready.
        warn: where to say what the user should think over.

    Raises:
        StartError: nothing to serve, an engine that cannot, or an address that is taken.
    """
    metrics = Metrics()
    repository = make_repository(
        root,
        engine=engine,
        batching=batching,
        poll_seconds=poll_seconds,
        samples=settings.limits.samples,
        metrics=metrics,
    )
    local = is_loopback(settings.host)
    if not local and not settings.api_key:
        warn(_exposed(settings.host))
    app = make_app(
        repository, settings.limits, metrics=metrics, api_key=settings.api_key, local=local
    )
    raise_file_limit()
    with contextlib.closing(listen(settings.host, settings.port)) as listener:
        try:
            asyncio.run(run(app, listener, settings, tell))
        except KeyboardInterrupt:  # another Ctrl-C, when the loop that heeds them has ended
            if not app.context.stopping:
                raise


def _exposed(host: str) -> str:
    return (
        f"Anybody who reaches {host} can use this server: set {KEY_VARIABLE}, or put it behind a "
        "proxy that asks who they are."
    )


def make_repository(
    root: Path,
    *,
    engine: str,
    batching: dict[str, int],
    poll_seconds: float,
    samples: int,
    metrics: Metrics,
) -> Any:
    """The repository of models, whose batches and queue `metrics` counts.

    Raises:
        StartError: if `root` is no folder, an argument is out of range or `engine` is unknown.
    """
    from ganapp.export.server.batching import Batching, Hooks
    from ganapp.export.server.engines import ENGINES
    from ganapp.export.server.repository import Repository

    if not root.is_dir():
        raise StartError(f"`DIR` must be a folder that `ganapp export` wrote. Received: {root}")
    if engine not in ENGINES:
        raise StartError(f"`--engine` must be one of {', '.join(ENGINES)}. Received: {engine!r}")
    try:
        return Repository(
            root,
            engine=engine,
            batching=Batching(**batching),
            poll_seconds=poll_seconds,
            samples_limit=samples,
            hooks=lambda name, version: Hooks(**metrics.of_batches(name, version)),
        )
    except (ValueError, OSError, ServerError) as error:
        raise StartError(str(error)) from error


def raise_file_limit() -> None:
    """Lets the process open as many connections as the system allows; shells start with 1,024."""
    with contextlib.suppress(ImportError, ValueError, OSError):  # Windows has no such limit
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens at an address.

    Raises:
        StartError: if the address is taken, not allowed or not this machine's.
    """
    listener = None
    try:
        family, *_, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        # Not `socket.create_server`: without the protocol's number asyncio does not see that its
        # connections are TCP, leaves Nagle's algorithm on, and every answer takes 40 ms.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except UnicodeError as error:  # a part of a name has at most 63 characters
        raise StartError(
            f"`--host` must be an address or a name of this machine. Received: {host[:200]!r}"
        ) from error
    except OSError as error:  # also of names that nobody knows
        if listener is not None:
            listener.close()
        if error.errno == errno.EADDRINUSE:
            raise StartError(
                f"`--port` must be free, but something listens at {host}:{port} already."
            ) from error
        reason = error.strerror or error
        raise StartError(f"The server cannot listen at {host}:{port}: {reason}.") from error
    listener.setblocking(False)
    return listener


async def run(app: Server, listener: socket.socket, settings: Settings, tell: Tell) -> None:
    """Loads the models, serves, and ends after a signal when the last answer is given.

    Raises:
        StartError: if no model can be served.
    """
    repository = app.context.repository
    try:
        with said_once():
            with native_stderr(CHATTER):  # LiteRT and TensorFlow say how they run
                await repository.start()
            check_models(repository)
        config = uvicorn.Config(
            app,
            http=patient(settings.patience),
            ws="none",
            lifespan="off",  # the models were started above, where a mistake can be told in words
            log_config=None,
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=int(settings.patience.idle_seconds),
            timeout_graceful_shutdown=int(settings.limits.deadline) + 5,
        )
        server = GracefulServer(config, app, settings.drain_seconds)
        server.on_start = lambda: tell(_greeting(repository, listener))
        await server.serve(sockets=[listener])
    finally:
        await repository.stop()


@contextlib.contextmanager
def said_once() -> Iterator[None]:
    """Holds back what is logged of versions that cannot be served, and drops what an error says."""
    held: list[logging.LogRecord] = []
    log, said = logging.getLogger("ganapp.export.server.versions"), ""
    log.addFilter(hold := lambda record: held.append(record))
    try:
        yield
    except StartError as error:
        said = str(error)
        raise
    finally:
        log.removeFilter(hold)
        for record in held:
            if not (record.args and str(record.args[-1]) in said):
                log.handle(record)


def _greeting(repository: Any, listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return f"Serving {', '.join(repository.models())} at http://{address}/ (Ctrl-C stops)."


def check_models(repository: Any) -> None:
    """Refuses to start without a model that serves.

    Raises:
        StartError: with what is wrong with the model, if there is one.
    """
    models = repository.models()
    if not models:
        raise StartError(
            "`DIR` must hold an export (models/NAME/VERSION/assets.extra/serving.json), "
            "but there is none in it: run `python -m ganapp export RUN`."
        )
    if any("AVAILABLE" in map(str, versions.values()) for versions in models.values()):
        return
    for name in models:
        for state in repository.status(name):
            message = (state if isinstance(state, dict) else vars(state)).get("error_message")
            if message:
                raise StartError(f"The model {name!r} cannot be served. {message}")
    raise StartError(f"No version of {', '.join(models)} can be served.")
