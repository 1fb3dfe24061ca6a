"""Model status and metadata as JSON of TF Serving's protocol buffers: field by field the same."""

from collections.abc import Iterable
from typing import Any

from ganapp.export.server.tensors import data_type

PREDICT = "tensorflow/serving/predict"


def status_json(states: Iterable[Any]) -> dict[str, Any]:
    """A GetModelStatusResponse.

    Args:
        states: of each version: `version`, `state`, `error_code`, `error_message`, as a dict or an
            object.
    """
    read = [each if isinstance(each, dict) else vars(each) for each in states]
    return {
        "model_version_status": [
            {
                "version": str(each["version"]),  # JSON of protocol buffers has int64 as text
                "state": str(each["state"]),
                "status": {
                    "error_code": str(each.get("error_code", "OK")),
                    "error_message": str(each.get("error_message", "")),
                },
            }
            for each in sorted(read, key=lambda each: -int(each["version"]))
        ]
    }


def metadata_json(name: str, servable: Any) -> dict[str, Any]:
    """A GetModelMetadataResponse with the one field there is, `signature_def`."""
    signatures = {
        key: {
            "inputs": _tensors(key, signature.inputs),
            "outputs": _tensors(key, signature.outputs),
            "method_name": PREDICT,
            "defaults": {
                each: _constant(signature.inputs[each].dtype, value)
                for each, value in signature.defaults.items()
            },
        }
        for key, signature in servable.signatures.items()
    }
    return {
        "model_spec": {"name": name, "signature_name": "", "version": str(servable.version)},
        "metadata": {"signature_def": {"signature_def": signatures}},
    }


def _tensors(signature: str, tensors: Any) -> dict[str, Any]:
    """TensorInfo by name.

    Its field `name` is the graph's with TF Serving; here there may be no graph, and it says
    signature and tensor.
    """
    return {
        name: {
            "dtype": info.dtype,
            "tensor_shape": _shape(info.shape),
            "name": f"{signature}_{name}:0",
        }
        for name, info in tensors.items()
    }


def _shape(shape: Iterable[int]) -> dict[str, Any]:
    return {"dim": [{"size": str(size), "name": ""} for size in shape], "unknown_rank": False}


def _constant(dtype: str, value: Any) -> dict[str, Any]:
    """A TensorProto of one number."""
    return {"dtype": dtype, "tensor_shape": _shape(()), data_type(dtype).field: [value]}
