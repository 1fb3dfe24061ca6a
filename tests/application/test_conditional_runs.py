"""A run whose generator is told the class, as a user has it."""

import json
import re

import numpy as np
import PIL.Image
import pytest
from run_case import RING, ganapp, written

from ganapp.training.data import labels as clusters

CONDITIONAL = """
[data]
source = "digits"
[generator]
network = "dcgan"
channels = [4]
normalisation = "batch"
condition = "batch_norm"
prior = { name = "uniform", size = 4 }
[discriminator]
network = "dcgan"
channels = [4]
condition = "projection"
[objective]
name = "hinge"
[objective.terms]
auxiliary_classifier = {}
[training]
epochs = 1
steps_per_epoch = 4
batch_size = 8
log_every = 2
[evaluation]
samples = 50
baseline_components = 2
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A tenth of each class is labelled; the figures of it are in `test_a_run_with_few_labels`."""
    folder = tmp_path_factory.mktemp("classes")
    (folder / "classes.toml").write_text(CONDITIONAL)
    few = ("--set", "data.labelled=0.1")
    said = ganapp("train", folder / "classes.toml", "--run", folder / "run", *few)
    assert said.code == 0, said.errors
    assert "1,497 training (149 of them labelled), 300 held out" in said.output
    return folder / "run"


def test_samples_of_every_class(run, tmp_path):
    out = tmp_path / "all.npz"
    said = ganapp("sample", run, "--class", "all", "--count", 3, "--out", out)
    assert (said.code, said.errors) == (0, "")
    assert "30 samples" in said.output
    assert "3 of each class" in said.output
    with np.load(out) as file:
        assert file["label"].tolist() == np.repeat(np.arange(10), 3).tolist()
        assert file["z"].shape == (30, 4)
        assert file["samples"].shape == (30, 8, 8, 1)
    said = ganapp("sample", run, "--class", "all", "--count", 3, "--out", tmp_path / "all.png")
    with PIL.Image.open(tmp_path / "all.png") as picture:
        width, height = picture.size
    assert height > 3 * width, "a row per class"


def test_a_run_with_few_labels(run):
    """A tenth of each class, rounded, is 149; what tells the classes knows no others."""
    assert "labelled = 0.1" in (run / "config.toml").read_text()
    report = json.loads((run / "report.json").read_text())["last"]
    assert report["figures"]["asked_accuracy"]["real"] == 149
    assert sum(report["details"]["classes_found"]["training_histogram"]) == 149
    rows = (run / "metrics.jsonl").read_text()
    assert "NaN" not in rows
    assert "null" not in rows.splitlines()[0]


def test_a_run_told_clusters(tmp_path, monkeypatch):
    """Judged by the digits' own classes; nobody asked for one of those."""
    text = CONDITIONAL.replace("[data]", "[data]\nclusters = 12")
    (tmp_path / "clusters.toml").write_text(text)
    told = "network = 'mlp', units = [4], condition"
    small = (
        f"generator = {{{told} = 'concatenation', prior = {{name = 'uniform', size = 4}}}}",
        f"discriminator = {{{told} = 'projection'}}",
        "objective.terms = {}",
    )
    options = [word for setting in small for word in ("--set", setting)]
    said = ganapp("train", tmp_path / "clusters.toml", "--run", tmp_path / "run", *options)
    assert said.code == 0, said.errors
    assert "1,497 training in 12 clusters, 300 held out" in said.output
    report = json.loads((tmp_path / "run" / "report.json").read_text())["last"]
    assert "asked_accuracy" not in report["figures"]
    assert report["details"]["classes_found"]["names"] == list("0123456789")
    monkeypatch.setattr(clusters, "KMeansClusters", None)  # kept, so nobody looks for them again
    out = tmp_path / "cluster.npz"
    said = ganapp("sample", tmp_path / "run", "--class", "cluster 3", "--count", 2, "--out", out)
    assert said.code == 0, said.errors
    with np.load(out) as file:
        np.testing.assert_array_equal(file["label"], [3, 3])
    said = ganapp("sample", tmp_path / "run", "--class", "clutser 7", "--out", tmp_path / "x.png")
    assert said.code == 2
    assert (
        "must be 'all' or one of cluster 0, cluster 1, cluster 2, cluster 3, cluster 4, cluster 5, "
        "cluster 6, cluster 7, cluster 8, cluster 9 and 2 more. Received: 'clutser 7'. "
        "Did you mean 'cluster 7'"
    ) in said.errors
    said = ganapp("sample", tmp_path / "run", "--class", "12", "--out", tmp_path / "x.png")
    assert "9 and 2 more. Received: '12'." in said.errors
    assert "Did you mean" not in said.errors
    again = ganapp("resume", tmp_path / "run")
    assert (again.code, again.errors) == (0, ""), again.errors


@pytest.mark.parametrize(
    ("preset", "setting", "sentence"),
    [
        ("digits", "data.labelled=0", r"`data.labelled`.* greater than 0"),
        ("digits", "data.labelled=1.5", r"`data.labelled`.* less than or equal to 1"),
        ("digits", "data.labelled_seed=3", r"`labelled_seed` chooses the labels that `labelled`"),
        ("digits", "data.labeled=0.1", r"Did you mean `labelled`"),
        ("wine", "data.labelled=0.5", r"`generator.condition` .* some rows lack the label 'class'"),
        ("digits", "data.clusters=1", r"`data.clusters`.* greater than or equal to 2"),
        ("digits", "data.clusters=10", r"classes that nobody is told; add `--set gen"),
        (
            "digits",
            "data={source='digits',labelled=0.5,clusters=9}",
            r"`labelled` must be left out",
        ),
    ],
)
def test_what_labels_are_refused(preset, setting, sentence):
    said = ganapp("train", preset, "--dry-run", "--set", setting)
    assert said.code == 2
    assert re.search(sentence, said.errors.replace("\n", " ")), said.errors


def test_samples_of_one_class(run, tmp_path):
    said = ganapp("sample", run, "--class", "7", "--count", 5, "--out", tmp_path / "7.npz")
    assert "class 7" in said.output
    with np.load(tmp_path / "7.npz") as file:
        assert file["label"].tolist() == [7] * 5
    said = ganapp("sample", run, "--count", 50, "--out", tmp_path / "any.npz")
    with np.load(tmp_path / "any.npz") as file:
        assert len(set(file["label"].tolist())) > 5


def test_the_class_is_part_of_what_is_exported(run, tmp_path):
    """Exported to a folder, under a name and as a version that are said."""
    out = tmp_path / "out"
    named = ("--out", out, "--name", "digits", "--version", 3)
    said = ganapp("export", run, "--format", "litert", *named)
    assert (said.code, said.errors) == (0, "")
    assert "models/digits/3/model.tflite" in written(out)
    assert str(out) in said.output
    assert not (run / "export").exists()
    assert "labels = random.choice(10" in (out / "model_card.md").read_text()


def test_diagnose_and_resume_know_the_classes(run):
    """And images have no density that the discriminator could be compared with."""
    said = ganapp("diagnose", run, "--json")
    assert said.code == 0, said.errors
    content = json.loads(said.output)
    assert "density is not known" in content["discriminator"]["reason"]
    assert content["pictures"]
    said = ganapp("resume", run)
    assert said.code == 0, said.errors


REFUSED = {
    "generator.condition=projection": "generator.condition",
    "discriminator.condition=none objective.terms={}": "looks at the class: set",
    "generator.condition=none": "is needed where the discriminator looks at the class",
    "discriminator.packing=2": "a pack would mix them",
    "generator.normalisation=none": "needs a generator with batch normalisation",
}


@pytest.mark.parametrize("settings", REFUSED)
def test_what_does_not_fit_is_refused(settings, tmp_path):
    (tmp_path / "classes.toml").write_text(CONDITIONAL)
    options = [word for setting in settings.split() for word in ("--set", setting)]
    said = ganapp("train", tmp_path / "classes.toml", "--run", tmp_path / "run", *options)
    assert said.code == 2
    assert REFUSED[settings] in said.errors
    assert not (tmp_path / "run").exists()


def test_classes_need_labels_and_exist(run, tmp_path, finished):
    (tmp_path / "ring.toml").write_text(
        RING.replace("units = [8]", 'units = [8]\ncondition = "concatenation"')
    )
    said = ganapp("train", tmp_path / "ring.toml", "--run", tmp_path / "run")
    assert said.code == 2
    assert "labels" in said.errors
    said = ganapp("sample", run, "--class", "ten", "--out", tmp_path / "x.png")
    assert said.code == 2
    assert "must be 'all' or one of 0, 1" in said.errors
    assert "Did you mean" not in said.errors
    said = ganapp("sample", finished, "--class", "1", "--out", tmp_path / "x.png")
    assert said.code == 2
    assert "for a generator that was told classes" in said.errors
