"""Encoders on the command line: of a run of pairs, trained afterwards, and between two pictures."""

import json
import shutil

import numpy as np
import PIL.Image
import pytest
from run_case import ganapp, written
from sklearn.datasets import load_digits

PLAIN = """
[data]
source = "digits"
[generator]
network = "mlp"
units = [8]
{generator}
prior = {{ name = "normal", size = 3 }}
[discriminator]
network = "mlp"
units = [8]
{discriminator}
{more}
[objective]
name = "{objective}"
[training]
epochs = 1
steps_per_epoch = 2
batch_size = 8
[evaluation]
samples = 50
baselines = []
"""
PAIRS = '[companions.encoder]\nnetwork = "mlp"\nunits = [8]'


def configuration(objective="non_saturating", more="", generator="", discriminator=""):
    fields = {"objective": objective, "more": more}
    return PLAIN.format(**fields, generator=generator, discriminator=discriminator)


def trained_run(folder, text):
    (folder / "run.toml").write_text(text)
    said = ganapp("train", folder / "run.toml", "--run", folder / "run")
    assert said.code == 0, said.errors
    return folder / "run"


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return trained_run(tmp_path_factory.mktemp("plain"), configuration())


@pytest.fixture(scope="module")
def paired(tmp_path_factory):
    return trained_run(tmp_path_factory.mktemp("paired"), configuration(more=PAIRS))


@pytest.fixture
def run(plain, tmp_path):
    return shutil.copytree(plain, tmp_path / "run")


def answered(*arguments):
    said = ganapp(*arguments)
    assert (said.code, said.errors) == (0, ""), said
    return said.output


def refused(*arguments):
    said = ganapp(*arguments)
    assert said.code == 2, said
    assert "Traceback" not in said.errors
    return said.errors


def elsewhere(run):
    return {name: content for name, content in written(run).items() if "encoder/" not in name}


def test_an_encoder_is_trained_once_and_judged(run):
    before = elsewhere(run)
    del before[".lock"]
    said = answered("encode", run, "--steps", 40)
    for heading in ("the encoder", "the mean example", "3 principal components", "nearest"):
        assert heading in said
    files = written(run)
    assert {name: files[name] for name in before} == before
    report = json.loads(files["encoder/report.json"])
    assert report["encoder"]["origin"] == "trained afterwards"
    assert report["encoder"]["settings"]["steps"] == 40
    assert report["counts"] == {"held_out": 300, "training": 1497, "latents": 3}
    errors = {name: x["mean_squared_error"] for name, x in report["reconstructions"].items()}
    digits = load_digits()
    assert 0 < errors["3 principal components"] < errors["the mean example"]
    assert errors["the mean example"] == pytest.approx(
        digits.data.var(0).mean() * 255**2 / 256, rel=0.1
    )
    with PIL.Image.open(run / "encoder/reconstructions.png") as picture:
        assert picture.width > picture.height > 100
    answered("encode", run)  # what is there is used, settings and all
    assert written(run) == files
    again = json.loads(answered("encode", run, "--json", "--steps", 5))
    assert again["encoder"]["settings"]["steps"] == 5
    assert (
        again["reconstructions"]["the mean example"]
        == report["reconstructions"]["the mean example"]
    )
    answered("encode", run, "--steps", 40)
    assert written(run)["encoder/report.json"] == files["encoder/report.json"]  # bit for bit


def test_the_latents_of_a_file(run, tmp_path):
    answered("encode", run, "--steps", 5)
    images = load_digits().images[:7] / 16
    np.savez(tmp_path / "seven.npz", samples=images, labels=np.arange(7))
    said = answered("encode", run, tmp_path / "seven.npz", "--out", tmp_path / "codes.npz")
    assert "latents of 7 examples" in said
    with np.load(tmp_path / "codes.npz") as codes:
        assert codes["z"].shape == (7, 3)
        assert codes["z"].dtype == np.float32
        assert np.ptp(codes["z"]) > 0


def test_a_run_of_pairs_has_its_own(paired, tmp_path):
    out = tmp_path / "codes.npz"
    said = answered("encode", paired, "--out", out)
    assert "trained with the generator" in " ".join(said.split())
    assert not list((paired / "encoder").glob("ckpt-*"))
    with np.load(out) as codes:
        assert codes["z"].shape == (300, 3)
    assert "there is nothing to train" in refused("encode", paired, "--steps", 10)
    saved = answered("train", paired / "config.toml", "--dry-run", "--run", tmp_path / "new")
    assert "trained with the generator" in " ".join(saved.split())


@pytest.fixture
def two_pictures(tmp_path):
    paths = tmp_path / "a.png", tmp_path / "b.png"
    for path, image in zip(paths, load_digits().images, strict=False):
        PIL.Image.fromarray((image * 15.9).astype(np.uint8)).resize((40, 40)).save(path)
    return paths


def test_samples_between_two_pictures(paired, two_pictures, tmp_path):
    between = ("sample", paired, "--between", *two_pictures, "--out")
    assert "14 samples" in answered(*between, tmp_path / "row.png")
    with PIL.Image.open(tmp_path / "row.png") as row:
        assert row.width > 10 * row.height
    answered(*between, tmp_path / "walk.npz", "--count", 5)
    with np.load(tmp_path / "walk.npz") as walk:
        samples, z = walk["samples"], walk["z"]
    assert samples.shape == (5, 8, 8, 1)
    folder = tmp_path / "two"
    folder.mkdir()
    for path in two_pictures:
        shutil.copy(path, folder)
    said = ganapp("encode", paired, folder, "--out", tmp_path / "ends.npz")
    assert said.code == 0
    assert "2 samples were made 8 pixels wide" in said.errors
    with np.load(tmp_path / "ends.npz") as ends:
        np.testing.assert_allclose(z[[0, -1]], ends["z"], atol=1e-5)
    lengths = np.linalg.norm(z, axis=1)  # along the prior's arc
    np.testing.assert_allclose(lengths, np.linspace(lengths[0], lengths[-1], 5), rtol=1e-4)
    answered(*between, tmp_path / "walk.gif", "--count", 6)
    with PIL.Image.open(tmp_path / "walk.gif") as walk:
        assert 2 <= walk.n_frames <= 10


def test_what_cannot_be_between_is_refused(plain, paired, two_pictures, tmp_path):
    a, b = two_pictures
    out = ("--out", tmp_path / "x.png")
    assert "has no encoder" in refused("sample", plain, "--between", a, b, *out)
    assert "two files" in refused("sample", paired, "--between", a, tmp_path / "none.png", *out)
    assert "draws nothing" in refused("sample", paired, "--between", a, b, *out, "--seed", 3)
    assert "at least 2" in refused("sample", paired, "--between", a, b, *out, "--count", 1)
    (tmp_path / "text.png").write_text("no picture")
    assert "must be pictures" in refused(
        "sample", paired, "--between", a, tmp_path / "text.png", *out
    )
    assert not (tmp_path / "x.png").exists()


def test_what_cannot_be_encoded_is_refused(paired, run, tmp_path):
    out = ("--out", tmp_path / "codes.npz")
    assert "DATA must be a file" in refused("encode", paired, tmp_path / "none.npz", *out)
    np.save(tmp_path / "wide.npy", np.zeros((3, 9, 9), np.uint8))
    assert "`--out` is needed" in refused("encode", paired, tmp_path / "wide.npy")
    assert "shape (n, 8, 8, 1)" in refused("encode", paired, tmp_path / "wide.npy", *out)
    assert "must end in .npz" in refused("encode", paired, "--out", tmp_path / "codes.csv")
    assert "must be at least 1" in refused("encode", run, "--steps", 0)
    assert not (tmp_path / "codes.npz").exists()
    assert not (run / "encoder").exists()
    answered("encode", run, "--steps", 2)
    (run / "encoder" / "encoder.json").write_text("{")
    assert "damaged; delete the folder" in refused("encode", run)


def test_a_class_is_asked_for_where_the_generator_is_told_one(tmp_path, two_pictures):
    told = configuration(
        more=PAIRS,
        generator='condition = "concatenation"',
        discriminator='condition = "projection"',
    )
    run = trained_run(tmp_path, told)
    answered("encode", run)
    between = ("sample", run, "--between", *two_pictures, "--out", tmp_path / "x.png")
    assert "needs `--class`" in refused(*between)
    answered(*between, "--class", "7")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (("objective.name=ebgan",), "where `companions.encoder` is trained"),
        (("generator.prior.name=bernoulli",), "latents that are numbers"),
        (("levels={'0'={}, '1'={}}",), "is for one generator"),
        (("discriminator.packing=2",), "packing"),
    ],
)
def test_pairs_that_cannot_be_are_refused_before_training(tmp_path, settings, sentence):
    (tmp_path / "pairs.toml").write_text(configuration(more=PAIRS))
    given = [each for setting in settings for each in ("--set", setting)]
    said = refused("train", tmp_path / "pairs.toml", *given, "--dry-run", "--run", tmp_path / "r")
    assert sentence in said
