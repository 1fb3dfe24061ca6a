"""The part of `check.py` that draws: it runs in the fresh process and imports nothing of ours."""

import io
from typing import Any

import numpy as np

COUNT, SEED = 8, 7
TRUNCATIONS = (0.0, 0.5, 1.0)
CLASSES = (0, 1)  # whoever has classes has two
NOTHING = {"class": -1, "truncation": 1.0}


def requests(inputs: set[str]) -> dict[str, dict[str, Any]]:
    """What is asked of the signature `sample`, by name.

    Args:
        inputs: those that it has; what is not asked for is asked for nothing.
    """
    first = {"count": COUNT, "seed": SEED}
    found = {"first": first, "again": first, "other": first | {"seed": SEED + 1}}
    if "truncation" in inputs:
        found |= {f"truncated {each}": first | {"truncation": each} for each in TRUNCATIONS}
    if "class" in inputs:
        found |= {f"class {each}": first | {"class": each} for each in CLASSES}
    if {"class", "truncation"} <= inputs:
        found["both"] = first | {"class": CLASSES[-1], "truncation": TRUNCATIONS[1]}
    nothing = {name: value for name, value in NOTHING.items() if name in inputs}
    return {name: nothing | given for name, given in found.items()}


def draws(model: Any, path: str) -> dict[str, np.ndarray]:
    """What the signatures give that draw.

    Args:
        model: a SavedModel, loaded.
        path: where it lies.

    Returns:
        `<request>/samples` and `<request>/latents` of `requests`; `session/...` of a session that
        is given count and seed alone; `png/samples`, the pictures of `sample_png` for the first
        request, where there is such a signature.
    """
    import tensorflow as tf

    sample = model.signatures["sample"]
    # Python calls the input `class_`, for it cannot call it anything else, and takes both.
    asked = requests({name.rstrip("_") for name in sample.structured_input_signature[1]})
    drawn = {}
    for name, given in asked.items():
        outputs = sample(**{k: tf.constant(v) for k, v in given.items()})
        drawn |= {f"{name}/{k}": v.numpy() for k, v in outputs.items()}
    drawn |= {f"session/{k}": v for k, v in in_session(path).items()}
    if "sample_png" in model.signatures:
        given = {k: tf.constant(v) for k, v in asked["first"].items()}
        files = model.signatures["sample_png"](**given)["image_bytes"].numpy()
        drawn["png/samples"] = np.stack([decoded(file) for file in files])
    return drawn


def in_session(path: str) -> dict[str, np.ndarray]:
    """Outputs of `sample` of count and seed, in a session, as TensorFlow Serving runs it."""
    import tensorflow as tf

    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        signature = v1.saved_model.load(session, ["serve"], path).signature_def["sample"]
        given = {"count": COUNT, "seed": SEED}
        feeds = {signature.inputs[name].name: value for name, value in given.items()}
        return session.run({k: v.name for k, v in signature.outputs.items()}, feeds)


def decoded(file: bytes) -> np.ndarray:
    """The pixels of a PNG, uint8 `(height, width, channels)`, by another library than wrote it."""
    import PIL.Image

    with PIL.Image.open(io.BytesIO(file), formats=("PNG",)) as picture:
        pixels = np.asarray(picture)
    return pixels if pixels.ndim == 3 else pixels[..., np.newaxis]
