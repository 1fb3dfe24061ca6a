"""Who may ask, and what browsers are told to refuse."""

import functools
import hmac
import ipaddress
from collections.abc import Callable, Iterable

from ganapp.export.server.asgi import App, Receive, Scope, Send
from ganapp.export.server.errors import ServerError

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
}
# Health is asked for by machines without a key; the page holds no data and asks for the key.
OPEN_PATHS = ("/v2/health/live", "/v2/health/ready", "/")
OPEN_FOLDERS = ("/static/",)


class SecurityHeaders:
    """Middleware: headers on every answer, unless the answer sets its own.

    Args:
        app: what it stands before.
        headers: gives those of an answer that begins now.
    """

    def __init__(self, app: App, headers: Callable[[], dict[bytes, bytes]]) -> None:
        self.app = app
        self.headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message) -> None:
            if message["type"] == "http.response.start":
                own = [name for name, _ in message["headers"]]
                missing = [pair for pair in self.headers().items() if pair[0] not in own]
                message["headers"] = [*message["headers"], *missing]
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)


class LocalHosts:
    """Middleware: refuses requests whose `Host` is a name that this machine has not given itself.

    A server that only programs of this machine reach needs no key, but a browser is one of them: a
    site may let its own name point to 127.0.0.1 (DNS rebinding), and its scripts could then read
    every answer.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            for name, value in scope["headers"]:
                if name == b"host" and not is_loopback(host_of(value.decode("latin-1"))):
                    raise ServerError(
                        421,
                        "`Host` must be localhost, 127.x.x.x or [::1] while the server listens "
                        f"there without a key. Received: {ascii(value.decode('latin-1'))[:80]}; "
                        f"ask one of these, or set {KEY_VARIABLE}",
                    )
        await self.app(scope, receive, send)


def host_of(header: str) -> str:
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


class ApiKey:
    """Middleware: refuses requests without the key (401) where one is set.

    Args:
        app: what it stands before.
        key: the key, or `None` for no check.
    """

    def __init__(self, app: App, key: str | None) -> None:
        self.app = app
        self.key = key.encode() if key else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self.key and not is_open(scope["path"]):
            # Every candidate is compared, in a time that says nothing of the key.
            matches = [hmac.compare_digest(sent, self.key) for sent in sent_keys(scope["headers"])]
            if not any(matches):
                raise ServerError(
                    401, "Expected the API key in `Authorization: Bearer KEY` or `X-API-Key: KEY`."
                )
        await self.app(scope, receive, send)


def is_open(path: str) -> bool:
    """Whether a path needs no key."""
    return path in OPEN_PATHS or path.startswith(OPEN_FOLDERS)


def sent_keys(headers: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
    """Keys that a request carries, in either header."""
    found = []
    for name, value in headers:
        if name == b"x-api-key":
            found.append(value)
        elif name == b"authorization" and value[:7].lower() == b"bearer ":
            found.append(value[7:].strip())
    return found
