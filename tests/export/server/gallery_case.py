"""A server of tiny models and a browser that looks at its page."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
import tensorflow as tf
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait
from version_case import write_serving

ROOT = Path(__file__).parents[3]
MOST_SAMPLES = 600
COLUMNS = [
    {"name": "height", "kind": "numeric", "missing": True, "integer": False, "decimals": 1},
    {"name": "year", "kind": "constant", "value": 2026},
    {"name": "town", "kind": "categorical", "categories": ["Ulm", "<b>Bonn</b>"]},
]
BROWSER = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
MISSING = " and ".join(name for name, path in BROWSER.items() if path is None)
NEEDS_BROWSER = pytest.mark.skipif(
    bool(MISSING), reason=f"needs {MISSING}: apt install chromium chromium-driver"
)
# A page of the browser's own that answers instead of the server, for what it is hard to bring to.
STUB = """
const real = window.fetch;
window.asked = [];
window.fetch = async (path, options) => {
  window.asked.push([path, options.headers["X-API-Key"] ?? null]);
  const answer = (%s)(window.asked, options);
  return answer ? new Response(answer.body, answer) : real(path, options);
};
"""


def write_models(root, version_folders):
    """digits (versions 1 and 2), points and table, each with a model card."""
    shutil.copytree(version_folders, root)
    (root / "digits" / "labels.json").write_text('{"old": 1}')  # else only the highest is served
    _make_table(root / "table" / "1")
    for folder in root.glob("*/[0-9]"):
        card = "<style>p { color: teal }</style><p>What it is</p><script>alert(1)</script>"
        (folder / "assets.extra/model_card.html").write_text(card)


def _make_table(folder):
    """Vectors become rows: heights of which some are missing, and one of two towns."""

    def to_rows(vector):
        height = tf.where(tf.sin(9.0 * vector[:, 0]) > 0, 1.7 + vector[:, 0], float("nan"))
        town = tf.cast(vector[:, 1] > 0, tf.float32)
        return {"samples": tf.stack([height, town], axis=1)}

    given = tf.TensorSpec((None, 2), tf.float32, name="vector")
    concrete = tf.function(to_rows, input_signature=[given]).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], tf.Module())
    (folder / "assets.extra/units.tflite").write_bytes(converter.convert())
    document = json.loads((folder / "assets.extra/serving.json").read_text())
    write_serving(folder, document | {"kind": "table", "columns": COLUMNS})


@contextlib.contextmanager
def serving(root):
    """The address of a server process."""
    command = [sys.executable, "-m", "ganapp", "serve", str(root), "--port", "0"]
    command += ["--max-samples", str(MOST_SAMPLES), "--drain", "0"]
    # Of the environment's key the page would ask.
    environment = {k: v for k, v in os.environ.items() if k != "GANAPP_API_KEY"}
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    )
    try:
        line = process.stdout.readline().decode()
        found = re.search(r"http://\S+", line)
        assert found, line
        yield found.group()
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


@contextlib.contextmanager
def browsing(downloads):
    """Headless Chromium, which saves files in a folder."""
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER["chromium"]
    switches = ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage")
    quiet = ("disable-extensions", "disable-background-networking", "disable-component-update")
    for switch in (*switches, *quiet):
        options.add_argument(f"--{switch}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, Service(BROWSER["chromedriver"]))
    try:
        driver.execute_cdp_cmd(
            "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(downloads)}
        )
        yield driver
    finally:
        driver.quit()


class Page:
    """The gallery in a browser.

    Args:
        driver: selenium's.
        address: of the server.
        downloads: where files go.
    """

    def __init__(self, driver, address, downloads):
        self.driver, self.address, self.downloads = driver, address, downloads
        self._stub = None

    def open(self, address="", *, width=1200, height=900, calm=True, stub=None, wait=True):
        """Loads the page anew and waits until samples are shown, unless there is a stub.

        Args:
            address: the part after `#`.
            width: of the window, CSS pixels.
            height: of the window, CSS pixels.
            calm: whether the person prefers less motion.
            stub: JavaScript function of the requests so far and the options of the last, which
                answers instead of the server where it returns something.
            wait: whether samples are shown at once.
        """
        command = self.driver.execute_cdp_cmd
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        command("Emulation.setDeviceMetricsOverride", size)
        motion = {"name": "prefers-reduced-motion", "value": "reduce" if calm else "no-preference"}
        command("Emulation.setEmulatedMedia", {"features": [motion]})
        if self._stub:
            command("Page.removeScriptToEvaluateOnNewDocument", self._stub)
        self._stub = stub and command(
            "Page.addScriptToEvaluateOnNewDocument", {"source": STUB % stub}
        )
        self.driver.get("about:blank")
        self.driver.get(f"{self.address}#{address}")
        if stub is None and wait:
            self.drawn()

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def until(self, condition, what="the page"):
        """Waits until a JavaScript expression is true, and returns its value."""
        return WebDriverWait(self.driver, 20, 0.05).until(
            lambda _: self.run(f"return {condition}"), f"{what}: {condition}"
        )

    def says(self, words, where="#status"):
        """Waits until words stand somewhere."""
        self.until(f"document.querySelector({where!r}).textContent.includes({words!r})")

    def drawn(self):
        self.says("samples of")

    def counts(self, selector, number):
        """Waits until a selector finds so many elements."""
        self.until(f"document.querySelectorAll({selector!r}).length === {number}")

    def walks(self, *ends):
        """Clicks pictures and waits for the walk between them."""
        for end in ends:
            self.all(".tile")[end].click()
        self.counts("#walk-strip canvas", 8)

    def at(self, words):
        """Waits until the address holds words."""
        self.until(f"location.hash.includes({words!r})")

    def reopen(self):
        """Opens the address that is shown, as somebody does to whom it was sent."""
        self.open("&".join(f"{key}={value}" for key, value in self.state().items()))

    def press(self, *keys):
        """Presses keys where the focus is."""
        for key in keys:
            self.driver.switch_to.active_element.send_keys(key)

    def imported(self, module, expression, *arguments):
        """What an expression of a module's names, and of `a` (the arguments), gives."""
        return self.driver.execute_async_script(
            "const a = [...arguments]; const done = a.pop();"
            f"import('/static/{module}.js').then((m) => ({expression})).then(done);",
            *arguments,
        )

    def find(self, selector):
        return self.driver.find_element("css selector", selector)

    def all(self, selector):
        return self.driver.find_elements("css selector", selector)

    def text(self, selector):
        return self.find(selector).text

    def set(self, selector, value):
        """Enters a value as a person does: with the events that come of it."""
        self.run(
            "const [element, value] = arguments; element.value = value;"
            "for (const type of ['input', 'change']) {"
            "  element.dispatchEvent(new Event(type, { bubbles: true }));"
            "}",
            self.find(selector),
            str(value),
        )

    def pixels(self, selector):
        """Grey levels of the canvases that a selector finds, each a flat list."""
        return self.run(
            # By way of another canvas: the browser warns of reading often from one it draws fast.
            "return [...document.querySelectorAll(arguments[0])].map((canvas) => {"
            "  const copy = new OffscreenCanvas(canvas.width, canvas.height);"
            "  const context = copy.getContext('2d', { willReadFrequently: true });"
            "  context.drawImage(canvas, 0, 0);"
            "  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);"
            "  return [...data].filter((_, place) => place % 4 === 0);"
            "})",
            selector,
        )

    def state(self):
        """What the address says after `#`."""
        return self.run("return Object.fromEntries(new URLSearchParams(location.hash.slice(1)))")

    def errors(self):
        """What the console complained of since it was last asked."""
        complaints = ("SEVERE", "WARNING")
        entries = self.driver.get_log("browser")
        return [entry["message"] for entry in entries if entry["level"] in complaints]

    def downloaded(self, name):
        """The path of a file once it is whole."""
        path = self.downloads / name
        WebDriverWait(self.driver, 20, 0.05).until(lambda _: path.is_file(), f"{name} is saved")
        return path

    def predict(self, model, signature, **inputs):
        """What the server itself answers."""
        body = json.dumps({"signature_name": signature, "inputs": inputs}).encode()
        with urllib.request.urlopen(f"{self.address}v1/models/{model}:predict", body) as answer:
            return json.load(answer)["outputs"]
