"""A repository without files or graphs: what the server needs of one, in numpy."""

import asyncio
import contextlib
import io
import json
from types import SimpleNamespace

import numpy as np
from PIL import Image

from ganapp.export.layout import Input
from ganapp.export.server.errors import InvalidArgument, NotFound, Overloaded
from ganapp.export.server.repository import VersionStatus
from ganapp.export.server.spec import Signature, TensorInfo

NORMALS, CLASSES = 4, ("even", "odd")
SIZE, SHAPE = NORMALS + len(CLASSES), (6, 5, 1)
COLUMNS = [
    {"name": "age", "kind": "numeric", "missing": True, "integer": True},
    {"name": "town", "kind": "categorical", "categories": ["Ulm", "Bonn, west"]},
    {"name": "year", "kind": "constant", "value": 2026},
    {"name": "share", "kind": "numeric"},
]


def tensor(dtype, *shape):
    return TensorInfo(dtype, shape)


def signatures(output, shape, samples, classes):
    drawn = {"count": tensor("DT_INT32"), "seed": tensor("DT_INT32")}
    defaults = {}
    if classes:
        drawn |= {"class": tensor("DT_INT32"), "truncation": tensor("DT_FLOAT")}
        defaults = {"class": -1, "truncation": 1.0}
    found = {
        "serving_default": Signature(
            inputs={"z": tensor("DT_FLOAT", -1, SIZE)},
            outputs={output: tensor("DT_FLOAT", -1, *shape)},
            defaults={},
        ),
        "sample": Signature(
            inputs=drawn,
            outputs={"samples": samples, "latents": tensor("DT_FLOAT", -1, SIZE)},
            defaults=defaults,
        ),
    }
    if output == "image":
        found["sample_png"] = Signature(
            inputs=drawn, outputs={"image_bytes": tensor("DT_STRING", -1)}, defaults=defaults
        )
    return found


class Model:
    """One version; `delay` (seconds), `failure` and `full` are for tests to set."""

    def __init__(self, name, folder, version=1, kind="image"):
        self.name, self.version, self.kind = name, version, kind
        self.delay, self.failure, self.full, self.deadlines = 0.0, None, False, []
        shape = {"image": SHAPE, "table": (3,), "vector": (2,)}[kind]
        output = "image" if kind == "image" else "vector"
        samples = tensor("DT_UINT8" if kind == "image" else "DT_FLOAT", -1, *shape)
        classes = CLASSES if kind == "image" else ()
        self.signatures = signatures(output, shape, samples, classes)
        self.spec = SimpleNamespace(
            name=name,
            kind=kind,
            folder=folder,
            output_name=output,
            output_shape=shape,
            inputs=(Input("z", (SIZE,), "latent"),),
            drawn=(Input("z", (SIZE,), "latent"),),
            observed=(),
            drawing="sample",
            class_coordinates=len(classes),
            columns=COLUMNS if kind == "table" else None,
            latent=SimpleNamespace(
                size=SIZE,
                prior="normal",
                path="arc",
                truncates=bool(classes),
                classes=classes,
                codes=(),
            ),
            document={"name": name, "kind": kind, "files": {"model.tflite": "00"}},
        )

    def admit(self):
        if self.full:
            raise Overloaded("The queue is full.", retry_after=3)

    async def predict(self, name, inputs, deadline):
        self.deadlines.append(deadline)
        signature = self.signatures[name]
        if missing := signature.inputs.keys() - inputs.keys() - signature.defaults.keys():
            raise InvalidArgument(f"Missing but required: {missing}")
        await asyncio.sleep(self.delay)
        if self.failure:
            raise self.failure
        if name == "serving_default":
            return {self.spec.output_name: self.generate(inputs["z"])}
        latents = draw(**{key: value.item() for key, value in inputs.items()})
        if name == "sample_png":
            pngs = [png(image) for image in levels(self.generate(latents))]
            return {"image_bytes": np.array([*pngs, None], object)[:-1]}
        x = self.generate(latents)
        return {"samples": levels(x) if self.kind == "image" else x, "latents": latents}

    def generate(self, z):
        if self.kind == "table":
            missing = np.where(z[:, 0] > 0, np.round(z[:, 0] * 10), np.nan)
            return np.stack([missing, z[:, 1] > 0, z[:, 2]], axis=1).astype(np.float32)
        if self.kind == "vector":
            return z[:, :2]
        return np.tanh(z[:, :, None, None] * np.cos(np.arange(5, dtype=np.float32))[:, None])


def draw(*, count, seed, truncation=1.0, **more):
    random = np.random.default_rng(seed)
    latents = np.zeros((count, SIZE), np.float32)
    latents[:, :NORMALS] = random.normal(size=(count, NORMALS)) * truncation
    asked = more.get("class", -1)
    if asked >= len(CLASSES):
        raise InvalidArgument(f"`class` must be below {len(CLASSES)}.")
    chosen = np.arange(count) % len(CLASSES) if asked < 0 else np.full(count, asked)
    latents[np.arange(count), NORMALS + chosen] = 1
    return latents


def levels(x):
    return np.clip(np.round((x + 1) * 127.5), 0, 255).astype(np.uint8)


def png(image):
    file = io.BytesIO()
    Image.fromarray(image[..., 0]).save(file, "PNG")
    return file.getvalue()


class FakeRepository:
    """Models by name and version, all available unless `states` says something else."""

    def __init__(self, *models):
        self.versions = {}
        for model in models:
            self.versions.setdefault(model.name, {})[model.version] = model
        self.states, self.labels, self.leased, self.optional = {}, {}, 0, set()

    async def start(self):
        self.running = True

    async def stop(self):
        while self.leased:
            await asyncio.sleep(0.01)
        self.running = False

    def flush(self):
        pass

    def models(self):
        return {
            name: {v: self.states.get((name, v), "AVAILABLE") for v in versions}
            for name, versions in self.versions.items()
        }

    def required_models(self):
        return {name: of for name, of in self.models().items() if name not in self.optional}

    def status(self, name, version=None):
        found = self.models().get(name, {})
        found = {v: s for v, s in found.items() if version in (None, v)}
        if not found:
            raise NotFound(f"Could not find any versions of model {name}")
        return [VersionStatus(v, s) for v, s in found.items()]

    @contextlib.contextmanager
    def lease(self, name, version=None, label=None):
        if label is not None:
            if label not in self.labels:
                raise InvalidArgument(f"Unrecognized servable version label: {label}")
            version = self.labels[label]
        versions = self.versions.get(name, {})
        model = versions.get(max(versions, default=None) if version is None else version)
        if model is None:
            raise NotFound(f"Servable not found for request: {name}")
        self.leased += 1
        try:
            yield model
        finally:
            self.leased -= 1


def write_card(folder):
    extra = folder / "assets.extra"
    extra.mkdir()
    (extra / "model_card.html").write_text("<p>digits</p>")
    (extra / "model_card.json").write_text(json.dumps({"name": "digits"}))
    (extra / "samples.png").write_bytes(png(np.zeros(SHAPE, np.uint8)))
