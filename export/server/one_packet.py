"""The head of an answer waits for its body, and both leave together."""

import asyncio
from typing import Any

_CONTINUE = b"HTTP/1.1 100"


class OnePacket:
    """A transport that holds the head of an answer back until the first bytes of its body.

    uvicorn writes them apart, and each write is a system call, and on loopback the client's wake-up
    too. Whoever writes a head has to call `flush` when the answer is complete: it may have no body.

    Args:
        transport: what is written to; all else is its own affair.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._transport, name)
        setattr(self, name, found)  # the next time it is there
        return found

    def write(self, data: bytes) -> None:
        """Sends it, or keeps it if it is the head of an answer."""
        if self._head:
            self._head, data = b"", self._head + data
        elif data.startswith(b"HTTP/1.1 ") and not data.startswith(_CONTINUE):
            self._head = data
            return
        self._transport.write(data)

    def flush(self) -> None:
        """Sends what is held back."""
        if self._head:
            self._transport.write(self._head)
            self._head = b""

    def close(self) -> None:
        """Closes when everything is sent."""
        self.flush()
        self._transport.close()

    def get_write_buffer_size(self) -> int:
        """Bytes that are not sent yet."""
        return len(self._head) + self._transport.get_write_buffer_size()
