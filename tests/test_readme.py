"""What the README says works as it stands there."""

import dataclasses
import re
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from ganapp.models.networks import DISCRIMINATORS, GENERATORS
from ganapp.training.augmentations import AUGMENTATIONS
from ganapp.training.baselines import BASELINES
from ganapp.training.constraints import CONSTRAINTS
from ganapp.training.data import SOURCES
from ganapp.training.data.tables.constraints import COLUMN_CONSTRAINTS
from ganapp.training.evaluation.features import FEATURES
from ganapp.training.objectives import OBJECTIVES, Objective
from ganapp.training.priors import PRIORS
from ganapp.training.terms import TERMS
from ganapp.training.weightings import WEIGHTINGS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def block(text):
    (found,) = [block for block in BLOCKS if text in block]
    return found


def test_the_python_example_trains_and_generates(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    points = np.random.default_rng(0).normal(size=(256, 2)).astype("float32")
    dataset = tf.data.Dataset.from_tensor_slices(points).batch(64, drop_remainder=True)
    code = block("gan.fit(dataset, epochs=10").replace("epochs=10", "epochs=2, verbose=0")
    names = {"dataset": dataset}
    exec(code, names)
    assert names["samples"].shape == (100, 2)
    assert np.isfinite(names["samples"]).all()
    assert "generator_loss" in (tmp_path / "losses.csv").read_text().splitlines()[0]
    lines = [line for line in code.splitlines() if line and not line.startswith(("from", "import"))]
    assert len(lines) <= 10


@pytest.mark.slow
def test_the_blocks_of_the_python_document_run_one_after_the_other(tmp_path, monkeypatch):
    """Each `fit` is one step, run eagerly; that of a run is an epoch. The plugin is a file
    (`test_plugins.py` loads it).
    """
    monkeypatch.chdir(tmp_path)
    names = {}
    for code in re.findall(
        r"```python\n(?!# my_gan.py)(.*?)```",
        (ROOT / "docs" / "python.md").read_text("utf-8"),
        re.DOTALL,
    ):
        code = re.sub(r"(\.compile\(.*)\)$", r"\1, run_eagerly=True)", code, flags=re.MULTILINE)
        code = re.sub(r", epochs=\d+, steps_per_epoch=\d+", ", steps_per_epoch=1, verbose=0", code)
        code = code.replace("epochs=20, callbacks", "epochs=1, verbose=0, callbacks")
        exec(code, names)
    np.testing.assert_array_equal(names["samples"], names["same"])
    assert names["sevens"].shape == (16, 8, 8, 1)
    assert names["following"].shape == (100, 16, 16, 1)
    assert names["of_each"].shape == (10, 8, 8, 1)
    assert names["found"].shape == (5, 16)
    assert (tmp_path / "runs" / "mine" / "checkpoints").is_dir()


def test_the_objective_of_the_example_is_one():
    names = {"dataclasses": dataclasses, "Objective": Objective}
    names["tf"] = tf
    exec(block("class BoundarySeeking"), names)
    objective = names["BoundarySeeking"]()
    real, fake = tf.constant([1.0, 3.0]), tf.constant([0.0, 2.0])
    np.testing.assert_allclose(
        objective.discriminator_loss(real, fake), [1.006409, 2.175515], rtol=1e-6
    )
    np.testing.assert_allclose(objective.generator_loss(real, fake), [0.0, 2.0])
    optimizer = objective.generator_optimizer.build()
    assert isinstance(optimizer, keras.optimizers.Adam)


@pytest.mark.parametrize(
    ("family", "members"),
    [
        ("objectives", OBJECTIVES),
        ("terms", TERMS),
        ("augmentations", AUGMENTATIONS),
        ("weightings", WEIGHTINGS),
        ("constraints", CONSTRAINTS),
        ("constraints of tables", COLUMN_CONSTRAINTS),
        ("priors", PRIORS),
        ("networks", GENERATORS | DISCRIMINATORS),
        ("data", SOURCES),
        ("baselines", BASELINES),
        ("features", FEATURES),
    ],
)
def test_the_table_of_what_exists_is_complete(family, members):
    (row,) = re.findall(rf"^\| {family} \|(.*)\|$", README, flags=re.MULTILINE)
    assert set(members) <= set(re.findall(r"`(\w+)`", row))


def test_every_path_the_readme_names_exists():
    paths = re.findall(r"\]\(([^)#:]+)\)|`((?:docs|training|tests)/[\w/.-]+)`", README)
    for path in {link or code for link, code in paths}:
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("path", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))])
def test_no_placeholder_is_left(path):
    text = path.read_text(encoding="utf-8")
    assert not re.findall(r"TODO|TBD|FIXME|XXX|\?\?\?|lorem", text, flags=re.IGNORECASE)


def test_the_figures_of_the_readme_are_those_of_the_results():
    """One measurement, quoted twice: every generated figure of the table is in docs/results.md."""
    results = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    (section,) = re.findall(r"^### digits.*?(?=^### )", results, flags=re.MULTILINE | re.DOTALL)
    cells = [re.split(r" *\| *", line) for line in section.splitlines() if line.startswith("|")]
    column = cells[0].index("seed 0")
    measured = {row[1]: row[column] for row in cells}
    (table,) = re.findall(r"generated  mixture.*?\n(.*?)generated and mixture", README, re.DOTALL)
    rows = [re.split(r"  +", line) for line in table.strip().splitlines()]
    assert len(rows) == 8
    for name, generated, *_ in rows:
        assert float(generated) == pytest.approx(float(measured[name]), rel=6e-3), name
