"""The context of a request: models, limits, its body and its answer in JSON."""

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ganapp.export.server.errors import InvalidArgument, NotFound, ServerError, Unavailable
from ganapp.export.server.repository import Repository
from ganapp.export.server.servable import Servable
from ganapp.export.server.spec import Arrays, Signature
from ganapp.export.server.tensors import Json, JsonObject, check_size, parse_object, shown, write

THREADED_BYTES = 200_000  # JSON from which on the event loop should not do it itself


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of one request and of all of them together."""

    body_bytes: int = 16 * 2**20  # longest body (413)
    elements: int = 2_000_000  # most values in a JSON body, and most numbers in an answer (400)
    depth: int = 32  # most levels of arrays and objects in a JSON body (400)
    samples: int = 1024  # most samples of one request (400)
    # seconds from the headers of a request until its body has come (408) and it is answered (504)
    deadline: float = 30.0
    requests: int = 1024  # most requests under way at once (503)

    def check_samples(self, inputs: Arrays, signature: Signature) -> None:
        """Refuses inputs that ask for too many samples or too many numbers, or a `count` below 1.

        `count` is a number of samples; any other input with a free first dimension (-1 in the
        signature) has a row a sample.
        """
        count = _sample_count(inputs, signature)
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


def _sample_count(inputs: Arrays, signature: Signature) -> int:
    count = inputs.get("count")
    if count is not None and count.ndim == 0 and count.dtype.kind in "iu":
        return int(count)
    rows = [
        len(value)
        for name, value in inputs.items()
        if value.ndim and name in signature.inputs and signature.inputs[name].shape[:1] == (-1,)
    ]
    return max(rows, default=1)


class Target(NamedTuple):
    """The model that a path names; the arguments of a lease."""

    name: str = ""  # of the model; empty where the path names none
    version: int | None = None  # or `None` for the one that is served
    label: str | None = None  # or `None`


@dataclass
class Context:
    """The state of a running server."""

    repository: Repository  # the models
    limits: Limits = field(default_factory=Limits)
    stopping: bool = False  # set when the server was told to stop: it is no longer ready

    def admit(self, target: Target) -> None:
        """Refuses a request whose model takes none now, before its body is read and parsed.

        What is wrong with the request itself is said later, by whoever has read it.
        """
        with (
            contextlib.suppress(InvalidArgument, NotFound, Unavailable),
            self.repository.lease(*target) as servable,
        ):
            servable.admit()

    async def json_object(self, request: Request) -> JsonObject:
        """The JSON object in a request's body: 400 if it is none or too much of one."""
        try:
            body = await request.body()
        except ClientDisconnect:
            raise ServerError("The client closed the connection.", status=499) from None
        if len(body) < THREADED_BYTES:
            return self._parse(body)
        return await asyncio.to_thread(self._parse, body)

    def _parse(self, body: bytes) -> JsonObject:
        check_size(body, elements=self.limits.elements, depth=self.limits.depth)
        return parse_object(body)

    async def predict(
        self, request: Request, servable: Servable, name: str, inputs: Arrays
    ) -> Arrays:
        """Runs one signature of a leased model on tensors by name, within limits and deadline."""
        self.limits.check_samples(inputs, servable.signatures[name])
        return await servable.predict(name, inputs, request.scope["state"]["deadline"])


Handler = Callable[[Context, Request, Target], Awaitable[Response]]


def signature_of(servable: Servable, name: str) -> Signature:
    """A signature by its name; 400 where there is none, as with TF Serving: 404 is for models."""
    if name not in servable.signatures:
        raise InvalidArgument(
            f"Serving signature name: expected one of {', '.join(servable.signatures)}. "
            f"Received: {shown(name)}"
        )
    return servable.signatures[name]


async def json_response(value: Json, *, numbers: int = 0, status: int = 200) -> Response:
    """An answer in JSON of Python values and arrays; many `numbers` are written in a thread."""
    many = numbers * 10 > THREADED_BYTES
    body = await asyncio.to_thread(write, value) if many else write(value)
    return Response(body, status, media_type="application/json")


def whole_number(text: str, name: str, *, least: int, most: int) -> int:
    """A number in a path or a query string; refuses what is none or lies outside."""
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 19):
        raise InvalidArgument(f"`{name}` must be a whole number. Received: {name}={text[:40]!r}")
    if not least <= int(text) <= most:
        raise InvalidArgument(f"`{name}` must be {least} to {most}. Received: {name}={int(text)}")
    return int(text)
