"""Reconstruction from the features of a user's own model, from training to the export."""

import json

import keras
import numpy as np
import PIL.Image
import pytest
from run_case import ganapp, tensors

from ganapp.config.loading import load_config
from ganapp.errors import UserError
from ganapp.runner.experiment import compose

INVERT = """
[data]
source = "digits"
[data.features]
model = "mine.keras"
layer = "hidden"
values = "unit"
[generator]
network = "mlp"
units = [32]
prior = { name = "normal", size = 2 }
[discriminator]
network = "mlp"
units = [16]
[companions.comparator]
network = "layer"
model = "mine.keras"
layer = "maps"
values = "unit"
[objective]
name = "non_saturating"
normalised = true
terms = { reconstruction = {}, feature_reconstruction = { weight = 0.5 } }
[training]
epochs = 2
steps_per_epoch = 4
batch_size = 8
deterministic = true
[evaluation]
samples = 60
baseline_components = 2
"""


def write_model(path):
    keras.utils.set_random_seed(4)
    x = keras.Input((8, 8, 1))
    maps = keras.layers.Conv2D(3, 3, strides=2, activation="relu", name="maps")(x)
    maps = keras.layers.BatchNormalization()(maps)
    hidden = keras.layers.Dense(6, name="hidden")(keras.layers.Flatten()(maps))
    keras.Model(x, keras.layers.Dense(10)(keras.layers.Dropout(0.5)(hidden))).save(path)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inverted")
    write_model(folder / "mine.keras")
    (folder / "invert.toml").write_text(INVERT.replace("mine.keras", str(folder / "mine.keras")))
    return folder


@pytest.fixture(scope="module")
def run(place):
    said = ganapp("train", place / "invert.toml", "--run", place / "run")
    assert said.code == 0, said.errors
    assert "image 8 x 8 x 1, given features 6" in said.output
    words = " ".join(said.output.split())
    assert "the layer 'hidden' of" in words
    assert "which is given images in [0, 1]" in words
    return place / "run"


def test_the_report_has_figures_of_reconstructions(run):
    report = json.loads((run / "report.json").read_text())["last"]
    for key in ("reconstruction_accuracy", "feature_distance", "reconstruction_psnr"):
        assert report["figures"][key]["value"] > 0
    details = report["details"]["reconstruction_accuracy"]
    assert details["originals"] > 0.95
    assert details["observations"] == 300
    assert "Support vectors on pixels" in (run / "report.md").read_text()
    with PIL.Image.open(run / "pictures" / "reconstructions.png") as picture:
        assert min(picture.size) > 100


def test_samples_are_of_features_and_need_no_model(run, place, tmp_path):
    (place / "mine.keras").rename(place / "away.keras")
    try:
        said = ganapp("sample", run, "--count", 5, "--out", tmp_path / "x.npz")
        assert (said.code, said.errors) == (0, "")
        with np.load(tmp_path / "x.npz") as file:
            assert file["features"].shape == (5, 6)
            assert file["samples"].shape == (5, 8, 8, 1)
    finally:
        (place / "away.keras").rename(place / "mine.keras")


def test_pictures_are_inverted_by_the_kept_network(run, place, tmp_path):
    from sklearn.datasets import load_digits

    digits = np.round(load_digits().images[:3, ..., None] * (255 / 16)).astype(np.uint8)
    np.save(tmp_path / "digits.npy", digits)
    said = ganapp("invert", run, tmp_path / "digits.npy", "--out", tmp_path / "out.npz")
    assert said.code == 0, said.errors
    with np.load(tmp_path / "out.npz") as file:
        found = dict(file)
    np.testing.assert_array_equal(found["originals"], digits)
    assert found["samples"].shape == (3, 8, 8, 1)
    model = keras.models.load_model(place / "mine.keras")
    hidden = keras.Model(model.inputs[0], model.get_layer("hidden").output)(digits / 255)
    # Standardised: an affine map of each entry.
    for mine, kept in zip(np.asarray(hidden).T, found["features"].T, strict=True):
        slope = (mine[1] - mine[0]) / (kept[1] - kept[0])
        np.testing.assert_allclose(mine[2] - mine[0], slope * (kept[2] - kept[0]), rtol=1e-2)
    PIL.Image.fromarray(digits[0, ..., 0]).save(tmp_path / "one.png")
    said = ganapp("invert", run, tmp_path / "one.png", "--out", tmp_path / "pair.png")
    assert said.code == 0, said.errors
    assert "1 reconstruction of step" in said.output
    said = ganapp("invert", run, tmp_path / "gone.png", "--out", tmp_path / "pair.png")
    assert (said.code, "IMAGES must be a file or folder that exists" in said.errors) == (2, True)


def test_it_goes_on_exactly_without_the_model_and_not_with_another(run, place, tmp_path):
    whole = ganapp(
        "train", place / "invert.toml", "--run", tmp_path / "whole", "--set", "training.epochs=3"
    )
    assert whole.code == 0, whole.errors
    short = ganapp("train", place / "invert.toml", "--run", tmp_path / "short")
    assert short.code == 0, short.errors
    (place / "mine.keras").rename(place / "away.keras")
    try:
        again = ganapp("resume", tmp_path / "short", "--set", "training.epochs=3")
    finally:
        (place / "away.keras").rename(place / "mine.keras")
    assert again.code == 0, again.errors
    left, right = (tensors(tmp_path / name) for name in ("short", "whole"))
    assert left.keys() == right.keys()
    assert any("mean_feature_reconstruction" in name or "terms" in name for name in left)
    for name, value in right.items():
        np.testing.assert_array_equal(left[name], value, err_msg=name)
    kept = tmp_path / "short" / "networks" / "features.keras"
    write_model(kept)
    for verb in ("resume", "sample"):
        more = ["--out", tmp_path / "x.npz"] if verb == "sample" else []
        said = ganapp(verb, tmp_path / "short", *more)
        assert said.code == 2
        assert "features.keras is another one than the run was trained with" in said.errors
    kept.unlink()
    assert "features.keras is missing" in ganapp("resume", tmp_path / "short").errors


def test_exported_with_features_as_an_input(run, tmp_path):
    said = ganapp("export", run, "--format", "litert", "--out", tmp_path / "export")
    assert said.code == 0, said.errors
    (described,) = (tmp_path / "export").rglob("serving.json")
    assert "features" in described.read_text()


def refused(place, *overrides):
    with pytest.raises((UserError, ValueError)) as error:
        compose(load_config(str(place / "invert.toml"), overrides))
    return str(error.value)


def test_what_does_not_fit_is_refused(place):
    for override, sentence in {
        'companions.comparator={ network = "mlp" }': "comparator.network` must be 'layer'",
        "companions.comparator.layer=mops": "`companions.comparator.layer` must be one of",
        "companions.comparator.trained_with=generator": "trained_with` must be left out",
        "companions={}": "`companions.comparator` is needed by the term 'feature_reconstruction'",
        "objective.terms={}": "must be called by a term",
        "data.features.layr=x": "Did you mean `layer`?",
        "data.features.values=half": "`data.features.values`: input should be 'symmetric'",
        "data.source=ring": "`data.features` is for images",
    }.items():
        assert sentence in refused(place, override), override
    levels = ["levels.0={}", "levels.1={}"]
    assert "must be left out of a pyramid" in refused(place, *levels)


def test_what_observes_nothing_is_not_inverted(trained, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((2, 8, 8, 1), np.uint8))
    said = ganapp("invert", trained, tmp_path / "x.npy", "--out", tmp_path / "y.png")
    assert said.code == 2
    assert "`invert` is for runs with `data.features` alone" in said.errors
