"""Data named on the command line, with or without a preset."""

import json
import zipfile

import numpy as np
import PIL.Image
import pytest
from run_case import RING, ganapp

from ganapp.config.loading import data_table
from ganapp.errors import UserError


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(40):
        pixels = random.integers(0, 255, (20 + number % 3, 24, 3), np.uint8)
        PIL.Image.fromarray(pixels).save(folder / f"{number}.png")
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


def test_sources_and_paths(photos, tmp_path):
    assert data_table("digits") == {"source": "digits"}
    assert data_table(f"folder:{photos}", size=16) == {
        "source": "folder",
        "path": str(photos),
        "size": 16,
    }
    assert data_table(str(photos))["source"] == "folder"
    assert data_table("tfds:mnist") == {"source": "tfds", "name": "mnist"}
    some = {"source": "tfds", "name": "emnist/letters:3.1.0", "split": "train[:50%]"}
    assert data_table("tfds:emnist:letters:3.1.0:train[:50%]") == some
    assert data_table("csv:a:b.csv")["path"] == "a:b.csv"
    for suffix, source in ((".csv", "csv"), (".npz", "npz"), (".tar", "folder")):
        (tmp_path / f"x{suffix}").touch()
        assert data_table(str(tmp_path / f"x{suffix}"))["source"] == source


def test_tables_under_other_names(tmp_path):
    names = ("x.tsv", "x.txt", "x.TAB", "x.csv.gz", "x.tsv.bz2", "x.csv.xz", "x.csv.zst")
    for name in names:
        (tmp_path / name).touch()
        assert data_table(str(tmp_path / name))["source"] == "csv", name
    for inner, source in (("people.csv", "csv"), ("1.png", "folder")):
        with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
            archive.writestr(inner, "")
        assert data_table(str(tmp_path / "x.zip"))["source"] == source
    (tmp_path / "x.tar.gz").touch()
    assert data_table(str(tmp_path / "x.tar.gz"))["source"] == "folder"


@pytest.mark.parametrize(
    ("text", "size", "sentence"),
    [
        ("foldr:x", None, "no data source called 'foldr'.*Did you mean 'folder'"),
        ("digits:x", None, "'digits' takes nothing after it"),
        ("tfds:mnist:train:test", None, r"is written .*name\[:config\].*'mnist:train:test'"),
        ("digits", 8, "`--size` is for images from files"),
        (__file__, None, "must be a folder or a file ending in"),
    ],
)
def test_what_names_no_data_is_refused(text, size, sentence):
    with pytest.raises(UserError, match=sentence):
        data_table(text, size=size)


def test_data_alone_decide_and_say_why(photos, tmp_path):
    arguments = ("--data", photos, "--size", 16, "--set", f"data.cache_dir='{tmp_path / 'cache'}'")
    said = ganapp("train", *arguments, "--set", "data.bad_share=0.1", "--dry-run")
    assert said.code == 0, said.errors
    assert said.output.count("Chosen for these data: ") == 4
    assert "36 images are few" in said.output
    assert "Left out 1 of 41 files" in said.errors
    assert "image 16 x 16 x 3, 36 training" in said.output


def test_other_data_in_a_preset_and_the_list_of_bad_files(photos, tmp_path):
    (tmp_path / "ring.toml").write_text(RING)
    cache = f"data.cache_dir='{tmp_path / 'cache'}'"
    short = ("training.steps_per_epoch=2", "training.batch_size=4")
    settings = ("data.bad_share=0.1", cache, "evaluation.samples=50", *short)
    options = [word for setting in settings for word in ("--set", setting)]
    run = tmp_path / "run"
    arguments = (tmp_path / "ring.toml", "--data", photos, "--size", 16, "--run", run)
    said = ganapp("train", *arguments, "--mirror", "--epochs", 1, *options)
    assert said.code == 0, said.errors
    assert "Each of the 36 training images is there a second time" in said.output
    assert json.loads((run / "report.json").read_text())["last"]["counts"]["train"] == 72
    assert "Trained 2 steps" in said.output
    assert (run / "bad_files.txt").read_text().startswith("broken.png: ")


def test_other_data_in_a_preset_keep_what_the_networks_are_told(tmp_path):
    draw = np.random.default_rng(0).integers(0, 256, (400, 28, 28), np.uint8)
    np.savez(tmp_path / "x.npz", x=draw)
    arguments = ("--data", f"npz:{tmp_path / 'x.npz'}", "--dry-run")
    cache = ("--set", f"data.cache_dir='{tmp_path / 'cache'}'")
    features = ("--set", "evaluation.features='pca'")
    fewer = ("--set", "data.clusters=20")
    said = ganapp("train", "mnist", *arguments, *cache, *features, *fewer)
    assert said.code == 0, said.errors
    assert "360 training in 20 clusters" in said.output
    said = ganapp("train", "mnist", *arguments, *cache, *features)
    assert said.code == 2
    assert "`data.clusters` must be at most 36" in said.errors


def test_clusters_of_data_without_labels_and_without_a_preset(tmp_path):
    """As docs/labels.md has it; many images in each, so that labels would be told and judge."""
    dark, light = np.random.default_rng(0).integers(0, 50, (2, 100, 8, 8), np.uint8)
    np.savez(tmp_path / "x.npz", x=np.concatenate([dark, light + 200]))
    told = ("generator.condition=concatenation", "discriminator.condition=projection")
    settings = ("data.clusters=2", f"data.cache_dir='{tmp_path / 'cache'}'", *told)
    options = [word for setting in settings for word in ("--set", setting)]
    said = ganapp("train", "--data", tmp_path / "x.npz", *options, "--dry-run")
    assert said.code == 0, said.errors
    assert "180 training in 2 clusters" in said.output


def test_nothing_to_train_on(tmp_path):
    assert "takes a preset, a TOML file or --data" in ganapp("train").errors
    assert "`--size` is for the images of --data" in ganapp("train", "ring", "--size", 8).errors
