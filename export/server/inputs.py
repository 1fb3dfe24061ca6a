"""Checking the inputs of a signature: names, dtypes and shapes, before anything is run."""

from collections.abc import Mapping

import numpy as np

from ganapp.export.server.errors import InvalidArgument
from ganapp.export.server.spec import Signature, TensorInfo

DTYPES = {
    "DT_FLOAT": np.dtype(np.float32),
    "DT_INT32": np.dtype(np.int32),
    "DT_INT64": np.dtype(np.int64),
    "DT_UINT8": np.dtype(np.uint8),
}


def checked_inputs(signature: Signature, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Inputs with defaults filled in, each of its signature's dtype and shape.

    Numbers of another dtype are taken where none of them changes its meaning: whole numbers within
    the range for whole numbers, any real numbers for float32.

    Args:
        signature: says what is expected.
        inputs: by name.

    Raises:
        InvalidArgument: naming the input that is unknown, missing, of another dtype or shape, or
            not finite.
    """
    extra = sorted(set(inputs) - set(signature.inputs))
    missing = sorted(set(signature.inputs) - set(inputs) - set(signature.defaults))
    if extra or missing:  # TF Serving's words
        sent, known = ",".join(sorted(inputs)), ",".join(sorted(signature.inputs))
        raise InvalidArgument(
            f"input size does not match signature: {len(inputs)}!={len(signature.inputs)} "
            f"len({{{sent[:200]}}}) != len({{{known}}}). Sent extra: {{{','.join(extra)[:200]}}}. "
            f"Missing but required: {{{','.join(missing)}}}."
        )
    return {
        name: _checked(name, np.asarray(inputs.get(name, signature.defaults.get(name))), info)
        for name, info in signature.inputs.items()
    }


def scalar(
    inputs: Mapping[str, np.ndarray], name: str, least: float, most: float, default: float
) -> float:
    """A number among inputs that may lack it.

    Args:
        inputs: what `checked_inputs` gave.
        name: of the input.
        least: smallest it may be.
        most: largest it may be.
        default: what stands for an input that the signature does not have.

    Raises:
        InvalidArgument: it is out of range.
    """
    value = inputs[name].item() if name in inputs else default
    if not least <= value <= most:
        raise InvalidArgument(
            f"input tensor `{name}` must be {least} to {most}. Received: {name}={value:g}"
        )
    return value


def _checked(name: str, array: np.ndarray, info: TensorInfo) -> np.ndarray:
    array = _of_dtype(name, array, info.dtype)
    fits = array.ndim == len(info.shape) and all(
        size == wanted or (wanted == -1 and size > 0)
        for size, wanted in zip(array.shape, info.shape, strict=True)
    )
    if not fits:
        raise InvalidArgument(
            f"input tensor `{name}` must have the shape {_shown(info.shape)}. "
            f"Received: {_shown(array.shape)}"
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise InvalidArgument(f"input tensor `{name}` must hold finite float32 numbers.")
    return array


def _of_dtype(name: str, array: np.ndarray, dtype: str) -> np.ndarray:
    wanted = DTYPES[dtype]
    if array.dtype == wanted:
        return array
    if wanted.kind == "f" and array.dtype.kind in "fiu":
        with np.errstate(over="ignore"):  # what is too large is not finite, which is seen next
            return array.astype(wanted)
    if wanted.kind in "iu" and array.dtype.kind in "iu":
        limits = np.iinfo(wanted)
        if array.size == 0 or (array.min() >= limits.min and array.max() <= limits.max):
            return array.astype(wanted)
        raise InvalidArgument(
            f"input tensor `{name}` must be {dtype}, {limits.min} to {limits.max}. "
            f"Received: {array.min()} to {array.max()}"
        )
    raise InvalidArgument(
        f"input tensor `{name}` must be {dtype}. Received: dtype={array.dtype.name}"
    )


def _shown(shape: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, shape))}]"
