"""A data frame to a synthesizer: trained, sampled, judged and saved, and on the command line."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from run_case import ganapp as command_line

import ganapp
from ganapp.config.loading import load_saved
from ganapp.training.data.tables.constraints import (
    FixedCombinations,
    GreaterThan,
    Range,
    RoundTo,
    Unique,
)

SETTINGS = {
    "training.epochs": 2,
    "training.steps_per_epoch": 4,
    "training.batch_size": 16,
    "generator": {"units": [8], "condition": "concatenation"},
    "discriminator.units": [8],
    "training.checkpoint_every": 8,
    "training.sample_every": 8,
    "training.evaluate_every": 8,
    "data.components": 2,
    "evaluation.samples": 60,
    "evaluation.baseline_components": 2,
}
LANDS = {"Oslo": "NO", "Rome": "IT", "Turin": "IT"}
RULES = (
    Unique("id"),
    RoundTo("price", 0.05),
    Range("age", 0, 120),
    GreaterThan("end", "start"),
    FixedCombinations("city", "country"),
)
TOML = """
[data]
source = "parquet"
path = "{path}"
[[data.constraints]]
name = "greater_than"
column = "end"
than = "{than}"
[[data.constraints]]
name = "fixed_combinations"
columns = ["city", "country"]
[generator]
network = "mlp"
[discriminator]
network = "mlp"
[objective]
name = "relativistic"
[training]
epochs = 1
batch_size = 16
"""


def visits(rows: int = 100) -> pd.DataFrame:
    """Columns of every type, some with holes, and an index that is not learnt."""
    draw = np.random.default_rng(0)
    start = pd.to_datetime("2021-03-01") + pd.to_timedelta(draw.integers(0, 700, rows), "D")
    city = draw.choice([*LANDS], rows)
    frame = pd.DataFrame(
        {
            "id": draw.permutation(rows) + 100,
            "start": start,
            "end": start + pd.to_timedelta(draw.integers(1, 90_000, rows), "min"),
            "price": draw.integers(1, 400, rows) * 5 / 100,
            "age": pd.array(draw.integers(18, 90, rows), dtype="Int64"),
            "flag": draw.integers(0, 2, rows).astype("int8"),
            "member": draw.random(rows) < 0.5,
            "city": city,
            "country": np.array([LANDS[name] for name in city], dtype=object),
            "zip": draw.choice(["00501", "12345"], rows),
            "day": draw.choice(["1.2.2020", "14.2.2020", "3.12.2021"], rows),
            "size": pd.Categorical(draw.choice([3, 1], rows), categories=[5, 3, 1], ordered=True),
            "kind": pd.Categorical(draw.choice(["b", "a"], rows), categories=["c", "b", "a"]),
        },
        index=pd.Index(np.arange(rows) * 2, name="number"),
    )
    frame.loc[::6, "end"] = pd.NaT
    frame.loc[::7, "age"] = pd.NA
    return frame


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A synthesizer, and what was printed."""
    synthesizer = ganapp.Tables(kinds={"day": "%d.%m.%Y"}, constraints=RULES)
    with pytest.MonkeyPatch.context() as patch:
        said = []
        for name in ("ganapp.runner.tables.say", "ganapp.commands.train.say"):
            patch.setattr(name, lambda text, **style: said.append(text))
        assert synthesizer.fit(visits(), label="kind", settings=SETTINGS) is synthesizer
    return synthesizer, "\n".join(said)


def test_the_rules_of_the_document_are_these():
    text = (Path(__file__).parents[2] / "docs" / "tables.md").read_text("utf-8")
    (block,) = re.findall(r"```python\n(from ganapp import constraints.*?)synth", text, re.DOTALL)
    names = {}
    exec(block, names)
    assert set(names["rules"]) == set(RULES)


@pytest.fixture(scope="module")
def saved(fitted, tmp_path_factory):
    return fitted[0].save(tmp_path_factory.mktemp("saved") / "my table")


def test_samples_have_the_types_of_the_frame(fitted):
    synthesizer, said = fitted
    frame, found = visits(), synthesizer.sample(200, seed=3)
    assert list(found.columns) == list(frame.columns)
    assert dict(found.dtypes) == dict(frame.dtypes)
    assert isinstance(found.index, pd.RangeIndex)
    assert "The index 'number' of the data frame is left out" in said
    assert not found["id"].duplicated().any()
    assert found["age"].dropna().between(0, 120).all()
    both = found.dropna(subset="end")
    assert (both["end"] > both["start"]).all()
    assert found["country"].tolist() == [LANDS[city] for city in found["city"]]
    assert set(found["zip"]) <= {"00501", "12345"}
    assert found["day"].str.fullmatch(r"\d{1,2}\.\d{1,2}\.\d{4}").all()  # as it was written
    np.testing.assert_allclose(found["price"] * 20, np.round(found["price"] * 20))
    assert (synthesizer.sample(10, label="a")["kind"] == "a").all()
    pd.testing.assert_frame_equal(found, synthesizer.sample(200, seed=3))


def test_columns_say_what_they_were_taken_for(fitted):
    columns = fitted[0].columns
    kinds = columns["kind"].to_dict()
    assert (kinds["id"], kinds["start"], kinds["flag"]) == ("identifier", "date", "number")
    assert (kinds["zip"], kinds["day"], kinds["kind"]) == ("category", "date", "label")
    assert columns.loc["end", "constraint"] == "greater than 'start'"


def test_a_saved_one_is_a_run_of_the_command_line(fitted, saved, tmp_path):
    """Drawn by the command line and by the one that was loaded: the same rows, bit for bit."""
    synthesizer = fitted[0]
    loaded = ganapp.Tables.load(saved)
    expected = synthesizer.sample(50, seed=5)
    pd.testing.assert_frame_equal(loaded.sample(50, seed=5), expected, check_exact=True)
    assert loaded.constraints == RULES
    assert loaded.report == synthesizer.report
    out = tmp_path / "rows.parquet"
    said = command_line("sample", saved, "--count", 50, "--seed", 5, "--out", out)
    assert said.code == 0, said.errors
    drawn = pd.read_parquet(out)
    for name in drawn:  # types that text and Parquet do not keep are the data frame's alone
        same = expected[name].astype(str) if name == "day" else expected[name]
        theirs = drawn[name].dt.strftime("%-d.%-m.%Y") if name == "day" else drawn[name]
        assert theirs.astype(object).equals(same.astype(object)), name


def test_it_is_judged_where_it_was_moved_to(saved, tmp_path):
    moved = shutil.copytree(saved, tmp_path / "moved")
    before = json.loads((moved / "report.json").read_text())
    report = ganapp.Tables.load(moved).evaluate(quiet=True)
    assert report["last"]["figures"] == before["last"]["figures"]
    assert report["last"]["figures"]["marginals"]["floor"] > 0
    assert load_saved(moved / "config.toml").data.options["path"] == str(moved / "table.parquet")


def test_the_command_line_takes_constraints(tmp_path):
    visits().to_parquet(tmp_path / "visits.parquet")
    data = f"parquet:{tmp_path / 'visits.parquet'}"
    rule = 'data.constraints=[{name="greater_than", column="end", than="start"}]'
    said = command_line("train", "--data", data, "--dry-run", "--set", rule)
    assert said.code == 0, said.errors
    assert "greater than 'start'" in said.output
    for than, code in (("start", 0), ("stat", 2)):
        file = tmp_path / f"{than}.toml"
        file.write_text(TOML.format(path=tmp_path / "visits.parquet", than=than))
        said = command_line("train", file, "--dry-run")
        assert said.code == code, said.errors
    assert "Received: 'stat'. Did you mean 'start'?" in said.errors


@pytest.mark.parametrize(
    ("table", "options", "sentence"),
    [
        (visits().rename(columns={"age": 3}), {}, r"`frame\.rename\(columns=str\)`"),
        (visits(), {"label": "kinds"}, "must name columns of the table"),
        (visits(), {"settings": {"training.epoch": 2}}, r"Did you mean `training\.epochs`\?"),
        (visits(), {"settings": {"training.epochs": object()}}, "must be numbers, text"),
        (visits().assign(id=lambda f: "C" + f["id"].astype(str)), {}, r"`Unique\('id'\)` among"),
        ("nowhere.csv", {}, "a path that exists"),
        (visits(20), {}, "at least 50 rows"),
    ],
)
def test_mistakes_are_told_before_training(table, options, sentence, tmp_path):
    with pytest.raises(ValueError, match=sentence):
        ganapp.Tables().fit(table, run=tmp_path / "run", quiet=True, **options)
    assert not (tmp_path / "run").exists()


def test_mistakes_with_a_synthesizer(fitted, saved, trained):
    synthesizer = fitted[0]
    with pytest.raises(ValueError, match="must be fitted or loaded first"):
        ganapp.Tables().sample(3)
    with pytest.raises(ValueError, match="a whole number, at least 1"):
        synthesizer.sample(0)
    with pytest.raises(ValueError, match="must be 'all' or one of a, b"):
        synthesizer.sample(3, label="z")
    with pytest.raises(ValueError, match="already holds a run"):
        synthesizer.save(saved)
    with pytest.raises(ValueError, match="a run of a table"):
        ganapp.Tables.load(trained)
    with pytest.raises(TypeError, match="a pandas data frame or the path"):
        ganapp.Tables().fit([1, 2])
    with pytest.raises(TypeError, match=r"those of `ganapp\.constraints`"):
        ganapp.Tables(constraints=["id"])
