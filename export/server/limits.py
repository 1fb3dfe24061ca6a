"""How much a request may ask for, and what is said to one that asks for more."""

import asyncio
import contextlib
import math
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ganapp.export.server.asgi import App, Receive, Scope, Send
from ganapp.export.server.encodings import unpacked
from ganapp.export.server.errors import (
    DeadlineExceeded,
    InvalidArgument,
    TooLarge,
    Unavailable,
)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one request, and all of them together, may take.

    Args:
        body_bytes: longest body (413).
        elements: most values in a JSON body, and most numbers in an answer (400).
        depth: most levels of arrays and objects in a JSON body (400).
        samples: most samples of one request (400).
        deadline: seconds until a request is answered, from its headers on (504).
        requests: most requests under way at once (503).
    """

    body_bytes: int = 16 * 2**20
    elements: int = 2_000_000
    depth: int = 32
    samples: int = 1024
    deadline: float = 30.0
    requests: int = 1024

    def check_samples(self, inputs: dict[str, np.ndarray], signature: Any) -> None:
        """Refuses inputs that ask for too many samples or too many numbers.

        Args:
            inputs: by name; `count` is a number of samples, any other with a free first
                dimension (-1 in the signature) has a row a sample.
            signature: with `inputs` and `outputs`, each a `TensorInfo` by name.

        Raises:
            InvalidArgument: if so, or if `count` is below 1.
        """
        count = _count(inputs, signature)
        if not 1 <= count <= self.samples:
            raise InvalidArgument(
                f"Expected 1 to {self.samples} samples in a request. Received: {count}"
            )
        each = sum(abs(math.prod(info.shape[1:])) for info in signature.outputs.values())
        if count * each > self.elements:
            raise InvalidArgument(
                f"Expected a request for at most {self.elements} numbers, "
                f"{max(1, self.elements // each)} samples. Received: {count} samples"
            )


def _count(inputs: dict[str, np.ndarray], signature: Any) -> int:
    asked = inputs.get("count")
    if asked is not None and asked.ndim == 0 and asked.dtype.kind in "iu":
        return int(asked)
    rows = [
        len(value)
        for name, value in inputs.items()
        if value.ndim and name in signature.inputs and signature.inputs[name].shape[:1] == (-1,)
    ]
    return max(rows, default=1)


class LimitRequests:
    """Middleware: requests at once, length of the body, deadline."""

    def __init__(self, app: App, limits: Limits) -> None:
        self.app = app
        self.limits = limits
        self.under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/v2/health/"):
            await self.app(scope, receive, send)
            return
        if self.under_way >= self.limits.requests:
            raise Unavailable(
                f"The server answers at most {self.limits.requests} requests at once: try again."
            )
        most = self.limits.body_bytes
        check_announced_length(scope, most)
        body = unpacked(scope, _counted(receive, most), most)
        self.under_way += 1
        # Handlers pass it on, so that what waits in a queue is dropped there.
        scope["state"]["deadline"] = asyncio.get_running_loop().time() + self.limits.deadline
        try:
            async with asyncio.timeout_at(scope["state"]["deadline"]):
                await self.app(scope, body, send)
        except TimeoutError:
            raise DeadlineExceeded(
                f"There was no answer within {self.limits.deadline:g} s: "
                "ask for less, or try again."
            ) from None
        finally:
            self.under_way -= 1


def check_announced_length(scope: Scope, most: int) -> None:
    """Refuses a body by its `Content-Length`, before a byte of it is read.

    Raises:
        TooLarge: if it is longer than `most` bytes.
        InvalidArgument: if the header is no number.
    """
    for name, value in scope["headers"]:
        if name == b"content-length":
            if not value.isdigit():
                raise InvalidArgument("Expected a number of bytes in `Content-Length`.")
            # Compared by length first: Python does not read numbers of any number of digits.
            if len(value.lstrip(b"0")) > 18 or int(value) > most:
                raise _too_large(most, value.decode()[:20])


def _too_large(most: int, received: str) -> TooLarge:
    return TooLarge(f"Expected a body of at most {most} bytes. Received: {received} bytes")


def _counted(receive: Receive, most: int) -> Receive:
    """`receive`, which stops at the first byte too many."""
    total = 0

    async def counted() -> MutableMapping[str, Any]:
        nonlocal total
        message = await receive()
        total += len(message.get("body") or b"")
        if total > most:
            raise _too_large(most, f"more than {most}")
        return message

    return counted


async def drain(receive: Receive, *, seconds: float = 1.0, most: int = 64 * 2**20) -> None:
    """Reads away what is left of a body that was refused.

    A connection that is closed with unread bytes is reset, and the client never reads the answer
    that is on its way. So the rest is read, for a while.
    """
    total = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while total < most:
                message = await receive()
                total += len(message.get("body") or b"")
                if message["type"] != "http.request" or not message.get("more_body"):
                    return


def whole_number(text: str, name: str, *, least: int, most: int) -> int:
    """A number of a query string.

    Raises:
        InvalidArgument: if it is none, or lies outside.
    """
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 19):
        raise InvalidArgument(f"`{name}` must be a whole number. Received: {name}={text[:40]!r}")
    if not least <= int(text) <= most:
        raise InvalidArgument(f"`{name}` must be {least} to {most}. Received: {name}={int(text)}")
    return int(text)
