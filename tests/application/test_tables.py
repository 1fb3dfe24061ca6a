"""A table from a file to a file: trained, judged, sampled, diagnosed."""

import io
import json
import shutil

import numpy as np
import pandas as pd
import PIL.Image
import pytest
from rich.console import Console
from run_case import ganapp
from table_run_case import TABLE, people

from ganapp.config.loading import load_config, load_saved
from ganapp.config.presets import preset_names
from ganapp.export.formats.format import largest_difference
from ganapp.runner.experiment import compose
from ganapp.runner.tables import Tables
from ganapp.runner.training import columns_table
from ganapp.training.data import DataSpec
from ganapp.training.data.tables.codec import ColumnSummary


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    people().to_csv(folder / "people.csv", index=False)
    (folder / "people.toml").write_text(TABLE.format(path=folder / "people.csv"))
    said = ganapp("train", folder / "people.toml", "--run", folder / "run")
    assert said.code == 0, said
    assert "csv: table of 4 columns as vectors of" in said.output
    (line,) = (line for line in said.output.splitlines() if line.startswith("income "))
    assert line.split()[-2:] == ["2", "decimals"]  # what was understood stands there once
    assert "11.3%" in line
    return folder / "run"


def test_python_opens_it_and_draws_the_same_rows(run, tmp_path):
    said = ganapp("sample", run, "--count", 30, "--seed", 4, "--out", tmp_path / "rows.parquet")
    assert said.code == 0, said.errors
    rows = Tables.load(run).sample(30, seed=4)
    pd.testing.assert_frame_equal(rows, pd.read_parquet(tmp_path / "rows.parquet"))
    with pytest.raises(ValueError, match="is for a generator that was told classes"):
        Tables.load(run).sample(3, label="Oslo")


def test_report_and_picture(run):
    report = json.loads((run / "report.json").read_text())
    figures = report["last"]["figures"]
    for key in ("marginals", "associations", "tstr", "copied", "closest_record"):
        columns = ("value", "matched", "floor", "baseline")
        assert all(isinstance(figures[key][column], float | int) for column in columns), key
        assert figures[key]["space"] == "columns"
    assert "TSTR accuracy" in (run / "report.md").read_text()
    with PIL.Image.open(run / "pictures" / "samples.png") as picture:
        assert picture.width > 600
    spec = DataSpec.from_dict(json.loads((run / "manifest.json").read_text())["data"])
    assert [column.name for column in spec.table.columns] == list(people().columns)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_samples_have_the_columns_and_types_of_the_data(run, kind, tmp_path):
    out, again = (tmp_path / f"{name}.{kind}" for name in "ab")
    for path in (out, again):
        assert ganapp("sample", run, "--out", path, "--count", 40).code == 0
    assert out.read_bytes() == again.read_bytes()
    given, found = people(), {"csv": pd.read_csv, "parquet": pd.read_parquet}[kind](out)
    assert list(found.columns) == list(given.columns)
    assert len(found) == 40
    if kind == "csv":
        pd.testing.assert_series_equal(found.dtypes, given.dtypes, check_index_type=False)
    assert found["age"].between(given["age"].min(), given["age"].max()).all()
    assert set(found["city"]) <= {"Oslo", "Łódź"}
    assert (found["land"] == "IT").all()
    income = found["income"].dropna().astype(float)
    np.testing.assert_array_equal(income, income.round(2))


def test_samples_as_arrays(run, tmp_path):
    assert ganapp("sample", run, "--out", tmp_path / "x.npz", "--count", 5).code == 0
    with np.load(tmp_path / "x.npz") as file:
        assert (file["samples"].dtype, file["samples"].shape) == (np.float32, (5, 3))


def test_own_samples_in_a_file_are_judged(run, tmp_path):
    out = tmp_path / "x.csv"
    assert ganapp("sample", run, "--out", out, "--count", 60).code == 0
    said = ganapp("evaluate", "--samples", out, "--real", run.parent / "people.toml", "--json")
    assert said.code == 0, said.errors
    report, own = (json.loads(text) for text in (said.output, (run / "report.json").read_text()))
    assert report["last"]["counts"] == own["last"]["counts"]
    assert report["last"]["figures"]["marginals"]["floor"] == pytest.approx(
        own["last"]["figures"]["marginals"]["floor"]
    )


def test_diagnose_looks_through_the_holes(run):
    said = ganapp("diagnose", run)
    assert said.code == 0, said
    assert "local duality gap" in said.output


def test_a_table_that_has_changed_is_nothing_to_samples(run, tmp_path):
    """Their columns are in the run; but they are not judged by other ones, nor trained on them."""
    path, files = run.parent / "people.csv", [tmp_path / name for name in ("a.csv", "b.png")]
    before = path.read_bytes()
    expected = [samples_in(run, file) for file in files]
    try:
        path.write_bytes(before.replace("Łódź".encode(), b"Lima"))
        assert [samples_in(run, file) for file in files] == expected
        for command in ("diagnose", "evaluate", "resume"):
            said = ganapp(command, run)
            assert said.code == 2
            assert "changed since it was trained" in said.errors
    finally:
        path.write_bytes(before)


def samples_in(run, file):
    said = ganapp("sample", run, "--out", file, "--count", 20)
    assert (said.code, said.errors) == (0, "")
    return file.read_bytes()


def test_a_table_may_lie_elsewhere(run, tmp_path):
    """Samples need the run alone; who needs the table is told where it is."""
    path, elsewhere = run.parent / "people.csv", tmp_path / "elsewhere.csv"
    copy = shutil.copytree(run, tmp_path / "run")
    before = samples_in(run, tmp_path / "a.csv")
    path.rename(elsewhere)
    try:
        assert samples_in(copy, tmp_path / "a.csv") == before
        for command in ("evaluate", "resume", "diagnose"):
            said = ganapp(command, copy)
            assert said.code == 2
            assert "`--data PATH` says where they are now." in said.errors
        said = ganapp("evaluate", copy, "--set", f"data.path={elsewhere}")
        assert (said.code, said.errors) == (0, "")
        assert load_saved(copy / "config.toml").data.options["path"] == str(path)
        said = ganapp("resume", copy, "--data", f"csv:{elsewhere}")
        assert (said.code, said.errors) == (0, "")
        assert load_saved(copy / "config.toml").data.options["path"] == str(elsewhere)
    finally:
        elsewhere.rename(path)


def test_a_table_with_a_further_row_is_judged_with_a_warning(run, tmp_path):
    path = run.parent / "people.csv"
    before = path.read_bytes()
    try:
        path.write_bytes(before + b"44,Oslo,20000.5,IT\n")
        said = ganapp("evaluate", run)
        assert said.code == 0, said.errors
        assert "the figures are of other examples than it saw" in said.errors
        assert ganapp("resume", run).code == 2
    finally:
        path.write_bytes(before)


def test_vectors_and_images_are_no_tables(finished, tmp_path):
    said = ganapp("sample", finished, "--out", tmp_path / "x.csv", "--count", 4)
    assert said.code == 2
    assert "`--out` can end in .csv or .parquet for tables alone" in said.errors


def test_mistakes_are_one_sentence(run, tmp_path):
    config = run.parent / "people.toml"
    for setting, words in (
        ("data.path=nowhere.csv", "`path` must be a file that can be read"),
        ("data.kinds.age=yes", "`kinds` must say number, integer, money, percent, date"),
        ("data.kinds.town=date", "`kinds` must name columns of the table, 'age', 'city'"),
        ("data.kinds={age = 3}", "`data.kinds.age`: input should be a valid string"),
        ("data.label=town", "`label` must name columns of the table, age, city, income, land."),
        ("generator.network=dcgan", "`generator.network` must be 'mlp' for tables"),
        ("generator.head=[]", "`head` is not an option of the generator network 'mlp'"),
    ):
        said = ganapp("train", config, "--dry-run", "--set", setting)
        assert said.code == 2, said
        assert words in said.errors


def test_the_plan_shows_what_was_assumed_of_hundreds_of_columns():
    columns = [ColumnSummary(name=f"g{i}", kind="number", values="0 to 1") for i in range(300)]
    columns.append(ColumnSummary(name="id", kind="left out", note="counts [the] rows"))
    console = Console(file=io.StringIO(), width=100)
    console.print(columns_table(columns))
    lines = console.file.getvalue().splitlines()
    assert len(lines) == 33
    assert lines[-2].split() == ["id", "left", "out", "counts", "[the]", "rows"]
    assert lines[-1].strip() == "... and 270 more"


@pytest.mark.parametrize("name", ["wine", "cancer"])
def test_presets_compose(name):
    assert name in preset_names()
    experiment = compose(load_config(name, ["training.replicas=1"]))
    spec = experiment.source.spec
    assert experiment.gan.generator.get_layer("head").blocks == spec.blocks
    assert experiment.gan.generator.output_shape == (None, *spec.shape)


def test_a_missing_value_is_no_difference_where_both_miss_it():
    values, holes = np.array([1.0, 2.0]), np.array([1.0, np.nan])
    assert largest_difference(holes, holes, missing=True) == 0
    assert largest_difference(holes, holes) == np.inf
    assert largest_difference(values, holes, missing=True) == np.inf
    assert largest_difference(values + 0.5, values, missing=True) == 0.5


def test_a_column_with_more_categories_than_are_one_hot(tmp_path):
    frame, run, out = people(400), tmp_path / "run", tmp_path / "x.csv"
    frame["street"] = [f"{i % 160} Market St" for i in range(400)]
    frame.to_csv(tmp_path / "people.csv", index=False)
    (tmp_path / "people.toml").write_text(TABLE.format(path=tmp_path / "people.csv"))
    said = ganapp("train", tmp_path / "people.toml", "--run", run)
    assert said.code == 2
    assert "embed it with `embedded = ['street']`" in said.errors.replace("\n", " ")
    settings = ('data.embedded=["street"]', "training.epochs=1", "training.steps_per_epoch=1")
    options = [word for setting in settings for word in ("--set", setting)]
    said = ganapp("train", tmp_path / "people.toml", "--run", run, *options)
    assert said.code == 0, said
    assert ganapp("sample", run, "--out", out, "--count", 200).code == 0
    found = pd.read_csv(out)
    assert list(found.columns) == list(frame.columns)
    assert set(found["street"]) <= set(frame["street"])
    assert found["street"].nunique() > 1
    spec = DataSpec.from_dict(json.loads((run / "manifest.json").read_text())["data"])
    assert np.shape(spec.table.columns[4].points) == (160, 9)
    assert spec.shape[0] < 40
