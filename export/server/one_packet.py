"""The head of an answer waits for its body, and both leave together."""

import asyncio
from typing import Any

COPIED_BYTES = 64 * 2**10  # from which on a body is written apart instead of copied
_HEAD, _CONTINUE = b"HTTP/1.1 ", b"HTTP/1.1 100"


class OnePacket:
    """A transport that holds the head of an answer back until the first bytes of its body.

    uvicorn writes them apart, and each write is a system call, and on loopback the client's wake-up
    too. A head whose body takes its time, or that has none, leaves in the next turn of the loop.

    Args:
        transport: what is written to; all else is its own affair.
        loop: the event loop.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._head = b""

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._transport, name)
        setattr(self, name, found)  # the next time it is there
        return found

    def write(self, data: bytes) -> None:
        """Sends it, or keeps it for a moment if it is the head of an answer."""
        if self._head and len(data) < COPIED_BYTES:
            self._head, data = b"", self._head + data
        elif self._head:
            self._flush()
        elif data[: len(_HEAD)] == _HEAD and data[: len(_CONTINUE)] != _CONTINUE:
            self._head = data
            self._loop.call_soon(self._flush)
            return
        self._transport.write(data)

    def close(self) -> None:
        """Closes when everything is sent."""
        self._flush()
        self._transport.close()

    def get_write_buffer_size(self) -> int:
        """Bytes that are not sent yet."""
        return len(self._head) + self._transport.get_write_buffer_size()

    def _flush(self) -> None:
        head, self._head = self._head, b""
        if head and not self._transport.is_closing():
            self._transport.write(head)
