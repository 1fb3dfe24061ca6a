"""`ganapp data`: what a person is told of data before anything is trained."""

import json
import os
import shlex

import numpy as np
import pandas as pd
import PIL.Image
import pytest
from run_case import RING, ganapp


def page(*arguments):
    said = ganapp("data", *arguments, "--json")
    assert said.code == 0, said.errors
    return json.loads(said.output)


@pytest.fixture
def photos(tmp_path):
    """Two classes, one of them tiny, 16 pixels high; a duplicate, a blank one, a broken one."""
    draw = np.random.default_rng(0)
    for name, count in (("cats", 40), ("dogs and other animals", 10)):
        folder = tmp_path / "photos" / name
        folder.mkdir(parents=True)
        for number in range(count):
            pixels = draw.integers(0, 256, (16, 16, 3), np.uint8)
            PIL.Image.fromarray(pixels).save(folder / f"{number}.png")
    for copy in range(3):
        PIL.Image.fromarray(pixels).save(folder / f"copy {copy}.png")
    PIL.Image.fromarray(np.full((16, 16, 3), 255, np.uint8)).save(folder / "blank.png")
    (folder / "broken.png").write_bytes(b"no picture")
    return tmp_path / "photos"


@pytest.fixture
def cache(tmp_path):
    return ("--set", f"data.cache_dir='{tmp_path / 'cache'}'")


def test_images_in_folders(photos, cache, tmp_path):
    options = ("--size", 64, "--set", "data.bad_share=0.1", *cache)
    content = page(photos, *options)
    assert content["shape"] == [64, 64, 3]
    assert content["training"] + content["held_out"] == 54
    counts = {row["name"]: row["training"] + row["held_out"] for row in content["classes"]}
    assert counts == {"cats": 40, "dogs and other animals": 14}
    assert content["files"]["sizes"] == "16 x 16 pixels"
    assert content["left_out"]["count"] == 1
    assert list(content["left_out"]["files"]) == ["dogs and other animals/broken.png"]
    found = {warning["name"] for warning in content["warnings"]}
    assert {"few examples", "tiny classes", "enlarged images"} <= found
    repeated = content["duplicates"]
    assert repeated["training"] + repeated["held_out_in_training"] == 3

    said = ganapp("data", photos, *options, "--png", tmp_path / "sheet.png")
    assert said.code == 0, said.errors
    assert "dogs and other animals" in said.output
    assert "- 1: it is none of PNG" in said.output
    assert "--size 16 is what the files hold" in said.output
    with PIL.Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > 600


def test_a_table_and_the_hint_that_leaves_columns_out(tmp_path):
    draw, rows = np.random.default_rng(0), 250
    frame = pd.DataFrame(
        {
            "amount": draw.normal(100, 10, rows).round(5),
            "it's often": np.where(np.arange(rows) == 7, 9, 3),
            "holes": np.where(draw.random(rows) < 0.7, np.nan, draw.normal(size=rows).round(2)),
            "kind": draw.choice(["red", "green"], rows),
            "country": "DE",
        }
    )
    frame.to_csv(tmp_path / "t.csv", index=False)
    content = page(tmp_path / "t.csv", "--set", "data.label=kind")
    assert content["kind"] == "table"
    columns = {row["name"]: row for row in content["columns"]}
    assert list(columns) == list(frame.columns)
    assert columns["kind"]["categories"] == ["green", "red"]
    assert columns["holes"]["missing"] == pytest.approx(0.7, abs=0.1)
    assert columns["country"]["kind"] == "constant"
    assert columns["country"]["values"] == "DE"
    assert columns["amount"]["form"] == "5 decimals"
    assert {row["name"] for row in content["classes"]} == {"green", "red"}
    named = {warning["name"] for warning in content["warnings"]}
    assert named == {"near-constant columns", "missing values"}
    flag, setting = shlex.split(content["hint"])[-2:]
    left = page(tmp_path / "t.csv", "--set", "data.label=kind", flag, setting)
    assert [row["name"] for row in left["columns"]] == ["amount", "kind", "country"]
    assert left["warnings"] == []
    assert "hint" not in left


def test_data_that_never_end_and_a_file_whose_data_are_meant(tmp_path):
    (tmp_path / "mine.toml").write_text(RING)
    for source in ("ring", tmp_path / "mine.toml"):
        content = page(source, "--set", "data.modes=5")
        assert content["training"] is None
        assert len(content["classes"]) == 5
        assert content["warnings"] == []
    said = ganapp("data", "ring", "--png", tmp_path / "ring.png")
    assert "drawn without end" in said.output
    assert (tmp_path / "ring.png").stat().st_size > 1_000


def test_stacks_and_clips_are_drawn(tmp_path):
    for source in ("stacked_digits", "moving_digits"):
        picture = tmp_path / f"{source}.png"
        said = ganapp("data", source, "--png", picture)
        assert said.code == 0, said.errors
        assert picture.exists()


def test_names_that_are_no_text_are_written_out(tmp_path, cache):
    draw = np.random.default_rng(0)
    folder = os.path.join(os.fsencode(tmp_path), b"x", b"caf\xe9")
    os.makedirs(folder)
    (tmp_path / "x" / "the").mkdir()
    for number in range(20):
        picture = PIL.Image.fromarray(draw.integers(0, 256, (8, 8, 3), np.uint8))
        picture.save(os.fsdecode(os.path.join(folder, b"%d.png" % number)))
        picture.transpose(0).save(tmp_path / "x" / "the" / f"{number}.png")
    with open(os.path.join(folder, b"kaputt\xe9.png"), "wb") as file:
        file.write(b"no picture")
    options = ("--set", "data.bad_share=0.1", *cache)
    content = page(tmp_path / "x", *options)
    assert {row["name"] for row in content["classes"]} == {"caf\\xe9", "the"}
    assert list(content["left_out"]["files"]) == ["caf\\xe9/kaputt\\xe9.png"]
    said = ganapp("data", tmp_path / "x", *options, "--png", tmp_path / "x.png")
    assert said.code == 0, said.errors


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("digitz",), "no data source called 'digitz'"),
        (("none.toml",), "none.toml cannot be read"),
        (("ring", "--set", "training.epochs=3"), "takes settings of the data"),
        (("ring", "--size", "8"), "`--size` is for images from files"),
        (("ring", "--set", "data.mode=3"), "Did you mean `modes`"),
        (("ring", "--png", "x.jpg"), "`--png` must end in .png"),
        (("ring", "--png", "nowhere/x.png"), "is not a writable folder"),
        (("npz:none.npz", "--png", "x.png"), "none.npz"),
    ],
)
def test_mistakes_are_sentences_and_nothing_is_written(arguments, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = ganapp("data", *arguments)
    assert said.code == 2
    assert sentence in said.errors
    assert list(tmp_path.iterdir()) == []
