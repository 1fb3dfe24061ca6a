"""Requests that TensorFlow Serving answers for itself before it lets a new version answer others.

The first call of every signature plans its graph and is many times slower than the next; a server
replays `assets.extra/tf_serving_warmup_requests`, so that nobody waits for it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ganapp.export.bundle import Bundle
from ganapp.export.sampling import asked

WARM_UP = "assets.extra/tf_serving_warmup_requests"
BATCHES = (1, 16)
SEED = 1


def write_warmup(bundle: Bundle, folder: Path, name: str) -> None:
    """Writes one request for every signature and two sizes of batches.

    Args:
        bundle: what was exported as a SavedModel.
        folder: of the version, with the SavedModel in it.
        name: of the model.
    """
    path = folder / WARM_UP
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as file:
        for signature, inputs in _requests(bundle):
            file.write(_record(name, signature, inputs))


def _requests(bundle: Bundle) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name of a signature and its inputs; those with defaults once with them and once without."""
    for batch in BATCHES:
        yield "serving_default", {"z": np.zeros((batch, bundle.prior.size), np.float32)}
        drawing = {"count": np.int32(batch), "seed": np.int32(SEED)}
        types = {"class": np.int32, "truncation": np.float32}
        given = {key: types[key](value) for key, value in asked(bundle).items()}
        for signature in ("sample", "sample_png") if bundle.encodes else ("sample",):
            yield signature, drawing | (given if batch == BATCHES[0] else {})


def _record(name: str, signature: str, inputs: dict[str, Any]) -> bytes:
    """A `PredictionLog` with one request, as TensorFlow Serving logs them."""
    from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

    log = PredictionLog()
    request = log.predict_log.request
    request.model_spec.name, request.model_spec.signature_name = name, signature
    for key, value in inputs.items():
        request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
    return log.SerializeToString(deterministic=True)
