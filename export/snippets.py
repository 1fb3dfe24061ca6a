"""How to load every format: code that runs as printed, beside the card."""

import json
from typing import Any

SNIPPET_COUNT = 16
SEED = 7
OUTPUTS = {
    "image": "float32 (n, {shape}) in [-1, 1]",
    "vector": "float32 (n, {shape}), standardised",
}
SAVED_MODEL = """\
import tensorflow as tf
model = tf.saved_model.load("{path}")
asked = {asked}
drawn = model.signatures["sample"](**{{k: tf.constant(v) for k, v in asked.items()}})
samples = drawn["samples"].numpy()  # {units}
{output} = model.signatures["serving_default"](z=drawn["latents"])["{output}"].numpy()"""
TRUNCATED = """
# Nearer to the likeliest latents, hence more alike: truncation from 1 (as above) to 0.
asked["truncation"] = 0.7
drawn = model.signatures["sample"](**{{k: tf.constant(v) for k, v in asked.items()}})
typical = drawn["samples"].numpy()"""
LITERT = """\
import numpy as np
from ai_edge_litert.interpreter import Interpreter
runner = Interpreter(model_path="{path}").get_signature_runner("serving_default")
random = np.random.default_rng({seed})
{draw}
{output} = runner(z=z.astype("float32"))["{output}"]  # {returned}"""
ONNX = """\
import numpy as np
import onnxruntime
session = onnxruntime.InferenceSession("{path}")
random = np.random.default_rng({seed})
{draw}
[{output}] = session.run(["{output}"], {{"z": z.astype("float32")}})  # {returned}"""
KERAS = """\
import keras
import numpy as np
{imports}generator = keras.saving.load_model("{path}", compile=False)
random = np.random.default_rng({seed})
{draw}
{output} = generator.predict_on_batch(z.astype("float32"))  # {returned}"""
BY_RUNTIME = {"saved_model": SAVED_MODEL, "litert": LITERT, "onnx": ONNX, "keras": KERAS}
NAMES = {"saved_model": "TensorFlow", "litert": "LiteRT", "onnx": "ONNX", "keras": "Keras"}

NORMAL = """\
const normal = () =>
  Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
const z = Float32Array.from({{ length: {count} * {size} }}, normal);"""
OTHER = """\
// {count} x {size} numbers of the {prior} prior, as the Python code draws them; for example the
// `latents` that a server's `sample` returns, see below.
const z = Float32Array.from(latents.flat());"""
ONNX_WEB = """\
import * as ort from "onnxruntime-web";
{draw}
const session = await ort.InferenceSession.create("{path}");
const {{ {output} }} = await session.run({{ z: new ort.Tensor("float32", z, [{count}, {size}]) }});
// {output}.data: Float32Array, {output}.dims: [{count}, {shape}]; {units}"""
FETCH = """\
const answer = await fetch("http://localhost:8501/v1/models/{model}:predict", {{
  method: "POST",
  body: JSON.stringify({{ signature_name: "sample", inputs: {inputs} }}),
}});
const {{ samples, latents }} = (await answer.json()).outputs;"""
SERVE = """\
python -m ganapp serve . --port 8501
# or: tensorflow_model_server --rest_api_port=8501 --model_name={model} \\
#       --model_base_path="$PWD/models/{model}\""""
CURL = """\
curl --data '{{"signature_name": "sample", "inputs": {inputs}}}' \\
  http://localhost:8501/v1/models/{model}:predict"""


def loading(card: dict[str, Any]) -> list[str]:
    """Lines on how to load every artefact of a card in Python, in JavaScript and over HTTP."""
    lines = ["Run these in the folder of this card, which holds `models/`."]
    lines += [*_python(card), *_javascript(card), *_served(card)]
    signature = card["signatures"].get("sample") or {}
    if "saved_model" in _formats(card) and "truncation" not in signature.get("inputs", {}):
        prior = card["latent"]["prior"]
        lines += ["", f"Nothing to truncate: the {prior} prior has no likelier latents."]
    return lines


def count_of(card: dict[str, Any]) -> int:
    """How many samples the code draws: what files of a fixed batch take."""
    return card.get("batch") or SNIPPET_COUNT


def _python(card: dict) -> list[str]:
    lines, fields = [], _fields(card)
    for runtime, template in BY_RUNTIME.items():
        artefacts = [each for each in card["artefacts"] if each["runtime"] == runtime]
        if not artefacts:
            continue
        first, *others = artefacts
        if runtime == "saved_model" and "truncation" in fields["asked"]:
            template += TRUNCATED
        imports = "".join(f"import {module}\n" for module in first["modules"])
        code = template.format(path=first["path"], imports=imports, **fields)
        lines += ["", f"{NAMES[runtime]}:", "", "```python", code, "```"]
        if imports:
            lines += [
                "",
                "The imported modules are ganapp's, which hold layers that Keras does not have: "
                "install it, by `pip install .` in its folder.",
            ]
        if others:
            paths = ", ".join(f"`{each['path']}`" for each in others)
            lines += ["", f"The same with {paths}."]
    return lines


def _fields(card: dict) -> dict[str, Any]:
    shape, count = shape_of(card), count_of(card)
    drawn = {
        "image": f"uint8 ({count}, {shape}), 0 to 255",
        "vector": f"float32 ({count}, {_coordinates(card)})",
    }
    return {
        "output": card["output"]["name"],
        "units": drawn[card["kind"]],
        "asked": _inputs(card),
        "draw": card["latent"]["numpy"],
        "seed": SEED,
        "returned": OUTPUTS[card["kind"]].format(shape=shape),
    }


def _inputs(card: dict) -> str:
    """What `sample` is asked, as JSON: its defaults, and a count and a seed."""
    signature = card["signatures"].get("sample") or {}
    values = {"count": count_of(card), "seed": SEED, **signature.get("defaults", {})}
    return json.dumps(values)


def _javascript(card: dict) -> list[str]:
    path = _formats(card).get("onnx")
    if path is None:
        return []
    latent = card["latent"]
    fields = {"count": count_of(card), "size": latent["size"], "prior": latent["prior"]}
    draw = {"normal": NORMAL}.get(latent["prior"], OTHER).format(**fields)
    code = ONNX_WEB.format(
        path=path,
        draw=draw,
        output=card["output"]["name"],
        shape=shape_of(card),
        units={"image": "values in [-1, 1]", "vector": "standardised"}[card["kind"]],
        **fields,
    )
    return ["", "JavaScript, in the page itself (onnxruntime-web):", "", "```js", code, "```"]


def _served(card: dict) -> list[str]:
    model, inputs = card["model"], _inputs(card)
    lines = []
    for title, language, template in (
        ("A server, ganapp's own or TensorFlow Serving", "sh", SERVE),
        ("curl, against either", "sh", CURL),
        ("JavaScript, against either", "js", FETCH),
    ):
        code = template.format(model=model, inputs=inputs)
        lines += ["", f"{title}:", "", f"```{language}", code, "```"]
    return lines


def _formats(card: dict) -> dict[str, str]:
    return {each["format"]: each["path"] for each in card["artefacts"]}


def _coordinates(card: dict) -> str:
    """How many numbers a sample in the user's units has."""
    columns = (card["data"].get("table") or {}).get("columns")
    if columns is None:
        return shape_of(card)
    return str(len([c for c in columns if c["kind"] not in ("constant", "identifier")]))


def shape_of(card: dict[str, Any]) -> str:
    """Shape of one sample in model units, e.g. `28, 28, 1`."""
    return ", ".join(str(side) for side in card["output"]["shape"])
