"""Version folders with tiny generators, laid out as `ganapp export` lays them out."""

import dataclasses
import functools
import hashlib
import json
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

NORMALS, CLASSES = 3, ("even", "odd")
SIZE = NORMALS + len(CLASSES)
NOISE = NORMALS + 1  # one more number chooses the class
SHAPE = (6, 6, 1)
POINT = (2,)
FORMATS = ("litert", "saved_model", "onnx")
PATHS = {"litert": "model.tflite", "saved_model": ".", "onnx": "model.onnx"}
MEAN, SCALE = [100.0, -2.0], [3.0, 0.5]


@dataclasses.dataclass(frozen=True)
class Tensors:
    """A generator's weights and what follows from them as TensorFlow functions."""

    weights: tuple[tf.Variable, ...]
    shape: tuple[int, ...]

    @classmethod
    def make(cls, kind, seed):
        draw = np.random.default_rng(seed)
        shapes = [(SIZE, 3 * 3 * 4), (3, 3, 1, 4)] if kind == "image" else [(SIZE, 16), (16, 2)]
        weights = tuple(tf.Variable(draw.normal(0, 0.5, s).astype("float32")) for s in shapes)
        return cls(weights, SHAPE if kind == "image" else POINT)

    def generate(self, z):
        hidden = tf.nn.leaky_relu(tf.matmul(z, self.weights[0]))
        if self.shape == POINT:
            return tf.matmul(hidden, self.weights[1])
        hidden = tf.reshape(hidden, (-1, 3, 3, 4))
        size = tf.stack([tf.shape(z)[0], *SHAPE])
        return tf.tanh(tf.nn.conv2d_transpose(hidden, self.weights[1], size, 2))


def latents_of(noise, class_, truncation):
    """A prior with classes: cubes of uniform numbers, so that LiteRT has something to compute."""
    numbers = (2.0 * noise[:, :NORMALS] - 1.0) ** 3 * truncation
    drawn = tf.cast(noise[:, NORMALS:] >= 0.5, tf.float32)
    asked = tf.cast(tf.equal(tf.range(len(CLASSES)), class_), tf.float32)
    labels = tf.where(class_ >= 0, asked[tf.newaxis], tf.concat([1.0 - drawn, drawn], 1))
    return tf.concat([numbers, labels + 0.0 * numbers[:, :2]], 1)


def to_user_units(x, kind):
    if kind == "image":
        return tf.cast(tf.clip_by_value(tf.round((x + 1.0) * 127.5), 0.0, 255.0), tf.uint8)
    return x * tf.constant(SCALE) + tf.constant(MEAN)


def write_version(folder, *, name="digits", kind="image", seed=0, formats=("litert",), graph=False):
    """Writes a version folder: artefacts, `latents.tflite`, and serving.json last.

    Args:
        folder: to create.
        name: of the model.
        kind: `"image"` or `"vector"`.
        seed: of the weights.
        formats: among `FORMATS`.
        graph: whether units are a graph.
    """
    tensors = Tensors.make(kind, seed)
    (folder / "assets.extra").mkdir(parents=True)
    output = "image" if kind == "image" else "vector"
    spec = [tf.TensorSpec((None, SIZE), tf.float32, name="z")]
    generator = tf.function(lambda z: {output: tensors.generate(z)}, input_signature=spec)
    if "saved_model" in formats:
        _write_saved_model(folder, tensors, generator, kind)
    if "litert" in formats:
        _write_litert(folder / PATHS["litert"], generator, tensors)
    if "onnx" in formats:
        _write_onnx(folder / PATHS["onnx"], generator, spec)
    (folder / "assets.extra/latents.tflite").write_bytes(latents_graph())
    if graph:
        given = tf.TensorSpec((None, *tensors.shape), tf.float32, name=output)
        units = tf.function(lambda x: {"samples": to_user_units(x, kind)}, input_signature=[given])
        _write_litert(folder / "assets.extra/units.tflite", units, tensors)
    document = describe(name=name, kind=kind, formats=formats, graph=graph)
    write_serving(folder, document)


def describe(*, name, kind, formats, graph):
    """serving.json without its checksums."""
    image = kind == "image"
    shape = list(SHAPE if image else POINT)
    number = {"dtype": "DT_INT32", "shape": []}
    drawing = {
        "inputs": {"count": number, "seed": number, "class": number}
        | {"truncation": {"dtype": "DT_FLOAT", "shape": []}},
        "defaults": {"class": -1, "truncation": 1.0},
    }
    latents = {"dtype": "DT_FLOAT", "shape": [-1, SIZE]}
    output = {"dtype": "DT_FLOAT", "shape": [-1, *shape]}
    samples = {"dtype": "DT_UINT8" if image else "DT_FLOAT", "shape": [-1, *shape]}
    generated = {"inputs": {"z": latents}, "outputs": {kind: output}, "defaults": {}}
    signatures = {
        "serving_default": generated,
        "sample": drawing | {"outputs": {"samples": samples, "latents": latents}},
    }
    if image:
        pictures = {"image_bytes": {"dtype": "DT_STRING", "shape": [-1]}}
        signatures["sample_png"] = drawing | {"outputs": pictures}
    units = {"levels": True} if image else {"mean": MEAN, "scale": SCALE}
    return {
        "schema": "ganapp-serving/1",
        "name": name,
        "kind": kind,
        "output": {"name": kind, "shape": shape},
        "latent": {"size": SIZE, "prior": "normal", "path": "arc", "truncates": True}
        | {"noise_size": NOISE, "classes": list(CLASSES)},
        "units": {"graph": "assets.extra/units.tflite"} if graph else units,
        "columns": None,
        "directions": {"vectors": np.eye(2, SIZE).tolist(), "spread": [1.0, 0.5]},
        "signatures": signatures,
        "artefacts": {form: PATHS[form] for form in formats},
    }


def write_serving(folder: Path, document: dict) -> None:
    """Writes serving.json with the checksums of what lies in the folder."""
    serving = folder / "assets.extra/serving.json"
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path != serving)
    sums = {p.relative_to(folder).as_posix(): sha256(p.read_bytes()) for p in files}
    serving.write_text(json.dumps(document | {"files": sums}))


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _write_saved_model(folder, tensors, generator, kind):
    scalars = [
        tf.TensorSpec((), dtype, name=name)
        for name, dtype in (
            ("count", tf.int32),
            ("seed", tf.int32),
            ("truncation", tf.float32),
        )
    ]

    def sample(count, seed, truncation):
        seeds = tf.stack([0x5A11, seed])
        noise = tf.random.stateless_uniform((count, NOISE), seeds, alg="philox")
        latents = latents_of(noise, -1, truncation)
        return {"samples": to_user_units(tensors.generate(latents), kind), "latents": latents}

    module = tf.Module()
    module.weights = tensors.weights
    signatures = {
        "serving_default": generator,
        "sample": tf.function(sample, input_signature=scalars),
    }
    tf.saved_model.save(module, str(folder), signatures=signatures)


@functools.cache  # the same for every version
def latents_graph():
    """`latents.tflite` as bytes."""
    specs = [
        tf.TensorSpec((None, NOISE), tf.float32, name="noise"),
        tf.TensorSpec((), tf.int32, name="class_"),
        tf.TensorSpec((), tf.float32, name="truncation"),
    ]
    function = tf.function(
        lambda *given: {"latents": latents_of(*given)}, input_signature=specs, autograph=False
    )
    with tempfile.TemporaryDirectory() as directory:
        tf.saved_model.save(tf.Module(), directory, signatures={"serving_default": function})
        graph = Path(directory, "saved_model.pb")
        saved = saved_model_pb2.SavedModel.FromString(graph.read_bytes())
        # TensorFlow saves no input of the name `class`, which is reserved in Python.
        inputs = saved.meta_graphs[0].signature_def["serving_default"].inputs
        inputs["class"].CopyFrom(inputs["class_"])
        del inputs["class_"]
        graph.write_bytes(saved.SerializeToString())
        return tf.lite.TFLiteConverter.from_saved_model(directory).convert()


def _write_litert(path, function, tensors):
    module = tf.Module()
    module.weights = tensors.weights
    concrete = function.get_concrete_function()
    path.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([concrete], module).convert())


def _write_onnx(path, function, spec):
    import tf2onnx

    model, _ = tf2onnx.convert.from_function(function, input_signature=spec, opset=18)
    path.write_bytes(model.SerializeToString())
