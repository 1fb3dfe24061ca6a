"""A table whose class is a column: rows of the class that was asked for say so."""

import json

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from run_case import ganapp
from table_run_case import TABLE, people

from ganapp.config.loading import load_config
from ganapp.runner.experiment import compose

ASKED = 'units = [8]\ncondition = "concatenation"\nprior'


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The discriminator is told nothing: it reads the class in the row."""
    folder = tmp_path_factory.mktemp("conditional")
    people().to_csv(folder / "people.csv", index=False)
    text = TABLE.format(path=folder / "people.csv").replace("units = [8]\nprior", ASKED)
    (folder / "people.toml").write_text(text)
    said = ganapp("train", folder / "people.toml", "--run", folder / "run")
    assert said.code == 0, said
    return folder / "run"


@pytest.mark.parametrize("city", ["Oslo", "Łódź"])
def test_rows_of_a_class_are_of_it(run, city, tmp_path):
    out = tmp_path / "x.csv"
    said = ganapp("sample", run, "--class", city, "--count", 30, "--out", out)
    assert said.code == 0, said
    found = pd.read_csv(out)
    assert (found["city"] == city).all()
    assert len(found) == 30
    assert found["age"].nunique() > 1


def test_rows_of_every_class(run, tmp_path):
    said = ganapp("sample", run, "--class", "all", "--count", 5, "--out", tmp_path / "x.parquet")
    assert said.code == 0, said
    assert pd.read_parquet(tmp_path / "x.parquet")["city"].tolist() == ["Oslo"] * 5 + ["Łódź"] * 5


def test_labels_are_what_the_rows_say(run, tmp_path):
    assert ganapp("sample", run, "--count", 200, "--out", tmp_path / "x.npz").code == 0
    with np.load(tmp_path / "x.npz") as file:
        np.testing.assert_array_equal(file["samples"][:, 1], file["label"])
        share = people()["city"].eq("Oslo").mean()
        assert abs((file["label"] == 0).mean() - share) < 0.12  # three standard errors


def test_figures_that_the_column_would_give_away_are_left_out(run):
    figures = json.loads((run / "report.json").read_text())["last"]["figures"]
    assert {"tstr", "marginals"} <= set(figures)
    assert not {"asked_accuracy", "transfer_accuracy"} & set(figures)


def test_rows_without_a_label_take_part(tmp_path):
    """Both kinds in one table: the label column is empty in every third row."""
    frame = people()
    frame.loc[::3, "city"] = None
    frame.to_csv(tmp_path / "people.csv", index=False)
    text = TABLE.format(path=tmp_path / "people.csv")
    (tmp_path / "none.toml").write_text(text)
    said = ganapp("train", tmp_path / "none.toml", "--dry-run")
    assert said.code == 2
    assert "needed for a table of which some rows lack the label 'city'" in said.errors
    (tmp_path / "people.toml").write_text(text.replace("units = [8]\nprior", ASKED))
    said = ganapp("train", tmp_path / "people.toml", "--run", tmp_path / "run")
    assert said.code == 0, said
    assert "of them labelled)" in said.output
    said = ganapp("sample", tmp_path / "run", "--count", 50, "--out", tmp_path / "x.csv")
    assert said.code == 0, said
    assert set(pd.read_csv(tmp_path / "x.csv")["city"]) == {"Oslo", "Łódź"}
    report = json.loads((tmp_path / "run" / "report.json").read_text())["last"]
    assert report["figures"]["tstr"]["value"] > 0
    assert 0 < report["details"]["tstr"]["tested"] < report["counts"]["held_out"]


def test_labels_of_a_table_may_be_hidden():
    settings = ["data.labelled=0.4", "training.replicas=1", "generator.condition=concatenation"]
    experiment = compose(load_config("wine", settings))
    gan, spec = experiment.gan, experiment.source.spec
    found = experiment.source.at(tf.range(16, dtype=tf.int64))
    rows, labels = found["x"], found["label"]
    assert (labels < 0).numpy().any()
    other = rows.numpy()
    other[:, spec.label_start : spec.label_start + 3] = np.eye(3)[np.arange(16) % 3]
    scores = [
        gan.score({"x": x, "label": tf.one_hot(labels, 3)}, training=False) for x in (rows, other)
    ]
    same = (scores[0] == scores[1]).numpy().ravel()
    assert same[labels < 0].all()
    assert not same.all()


def test_artefacts_make_rows_of_the_class_that_they_are_given(run, tmp_path):
    said = ganapp("export", run, "--format", "litert", "--out", tmp_path / "out")
    assert (said.code, said.errors) == (0, "")
    from ai_edge_litert.interpreter import Interpreter

    (path,) = (tmp_path / "out").rglob("model.tflite")
    draw = Interpreter(str(path)).get_signature_runner()
    z = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
    label = np.eye(2, dtype="float32")[[0, 1, 1, 0, 0, 0, 1, 1]]
    (rows,) = draw(z=z, label=label).values()
    one_hot = [np.array_equal(rows[:, i : i + 2], label) for i in range(rows.shape[1] - 1)]
    assert one_hot.count(True) == 1
