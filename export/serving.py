"""serving.json: what a server must know of a version folder, without TensorFlow and our code."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import types_pb2

from ganapp.export.bundle import Bundle
from ganapp.export.directions import Directions
from ganapp.export.layout import UNITS
from ganapp.export.sampling import SCALARS, asked

SCHEMA = "ganapp-serving/1"
TABLE_FIELDS = ("name", "kind", "categories", "missing", "value", "minimum", "maximum", "decimals")
WRITTEN_FIELDS = ("form", "first", "before", "width", "unique")  # where samples say otherwise
LEVELS = {"levels": True}


def serving_kind(bundle: Bundle) -> str:
    """`"image"`, `"vector"`, or `"table"` of vectors that are rows of one."""
    return "table" if bundle.data.get("table") else bundle.kind


def class_names(bundle: Bundle) -> list[str]:
    """A name for each class that latents choose from; numbers where the data do not name them."""
    count, names = bundle.prior.classes, bundle.data.get("classes") or ()
    return [str(name) for name in (names if len(names) == count else range(count))]


def columns_of(bundle: Bundle) -> list[dict[str, Any]] | None:
    """The columns of a table in its order; samples lack a `constant` and an `identifier`.

    `None` for other data.
    """
    table = bundle.data.get("table")
    if not table:
        return None
    columns = []
    for column in table["columns"]:
        known = {name: column[name] for name in TABLE_FIELDS if name in column}
        known |= {name: column[name] for name in WRITTEN_FIELDS if column.get(name)}
        if known["kind"] == "numeric":
            known["integer"] = column["decimals"] == 0
        columns.append(known)
    return columns


def units_of(bundle: Bundle) -> dict[str, Any]:
    """How model units become the user's, as the bundle's `transform` says.

    Returns:
        `{"levels": True}`, `{"mean": ..., "scale": ...}`, or the path of a graph.
    """
    if bundle.transform.get("levels"):
        return LEVELS
    names = ("mean", "scale")
    if set(names) <= bundle.transform.keys():
        return {name: np.asarray(bundle.transform[name], np.float32).tolist() for name in names}
    return {"graph": UNITS}


def signatures_of(bundle: Bundle) -> dict[str, dict[str, Any]]:
    """Inputs, outputs and defaults of everything the model can be asked for, by name."""
    latents = _tensor(tf.float32, (None, bundle.prior.size))
    drawing = {
        "inputs": {name: _tensor(SCALARS[name], ()) for name in ("count", "seed", *asked(bundle))},
        "defaults": asked(bundle),
    }
    user = tf.function(bundle.to_user_units, autograph=False).get_concrete_function(
        tf.TensorSpec((None, *bundle.shape), tf.float32)
    )
    samples = _tensor(user.outputs[0].dtype, user.outputs[0].shape)
    output = _tensor(tf.float32, (None, *bundle.shape))
    found = {
        "serving_default": {
            "inputs": {"z": latents},
            "outputs": {bundle.output_name: output},
            "defaults": {},
        },
        "sample": drawing | {"outputs": {"samples": samples, "latents": latents}},
    }
    if bundle.encodes:
        pictures = {"image_bytes": _tensor(tf.string, (None,))}
        found["sample_png"] = drawing | {"outputs": pictures}
    return found


def serving_document(
    bundle: Bundle, *, name: str, artefacts: Mapping[str, str], directions: Directions
) -> dict[str, Any]:
    """All of serving.json but the checksums, see `seal.write_serving`.

    Args:
        bundle: what was exported.
        name: of the model.
        artefacts: path inside the version folder by format.
        directions: of the generator.
    """
    prior = bundle.prior
    return {
        "schema": SCHEMA,
        "name": name,
        "kind": serving_kind(bundle),
        "output": {"name": bundle.output_name, "shape": list(bundle.shape)},
        "latent": {
            "size": prior.size,
            "prior": prior.name,
            "path": prior.path,
            "truncates": bool(prior.truncates),
            "noise_size": prior.noise_size,
            "classes": class_names(bundle),
        },
        "units": units_of(bundle),
        "columns": columns_of(bundle),
        "directions": {
            "vectors": [_rounded(vector) for vector in directions.vectors],
            "spread": _rounded(directions.spread),
        },
        "signatures": signatures_of(bundle),
        "artefacts": dict(artefacts),
    }


def _tensor(dtype: tf.DType, shape: Any) -> dict[str, Any]:
    sizes = [-1 if side is None else int(side) for side in shape]
    return {"dtype": types_pb2.DataType.Name(dtype.as_datatype_enum), "shape": sizes}


def _rounded(values: np.ndarray) -> list[float]:
    """Seven digits, all that float32 has."""
    return [float(f"{value:.7g}") if math.isfinite(value) else 0.0 for value in values.tolist()]
