"""The context of a request: models, limits, its body and its answer in JSON."""

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

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
    """Limits of one request and of all of them together.

    Args:
        body_bytes: longest body (413).
        elements: most values in a JSON body, and most numbers in an answer (400).
        depth: most levels of arrays and objects in a JSON body (400).
        samples: most samples of one request (400).
        deadline: seconds from the headers of a request until its body has come (408) and it is
            answered (504).
        requests: most requests under way at once (503).
    """

    body_bytes: int = 16 * 2**20
    elements: int = 2_000_000
    depth: int = 32
    samples: int = 1024
    deadline: float = 30.0
    requests: int = 1024

    def check_samples(self, inputs: Arrays, signature: Signature) -> None:
        """Refuses inputs that ask for too many samples or too many numbers.

        Args:
            inputs: by name; `count` is a number of samples, any other with a free first
                dimension (-1 in the signature) has a row a sample.
            signature: what they are the inputs of.

        Raises:
            InvalidArgument: if so, or if `count` is below 1.
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


@dataclass(frozen=True, kw_only=True)
class Target:
    """Which model a path names.

    Args:
        name: of the model; empty where the path names none.
        version: or `None` for the one that is served.
        label: or `None`.
    """

    name: str = ""
    version: int | None = None
    label: str | None = None

    @property
    def model(self) -> tuple[str, int | None, str | None]:
        """Name, version and label: the arguments of a lease."""
        return self.name, self.version, self.label


@dataclass
class Context:
    """The state of a running server.

    Args:
        repository: the models.
        limits: see `Limits`.
        stopping: set when the server was told to stop: it is no longer ready.
    """

    repository: Repository
    limits: Limits = field(default_factory=Limits)
    stopping: bool = False

    def admit(self, target: Target) -> None:
        """Refuses a request whose model takes none now, before its body is read and parsed.

        What is wrong with the request itself is said later, by whoever has read it.

        Raises:
            Overloaded: the queue of the model is full.
        """
        with (
            contextlib.suppress(InvalidArgument, NotFound, Unavailable),
            self.repository.lease(*target.model) as servable,
        ):
            servable.admit()

    async def json_object(self, request: Request) -> JsonObject:
        """The JSON object in a request's body.

        Raises:
            ServerError: 400 if it is none or too much of one, 413 if it is too long.
        """
        try:
            body = await request.body()
        except ClientDisconnect:
            raise ServerError(499, "The client closed the connection.") from None
        if len(body) < THREADED_BYTES:
            return self._parse(body)
        return await asyncio.to_thread(self._parse, body)

    def _parse(self, body: bytes) -> JsonObject:
        check_size(body, elements=self.limits.elements, depth=self.limits.depth)
        return parse_object(body)

    async def predict(
        self, request: Request, servable: Servable, name: str, inputs: Arrays
    ) -> Arrays:
        """Runs one signature of a model, within the limits.

        Args:
            request: whose deadline counts.
            servable: leased from the repository.
            name: of the signature.
            inputs: tensors by name; those with a default may be missing.

        Raises:
            ServerError: see `ganapp.export.server.errors`.
        """
        self.limits.check_samples(inputs, servable.signatures[name])
        return await servable.predict(name, inputs, request.scope["state"]["deadline"])


Handler = Callable[[Context, Request, Target], Awaitable[Response]]


def signature_of(servable: Servable, name: str) -> Signature:
    """A signature by its name.

    Raises:
        InvalidArgument: if there is none: TF Serving's status for it, where 404 is for models.
    """
    if name not in servable.signatures:
        raise InvalidArgument(
            f"Serving signature name: expected one of {', '.join(servable.signatures)}. "
            f"Received: {shown(name)}"
        )
    return servable.signatures[name]


async def json_response(value: Json, *, numbers: int = 0, status: int = 200) -> Response:
    """An answer in JSON.

    Args:
        value: Python values and numpy arrays.
        numbers: about how many there are in it; many are written in a thread.
        status: HTTP status.
    """
    many = numbers * 10 > THREADED_BYTES
    body = await asyncio.to_thread(write, value) if many else write(value)
    return Response(body, status, media_type="application/json")


def whole_number(text: str, name: str, *, least: int, most: int) -> int:
    """A number in a path or a query string.

    Raises:
        InvalidArgument: if it is none, or lies outside.
    """
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 19):
        raise InvalidArgument(f"`{name}` must be a whole number. Received: {name}={text[:40]!r}")
    if not least <= int(text) <= most:
        raise InvalidArgument(f"`{name}` must be {least} to {most}. Received: {name}={int(text)}")
    return int(text)
