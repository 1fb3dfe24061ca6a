"""The notebooks: what they show is in them, and their cells run and do what they say."""

import re
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import PIL.Image
import pytest

import ganapp
from ganapp import notebook
from ganapp.screen import in_notebook

FOLDER = Path(__file__).parents[2] / "docs" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
# What makes them short: settings of their own cells.
FIRST = {
    "EPOCHS, STEPS = 60, 2100": "EPOCHS, STEPS = 2, 150",
    "run.evaluate()": "run.evaluate(samples=100)",
    'formats=["onnx", "keras"]': 'formats=["onnx"]',
}
PHOTOGRAPHS = {
    "EPOCHS, STEPS_PER_EPOCH = 6, 100": "EPOCHS, STEPS_PER_EPOCH = 1, 2",
    "range(500)": "range(40)",
    'evaluation={"samples": 500}': 'evaluation={"samples": 60, "features": "pca"}',
    'formats=["litert", "onnx"]': 'formats=["onnx"]',
}


def run_cells(name, shorter):
    """Runs the code cells one after the other, as a kernel does; what they have defined."""
    names, missing = {}, dict(shorter)
    for cell in nbformat.read(FOLDER / name, as_version=4).cells:
        if cell.cell_type != "code":
            continue
        code = cell.source
        for old in [each for each in missing if each in code]:
            code = code.replace(old, missing.pop(old))
        exec(code, names)
    assert not missing, "the test shortens what is not there"
    return names


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plt, "show", lambda: plt.close("all"))
    return tmp_path


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_holds_what_its_cells_show(path):
    text = path.read_text("utf-8")
    assert len(text) < 500_000
    assert not re.findall(r"/tmp/|/home/|/root/|/work/|/Users/", text)
    cells = [c for c in nbformat.reads(text, as_version=4).cells if c.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [each for each in outputs if each.output_type == "error"]
    assert not [each for each in outputs if each.get("name") == "stderr"]
    # The page of the training, the run, and pictures: three at least.
    assert len(re.findall(r"image/(?:png|jpeg)", text)) >= 3


def test_there_are_two_notebooks_and_the_documents_name_them():
    assert [path.stem for path in NOTEBOOKS] == ["first_gan", "own_photographs"]
    for document in ("README.md", "docs/python.md"):
        text = (FOLDER.parents[1] / document).read_text("utf-8")
        assert all(f"notebooks/{path.name}" in text for path in NOTEBOOKS)


@pytest.mark.slow
@pytest.mark.usefixtures("elsewhere")
def test_a_first_gan():
    names = run_cells("first_gan.ipynb", FIRST)
    run = ganapp.Run("runs/first")
    assert int(names["gan"].step.numpy()) == 2 * 25
    assert len(names["history"].history["val_frechet_distance"]) == 2
    assert run.report == names["report"]
    assert names["samples"].shape == (30, 8, 8, 1)
    assert names["samples"].dtype == np.uint8
    # The artefact is the generator.
    assert names["path"].is_relative_to(run.files.export)
    expected = names["gan"].generate(z=names["z"])
    np.testing.assert_allclose(names["made"], expected, atol=1e-4)
    # In one dimension the curves are those of the text.
    density = names["density"]
    assert np.trapezoid(density[:, 0], names["line"][:, 0]) == pytest.approx(1, abs=1e-2)
    assert names["numbers"].mean() == pytest.approx(0.6 * -2 + 0.4 * 1.5, abs=0.05)
    assert (run.files.directory / "diagnosis" / "diagnosis.json").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("elsewhere")
def test_own_photographs():
    names = run_cells("own_photographs.ipynb", PHOTOGRAPHS)
    run = names["run"]
    assert run.files.read_manifest()["data"]["classes"] == ["china", "flower"]
    assert run.report["last"]["step"] == 2
    assert names["samples"].shape == names["made"].shape == (16, 32, 32, 3)
    assert names["samples"].dtype == names["made"].dtype == np.uint8
    assert names["path"].name == "model.onnx"
    assert set(names["figures"]) >= {"coverage", "recall"}


def test_a_page_changes_along_the_training(monkeypatch):
    """One output, replaced: that of another training is another one."""
    shown = []

    class Handle:
        def update(self, page):
            shown[-1] = page.data

    def display(page, display_id):
        assert display_id
        shown.append(page.data)
        return Handle()

    monkeypatch.setattr("IPython.display.display", display)
    page = notebook.LivePage()
    page.progress("epoch 1, step 5/10 <fast>")
    page.evaluation(5, {"coverage": 0.5, "unheard_of": 1.0})
    draw = np.random.default_rng(0).integers(0, 255, (600, 1800, 3), dtype=np.uint8)
    page.pictures(5, PIL.Image.fromarray(draw))
    (html,) = shown
    for text in ("step 5/10 &lt;fast&gt;", "coverage 0.5", "image/jpeg"):
        assert text in html
    assert len(html) < 400_000  # of noise; photographs take a third
    page.pictures(6, PIL.Image.new("RGB", (100, 40)))
    assert "image/png" in shown[0]
    assert "image/jpeg" not in shown[0]
    notebook.LivePage().progress("another")
    assert len(shown) == 2


def test_there_is_no_page_outside_of_a_notebook():
    assert not in_notebook()
