"""JSON bodies: checked before they are parsed, and as tensors by TF Serving's rules."""

import base64
import binascii
import json
import re
from collections.abc import Callable
from itertools import chain
from typing import NoReturn

import numpy as np
import orjson

from ganapp.export.server.errors import InvalidArgument
from ganapp.export.server.spec import DATA_TYPES, DataType, Json, JsonObject

# Strings hold brackets and commas that mean nothing. Possessive, so that no input makes it slow;
# an unfinished string runs to the end.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_STEP = np.zeros(256, np.int8)
_STEP[[ord("["), ord("{")]] = 1
_STEP[[ord("]"), ord("}")]] = -1


def check_size(body: bytes, *, elements: int, depth: int) -> None:
    """Refuses a document that would be expensive to parse, valid or not, from its bytes alone.

    `elements` are the most values in it, `depth` the most arrays and objects within each other.
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


def parse_object(body: bytes) -> JsonObject:
    """The JSON object of a body; NaN, Infinity and -Infinity count as numbers."""
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


def _parse_lenient(body: bytes, first: Exception) -> Json:
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


def _refuse(error: Exception) -> NoReturn:
    raise InvalidArgument(f"JSON Parse error: {error}") from None


def shown(value: Json, *, length: int = 60) -> str:
    """A value as a short text for an error."""
    if isinstance(value, list):
        return f"an array of {len(value)}"
    if isinstance(value, dict):
        return f"an object with the keys {', '.join(map(ascii, sorted(value)[:5]))}"[:length]
    return ascii(value)[:length]


def write(value: Json) -> bytes:
    """JSON of Python values and numpy arrays.

    Floats get the fewest digits that read back the same, float32 as float32, whole ones end in
    `.0`. What is not finite becomes null: JSON has no NaN, and a browser's `JSON.parse` refuses
    the whole answer of TF Serving, which writes it all the same.
    """
    return orjson.dumps(value, default=_plain, option=orjson.OPT_SERIALIZE_NUMPY)


def _plain(value: Json) -> Json:
    if isinstance(value, np.ndarray | np.generic):
        # By way of text, so that a float32 keeps its own short digits as a float64.
        return (
            value.astype("U32").astype(np.float64) if value.dtype.kind == "f" else value
        ).tolist()
    raise TypeError(f"no JSON for {type(value).__name__}")


def data_type(name: str) -> DataType:
    """A member of `DATA_TYPES`; refuses types of which requests cannot be read."""
    if name not in DATA_TYPES:
        raise InvalidArgument(f"Expected one of {', '.join(DATA_TYPES)}. Received: dtype={name!r}")
    return DATA_TYPES[name]


def to_array(value: Json, dtype: str) -> np.ndarray:
    """A JSON number, string or array as a tensor of the shape of the nesting; strings as `bytes`.

    Raises:
        InvalidArgument: if arrays differ in length or depth, or a value is of another type or
            loses precision: whole numbers from 2**24 and numbers beyond the range as DT_FLOAT.
    """
    shape: list[int] = []
    level = [value]
    # Whole levels at a time: `set(map(type, ...))` is fast where a walk through the tree is not.
    while level and isinstance(level[0], list):
        length = len(level[0])
        if set(map(type, level)) != {list} or set(map(len, level)) != {length}:
            raise InvalidArgument(
                f"Expected arrays of {length} at level {len(shape)}. Received: arrays of several "
                "lengths, or arrays beside values"
            )
        shape.append(length)
        level = list(chain.from_iterable(level))
    return _leaves(level, dtype).reshape(shape)


def to_named_array(value: Json, dtype: str, name: str) -> np.ndarray:
    """See `to_array`; what is wrong names the tensor."""
    try:
        return to_array(value, dtype)
    except InvalidArgument as error:
        raise InvalidArgument(f"`{name}`: {error.sentence}") from None


def _leaves(values: list[Json], dtype: str) -> np.ndarray:
    kind = data_type(dtype)
    strange = set(map(type, values)) - set(kind.python)
    if strange:
        one = next(value for value in values if type(value) in strange)
        raise InvalidArgument(f"JSON Value: expected {dtype}. Received: {shown(one)}")
    return CONVERSIONS[kind.numpy.kind](values, dtype, kind.numpy)


def _whole_numbers(values: list[Json], dtype: str, numpy: np.dtype) -> np.ndarray:
    limits = np.iinfo(numpy)
    for value in (min(values, default=0), max(values, default=0)):
        if not limits.min <= value <= limits.max:
            raise InvalidArgument(
                f"JSON Value: expected {dtype}, {limits.min} to {limits.max}. "
                f"Received: {shown(value)}"
            )
    return np.array(values, numpy)


def _decimals(values: list[Json], dtype: str, numpy: np.dtype) -> np.ndarray:
    largest = 2 ** (np.finfo(numpy).nmant + 1) - 1
    for value in values if int in set(map(type, values)) else ():
        if type(value) is int and abs(value) > largest:
            raise _lossy(value, dtype)
    wide = np.array(values, np.float64)
    beyond = np.isfinite(wide) & (np.abs(wide) > np.finfo(numpy).max)
    if beyond.any():
        raise _lossy(wide[beyond][0].item(), dtype)
    return wide.astype(numpy)


def _lossy(value: Json, dtype: str) -> InvalidArgument:
    return InvalidArgument(
        f"JSON Value: expected a number that {dtype} holds without loss of precision. "
        f"Received: {shown(value)}"
    )


def _texts(values: list[Json], dtype: str, numpy: np.dtype) -> np.ndarray:
    array = np.empty(len(values), object)
    array[:] = [_bytes(value) for value in values]
    return array


def _bytes(value: Json) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if not is_base64(value):
        raise InvalidArgument(f'Expected {{"b64": "..."}} for bytes. Received: {shown(value)}')
    try:
        return base64.b64decode(value["b64"], validate=True)
    except (binascii.Error, ValueError):
        raise InvalidArgument(
            f"Expected base64 in `b64`. Received: {shown(value['b64'])}"
        ) from None


CONVERSIONS: dict[str, Callable[[list[Json], str, np.dtype], np.ndarray]] = {
    "f": _decimals,
    "i": _whole_numbers,
    "u": _whole_numbers,
    "b": lambda values, dtype, numpy: np.array(values, numpy),
    "O": _texts,
}


def is_base64(value: Json) -> bool:
    """Whether an object is a string of bytes: `{"b64": "..."}` and nothing else."""
    return isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str)


def to_json(name: str, array: np.ndarray) -> Json:
    """A tensor for `write`: arrays of numbers as they are.

    Strings become text, or `{"b64": ...}` where the tensor's name ends in `_bytes`.
    """
    if array.dtype.kind not in "OSU":
        return np.ascontiguousarray(array) if array.ndim else array[()]
    return _strings(array.tolist(), in_base64=name.endswith("_bytes"))


def _strings(value: Json, *, in_base64: bool) -> Json:
    if isinstance(value, list):
        return [_strings(each, in_base64=in_base64) for each in value]
    content = value.encode() if isinstance(value, str) else value
    if in_base64:
        return {"b64": base64.b64encode(content).decode()}
    return content.decode("utf-8", "replace")
