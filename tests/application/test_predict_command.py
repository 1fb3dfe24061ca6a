"""`ganapp predict`, the rollout in a report and its export, on a run of next frames."""

import json

import numpy as np
import PIL.Image
import pytest
from run_case import ganapp, tensors

from ganapp.config.loading import load_config
from ganapp.training.data import SOURCES

CONFIG = """
[data]
source = "moving_digits"
frames = 6
size = 14
past = 3
bounce = "random"
[generator]
network = "multi_scale"
residual = "frames"
scales = 2
channels = [4]
prior = { name = "normal", size = 2 }
[discriminator]
network = "multi_scale"
scales = 2
channels = [4]
hidden = 4
[objective]
name = "relativistic"
terms = { reconstruction = { weight = 10.0 }, mismatched_pairs = { relative = true } }
[training]
epochs = 2
steps_per_epoch = 3
batch_size = 8
checkpoint_every = 3
[evaluation]
samples = 60
baseline_components = 2
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("predict")
    (folder / "video.toml").write_text(CONFIG)
    said = ganapp("train", folder / "video.toml", "--run", folder / "run")
    assert said.code == 0, said.errors
    return folder / "run"


def test_the_preset_is_one():
    config = load_config("video-digits")
    assert config.generator.network == config.discriminator.network == "multi_scale"


def test_the_report_has_figures_by_step(run):
    text = (run / "report.md").read_text()
    for words in ("PSNR (dB) of frames", "| +1 | +2 | +3 |", "constant velocity"):
        assert words in text
    tables = {each["key"]: each for each in json.loads((run / "report.json").read_text())["tables"]}
    energy = tables["rollout/energy score"]
    assert "drawn by lot, so no single prediction can be right" in energy["title"]
    assert "drawn by lot" not in tables["rollout/PSNR (dB)"]["title"]
    assert [row["name"] for row in energy["rows"]] == [
        "prediction",
        "mean of its draws",
        "last frame",
        "constant velocity",
        "best possible mean",
        "draw from the law",
    ]
    last = [row["values"][-1] for row in energy["rows"]]
    assert last[-1] == min(last)
    assert "best possible mean" in [row["name"] for row in tables["rollout/PSNR (dB)"]["rows"]]
    with PIL.Image.open(run / "pictures" / "rollout.png") as picture:
        assert min(picture.size) > 300


def test_held_out_clips_with_the_floor(run, tmp_path):
    said = ganapp("predict", run, "held-out", "--draws", 2, "--out", tmp_path / "x.npz")
    assert said.code == 0, said.errors
    for words in ("SSIM", "draw from the law", "mean of its draws", "2 futures of 3 frames"):
        assert words in said.output
    text = " ".join(said.output.split())
    assert "no single prediction can be right" in text
    assert "`--draws 8`" not in text
    source = SOURCES["moving_digits"](frames=6, size=14, bounce="random")
    clips = source.held_out_examples(200)[0]
    with np.load(tmp_path / "x.npz") as file:
        np.testing.assert_array_equal(np.concatenate([file["past"], file["truth"]], 1), clips)
        made = file["predictions"]
    assert (made.shape, made.dtype) == ((200, 2, 3, 14, 14, 1), np.uint8)
    assert (made[:, 0] != made[:, 1]).any()


def test_clips_of_a_file_and_a_folder(run, tmp_path):
    clips = SOURCES["moving_digits"](frames=4, size=14).training_examples(3)[0]
    np.savez(tmp_path / "clips.npz", clips=clips)
    for number, clip in enumerate(clips):
        (tmp_path / "clips" / f"{number}").mkdir(parents=True)
        for time, frame in enumerate(clip):
            place = tmp_path / "clips" / f"{number}" / f"{time}.png"
            PIL.Image.fromarray(frame[..., 0]).save(place)
    found = []
    for place in ("clips.npz", "clips"):
        out = tmp_path / f"{place}.out.npz"
        said = ganapp("predict", run, tmp_path / place, "--frames", 5, "--out", out)
        assert said.code == 0, said.errors
        assert "constant velocity" in said.output
        assert "law" not in said.output
        assert "drawn by lot" not in said.output  # where these clips come from is not known
        assert " +2" not in said.output  # one true frame is known
        with np.load(out) as file:
            found.append(file["predictions"])
    np.testing.assert_array_equal(*found)
    assert found[0].shape == (3, 1, 5, 14, 14, 1)


@pytest.mark.parametrize("kind", ["gif", "png"])
def test_pictures(run, tmp_path, kind):
    out = tmp_path / f"x.{kind}"
    said = ganapp("predict", run, "held-out", "--frames", 2, "--draws", 2, "--out", out)
    assert said.code == 0, said.errors
    with PIL.Image.open(out) as picture:
        assert min(picture.size) > 150
        assert getattr(picture, "n_frames", 1) == (5 if kind == "gif" else 1)


def test_mistakes_are_sentences(run, trained, tmp_path):
    short = SOURCES["moving_digits"](frames=3, size=14).training_examples(2)[0]
    np.savez(tmp_path / "short.npz", clips=short)
    np.savez(tmp_path / "large.npz", clips=np.zeros((2, 4, 20, 20, 1), np.uint8))
    out = tmp_path / "x.npz"
    for given, words in {
        (run, tmp_path / "short.npz", "--out", out): "`--frames` must say how many to predict",
        (run, tmp_path / "large.npz", "--out", out): "at least 3 frames of 14 x 14 pixels",
        (run, tmp_path / "none.npz", "--out", out): "`CLIPS` must be a folder of clip folders",
        (run, "held-out", "--out", tmp_path / "x.jpg"): "`--out` must end in .gif, .npz, .png",
        (run, "held-out", "--out", out, "--draws", 0): "`--draws` must lie between 1 and 200",
        (trained, "held-out", "--out", out): "The run must be one of next frames",
    }.items():
        said = ganapp("predict", *given)
        assert said.code == 2, given
        assert words in " ".join(said.errors.split()), said.errors
        assert "Traceback" not in said.errors
    assert not out.exists()


def test_the_rollout_is_exported(run, tmp_path):
    out = tmp_path / "export"
    formats = [word for name in ("saved_model", "litert", "onnx") for word in ("--format", name)]
    said = ganapp("export", run, "--frames", 3, *formats, "--out", out)
    assert said.code == 0, said.errors
    card = json.loads((out / "model_card.json").read_text())
    assert len(card["artefacts"]) == 3
    assert max(each["difference"] for each in card["artefacts"]) < 1e-4


def test_a_run_that_goes_on_is_the_same(run, tmp_path):
    """Stopped after an epoch, then made whole: every variable, and the figures of its rollouts."""
    (tmp_path / "video.toml").write_text(CONFIG.replace("epochs = 2", "epochs = 1"))
    assert ganapp("train", tmp_path / "video.toml", "--run", tmp_path / "run").code == 0
    said = ganapp("resume", tmp_path / "run", "--set", "training.epochs=2")
    assert said.code == 0, said.errors
    found, expected = tensors(tmp_path / "run"), tensors(run)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
    reports = [(each / "report.json").read_text() for each in (tmp_path / "run", run)]
    assert json.loads(reports[0])["tables"] == json.loads(reports[1])["tables"]
