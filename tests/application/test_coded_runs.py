"""Runs whose codes are read back: figures, alarms, samples at chosen codes, sweeps, export."""

import io
import json

import numpy as np
import PIL.Image
import pytest
from run_case import ganapp

from ganapp.training.evaluation.metrics import codes

CODED = """
[data]
source = "digits"
[generator]
network = "mlp"
units = [8]
[generator.prior]
name = "product"
codes = ["digit", "style"]
[generator.prior.parts]
z = { name = "normal", size = 4 }
digit = { name = "categorical", categories = [10], continuous = 0 }
style = { name = "uniform", size = 2 }
[discriminator]
network = "mlp"
units = [8]
[objective]
name = "non_saturating"
terms = { mutual_information = { reader = "READER" } }
[training]
epochs = 1
steps_per_epoch = 8
batch_size = 8
[evaluation]
samples = 60
baseline_components = 2
"""
READERS = ("trunk", "apart")
APART = '[companions.code_reader]\nnetwork = "mlp"\nunits = [8]\n'


@pytest.fixture(scope="module", autouse=True)
def quick():
    """A second reader that learns little, and soon: what it finds is tested elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codes, "LEARNT_FROM", 200)
        patch.setattr(codes, "MOST_PASSES", 1)
        yield


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run for each kind of reader."""
    folder = tmp_path_factory.mktemp("coded")
    for reader in READERS:
        text = CODED.replace("READER", reader) + (APART if reader == "apart" else "")
        (folder / f"{reader}.toml").write_text(text)
        said = ganapp("train", folder / f"{reader}.toml", "--run", folder / reader)
        assert said.code == 0, said.errors
    return folder


@pytest.fixture(params=READERS)
def coded(request, runs):
    return runs / request.param


@pytest.fixture
def one(runs):
    """One of the runs, for what does not depend on the reader."""
    return runs / "trunk"


def report_of(run):
    return json.loads((run / "report.json").read_text())


def test_a_report_has_their_figures_and_an_evaluation_repeats_them(coded):
    report = report_of(coded)
    for which in ("best", "last"):
        figures, details = report[which]["figures"], report[which]["details"]
        assert 0.1 <= figures["code_accuracy"]["value"] <= 1
        assert details["code_accuracy"]["tested"] == 300
        assert details["code_accuracy"]["codes"]["digit"]["k_means"] > 0.6
        found = details["code_information"]["codes"]
        assert found.keys() == {"digit", "style"}
        total = sum(each["own"] for each in found.values())
        assert figures["code_information"]["value"] == pytest.approx(total)
        assert details["code_information"]["tested"] == 60
    page = (coded / "report.md").read_text()
    assert "Code `digit`: read from 300 held-out examples" in page
    assert "Code `style`: at least" in page
    said = ganapp("evaluate", coded)  # in which nothing of the training is left in memory
    assert said.code == 0, said.errors
    assert report_of(coded) == report


def test_codes_that_are_ignored_raise_an_alarm(coded):
    (alarm,) = (each for each in report_of(coded)["alarms"] if each["name"] == "ignored_codes")
    assert "'style'" in alarm["sentence"]
    assert "mutual_information.weight" in alarm["sentence"]
    said = ganapp("diagnose", coded)
    assert said.code == 0, said.errors


def sampled(run, out, *options):
    said = ganapp("sample", run, "--out", out, *options)
    assert (said.code, said.errors) == (0, ""), said
    return out.read_bytes()


def test_codes_are_set_and_the_rest_is_drawn(one, tmp_path):
    options = ("--count", 5, "--seed", 3)
    plain = np.load(io.BytesIO(sampled(one, tmp_path / "a.npz", *options)))
    setting = ("--code", "digit=7", "--code", "style.1=-0.5")
    found = np.load(io.BytesIO(sampled(one, tmp_path / "b.npz", *options, *setting)))
    np.testing.assert_array_equal(found["digit"], np.eye(10)[[7] * 5])
    np.testing.assert_array_equal(found["style"][:, 1], -0.5)
    np.testing.assert_array_equal(found["style"][:, 0], plain["style"][:, 0])
    np.testing.assert_array_equal(found["z"], plain["z"])
    assert (found["samples"] != plain["samples"]).any()


def test_sweeps_are_pictures(one, tmp_path):
    png = sampled(one, tmp_path / "a.png", "--sweep", "digit", "--count", 3)
    with PIL.Image.open(io.BytesIO(png)) as picture:
        assert picture.width > 2 * picture.height
    gif = sampled(one, tmp_path / "a.gif", "--sweep", "digit", "--code", "style.0=1")
    with PIL.Image.open(io.BytesIO(gif)) as picture:
        assert picture.n_frames == 10
    gif = sampled(one, tmp_path / "b.gif", "--sweep", "style.0", "--count", 4)
    with PIL.Image.open(io.BytesIO(gif)) as picture:
        assert picture.n_frames == 46  # there and back


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--code", "digits=1"), "must name one of digit, style.0, style.1. Received: 'digits'"),
        (("--code", "digit=10"), "must be a whole number from 0 to 9. Received: digit=10"),
        (("--code", "style.0=2"), "must be a number from -1 to 1. Received: style.0=2"),
        (("--code", "digit"), "must set each code NAME=VALUE. Received: 'digit'"),
        (("--code", "digit=1", "--code", "digit=2"), "must set each code once"),
        (("--sweep", "z"), "`--sweep` must name one of digit, style.0, style.1"),
        (("--sweep", "digit", "--code", "digit=1"), "`--code` cannot set one"),
    ],
)
def test_mistakes_are_said_in_sentences(one, tmp_path, options, sentence):
    said = ganapp("sample", one, "--out", tmp_path / "a.png", *options)
    assert said.code == 2
    assert sentence in " ".join(said.errors.split())
    assert not [*tmp_path.iterdir()]


def test_a_sweep_is_a_picture_and_a_run_without_codes_says_so(one, tmp_path):
    said = ganapp("sample", one, "--out", tmp_path / "a.npz", "--sweep", "digit")
    assert said.code == 2
    assert "must end in .png or .gif" in " ".join(said.errors.split())


def test_exports_say_what_can_be_set(one):
    said = ganapp("export", one, "--format", "litert")
    assert said.code == 0, said.errors
    (path,) = (one / "export").rglob("serving.json")
    listed = json.loads(path.read_text())["latent"]["codes"]
    assert [each["name"] for each in listed] == ["digit", "style.0", "style.1"]
    assert listed[0].items() >= {"kind": "category", "latent": "digit", "size": 10}.items()
