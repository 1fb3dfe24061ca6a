"""Runs whose generator is given images, and runs of whole clips, by configuration alone."""

import json

import numpy as np
import PIL.Image
import pytest
from run_case import ganapp

NEXT_FRAME = """
[data]
source = "moving_digits"
frames = 4
size = 12
past = 2
[generator]
network = "dcgan"
channels = [4, 3]
prior = { name = "product", parts = { z = { size = 3 }, code = { name = "uniform", size = 2 } } }
[discriminator]
network = "dcgan"
channels = [4, 4]
[objective]
name = "relativistic"
terms = { r1 = { weight = 1.0 } }
[training]
epochs = 1
steps_per_epoch = 4
batch_size = 8
[evaluation]
samples = 60
baseline_components = 2
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("next_frame")
    (folder / "next.toml").write_text(NEXT_FRAME)
    said = ganapp("train", folder / "next.toml", "--run", folder / "run")
    assert said.code == 0, said.errors
    assert "image 12 x 12 x 1, given frames 12 x 12 x 2" in said.output
    return folder / "run"


def test_samples_hold_every_input_of_the_generator(run, tmp_path):
    files = []
    for count in (5, 300):
        out = tmp_path / f"{count}.npz"
        said = ganapp("sample", run, "--count", count, "--seed", 3, "--out", out)
        assert (said.code, said.errors) == (0, "")
        with np.load(out) as file:
            files.append({name: file[name] for name in file})
    few, many = files
    shapes = {name: array.shape for name, array in few.items()}
    assert shapes == {
        "samples": (5, 12, 12, 1),
        "z": (5, 3),
        "code": (5, 2),
        "frames": (5, 12, 12, 2),
    }
    assert np.ptp(few["frames"]) > 1
    # The run keeps 256 observations of held-out examples, which come again after them.
    np.testing.assert_array_equal(few["frames"], many["frames"][:5])
    np.testing.assert_array_equal(many["frames"][:44], many["frames"][256:])
    assert len(np.unique(many["z"], axis=0)) == 300


def test_judged_examined_and_resumed(run):
    report = json.loads((run / "report.json").read_text())["last"]
    assert report["figures"]["precision"]["value"] is not None
    said = ganapp("diagnose", run, "--json")
    assert said.code == 0, said.errors
    assert "more than the latent z" in json.loads(said.output)["duality_gap"]["reason"]
    again = ganapp("resume", run, "--set", "training.epochs=2")
    assert again.code == 0, again.errors


def test_whole_clips(tmp_path):
    text = NEXT_FRAME.replace("past = 2", "past = 0").replace("frames = 4", "frames = 3")
    (tmp_path / "clips.toml").write_text(text)
    said = ganapp("train", tmp_path / "clips.toml", "--run", tmp_path / "run")
    assert said.code == 0, said.errors
    said = ganapp("sample", tmp_path / "run", "--count", 2, "--out", tmp_path / "x.npz")
    with np.load(tmp_path / "x.npz") as file:
        assert file["samples"].shape == (2, 3, 12, 12, 1)
    with PIL.Image.open(max((tmp_path / "run" / "samples").glob("*.png"))) as picture:
        assert min(picture.size) > 100
