"""Errors as answers: `{"error": sentence}` with the status that says what kind it is."""

import asyncio
import json
import logging
import time
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.responses import Response

from ganapp.export.server.asgi import App, Receive, Scope, Send
from ganapp.export.server.errors import ServerError
from ganapp.export.server.limits import drain

LOG = logging.getLogger("ganapp.server")
BUSY = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


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


class AnswerErrors:
    """Middleware: whatever is raised becomes an answer, and the connection stays usable."""

    def __init__(self, app: App, pace: Pace | None = None) -> None:
        self.app = app
        self.pace = pace or Pace()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = asked = ended = False

        async def noted_send(message) -> None:
            nonlocal started
            started = True
            await send(message)

        async def noted_receive():
            nonlocal asked, ended
            asked = True
            message = await receive()
            ended = ended or not message.get("more_body", False)
            return message

        try:
            await self.app(scope, noted_receive, noted_send)
            return
        except Exception as error:
            response = answer_to(error)
            if started:  # too late for another answer: the connection is cut
                raise
        # Not above: there the error would hold the request's body for as long.
        if response.status_code in BUSY:
            await asyncio.sleep(self.pace.seconds())
        # Whoever waits for "100 Continue", which the first look at the body sends, has sent nothing
        # that could be in the way, but may do so yet: nothing after it would be understood.
        waits = not asked and _expects_continue(scope)
        if waits:
            response.headers["Connection"] = "close"
        await _send_then_drain(response, send, None if ended or waits else noted_receive)


def _expects_continue(scope: Scope) -> bool:
    return any(
        name == b"expect" and value.lower() == b"100-continue" for name, value in scope["headers"]
    )


async def _send_then_drain(response: Response, send: Send, receive: Receive | None) -> None:
    """Sends the whole answer before the rest of the body is read away, and only then ends it."""
    start = {
        "type": "http.response.start",
        "status": response.status_code,
        "headers": response.raw_headers,
    }
    await send(start)
    await send({"type": "http.response.body", "body": response.body, "more_body": True})
    if receive is not None:
        await drain(receive)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def answer_to(error: Exception) -> Response:
    """The answer to a request that ended in an error; unforeseen ones are logged, not shown."""
    if isinstance(error, ServerError):
        return refusal(error.status, error.sentence, _headers_of(error))
    if isinstance(error, HTTPException):  # of starlette's router
        return refusal(error.status_code, f"{error.detail}.", dict(error.headers or {}))
    LOG.error("A request ended in an error.", exc_info=error)
    return refusal(500, "The server failed; its log says why.")


def _headers_of(error: ServerError) -> dict[str, str]:
    headers = {}
    if error.status in BUSY:
        headers["Retry-After"] = str(getattr(error, "retry_after", 1))
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        headers["Connection"] = "close"
    return headers


def refusal(status: int, sentence: str, headers: dict[str, str] | None = None) -> Response:
    """`{"error": sentence}`; ASCII, so that no text can break it."""
    body = json.dumps({"error": sentence})
    return Response(body, status, headers=headers, media_type="application/json")
