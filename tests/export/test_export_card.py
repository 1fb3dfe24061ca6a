"""The card says what was measured, and its code runs as printed."""

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from export.card import plain, read_card
from export.markdown import render

SHOW = "\nprint({name}.shape, {name}.dtype)"


def snippets(directory):
    return re.findall(r"```python\n(.*?)```", (directory / "model_card.md").read_text(), re.S)


def test_snippets_run_as_printed(image_export, vector_export):
    running = []
    for card, shape in ((image_export, "(16, 8, 8, 1)"), (vector_export, "(16, 2)")):
        found = snippets(Path(card["directory"]))
        assert len(found) == 2
        for code in found:
            assert len(code.strip().splitlines()) <= 10
            drawn = ["samples", "typical"] if "samples" in code else []
            names = [*drawn, card["output"]["name"]]
            script = code + "".join(SHOW.format(name=name) for name in names)
            types = dict.fromkeys(drawn, "uint8" if card["kind"] == "image" else "float32")
            expected = [f"{shape} {types.get(name, 'float32')}" for name in names]
            process = subprocess.Popen(
                [sys.executable, "-c", script],
                cwd=card["directory"],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            running.append((process, expected))
    for process, expected in running:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert out.split("\n")[:-1] == expected


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
    recorded = {k: v for each in image_export["artefacts"] for k, v in each["files"].items()}
    others = {"model_card.json", "model_card.md", "samples.png"}
    present = {str(p.relative_to(directory)) for p in directory.rglob("*") if p.is_file()}
    assert set(recorded) == present - others
    assert others <= present
    for name, digest in recorded.items():
        assert hashlib.sha256((directory / name).read_bytes()).hexdigest() == digest
    sizes = {each["path"]: each["bytes"] for each in image_export["artefacts"]}
    assert sizes["model.tflite"] == (directory / "model.tflite").stat().st_size


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


def test_latency_is_measured(image_export):
    for each in image_export["artefacts"]:
        assert set(each["latency_ms"]) == {"1", "64"}
        assert min(each["latency_ms"].values()) > 0
        assert each["load_seconds"] > 0


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


def test_a_prior_that_does_not_truncate_is_said_not_to(image_export):
    text = render(image_export)
    assert 'signatures["sample_truncated"]' in text
    assert "Nothing to truncate" not in text
    latent = {"prior": "sphere", "truncates": False, "numpy": "z = 1\nz *= 2"}
    card = image_export | {"latent": image_export["latent"] | latent}
    text = render(card)
    assert "\nz = 1\nz *= 2\n" in text
    assert "sample_truncated" not in text
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
