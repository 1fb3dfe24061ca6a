"""The card says what was measured, and its code runs as printed."""

import hashlib
import html.parser
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ganapp.export.card import SNIPPET_COUNT, render, render_html
from ganapp.export.layout import read_card
from ganapp.export.package import plain

# Each snippet as if it were alone. TensorFlow starts slowly: those that need none come first.
RUN = """\
import json, os, sys
for folder, code, names, banned in json.load(sys.stdin):
    os.chdir(folder)
    space = {"__name__": "__main__"}
    exec(code, space)
    assert not {*banned} & {*sys.modules}
    print(*(f"{space[name].shape} {space[name].dtype}" for name in names), sep="\\n")
"""
IMAGE, VECTOR = (SNIPPET_COUNT, 8, 8, 1), (SNIPPET_COUNT, 2)


def snippets(directory, language="python"):
    text = (Path(directory) / "model_card.md").read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, re.S)


def test_snippets_run_as_printed(image_export, vector_export):
    asked, expected = [], []
    codes = [*map(snippets, (image_export["directory"], vector_export["directory"]))]
    assert [len(each) for each in codes] == [4, 2]
    # What TensorFlow does with vectors is seen with images.
    given = [(image_export, IMAGE, code) for code in codes[0]]
    given += [(vector_export, VECTOR, code) for code in codes[1] if "tensorflow" not in code]
    assert len(given) == 5
    for card, shape, code in sorted(given, key=lambda each: needs_tensorflow(each[2])):
        assert len(code.strip().splitlines()) <= 10
        drawn = [name for name in ("samples", "typical") if f"{name} = " in code]
        assert bool(drawn) == ("tensorflow" in code)
        names = [*drawn, card["output"]["name"]]
        needed = {"tensorflow"} if needs_tensorflow(code) else set()
        needed |= {"ganapp"} if "import ganapp.models." in code else set()
        banned = {"tensorflow", "ganapp"} - needed
        asked.append((card["directory"], code, names, [*banned]))
        types = dict.fromkeys(drawn, "uint8" if card["kind"] == "image" else "float32")
        expected += [f"{shape} {types.get(name, 'float32')}" for name in names]
    # The card says: ganapp must be installed for a layer of ours.
    run = subprocess.run(
        [sys.executable, "-P", "-c", RUN],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == expected


def needs_tensorflow(code):
    return "tensorflow" in code or "import keras" in code


def test_other_languages_ask_for_what_the_signatures_have(image_export):
    sample = image_export["signatures"]["sample"]
    inputs = {"count": SNIPPET_COUNT, "seed": 7} | sample.get("defaults", {})
    assert set(inputs) == set(sample["inputs"])
    curl = snippets(image_export["directory"], "sh")[1]
    body = re.search(r"--data '(.*?)'", curl)[1]
    assert json.loads(body) == {"signature_name": "sample", "inputs": inputs}
    assert "localhost:8501/v1/models/digits-run:predict" in curl
    in_page, fetch = snippets(image_export["directory"], "js")
    assert "models/digits-run/1/model.onnx" in in_page
    assert f"[{SNIPPET_COUNT}, 8])" in in_page
    assert json.dumps(inputs) in fetch


def test_the_page_is_whole_and_safe(image_export):
    page = (Path(image_export["directory"]) / "model_card.html").read_text()
    tags = []

    class Reader(html.parser.HTMLParser):
        def handle_starttag(self, tag, attributes):
            tags.append((tag, dict(attributes)))

    Reader().feed(page)
    sources = [attributes["src"] for tag, attributes in tags if "src" in attributes]
    assert len(sources) == 1
    assert sources[0].startswith("data:image/png;base64,iVBOR")
    assert not {"script", "link", "iframe"} & {tag for tag, _ in tags}
    assert "prefers-color-scheme: dark" in page
    assert ("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}) in tags
    assert page.count("<table>") == render(image_export).count("| --- |\n| ") > 5
    evil = "# x\n\n<script>alert(1)</script>\n\n![a](b.png) [c](javascript:alert(1))"
    page = render_html(evil, title="</title><script>", pictures={})
    assert "<script>" not in page
    assert 'href="javascript' not in page


def test_a_server_finds_copies(image_export):
    directory = Path(image_export["directory"])
    extra = directory / image_export["place"] / "assets.extra"
    for name in ("model_card.html", "model_card.json", "samples.png"):
        assert (extra / name).read_bytes() == (directory / name).read_bytes()


def test_json_repeats_what_export_returned(image_export):
    directory = Path(image_export["directory"])
    card = json.loads((directory / "model_card.json").read_text())
    assert card | {"directory": str(directory)} == image_export
    assert card["configuration"]["training"] == {"batch_size": 64, "stabilisers": ["r1"]}
    assert card["report"]["best"]["figures"]["precision"]["floor"] == 0.9625
    assert card["latent"] == {
        "size": 8,
        "prior": "normal",
        "truncates": True,
        "numpy": "z = random.normal(size=(16, 8))",
    }


def test_checksums_cover_every_file(image_export):
    directory = Path(image_export["directory"])
    lines = [line.split("  ") for line in (directory / "SHA256SUMS").read_text().splitlines()]
    recorded = {name: digest for digest, name in lines}
    present = {str(p.relative_to(directory)) for p in directory.rglob("*") if p.is_file()}
    assert set(recorded) == present - {"SHA256SUMS"}
    for name, digest in recorded.items():
        assert hashlib.sha256((directory / name).read_bytes()).hexdigest() == digest
    for each in image_export["artefacts"]:
        assert each["files"].items() <= recorded.items()
        assert each["bytes"] == sum((directory / name).stat().st_size for name in each["files"])


def test_markdown_states_figures_with_their_counts(image_export):
    text = (Path(image_export["directory"]) / "model_card.md").read_text()
    assert "Best checkpoint, step 1500" in text
    assert "Last checkpoint" not in text
    assert (
        "| precision | 0.9375 | higher | pixels \\| raw | 1000 | 900 | 0.5 | - | 0.9625 | - | - |"
        in text
    )
    assert "| description | small \\| digits |" in text
    assert "| `training.batch_size` | 64 |" in text
    assert "exported after 2,000 updates" in text
    assert "![samples](samples.png)" in text


def test_speed_and_memory_are_measured(image_export):
    for each in image_export["artefacts"]:
        assert set(each["latency_ms"]) == {"1", "16", "64"}
        assert min(each["latency_ms"].values()) > 0
        assert each["samples_per_second"] >= 64e3 / each["latency_ms"]["64"] > 0
        assert each["load_seconds"] > 0
    memory = {each["format"]: each["memory_bytes"] for each in image_export["artefacts"]}
    assert memory["saved_model"] > 3 * memory["litert"] > 0
    text = render(image_export)
    assert "| LiteRT int8 | `models/digits-run/1/model_int8.tflite` |" in text
    assert re.search(r"\| Keras generator \| [\d.]+ \| [\d.]+ \|", text)
    assert re.search(r"\| ONNX \| \d+ \| ", text)


def test_vector_card_gives_the_way_back_to_the_units(vector_export):
    text = (Path(vector_export["directory"]) / "model_card.md").read_text()
    assert "`vector * [3, 0.5] + [100, -2]`" in text
    assert "The generator was not evaluated." in text
    assert "The configuration was not recorded." in text


@pytest.mark.parametrize("missing", ["data", "configuration", "report"])
def test_missing_facts_are_said_to_be_missing(image_export, missing):
    text = render(image_export | {missing: {}})
    assert re.search(r"not (recorded|evaluated)", text)


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (3, "| cluster 0, cluster 1, cluster 2 |"),
        (20, ", cluster 19 |"),
        (200, ", cluster 19 and 180 more |"),
    ],
)
def test_of_many_classes_the_first_are_named(image_export, count, expected):
    names = [f"cluster {place}" for place in range(count)]
    text = render(image_export | {"data": image_export["data"] | {"classes": names}})
    assert expected in text


def test_a_signature_that_does_not_truncate_is_said_not_to(image_export):
    scalar = {"dtype": "DT_INT32", "shape": []}
    inputs = dict.fromkeys(("count", "seed", "truncation"), scalar)
    signature = {"inputs": inputs, "defaults": {"truncation": 1.0}}
    text = render(image_export | {"signatures": {"sample": signature}})
    assert 'asked["truncation"] = 0.7' in text
    assert "Nothing to truncate" not in text
    latent = {"prior": "sphere", "truncates": False, "numpy": "z = 1\nz *= 2"}
    fixed = {"sample": {"inputs": dict.fromkeys(("count", "seed"), scalar), "defaults": {}}}
    card = image_export | {"latent": image_export["latent"] | latent, "signatures": fixed}
    text = render(card)
    assert "\nz = 1\nz *= 2\n" in text
    assert "truncation" not in text
    assert "Nothing to truncate: the sphere prior has no likelier latents." in text
    alone = [each for each in card["artefacts"] if each["format"] == "litert"]
    assert "Nothing to truncate" not in render(card | {"artefacts": alone})


def test_plain_makes_json_of_anything():
    import numpy as np

    value = {
        "a": np.float32(0.5),
        "b": (np.int64(3), float("nan")),
        4: np.array([1, 2]),
        "p": Path("x"),
    }
    assert plain(value) == {"a": 0.5, "b": [3, None], "4": [1, 2], "p": "x"}


def test_damaged_card_is_not_read(tmp_path):
    (tmp_path / "model_card.json").write_text('{"schema": ')
    assert read_card(tmp_path) is None
    assert read_card(tmp_path / "absent") is None
