"""JSON values as tensors and back, with TF Serving's rules of what fits where."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from ganapp.export.server.errors import InvalidArgument
from ganapp.export.server.json_body import shown


@dataclass(frozen=True, kw_only=True)
class DataType:
    """A tensor type: its numpy type, its name in Open Inference Protocol, what JSON it takes."""

    numpy: np.dtype
    protocol: str
    python: tuple[type, ...]
    field: str  # of a TensorProto


def _whole(name: str, protocol: str, field: str = "int_val") -> DataType:
    return DataType(numpy=np.dtype(name), protocol=protocol, python=(int,), field=field)


DATA_TYPES: dict[str, DataType] = {
    "DT_FLOAT": DataType(
        numpy=np.dtype("float32"), protocol="FP32", python=(int, float), field="float_val"
    ),
    "DT_DOUBLE": DataType(
        numpy=np.dtype("float64"), protocol="FP64", python=(int, float), field="double_val"
    ),
    "DT_INT32": _whole("int32", "INT32"),
    "DT_INT64": _whole("int64", "INT64", "int64_val"),
    "DT_UINT8": _whole("uint8", "UINT8"),
    "DT_BOOL": DataType(numpy=np.dtype("bool"), protocol="BOOL", python=(bool,), field="bool_val"),
    "DT_STRING": DataType(
        numpy=np.dtype(object), protocol="BYTES", python=(str, dict), field="string_val"
    ),
}


def data_type(name: str) -> DataType:
    """A member of `DATA_TYPES`.

    Raises:
        InvalidArgument: if requests of this type cannot be read.
    """
    if name not in DATA_TYPES:
        raise InvalidArgument(f"Expected one of {', '.join(DATA_TYPES)}. Received: dtype={name!r}")
    return DATA_TYPES[name]


def to_array(value: Any, dtype: str) -> np.ndarray:
    """A JSON number, string or (nested) array as a tensor.

    Args:
        value: parsed JSON; every array of a level must have the same length.
        dtype: a key of `DATA_TYPES`.

    Returns:
        Array of the shape of the nesting; strings as `bytes` in an object array.

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


def _leaves(values: list[Any], dtype: str) -> np.ndarray:
    kind = data_type(dtype)
    strange = set(map(type, values)) - set(kind.python)
    if strange:
        one = next(value for value in values if type(value) in strange)
        raise InvalidArgument(f"JSON Value: expected {dtype}. Received: {shown(one)}")
    return CONVERSIONS[kind.numpy.kind](values, dtype, kind.numpy)


def _whole_numbers(values: list[Any], dtype: str, numpy: np.dtype) -> np.ndarray:
    limits = np.iinfo(numpy)
    for value in (min(values, default=0), max(values, default=0)):
        if not limits.min <= value <= limits.max:
            raise InvalidArgument(
                f"JSON Value: expected {dtype}, {limits.min} to {limits.max}. "
                f"Received: {shown(value)}"
            )
    return np.array(values, numpy)


def _decimals(values: list[Any], dtype: str, numpy: np.dtype) -> np.ndarray:
    largest = 2 ** (np.finfo(numpy).nmant + 1) - 1
    for value in values if int in set(map(type, values)) else ():
        if type(value) is int and abs(value) > largest:
            raise _lossy(value, dtype)
    wide = np.array(values, np.float64)
    beyond = np.isfinite(wide) & (np.abs(wide) > np.finfo(numpy).max)
    if beyond.any():
        raise _lossy(wide[beyond][0].item(), dtype)
    return wide.astype(numpy)


def _lossy(value: Any, dtype: str) -> InvalidArgument:
    return InvalidArgument(
        f"JSON Value: expected a number that {dtype} holds without loss of precision. "
        f"Received: {shown(value)}"
    )


def _texts(values: list[Any], dtype: str, numpy: np.dtype) -> np.ndarray:
    array = np.empty(len(values), object)
    array[:] = [_bytes(value) for value in values]
    return array


def _bytes(value: Any) -> bytes:
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


CONVERSIONS: dict[str, Callable[[list[Any], str, np.dtype], np.ndarray]] = {
    "f": _decimals,
    "i": _whole_numbers,
    "u": _whole_numbers,
    "b": lambda values, dtype, numpy: np.array(values, numpy),
    "O": _texts,
}


def is_base64(value: Any) -> bool:
    """Whether an object is a string of bytes: `{"b64": "..."}` and nothing else."""
    return isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str)


def to_json(name: str, array: np.ndarray) -> Any:
    """A tensor for `json_body.write`: arrays of numbers as they are.

    Strings become text, or `{"b64": ...}` where the tensor's name ends in `_bytes`.
    """
    if array.dtype.kind not in "OSU":
        return np.ascontiguousarray(array) if array.ndim else array[()]
    encode = _as_base64 if name.endswith("_bytes") else _as_text
    return _mapped(array.tolist(), encode)


def _mapped(value: Any, encode: Callable[[Any], Any]) -> Any:
    return [_mapped(each, encode) for each in value] if isinstance(value, list) else encode(value)


def _as_base64(value: bytes | str) -> dict[str, str]:
    content = value.encode() if isinstance(value, str) else value
    return {"b64": base64.b64encode(content).decode()}


def _as_text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace")
