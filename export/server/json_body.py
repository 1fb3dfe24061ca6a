"""JSON in and out: checked before it is parsed, written so that every client reads it."""

import json
import re
from typing import Any

import numpy as np
import orjson

from ganapp.export.server.errors import InvalidArgument

# Strings hold brackets and commas that mean nothing. Possessive, so that no input makes it slow;
# an unfinished string runs to the end.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_STEP = np.zeros(256, np.int8)
_STEP[[ord("["), ord("{")]] = 1
_STEP[[ord("]"), ord("}")]] = -1


def check_size(body: bytes, *, elements: int, depth: int) -> None:
    """Refuses a document that would be expensive to parse, from its bytes alone.

    Args:
        body: the document, valid or not.
        elements: most values in it.
        depth: most arrays and objects within each other.

    Raises:
        InvalidArgument: if there are more.
    """
    opened = body.count(b"[") + body.count(b"{")  # as deep as it can be at most
    if opened <= depth and body.count(b",") < elements:
        return
    bare = _STRING.sub(b'""', body) if b'"' in body else body
    steps = _STEP[np.frombuffer(bare, np.uint8)]
    found = bare.count(b",") + 1
    if found > elements:
        raise InvalidArgument(
            f"The body holds more values than the server takes: expected at most {elements}. "
            f"Received: about {found}; send fewer at a time"
        )
    levels = steps[steps != 0].cumsum(dtype=np.int32)
    deepest = int(levels.max()) if levels.size else 0
    if deepest > depth:
        raise InvalidArgument(
            f"The body is nested too deeply: expected at most {depth} levels. Received: {deepest}"
        )


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object of a body; NaN, Infinity and -Infinity count as numbers.

    Raises:
        InvalidArgument: if it is no JSON or no object.
    """
    if not body:
        raise InvalidArgument("JSON Parse error: expected an object. Received: an empty body")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        # What the standard does not know is parsed by Python's own, slower parser.
        value = _parse_lenient(body, error) if b"NaN" in body or b"Inf" in body else _refuse(error)
    if not isinstance(value, dict):
        raise InvalidArgument(f"JSON Value: expected an object. Received: {shown(value)}")
    return value


def _parse_lenient(body: bytes, first: Exception) -> Any:
    try:
        value = json.loads(body.decode())
    except (ValueError, RecursionError):
        return _refuse(first)
    if b"\\u" in body:  # by which Python's parser takes half of a surrogate pair, and no answer can
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise InvalidArgument(
                "JSON Parse error: expected whole surrogate pairs in strings. Received: half of one"
            ) from None
    return value


def _refuse(error: Exception) -> Any:
    raise InvalidArgument(f"JSON Parse error: {error}") from None


def shown(value: Any, *, length: int = 60) -> str:
    """A value as it may stand in an error: short, whatever came."""
    if isinstance(value, list):
        return f"an array of {len(value)}"
    if isinstance(value, dict):
        return f"an object with the keys {', '.join(map(ascii, sorted(value)[:5]))}"[:length]
    return ascii(value)[:length]


def write(value: Any) -> bytes:
    """JSON of Python values and numpy arrays.

    Floats get the fewest digits that read back the same, float32 as float32, whole ones end in
    `.0`. What is not finite becomes null: JSON has no NaN, and a browser's `JSON.parse` refuses
    the whole answer of TF Serving, which writes it all the same.
    """
    return orjson.dumps(value, default=_plain, option=orjson.OPT_SERIALIZE_NUMPY)


def _plain(value: Any) -> Any:
    """What the writers do not know themselves: arrays out of order, numbers of numpy."""
    if isinstance(value, np.ndarray | np.generic):
        # By way of text, so that a float32 keeps its own short digits as a float64.
        return (
            value.astype("U32").astype(np.float64) if value.dtype.kind == "f" else value
        ).tolist()
    raise TypeError(f"no JSON for {type(value).__name__}")
