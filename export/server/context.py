"""What handlers share: the models, the limits, and the way from a request to a prediction."""

import asyncio
import contextlib
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ganapp.export.server.errors import InvalidArgument, NotFound, ServerError, Unavailable
from ganapp.export.server.json_body import check_size, parse_object, shown, write
from ganapp.export.server.limits import Limits

THREADED_BYTES = 200_000  # JSON from which on the event loop should not do it itself


class Models(Protocol):
    """What the server needs of `ganapp.export.server.repository.Repository`."""

    def models(self) -> dict[str, dict[int, str]]:
        """The state of every version of every model."""

    def relied_on(self) -> dict[str, dict[int, str]]:
        """Those of `models` without which the server is not ready."""

    def status(self, name: str, version: int | None = None) -> Any:
        """States in TF Serving's words, see `rest.model_status`."""

    def lease(
        self, name: str, version: int | None = None, label: str | None = None
    ) -> AbstractContextManager[Any]:
        """A servable that is not closed within the block."""


@dataclass
class Context:
    """The state of a running server.

    Args:
        repository: the models.
        limits: see `Limits`.
        stopping: set when the server was told to stop: it is no longer ready.
    """

    repository: Models
    limits: Limits = field(default_factory=Limits)
    stopping: bool = False

    def admit(self, name: str, version: int | None, label: str | None = None) -> None:
        """Refuses a request whose model takes none now, before its body is read and parsed.

        What is wrong with the request itself is said later, by whoever has read it.

        Raises:
            Overloaded: the queue of the model is full.
        """
        with (
            contextlib.suppress(InvalidArgument, NotFound, Unavailable),
            self.repository.lease(name, version, label) as servable,
        ):
            servable.admit()

    async def json_object(self, request: Request) -> dict[str, Any]:
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

    def _parse(self, body: bytes) -> dict[str, Any]:
        check_size(body, elements=self.limits.elements, depth=self.limits.depth)
        return parse_object(body)

    async def predict(
        self, request: Request, servable: Any, name: str, inputs: dict[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """One signature of a model, within the limits.

        Args:
            request: whose deadline counts.
            servable: see `ganapp.export.server.servable`.
            name: of the signature.
            inputs: tensors by name; those with a default may be missing.

        Raises:
            ServerError: see `ganapp.export.server.errors`.
        """
        self.limits.check_samples(inputs, servable.signatures[name])
        return await servable.predict(name, inputs, request.scope["state"]["deadline"])


def signature_of(servable: Any, name: str) -> Any:
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


async def json_response(value: Any, *, numbers: int = 0, status: int = 200) -> Response:
    """An answer in JSON.

    Args:
        value: Python values and numpy arrays.
        numbers: about how many there are in it; many are written in a thread.
        status: HTTP status.
    """
    many = numbers * 10 > THREADED_BYTES
    body = await asyncio.to_thread(write, value) if many else write(value)
    return Response(body, status, media_type="application/json")
