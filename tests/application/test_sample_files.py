"""Samples from anywhere: tables, labels, pictures of every kind, and real data with options."""

import dataclasses
import gzip
import json
import zipfile

import numpy as np
import pandas as pd
import PIL.Image
import pytest
from run_case import ganapp
from table_run_case import people

from ganapp.errors import UserError
from ganapp.runner import sample_files
from ganapp.runner.sample_files import read_samples
from ganapp.training.data import SOURCES, DataSpec
from ganapp.training.data.tables.reading import TABLE_COLUMNS
from ganapp.training.data.tables.sources import parquet

KINDS = ("csv", "parquet")
IMAGES = DataSpec(name="x", kind="image", shape=(6, 4, 3), examples=1, held_out=1)


def judged(samples, real, *settings, out=None):
    """What the command says, and its report, if it gives one."""
    options = [each for setting in settings for each in ("--set", setting)]
    said = ganapp("evaluate", "--samples", samples, "--real", real, "--json", *options)
    return said, json.loads(said.output)["last"] if said.code == 0 else None


def refused(samples, real, *settings):
    """The one sentence on standard error."""
    said, _ = judged(samples, real, *settings)
    assert said.code == 2, said
    assert "Traceback" not in said.errors
    return said.errors.replace("\n", " ")


@pytest.fixture
def table(tmp_path):
    """A table of people with names that pandas would take for missing, and 60 other such rows."""
    frame = people(210)
    frame["rank"] = np.where(frame["age"] % 2, "None", "007")
    frame.iloc[:150].to_parquet(tmp_path / "people.parquet", index=False)
    return f"parquet:{tmp_path / 'people.parquet'}", frame.iloc[150:].reset_index(drop=True)


def test_tables_in_any_order_of_columns(table, tmp_path):
    real, frame = table
    frame = frame[["rank", "income", "city", "age"]]  # the constant column may be missing, too
    frame.to_csv(tmp_path / "rows.csv", index=False)
    frame.to_parquet(tmp_path / "rows.parquet", index=False)
    source = SOURCES["parquet"](path=real.partition(":")[2], label="city", components=2)
    rows = [read_samples(tmp_path / f"rows.{kind}")(source.spec).values for kind in KINDS]
    for found in rows:
        np.testing.assert_array_equal(found, source.spec.table.from_frame(frame))
    settings = ("data.label=city", "data.components=2", "evaluation.baseline_components=2")
    said, report = judged(tmp_path / "rows.csv", real, *settings)
    assert said.errors == ""
    assert report["counts"]["generated"] == 60
    assert report["figures"]["tstr"]["value"] > 0.8


def test_tables_with_other_columns_are_refused(table, tmp_path):
    real, frame = table
    path = tmp_path / "rows.csv"
    for change, sentence in {
        lambda rows: rows.drop(columns="age"): "must have the column 'age'",
        lambda rows: rows.assign(town=1): "and no others. Received: 'town' beside them",
        lambda rows: rows.assign(city="Rome"): "The column 'city' must hold one of",
        lambda rows: rows.assign(age="old"): "The column 'age' must hold numbers. Received: 'old'",
        lambda rows: rows.assign(age=None): "The column 'age' must have no missing values",
    }.items():
        change(frame).to_csv(path, index=False)
        said = refused(path, real)
        assert sentence in said
        assert str(path) in said
    path.write_bytes(b"")
    assert "No columns to parse" in refused(path, real)
    path.write_bytes("Łódź\n1\n".encode("utf-16"))
    assert "and no others. Received: 'Łódź' beside them" in refused(path, real)
    assert "takes settings of the real data" in refused(path, real, "training.epochs=2")
    (tmp_path / "rows.parquet").write_bytes(b"PAR1")
    assert "`--samples`" in refused(tmp_path / "rows.parquet", real)


def test_tables_are_read_as_the_real_ones_are(tmp_path):
    """Semicolons, decimal commas, money, dates, missing cells, whatever the samples' file has."""
    days = pd.date_range("2024-02-01", periods=60)
    rows = {
        "real": ";".join(["amount", "kind", "pay", "day"]),
        "alike": "amount;kind;pay;day",
        "plain": "kind,day,amount,pay",
    }
    for i, day in enumerate(days):
        kind, amount = "" if i % 9 == 0 else "ab"[i % 2], f"{i % 50},{i % 7}5"
        cells = f"\n{amount};{kind};$1,0{i:02d}.50;{day:%d.%m.%Y}"
        rows["real"] += cells
        rows["alike"] += cells
        rows["plain"] += f"\n {kind},{day:%Y-%m-%d},{amount.replace(',', '.')},10{i:02d}.5"
    paths = {name: tmp_path / f"{name}.csv" for name in rows}
    for name, content in rows.items():
        paths[name].write_text(content + "\n")
    source = SOURCES["csv"](path=paths["real"], components=1)
    assert source.spec.table.categorical == (1,)
    found = {name: read_samples(path)(source.spec).values for name, path in paths.items()}
    np.testing.assert_array_equal(found["alike"], found["plain"])
    both = np.concatenate([source.train, source.held_out])
    for place in range(4):
        np.testing.assert_array_equal(np.sort(found["plain"][:, place]), np.sort(both[:, place]))
    packed = tmp_path / "alike.tsv.gz"
    packed.write_bytes(gzip.compress(rows["plain"].replace(",", "\t").encode()))
    np.testing.assert_array_equal(read_samples(packed)(source.spec).values, found["plain"])
    paths["plain"].write_text(rows["plain"].replace("2024-02-03", "yesterday") + "\n")
    with pytest.raises(UserError, match=r"'day' must hold dates\. Received: 'yesterday'"):
        read_samples(paths["plain"])(source.spec)


def test_labels_beside_samples_give_the_figures_of_classes(tmp_path):
    samples, labels = SOURCES["digits"]().training_examples(360)
    few = labels < 3
    samples, labels = samples[few], labels[few]
    np.savez(tmp_path / "real.npz", images=samples, labels=labels)
    right, high = (tmp_path / f"{name}.npz" for name in ("right", "high"))
    np.savez(right, samples=samples, labels=labels)
    np.savez(high, samples=samples, labels=labels + 1)
    table = f'[data]\nsource = "npz"\npath = "{tmp_path / "real.npz"}"\n'
    (tmp_path / "mine.toml").write_text(table + "[evaluation]\nneighbours = 3\n")
    cache = f"data.cache_dir={tmp_path / 'cache'}"
    said, report = judged(right, tmp_path / "mine.toml", cache)
    assert said.errors == ""
    assert report["neighbours"] == 3
    assert report["figures"]["asked_accuracy"]["value"] > 0.95
    assert {"class_coverage", "transfer_accuracy"} <= report["figures"].keys()
    real = f"npz:{tmp_path / 'real.npz'}"
    assert "`labels` must be classes of 'npz', 0 to 2. Received: 3" in refused(high, real, cache)
    said, report = judged(right, real, cache, "data.clusters=3")
    assert "not used: the real data are judged by other classes" in said.errors
    assert "asked_accuracy" not in report["figures"]


def test_real_folders_take_options(tmp_path):
    """Photographs of many sizes, against samples of one."""
    random = np.random.default_rng(0)
    real, made = tmp_path / "real", tmp_path / "made"
    for folder, height in ((real, 20), (made, 8)):
        folder.mkdir()
        for number in range(30):
            shape = (height + (number % 3 if folder is real else 0), height, 3)
            pixels = random.integers(0, 256, shape, np.uint8)
            PIL.Image.fromarray(pixels).save(folder / f"{number}.png")
    options = (f"data.cache_dir={tmp_path / 'cache'}", "data.size=8")
    assert "`size` must be given" in refused(made, f"folder:{real}", options[0])
    _, report = judged(made, f"folder:{real}", *options)
    assert report["counts"] == {"generated": 30, "train": 27, "held_out": 3, "matched": 3}


def test_pictures_are_read_as_real_ones_are(tmp_path):
    """Upright, 16 bits scaled, white where transparent, moving ones by their first frame."""
    level = np.full((6, 4), 40, np.uint8)
    PIL.Image.fromarray(level.astype(np.uint16) * 257).save(tmp_path / "a.png")
    PIL.Image.new("RGBA", (4, 6), (9, 9, 9, 0)).save(tmp_path / "b.png")
    sideways = PIL.Image.new("RGB", (6, 4), (0, 0, 0))
    sideways.paste((255, 255, 255), (0, 0, 3, 4))  # the left half, which is the top when upright
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    sideways.save(tmp_path / "c.png", exif=exif)
    frames = [PIL.Image.new("L", (4, 6), shade) for shade in (70, 200)]
    frames[0].save(tmp_path / "d.gif", save_all=True, append_images=frames[1:])
    values = read_samples(tmp_path)(IMAGES).values
    assert values.shape == (4, 6, 4, 3)
    assert np.unique(values[0]) == 40
    assert np.unique(values[1]) == 255
    assert values[2, :, 0, 0].tolist() == [255] * 3 + [0] * 3
    assert np.unique(values[3]) == 70
    clear = DataSpec(name="x", kind="image", shape=(6, 4, 4), examples=1, held_out=1)
    assert np.unique(read_samples(tmp_path)(clear).values[1, ..., 3]) == 0


def test_pictures_are_read_from_wherever_data_are(tmp_path, capsys):
    """The same values from a folder, a nested one, an archive and an array, in one order."""
    pixels = np.random.default_rng(0).integers(0, 256, (12, 6, 4, 3), np.uint8)
    for number, image in enumerate(pixels):
        for folder in ("flat", "nested/cats", "split/train", "split/test"):
            if folder.startswith("split") and (number < 8) is folder.endswith("test"):
                continue
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            PIL.Image.fromarray(image).save(tmp_path / folder / f"{number:03}.png")
    (tmp_path / "flat" / "._0.png").write_bytes(b"")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for file in sorted(tmp_path.glob("nested/cats/*.png"), reverse=True):
            archive.write(file, f"deep/{file.name}")
    np.savez(tmp_path / "a.npz", images=pixels / np.float32(255))
    np.save(tmp_path / "rows.npy", pixels.reshape(12, -1))
    for name in ("flat", "nested", "a.zip", "a.npz", "rows.npy"):
        found = read_samples(tmp_path / name)(IMAGES)
        np.testing.assert_array_equal(found.values, pixels)
        assert found.labels is None
    assert "left out 1 file: ._0.png (it is hidden)." in capsys.readouterr().err
    assert len(read_samples(tmp_path / "split")(IMAGES).values) == 12


def test_folders_called_as_classes_say_what_was_asked_for(tmp_path):
    draw = np.random.default_rng(0)
    for name in ("dog", "cat"):
        (tmp_path / name).mkdir()
        for number in range(3):
            pixels = draw.integers(0, 256, (6, 4, 3), np.uint8)
            PIL.Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
    known = dataclasses.replace(IMAGES, classes=("ant", "cat", "dog"))
    assert read_samples(tmp_path)(known).labels.tolist() == [1, 1, 1, 2, 2, 2]
    other = dataclasses.replace(IMAGES, classes=("ant", "cat"))
    assert read_samples(tmp_path)(other).labels is None


def test_pictures_take_the_options_of_the_real_ones(tmp_path, capsys):
    for number in range(60):
        level = np.full((12, 12), 15 if number else 0, np.uint8)
        PIL.Image.fromarray(level).save(tmp_path / f"{number}.png")
    (tmp_path / "60.png").write_bytes(b"?")
    spec = DataSpec(name="x", kind="image", shape=(8, 8, 1), examples=1, held_out=1)
    options = {"size": 8, "bits": 4, "bad_share": 0.05, "path": "elsewhere"}
    values = read_samples(tmp_path, options)(spec).values
    assert values.shape == (60, 8, 8, 1)
    assert np.unique(values).tolist() == [0, 255]
    said = capsys.readouterr().err.replace("\n", " ")
    assert "left out 1 file: 60.png (it is none of PNG" in said
    assert "60 samples were made 8 pixels wide, as real images." in said


def test_pictures_that_cannot_be_used_are_named(tmp_path):
    picture = tmp_path / "0.png"
    PIL.Image.new("RGB", (8, 8)).save(picture, "EPS")  # Pillow alone would start Ghostscript
    assert "1 of 1 files are: 0.png (it is none of PNG, JPEG" in refused(tmp_path, "digits")
    PIL.Image.new("1", (8000, 8000)).save(picture)
    assert "8000 x 8000 pixels, more than 50,000,000" in refused(tmp_path, "digits")
    PIL.Image.new("L", (8, 8)).save(picture)
    PIL.Image.new("L", (9, 8)).save(tmp_path / "1.png")
    assert "must all have one size. Received" in refused(tmp_path, "digits")


def test_samples_that_claim_or_unpack_to_too_much(tmp_path, table, monkeypatch):
    np.savez_compressed(tmp_path / "x.npz", samples=np.zeros((60, 6, 4, 3), np.uint8))
    assert len(read_samples(tmp_path / "x.npz")(IMAGES).values) == 60
    monkeypatch.setattr(sample_files, "MAX_BYTES", 4319)
    with pytest.raises(UserError, match=r"save more of them as a \.npy.* with 4,320 bytes"):
        read_samples(tmp_path / "x.npz")
    for shape in ((-60, 6, 4, 3), (10**12, 6, 4, 3)):
        with (tmp_path / "x.npy").open("wb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            file.write(bytes(60))
        with pytest.raises(UserError, match=r"must be a whole file of numbers.* its header claims"):
            read_samples(tmp_path / "x.npy")
    real, _ = table
    (tmp_path / "wide.csv").write_text(",".join(map(str, range(TABLE_COLUMNS + 1))) + "\n")
    with pytest.raises(UserError, match=r"give fewer rows or columns.* max_columns=10000"):
        read_samples(tmp_path / "wide.csv")(parquet(path=real.partition(":")[2]).spec)
