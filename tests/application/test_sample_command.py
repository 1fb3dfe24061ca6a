"""Samples, evaluations and exports of a finished run."""

import json
import shutil

import numpy as np
import PIL.Image
import pytest
from run_case import ganapp, written

from ganapp.runner.sample_files import read_samples
from ganapp.training.checkpoints import list_steps
from ganapp.training.data import DataSpec

COLUMNS = ("value", "matched", "floor", "baseline")
DIGITS = """
[data]
source = "digits"
[generator]
network = "mlp"
units = [4]
prior = { name = "uniform", size = 4 }
[discriminator]
network = "mlp"
units = [4]
[objective]
name = "non_saturating"
[training]
epochs = 1
steps_per_epoch = 2
batch_size = 8
[evaluation]
samples = 50
baseline_components = 2
"""


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """A run on images, to look at only."""
    folder = tmp_path_factory.mktemp("digits")
    (folder / "digits.toml").write_text(DIGITS)
    said = ganapp("train", folder / "digits.toml", "--run", folder / "run")
    assert said.code == 0, said.errors
    return folder / "run"


def sampled(run, out, *options):
    said = ganapp("sample", run, "--out", out, *options)
    assert (said.code, said.errors) == (0, ""), said
    return out.read_bytes()


@pytest.mark.parametrize("suffix", ["npz", "png", "PNG"])
def test_the_same_seed_gives_the_same_bytes(digits, tmp_path, suffix):
    first = sampled(digits, tmp_path / f"a.{suffix}", "--count", 4, "--seed", 1)
    assert sampled(digits, tmp_path / f"b.{suffix}", "--count", 4, "--seed", 1) == first
    assert sampled(digits, tmp_path / f"c.{suffix}", "--count", 4, "--seed", 2) != first


def test_walks(digits, tmp_path):
    """Of a seed always the same one; one that stays at the likeliest latent does not move."""
    first = sampled(digits, tmp_path / "a.gif", "--count", 2, "--truncation", 1)
    with PIL.Image.open(tmp_path / "a.gif") as walk:
        assert walk.n_frames >= 20
        assert walk.info["loop"] == 0
    assert sampled(digits, tmp_path / "b.gif", "--count", 2) == first
    sampled(digits, tmp_path / "c.gif", "--count", 2, "--seed", 2, "--truncation", 0)
    with PIL.Image.open(tmp_path / "c.gif") as walk:
        assert getattr(walk, "n_frames", 1) == 1


def test_images_in_user_units(digits, tmp_path):
    before = written(digits)
    sampled(digits, tmp_path / "x.npz", "--count", 7, "--seed", 1)
    with np.load(tmp_path / "x.npz") as file:
        samples, latents = file["samples"], file["z"]
        assert sorted(file) == ["samples", "z"]
    assert (samples.dtype, samples.shape) == (np.uint8, (7, 8, 8, 1))
    assert (latents.dtype, latents.shape) == (np.float32, (7, 4))
    assert np.abs(latents).max() <= 1, "a uniform prior"
    assert len(np.unique(samples.reshape(7, -1), axis=0)) == 7
    assert written(digits) == before
    assert [path.name for path in tmp_path.iterdir()] == ["x.npz"]


def test_single_pictures_are_those_of_the_arrays(digits, tmp_path):
    """They are read as samples again, in their order."""
    options, folder = ("--count", 5, "--seed", 1), tmp_path / "pictures"
    for out in (f"{folder}/", f"{tmp_path}/named.png/"):
        said = ganapp("sample", digits, "--out", out, *options)
        assert (said.code, said.errors) == (0, "")
    assert [path.name for path in sorted(folder.iterdir())] == [f"00000{i}.png" for i in range(5)]
    assert written(folder) == written(tmp_path / "named.png")
    sampled(digits, tmp_path / "x.npz", *options)
    with np.load(tmp_path / "x.npz") as file:
        samples = file["samples"]
    spec = DataSpec.from_dict(json.loads((digits / "manifest.json").read_text())["data"])
    np.testing.assert_array_equal(read_samples(folder)(spec).values, samples)
    again = ganapp("sample", digits, "--out", folder, *options)
    assert again.code == 2, "what is there stays"
    assert "`--out` must be an empty or a new folder" in again.errors
    assert sorted(path.name for path in tmp_path.iterdir()) == ["named.png", "pictures", "x.npz"]


def test_vectors_in_user_units(finished, tmp_path):
    sampled(finished, tmp_path / "x.npz", "--count", 9)
    with np.load(tmp_path / "x.npz") as file:
        assert (file["samples"].dtype, file["samples"].shape) == (np.float32, (9, 2))
        assert file["z"].shape == (9, 2)


def test_truncated_samples_are_those_of_truncated_latents(finished, tmp_path):
    """Of the normal prior, whose likeliest latent is 0."""
    options, files = ("--count", 6, "--seed", 3), {}
    for amount in (None, 1, 0.5, 0):
        given = () if amount is None else ("--truncation", amount)
        said = ganapp("sample", finished, "--out", tmp_path / "x.npz", *options, *given)
        assert said.code == 0
        assert ("truncation" in said.output) == (amount in (0.5, 0))
        with np.load(tmp_path / "x.npz") as file:
            files[amount] = file["z"], file["samples"]
    assert "seed 3, truncation 0." in said.output
    latents, samples = files[None]
    np.testing.assert_array_equal(files[1][1], samples)
    np.testing.assert_allclose(files[0.5][0], 0.5 * latents)
    assert (files[0.5][1] != samples).all(axis=1).all()
    assert not files[0][0].any()
    assert (files[0][1] == files[0][1][0]).all(), "one sample, the likeliest latent's"
    assert files[0.5][1].std(axis=0).max() < samples.std(axis=0).max()


def test_pictures_are_truncated_too(digits, tmp_path):
    plain, *others = (
        sampled(digits, tmp_path / "x.png", "--count", 2, "--truncation", amount)
        for amount in (1, 0.5, 0)
    )
    assert plain == sampled(digits, tmp_path / "y.png", "--count", 2)
    assert len({plain, *others}) == 3


@pytest.mark.parametrize("prior", ["sphere", "bernoulli"])
def test_truncation_that_would_change_nothing_is_refused(finished, tmp_path, prior):
    config = finished / "config.toml"
    config.write_text(config.read_text().replace('name = "normal"', f'name = "{prior}"'))
    out = tmp_path / "x.npz"
    said = ganapp("sample", finished, "--out", out, "--truncation", 0.5)
    assert said.code == 2
    assert said.errors.count("\n") == 1
    assert f"`--truncation` must be 1 for this run, because its prior '{prior}'" in said.errors
    assert "Received: 0.5" in said.errors
    assert not out.exists()
    assert ganapp("sample", finished, "--out", out, "--truncation", 1).code == 0


def test_best_and_last_are_two_generators(finished, tmp_path):
    """Both can be asked for; the last checkpoint is the later one."""
    steps = {
        "best": list_steps(finished / "checkpoints" / "best")[0],
        "last": list_steps(finished / "checkpoints")[0],
    }
    for which, step in steps.items():
        said = ganapp("sample", finished, "--out", tmp_path / "x.npz", "--checkpoint", which)
        assert f"samples of step {step:,}, seed 0" in said.output
    (finished / "checkpoints" / "best").rename(tmp_path / "gone")
    said = ganapp("sample", finished, "--out", tmp_path / "x.npz")
    assert f"samples of step {steps['last']:,}" in said.output, "the last serves as the best"


def test_a_run_of_before_gives_the_same_samples(finished, tmp_path):
    """It has kept nothing of its data, which are read again."""
    expected = sampled(finished, tmp_path / "a.png", "--count", 5)
    (finished / "data.npz").unlink()
    assert sampled(finished, tmp_path / "b.png", "--count", 5) == expected


def test_pictures(digits, tmp_path):
    for count in (1, 3):
        sampled(digits, tmp_path / "x.png", "--count", count)
        with PIL.Image.open(tmp_path / "x.png") as picture:
            assert picture.format == "PNG"


def test_evaluate_prints_json_and_rewrites_the_report(finished):
    expected = json.loads((finished / "report.json").read_text())
    (finished / "report.json").unlink()
    (finished / "report.md").unlink()
    said = ganapp("evaluate", finished, "--json")
    assert (said.code, said.errors) == (0, "")
    report = json.loads(said.output)
    assert report == json.loads((finished / "report.json").read_text())
    assert (finished / "report.md").read_text().startswith("# run\n")
    assert report.keys() == expected.keys()
    for which in ("best", "last"):
        assert report[which]["counts"] == expected[which]["counts"]
        for key, figure in expected[which]["figures"].items():
            assert figure.keys() >= {"value", "floor", "baseline", "generated", "real"}
            again = report[which]["figures"][key]
            assert [again[column] for column in COLUMNS] == [
                value if value is None else pytest.approx(value, rel=1e-4)
                for value in (figure[column] for column in COLUMNS)
            ]


def test_evaluate_as_a_table(finished):
    said = ganapp("evaluate", finished)
    assert said.code == 0
    for word in ("best", "last", "floor", "baseline", "modes", "high-quality share", "report.md"):
        assert word in said.output


def test_a_damaged_best_checkpoint_leaves_the_last_one_to_judge(finished, tmp_path):
    for file in (finished / "checkpoints" / "best").iterdir():
        file.write_bytes(b"")
    said = ganapp("evaluate", finished, "--json")
    assert said.code == 0
    assert "Only the last generator is judged." in said.errors
    report = json.loads(said.output)
    assert report["best"] is None
    assert report["last"]["step"] == 24
    assert ganapp("show", finished).code == 0
    assert ganapp("sample", finished, "--out", tmp_path / "x.png").code == 2


def test_a_damaged_newest_checkpoint_is_warned_of_and_left_alone(finished, tmp_path):
    newest, older = list_steps(finished / "checkpoints")[:2]
    (finished / "checkpoints" / f"ckpt-{newest}.index").write_bytes(b"")
    before = written(finished)
    said = ganapp("sample", finished, "--out", tmp_path / "x.npz", "--checkpoint", "last")
    assert said.code == 0
    assert said.errors.startswith(f"Warning: The checkpoint {finished}/checkpoints/ckpt-{newest}")
    assert said.errors.count("\n") == 1
    assert f"samples of step {older:,}" in said.output
    assert written(finished) == before


@pytest.mark.slow
def test_export(digits, tmp_path):
    """Into the run's own folder; another one is in `test_conditional_runs.py`."""
    run = shutil.copytree(digits, tmp_path / "run")
    said = ganapp("export", run, "--format", "litert")
    assert said.code == 0, said.errors
    artefact = f"models/{run.name}/1/model.tflite"
    assert {artefact, "model_card.json", "model_card.md", "model_card.html"} <= written(
        run / "export"
    ).keys()
    card = json.loads((run / "export" / "model_card.json").read_text())
    assert [each["format"] for each in card["artefacts"]] == ["litert"]
    assert {"coverage", "frechet_distance"} <= set(card["judged"]["keras"])
    assert card["artefacts"][0]["figures"] == pytest.approx(card["judged"]["keras"], abs=0.02)
    shown = ganapp("show", run).output
    assert str(run / "export" / artefact) in shown
    assert "SavedModel" not in shown
    verified = ganapp("verify", run / "export")
    assert verified.code == 0, verified.errors
    assert f"{artefact}: largest difference" in verified.output
    with (run / "export" / artefact).open("r+b") as file:
        file.write(b"?")
    refused = ganapp("verify", run / "export")
    assert refused.code == 2
    assert f"{artefact} has changed" in refused.errors


@pytest.mark.parametrize("option", [("--code", "digit=1"), ("--sweep", "digit")])
def test_a_run_without_codes_says_so(digits, tmp_path, option):
    said = ganapp("sample", digits, "--out", tmp_path / "a.png", *option)
    assert said.code == 2
    assert "for a run whose prior names codes" in " ".join(said.errors.split())
    assert not [*tmp_path.iterdir()]
