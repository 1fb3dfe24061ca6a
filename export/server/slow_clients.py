"""Clients that send or read too slowly are cut off; uvicorn itself waits for them for ever."""

import asyncio
import json
from dataclasses import dataclass

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ganapp.export.server.clock import Clock
from ganapp.export.server.one_packet import OnePacket


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long the server waits for a client.

    Args:
        header_seconds: from the first byte of a request (or from the start of the connection) to
            the end of its headers.
        header_bytes: most bytes of request line and headers, and of what is no body after them:
            trailers, sizes of chunks (431).
        body_seconds: how often the speed of a body is looked at.
        write_seconds: how often the speed is looked at with which an answer is taken.
        rate: least bytes a second of either: of a body on average since the headers, of an answer
            since the last look.
        idle_seconds: between two requests of a connection.
        last_request_seconds: for a request that is on its way when the server stops.
    """

    header_seconds: float = 10.0
    header_bytes: int = 64 * 2**10
    body_seconds: float = 10.0
    write_seconds: float = 10.0
    rate: float = 8 * 2**10
    idle_seconds: float = 75.0
    last_request_seconds: float = 0.25


class PatientProtocol(HttpToolsProtocol):
    """HTTP/1.1 with a clock on whatever the client has to do next. See `Patience`."""

    patience = Patience()

    def __init__(self, *arguments, **options) -> None:
        super().__init__(*arguments, **options)
        self._clock = Clock(self.loop)  # on what is being read
        self._write_clock: asyncio.TimerHandle | None = None
        self._bare_bytes = 0  # since the last byte of a body, or the start of a request
        self._body_bytes = 0
        self._body_since: float | None = None  # `None`: no body is being read

    def connection_made(self, transport) -> None:
        super().connection_made(OnePacket(transport, self.loop))
        self._expect_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._clock.close()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if not self._clock.running:  # the first byte of a request
            self._expect_headers()
        self._bare_bytes += len(data)
        super().data_received(data)
        if self._bare_bytes > self.patience.header_bytes and self._clock.running:
            kind = "headers" if self._body_since is None else "trailers"
            self._cut(431, f"The {kind} are longer than the server takes.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if not self._clock.running:  # another request in the same packet
            self._expect_headers()

    def on_header(self, name: bytes, value: bytes) -> None:
        # Nobody reads trailers, and uvicorn would keep any number of them among the headers.
        if self._body_since is None:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._bare_bytes = self._body_bytes = 0
        self._body_since = self.loop.time()
        self._clock.start(self.patience.body_seconds, self._check_body)

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        self._bare_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._body_since = None
        self._bare_bytes = 0
        self._clock.stop()

    def on_response_complete(self) -> None:
        # Whatever is left of a request that has its answer would be read for nothing.
        if self._body_since is not None and self.cycle.response_complete:
            self._clock.stop()
            self.transport.close()
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._write_clock is None:
            self._start_write_clock()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._write_clock is not None:
            self._write_clock.cancel()
            self._write_clock = None

    def _start_write_clock(self) -> None:
        waiting = self.transport.get_write_buffer_size()
        seconds = self.patience.write_seconds
        self._write_clock = self.loop.call_later(seconds, self._check_write, waiting)

    def _check_write(self, before: int) -> None:
        # Nothing is added while writing is paused, so what is gone was taken.
        taken = before - self.transport.get_write_buffer_size()
        if taken >= self.patience.rate * self.patience.write_seconds:
            self._start_write_clock()
        else:
            self.transport.abort()

    def shutdown(self) -> None:
        """Ends the connection with the answer under way, or soon where none is.

        A request may be on its way on an idle connection; closing at once would reset it.
        """
        if self._busy():
            super().shutdown()
        else:
            self.loop.call_later(self.patience.last_request_seconds, self._shut_down_now)

    def _shut_down_now(self) -> None:
        if not self.transport.is_closing():
            super().shutdown()

    def timeout_keep_alive_handler(self) -> None:
        # Closing would wait for bytes that this client does not take.
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    def _expect_headers(self) -> None:
        self._bare_bytes = 0
        self._clock.start(self.patience.header_seconds, self._headers_late)

    def _headers_late(self) -> None:
        if self._busy():  # the next request is begun while this one is being answered
            self._clock.start(self.patience.header_seconds, self._headers_late)
        elif self._bare_bytes:
            self._cut(408, "The headers took too long.")
        else:
            self.transport.close()

    def _check_body(self) -> None:
        elapsed = self.loop.time() - (self._body_since or 0.0)
        # Bytes that wait here because a handler does not want them yet are no fault of the client.
        if self.flow.read_paused or self._body_bytes >= self.patience.rate * elapsed:
            self._clock.start(self.patience.body_seconds, self._check_body)
        else:
            self._cut(408, "The body came too slowly.")

    def _busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _cut(self, status: int, sentence: str) -> None:
        """Ends the connection, with an answer where none has begun."""
        self._clock.stop()
        if self.transport.is_closing():
            return
        reading_headers = self._body_since is None
        if self.pipeline or (self._busy() and (reading_headers or self.cycle.response_started)):
            self.transport.abort()
            return
        body = json.dumps({"error": sentence}).encode()
        reason = {408: b"Request Timeout", 431: b"Request Header Fields Too Large"}[status]
        self.transport.write(
            b"HTTP/1.1 %d %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
            b"connection: close\r\n\r\n%b" % (status, reason, len(body), body)
        )
        self.transport.close()


def patient(patience: Patience) -> type[PatientProtocol]:
    """The protocol with its own patience, as uvicorn's `http` option."""
    return type("PatientProtocol", (PatientProtocol,), {"patience": patience})
