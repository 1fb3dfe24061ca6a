"""Exports of generators that take a class, observations or codes besides, and of clips."""

import shutil
from pathlib import Path

import keras
import numpy as np
from export_case import NormalPrior, to_levels
from keras import layers
from one_process import one_process

from ganapp.export.bundle import Bundle
from ganapp.export.package import export

SHAPES = {"z": (5,), "label": (3,), "frames": (4, 4, 3), "speed": (2,), "code": (2,)}
ENGINES = ("saved_model", "litert", "onnx")
INPUTS = {
    "labelled": ("z", "label"),
    "both": ("label", "frames", "z", "speed"),
    "coded": ("z", "code"),
    "seen": ("frames",),
}
KINDS = {"coded": "video"}
CODES = [
    dict(zip(("name", "kind", "latent", "start", "size", "minimum", "maximum"), row, strict=True))
    for row in (
        ("shape", "category", "z", 0, 3, 0, 2),
        ("code.0", "number", "code", 0, 1, -3.0, 3.0),
        ("code.1", "bit", "code", 1, 1, 0, 1),
    )
]


class Parts(NormalPrior):
    """Two named parts."""

    @property
    def parts(self):
        return {"z": NormalPrior(5), "code": NormalPrior(2)}


def network(*names, shape):
    keras.utils.set_random_seed(0)
    inputs = {name: keras.Input(SHAPES[name], name=name) for name in names}
    hidden = [layers.Dense(16)(layers.Flatten()(each)) for each in inputs.values()]
    x = layers.LeakyReLU()(layers.Add()(hidden) if len(hidden) > 1 else hidden[0])
    x = layers.Dense(int(np.prod(shape)), activation="tanh")(x)
    return keras.Model(inputs, layers.Reshape(shape)(x))


def make_bundle(name):
    kind = KINDS.get(name, "image")
    return Bundle(
        name=name,
        generator=network(*INPUTS[name], shape=(4, 4, 1) if kind == "image" else (3, 4, 4, 1)),
        prior=Parts(5) if name == "coded" else NormalPrior(5),
        to_user_units=to_levels,
        kind=kind,
        class_shares=(0.5, 0.3, 0.2),
        transform={"levels": True},
        codes=CODES if name == "coded" else (),
        facts={"manifest": {"data": {"name": "d", "classes": ["cat", "dog", "owl"]}}},
    )


def with_codes(drawn, shape, tone):
    """Drawn inputs of "coded" with the codes "shape" and "code.0" at these values."""
    z, code = (np.array(drawn[name]) for name in ("z", "code"))
    z[:, :3], code[:, 0] = np.eye(3)[shape], tone
    return {"z": z, "code": code}


def write_models(folder):
    """A folder of models, exported with all formats that are served."""
    for name in INPUTS:
        with one_process():
            card = export(make_bundle(name), folder / "export", ENGINES)
        shutil.copytree(Path(card["directory"], card["place"]), folder / "models" / name / "1")
        shutil.rmtree(folder / "export")
