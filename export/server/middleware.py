"""Middleware of HTTP requests: headers, errors as answers, the key, limits of requests."""

import asyncio
import contextlib
import functools
import hmac
import ipaddress
import json
import logging
import time
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ganapp.export.server.context import Limits
from ganapp.export.server.errors import (
    DeadlineExceeded,
    InvalidArgument,
    Overloaded,
    ServerError,
    Unavailable,
)

KEY_VARIABLE = "GANAPP_API_KEY"
# Nothing of the page comes from anywhere else, and nobody may put it into a frame; it has one
# itself, for the model card.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
# The model card is text with its own style and pictures; no script runs there, so a card that
# somebody tampered with can do nothing.
CARD_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'; sandbox"
)
HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    b"content-security-policy": PAGE_POLICY.encode(),
    b"server": b"ganapp",
}
# Health is asked for by machines without a key; the page holds no data and asks for the key.
OPEN_PATHS = ("/v2/health/live", "/v2/health/ready", "/")
OPEN_FOLDERS = ("/static/",)
BUSY = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
GZIP_FORMAT = 16 + zlib.MAX_WBITS  # what zlib calls a stream with gzip's header and trailer

log = logging.getLogger("ganapp.server")


@dataclass(frozen=True)
class AddHeaders:
    """Middleware: headers on every answer, unless the answer sets its own."""

    app: ASGIApp
    headers: Callable[[], dict[bytes, bytes]]  # those of an answer that begins now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [name for name, _ in message["headers"]]
                missing = [pair for pair in self.headers().items() if pair[0] not in own]
                message["headers"] = [*message["headers"], *missing]
            await send(message)

        await self.app(scope, receive, send_with_headers)


class AnswerErrors:
    """Middleware: an exception becomes `{"error": sentence}`, and the connection stays usable."""

    def __init__(self, app: ASGIApp) -> None:
        self.app, self.pace = app, Pace()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answering = reading = complete = False

        async def tracked_send(message: Message) -> None:
            nonlocal answering
            answering = True
            await send(message)

        async def tracked_receive() -> Message:
            nonlocal reading, complete
            reading = True
            message = await receive()
            complete = complete or not message.get("more_body", False)
            return message

        try:
            await self.app(scope, tracked_receive, tracked_send)
            return
        except Exception as error:
            response = error_response(error)
            if answering:  # too late for another answer: the connection is cut
                raise
        # Not above: there the error would hold the request's body for as long.
        if response.status_code in BUSY:
            await asyncio.sleep(self.pace.seconds())
        # Whoever waits for "100 Continue", which the first look at the body sends, has sent nothing
        # that could be in the way, but may do so yet: nothing after it would be understood.
        continues = any(
            name == b"expect" and value.lower() == b"100-continue"
            for name, value in scope["headers"]
        )
        if continues and not reading:
            response.headers["Connection"] = "close"
            complete = True
        await _send_then_read(response, send, None if complete else tracked_receive)


async def _send_then_read(response: Response, send: Send, receive: Receive | None) -> None:
    """Sends the whole answer, reads the rest of the body away for a while and ends the answer.

    A connection that is closed with unread bytes is reset, and the client never reads the answer.
    """
    start = {"status": response.status_code, "headers": response.raw_headers}
    await send({"type": "http.response.start", **start})
    await send({"type": "http.response.body", "body": response.body, "more_body": True})
    if receive is not None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                while (await receive()).get("more_body"):
                    pass
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def error_response(error: Exception) -> Response:
    """The answer to a request that ended in an error; unforeseen ones are logged, not shown."""
    headers: dict[str, str] = {}
    if isinstance(error, ServerError):
        status, sentence = error.status, error.sentence
        if status in BUSY:
            wait = error.retry_after if isinstance(error, Overloaded) else 1
            headers["Retry-After"] = str(wait)
        if status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = "Bearer"
        if status in (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.REQUEST_TIMEOUT):
            headers["Connection"] = "close"
    elif isinstance(error, HTTPException):  # of starlette's router
        status, sentence = error.status_code, f"{error.detail}."
        headers |= error.headers or {}
    else:
        log.error("A request ended in an error.", exc_info=error)
        status, sentence = 500, "The server failed; its log says why."
    body = json.dumps({"error": sentence})  # ASCII, so that no text can break it
    return Response(body, status, headers=headers, media_type="application/json")


class Pace:
    """Spaces refusals out where there are many, so that they leave time for answers.

    Clients that ask again as soon as they are refused otherwise keep the event loop busy with
    refusing them: of 200 such clients a ninth of the answers was left of what 32 got. A few are
    refused at once.

    Args:
        rate: refusals a second.
        longest: seconds that one is held back at most; so many clients are beyond help.
    """

    def __init__(self, *, rate: float = 100.0, longest: float = 1.0) -> None:
        self.step, self.longest = 1 / rate, longest
        self._next = 0.0

    def seconds(self) -> float:
        """How long to hold back a refusal that is due now."""
        now = time.monotonic()
        self._next = min(max(self._next + self.step, now), now + self.longest)
        return self._next - now


class CheckKey:
    """Middleware: refuses requests without the key (401) where one is set."""

    def __init__(self, app: ASGIApp, key: str | None) -> None:
        self.app, self.key = app, key.encode() if key else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        is_open = path in OPEN_PATHS or path.startswith(OPEN_FOLDERS)
        if self.key and not is_open:
            # Every candidate is compared, in a time that says nothing of the key.
            matches = [hmac.compare_digest(sent, self.key) for sent in _sent_keys(scope["headers"])]
            if not any(matches):
                raise ServerError(
                    "Expected the API key in `Authorization: Bearer KEY` or `X-API-Key: KEY`.",
                    status=401,
                )
        await self.app(scope, receive, send)


def _sent_keys(headers: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
    found = []
    for name, value in headers:
        if name == b"x-api-key":
            found.append(value)
        elif name == b"authorization" and value[:7].lower() == b"bearer ":
            found.append(value[7:].strip())
    return found


@dataclass(frozen=True)
class CheckHost:
    """Middleware: refuses requests whose `Host` is a name that this machine has not given itself.

    A server that only programs of this machine reach needs no key, but a browser is one of them: a
    site may let its own name point to 127.0.0.1 (DNS rebinding), and its scripts could then read
    every answer.
    """

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        for host in (
            value.decode("latin-1") for name, value in scope["headers"] if name == b"host"
        ):
            if not is_loopback(_host_of(host)):
                raise ServerError(
                    "`Host` must be localhost, 127.x.x.x or [::1] while the server listens "
                    f"there without a key. Received: {ascii(host)[:80]}; "
                    f"ask one of these, or set {KEY_VARIABLE}",
                    status=421,
                )
        await self.app(scope, receive, send)


def _host_of(header: str) -> str:
    """The name or address in a `Host` header, without port and brackets."""
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0]


@functools.lru_cache(maxsize=32)  # every request of a client has the same
def is_loopback(host: str) -> bool:
    """Whether only programs of this machine reach a name or address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


@dataclass
class LimitRequests:
    """Middleware: requests at once, length of the body, deadline."""

    app: ASGIApp
    limits: Limits
    under_way: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].startswith("/v2/health/"):
            await self.app(scope, receive, send)
            return
        if self.under_way >= self.limits.requests:
            raise Unavailable(
                f"The server answers at most {self.limits.requests} requests at once: try again."
            )
        body = LimitedBody(scope, receive, self.limits.body_bytes)
        self.under_way += 1
        # Handlers pass it on, so that what waits in a queue is dropped there.
        scope["state"]["deadline"] = asyncio.get_running_loop().time() + self.limits.deadline
        try:
            async with asyncio.timeout_at(scope["state"]["deadline"]):
                await self.app(scope, body.receive, send)
        except TimeoutError:
            if body.pending:
                raise ServerError(
                    f"The body did not come within {self.limits.deadline:g} s.", status=408
                ) from None
            raise DeadlineExceeded(
                f"There was no answer within {self.limits.deadline:g} s: "
                "ask for less, or try again."
            ) from None
        finally:
            self.under_way -= 1


class LimitedBody:
    """A request's body as it is or unpacked from gzip, of at most so many bytes either way."""

    def __init__(self, scope: Scope, receive: Receive, most: int) -> None:
        self.most = most
        self.pending = False  # whether a part of it is waited for
        self._receive, self._sent, self._unpacked = receive, 0, 0
        encodings = []
        for name, value in scope["headers"]:
            if name == b"content-length":
                self._check_length(value)
            elif name == b"content-encoding":
                encodings.append(value.strip().lower())
        encodings = [each for each in encodings if each not in (b"", b"identity")]
        if encodings and encodings not in ([b"gzip"], [b"x-gzip"]):
            raise ServerError(
                "`Content-Encoding` must be gzip or identity. "
                f"Received: {ascii(b', '.join(encodings).decode('latin-1'))[:60]}; send it without "
                "compression, or with gzip once",
                status=415,
            )
        self._stream = zlib.decompressobj(GZIP_FORMAT) if encodings else None

    async def receive(self) -> Message:
        """The next message, as an application receives it; 413 at the first byte too many."""
        self.pending = True
        message = await self._receive()
        self.pending = False
        if message["type"] != "http.request":
            return message
        body = message.get("body") or b""
        self._sent += len(body)
        if self._sent > self.most:
            raise self._too_large(f"more than {self.most} bytes")
        if self._stream is not None:
            body = self._unpack(body, last=not message.get("more_body"))
        return message | {"body": body}

    def _check_length(self, value: bytes) -> None:
        if not value.isdigit():
            raise InvalidArgument("Expected a number of bytes in `Content-Length`.")
        # Compared by length first: Python does not read numbers of any number of digits.
        if len(value.lstrip(b"0")) > 18 or int(value) > self.most:
            raise self._too_large(f"{value.decode()[:20]} bytes")

    def _too_large(self, received: str) -> ServerError:
        return ServerError(
            f"Expected a body of at most {self.most} bytes. Received: {received}", status=413
        )

    def _unpack(self, packed: bytes, *, last: bool) -> bytes:
        try:
            # One byte more than is allowed tells a body that is too long; a bomb grows no further.
            body = self._stream.decompress(packed, self.most + 1 - self._unpacked)
        except zlib.error as error:
            raise InvalidArgument(f"The body is not gzip, as its headers say: {error}.") from None
        self._unpacked += len(body)
        if self._unpacked > self.most:
            raise self._too_large(f"more than {self.most} when unpacked")
        if self._stream.unused_data:
            raise InvalidArgument("Expected one gzip stream. Received: bytes after its end")
        if last and not self._stream.eof:
            raise InvalidArgument("The body is gzip that ends too soon.")
        return body
