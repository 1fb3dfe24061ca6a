"""The server as a process: granian in front of the application, one address, signals."""

import asyncio
import contextlib
import errno
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server as HttpServer

from ganapp.export.server.app import Server
from ganapp.export.server.batching import Batching
from ganapp.export.server.context import Limits
from ganapp.export.server.engines import ENGINES
from ganapp.export.server.errors import ServerError, StartError
from ganapp.export.server.metrics import Metrics
from ganapp.export.server.middleware import KEY_VARIABLE, is_loopback
from ganapp.export.server.repository import Repository, State
from ganapp.export.stderr import CHATTER, native_stderr

BACKLOG = 2048  # connections that may wait to be accepted
CONNECTIONS = 8192  # at once
HEADER_BYTES = 64 * 2**10  # of request line and headers (431)
# granian's last thread still returns from Python when its task has ended, and a process that ends
# under it is aborted.
THREAD_SECONDS = 0.2
LONGEST = 3600  # seconds of a deadline or of draining
Sentence = Callable[[str], None]  # takes a sentence for the user


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of a server process; `StartError` where a time is not from 0 to 3600 seconds."""

    host: str = "127.0.0.1"  # address to listen at; loopback unless told otherwise
    port: int = 8501  # 0 for any that is free
    engine: str = "litert"  # a member of `ganapp.export.server.engines.ENGINES`
    batching: Mapping[str, int] = field(default_factory=dict)  # arguments of `Batching`
    poll_seconds: float = 2.0  # between two looks for new versions
    limits: Limits = field(default_factory=Limits)
    # for which a connection may take to send the headers of its first or next request
    idle_seconds: float = 30.0
    # for which a server that is told to stop (SIGTERM) is not ready but still takes requests, so
    # that whoever sends them has time to notice
    drain_seconds: float = 1.0
    # what requests must carry; from the environment
    api_key: str | None = field(default_factory=lambda: os.environ.get(KEY_VARIABLE) or None)

    def __post_init__(self) -> None:
        times = {"--deadline": self.limits.deadline, "--drain": self.drain_seconds}
        for name, seconds in times.items():
            if not 0 <= seconds <= LONGEST:  # NaN is between no two numbers
                raise StartError(
                    f"`{name}` must be from 0 to {LONGEST} seconds. Received: {seconds}"
                )


def serve(root: Path, settings: Settings, *, on_ready: Sentence, on_warning: Sentence) -> None:
    """Serves what lies in a folder until SIGTERM or SIGINT.

    Args:
        root: an export, its `models/` folder, a model's folder or a version's.
        settings: of the process.
        on_ready: given the address, once the server is ready.
        on_warning: given what the user should think over.

    Raises:
        StartError: nothing to serve, an engine that cannot, or an address that is taken.
    """
    local = is_loopback(settings.host)
    app = make_server(root, settings, local=local)
    if not local and not settings.api_key:
        on_warning(
            f"Anybody who reaches {settings.host} can use this server: set {KEY_VARIABLE}, or put "
            "it behind a proxy that asks who they are."
        )
    raise_file_limit()
    asyncio.run(run(app, free_address(settings.host, settings.port), settings, on_ready))


def make_server(root: Path, settings: Settings, *, local: bool = False) -> Server:
    """The application for a folder; for the arguments see `serve` and `Server`."""
    if not root.is_dir():
        raise StartError(f"`DIR` must be a folder that `ganapp export` wrote. Received: {root}")
    if settings.engine not in ENGINES:
        raise StartError(
            f"`--engine` must be one of {', '.join(ENGINES)}. Received: {settings.engine!r}"
        )
    metrics, limits = Metrics(), settings.limits
    try:
        repository = Repository(
            root,
            engine=settings.engine,
            batching=Batching(**settings.batching),
            poll_seconds=settings.poll_seconds,
            samples_limit=limits.samples,
            hooks=metrics.batch_hooks,
        )
    except (ValueError, OSError, ServerError) as error:
        raise StartError(str(error)) from error
    return Server(repository, limits, metrics=metrics, api_key=settings.api_key, local=local)


def raise_file_limit() -> None:
    """Lets the process open as many connections as the system allows; shells start with 1,024."""
    with contextlib.suppress(ImportError, ValueError, OSError):  # Windows has no such limit
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def free_address(host: str, port: int) -> tuple[str, int]:
    """The numeric address of a host, and a port there that nothing listens at."""
    try:
        family, *_, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
            return probe.getsockname()[:2]
    except UnicodeError as error:  # a part of a name has at most 63 characters
        raise StartError(
            f"`--host` must be an address or a name of this machine. Received: {host[:200]!r}"
        ) from error
    except OSError as error:  # also of names that nobody knows
        if error.errno == errno.EADDRINUSE:
            raise StartError(
                f"`--port` must be free, but something listens at {host}:{port} already."
            ) from error
        reason = error.strerror or error
        raise StartError(f"The server cannot listen at {host}:{port}: {reason}.") from error


async def run(
    app: Server, address: tuple[str, int], settings: Settings, on_ready: Sentence
) -> None:
    """Loads the models, serves at the address, and ends after a signal with the last answer."""
    repository = app.context.repository
    try:
        with load_warnings():
            with native_stderr(CHATTER):  # LiteRT and TensorFlow say how they run
                await repository.start()
            check_models(repository)
        server = HttpServer(
            app,
            *address,
            interface=Interfaces.ASGINL,  # without lifespan: a mistake can be told in words above
            http=HTTPModes.http1,
            websockets=False,
            backlog=BACKLOG,
            backpressure=CONNECTIONS,
            http1_settings=HTTP1Settings(
                header_read_timeout=int(settings.idle_seconds * 1000), max_buffer_size=HEADER_BYTES
            ),
            log_enabled=False,
        )
        serving = asyncio.create_task(server.serve())
        stop_on_signals(app, server, serving, settings)
        await _wait_until_open(address, serving)
        host, port = (f"[{address[0]}]" if ":" in address[0] else address[0]), address[1]
        names = ", ".join(repository.models())
        on_ready(f"Serving {names} at http://{host}:{port}/ (Ctrl-C stops).")
        await asyncio.wait([serving])
        if not serving.cancelled():
            serving.result()
        await asyncio.sleep(THREAD_SECONDS)
    finally:
        await repository.stop()


def stop_on_signals(
    app: Server, server: HttpServer, serving: asyncio.Task, settings: Settings
) -> None:
    """Makes SIGTERM and SIGINT end the server; a second one ends the process at once.

    The application is no longer ready, and its answers end their connections. The server takes no
    more connections, after `drain_seconds` where it is SIGTERM, and is cancelled if clients have
    not taken their answers after the deadline.
    """
    loop = asyncio.get_running_loop()

    def stop(seconds: float) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
            signal.signal(number, lambda *_: os._exit(0))
        app.context.stopping = True
        app.context.repository.flush()
        loop.call_later(seconds, server.stop)
        loop.call_later(seconds + settings.limits.deadline + 5, serving.cancel)

    loop.add_signal_handler(signal.SIGTERM, stop, settings.drain_seconds)
    loop.add_signal_handler(signal.SIGINT, stop, 0.0)


async def _wait_until_open(address: tuple[str, int], serving: asyncio.Task) -> None:
    while not serving.done():
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(*address)
            writer.close()
            return
        await asyncio.sleep(0.01)
    raise StartError(
        f"The server cannot listen at {address[0]}:{address[1]}: {serving.exception()}"
    )


@contextlib.contextmanager
def load_warnings() -> Iterator[None]:
    """Holds back what is logged of versions that cannot be served, and drops what an error says."""
    records: list[logging.LogRecord] = []
    log, sentence = logging.getLogger("ganapp.export.server.repository"), ""
    log.addFilter(hold := lambda record: records.append(record))
    try:
        yield
    except StartError as error:
        sentence = str(error)
        raise
    finally:
        log.removeFilter(hold)
        for record in records:
            if not (record.args and str(record.args[-1]) in sentence):
                log.handle(record)


def check_models(repository: Repository) -> None:
    """Refuses to start without a model that serves, with what is wrong if something is."""
    models = repository.models()
    if not models:
        raise StartError(
            "`DIR` must hold an export (models/NAME/VERSION/assets.extra/serving.json), "
            "but there is none in it: run `python -m ganapp export RUN`."
        )
    if any(State.AVAILABLE in versions.values() for versions in models.values()):
        return
    for name in models:
        for status in repository.status(name):
            if status.error_message:
                raise StartError(f"The model {name!r} cannot be served. {status.error_message}")
    raise StartError(f"No version of {', '.join(models)} can be served.")
