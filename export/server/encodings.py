"""Compressed bodies: gzip, as TF Serving takes it; never more than the limit is unpacked."""

import zlib
from collections.abc import MutableMapping
from typing import Any

from ganapp.export.server.asgi import Receive, Scope
from ganapp.export.server.errors import InvalidArgument, ServerError, TooLarge

AS_IT_IS, GZIP = (b"", b"identity"), (b"gzip", b"x-gzip")
_GZIP_FORMAT = 16 + zlib.MAX_WBITS  # what zlib calls a stream with gzip's header and trailer


def unpacked(scope: Scope, receive: Receive, most: int) -> Receive:
    """`receive` of the body that was meant: as it is, or unpacked if it came as gzip.

    Args:
        scope: of the request.
        receive: of the body as it was sent.
        most: bytes that the unpacked body may have.

    Raises:
        ServerError: 415, if `Content-Encoding` names anything but gzip and identity. What is
            returned raises `TooLarge` at the first byte too many, and `InvalidArgument` for what
            is not gzip.
    """
    names = [
        value.strip().lower() for name, value in scope["headers"] if name == b"content-encoding"
    ]
    names = [name for name in names if name not in (b"", b"identity")]
    if not names:
        return receive
    if len(names) > 1 or names[0] not in GZIP:
        raise ServerError(
            415,
            "`Content-Encoding` must be gzip or identity. "
            f"Received: {ascii(b', '.join(names).decode('latin-1'))[:60]}; send it without "
            "compression, or with gzip once",
        )
    return _gunzipped(receive, most)


def _gunzipped(receive: Receive, most: int) -> Receive:
    stream, total = zlib.decompressobj(_GZIP_FORMAT), 0

    async def gunzipped() -> MutableMapping[str, Any]:
        nonlocal total
        message = await receive()
        if message["type"] != "http.request":
            return message
        try:
            # One byte more than is allowed tells a body that is too long; a bomb grows no further.
            body = stream.decompress(message.get("body") or b"", most + 1 - total)
        except zlib.error as error:
            raise InvalidArgument(f"The body is not gzip, as its headers say: {error}.") from None
        total += len(body)
        if total > most:
            raise TooLarge(
                f"Expected a body of at most {most} bytes. Received: more than {most} when unpacked"
            )
        if stream.unused_data:
            raise InvalidArgument("Expected one gzip stream. Received: bytes after its end")
        if not message.get("more_body") and not stream.eof:
            raise InvalidArgument("The body is gzip that ends too soon.")
        return message | {"body": body}

    return gunzipped
