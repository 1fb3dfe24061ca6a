"""The JavaScript of a model card, run in headless Chromium as it is printed."""

import functools
import http.server
import json
import math
import os
import re
import threading
from pathlib import Path

import pytest
from gallery_case import COLUMNS, NEEDS_BROWSER
from selenium.webdriver.support.ui import WebDriverWait
from version_case import SHAPE, SIZE, write_version

from ganapp.export.card import SNIPPET_COUNT, loading

pytestmark = NEEDS_BROWSER
SERVER = "http://localhost:8501/"
# `npm install onnxruntime-web` in a folder that this names runs the library itself; else a stand-in
# holds the code to its interface.
PACKAGES = os.environ.get("GANAPP_NODE_MODULES")
PAGE = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">
<script type="importmap">{"imports": {"onnxruntime-web": "%s"}}</script>
<script type="module">
window.onerror = (message) => { window.result = message; };
window.onunhandledrejection = ({ reason }) => { window.result = String(reason); };
const latents = %s;
%s
window.result = { z: [...z], data: [...%s.data], dims: [...%s.dims] };
</script>"""
STAND_IN = """
export class Tensor {
  constructor(type, data, dims) {
    const right = type === "float32" && data instanceof Float32Array;
    if (!right || data.length !== dims.reduce((a, b) => a * b)) {
      throw new TypeError("no tensor");
    }
    Object.assign(this, { type, data, dims });
  }
}
export const InferenceSession = {
  async create(path) {
    if (!(await fetch(path)).ok) {
      throw new Error(`no ${path}`);
    }
    const run = async ({ z }) => {
      const count = %d * z.dims[0];
      return { %s: new Tensor("float32", new Float32Array(count), [z.dims[0], ...%s]) };
    };
    return { run };
  },
};
"""
MODELS = {
    "digits": {"kind": "image", "shape": SHAPE, "data": {}, "prior": "normal", "size": SIZE},
    "table": {
        "kind": "vector",
        "shape": (2,),
        "data": {"table": {"columns": COLUMNS}},
        "prior": "uniform",
        "size": SIZE,
    },
}


def code_of(model):
    """What the card of a model prints in JavaScript: for the page itself, and against a server."""
    about = MODELS[model]
    card = {
        "model": model,
        "kind": about["kind"],
        "data": about["data"],
        "inputs": [{"name": "z", "shape": [about["size"]], "role": "latent"}],
        "keras_names": {"input": False, "output": False},
        "output": {"name": about["kind"], "shape": about["shape"]},
        "latent": {"size": about["size"], "prior": about["prior"], "numpy": "z = ..."},
        "signatures": {"sample": {"inputs": {}, "defaults": {}}},
        "artefacts": [{"format": "onnx", "runtime": "onnx", "path": "model.onnx", "modules": []}],
    }
    return re.findall(r"```js\n(.*?)```", "\n".join(loading(card)), re.DOTALL)


@pytest.mark.parametrize("model", MODELS)
def test_code_that_asks_a_server(page, model):
    _, code = code_of(model)
    assert code.count(SERVER) == 1
    page.open()
    code = code.replace(SERVER, page.address)
    found = page.driver.execute_async_script(
        "const done = arguments[0];"
        f"(async () => {{ {code}\nreturn {{ samples, latents }}; }})()"
        ".then(done, (error) => done(String(error)));"
    )
    assert found == page.predict(model, "sample", count=SNIPPET_COUNT, seed=7)
    assert len(found["samples"]) == len(found["latents"]) == SNIPPET_COUNT
    if model == "table":  # what is missing, for which JSON has no NaN
        assert any(None in row for row in found["samples"])


@pytest.fixture
def folder(tmp_path):
    """A folder that is served to the browser, and its address."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        extensions_map = http.server.SimpleHTTPRequestHandler.extensions_map | {
            ".mjs": "text/javascript",
            ".wasm": "application/wasm",
        }

        def log_message(self, *arguments):
            """Says nothing."""

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=tmp_path)
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield tmp_path, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("model", MODELS)
def test_code_that_runs_in_the_page(page, folder, model):
    root, address = folder
    kind = MODELS[model]["kind"]
    in_page, _ = code_of(model)
    shape, size = list(MODELS[model]["shape"]), MODELS[model]["size"]
    write_version(root / "version", kind=kind, formats=("onnx",))
    (root / "version" / "model.onnx").rename(root / "model.onnx")
    module = "/ort.mjs"
    if PACKAGES:
        (root / "packages").symlink_to(Path(PACKAGES).resolve())
        module = "/packages/onnxruntime-web/dist/ort.wasm.bundle.min.mjs"
    numbers = math.prod(shape)
    (root / "ort.mjs").write_text(STAND_IN % (numbers, kind, json.dumps(shape)))
    latents = [[0.25] * size] * SNIPPET_COUNT
    content = PAGE % (module, json.dumps(latents), in_page, kind, kind)
    (root / "index.html").write_text(content)
    page.driver.get(address)
    found = WebDriverWait(page.driver, 30, 0.05).until(
        lambda driver: driver.execute_script("return window.result")
    )
    assert isinstance(found, dict), found
    assert found["dims"] == [SNIPPET_COUNT, *shape]
    assert len(found["data"]) == SNIPPET_COUNT * numbers
    assert any(found["data"]) == bool(PACKAGES)  # the stand-in computes nothing
    assert len(found["z"]) == SNIPPET_COUNT * size
    if model == "table":
        assert set(found["z"]) == {0.25}  # the latents that a server gave
    else:
        assert len(set(found["z"])) == SNIPPET_COUNT * size
        assert max(map(abs, found["z"])) < 10
