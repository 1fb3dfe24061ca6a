"""Tables as sources: the bundled ones, files, and what cannot be learnt."""

import json
import re
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from sklearn.datasets import load_breast_cancer, load_wine
from table_case import messy

from ganapp.training.data import SOURCES, DataSpec
from ganapp.training.data.tables.sources import csv, parquet, table_source

BUNDLED = {"wine": load_wine, "cancer": load_breast_cancer}


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_tables_are_scikit_learns(name):
    source, bunch = SOURCES[name](), BUNDLED[name]()
    rows = np.concatenate([source.train, source.held_out])
    labels = np.concatenate([source.train_labels, source.held_out_labels])
    frame = source.spec.table.to_frame(rows)
    assert list(frame.columns[:-1]) == list(bunch.feature_names)
    names = np.array(bunch.target_names)

    def ordered(table, of_class):
        order = np.lexsort(table.T)
        return table[order], of_class[order]

    found = ordered(frame.iloc[:, :-1].to_numpy(float), frame.iloc[:, -1].to_numpy(str))
    expected = ordered(bunch.data, names[bunch.target])
    np.testing.assert_array_equal(found[0], expected[0])  # in float64: the decimals are restored
    np.testing.assert_array_equal(found[1], expected[1])
    np.testing.assert_array_equal(np.array(source.spec.classes)[labels], frame.iloc[:, -1])
    shares = [np.bincount(part) / len(part) for part in (source.train_labels, labels)]
    np.testing.assert_allclose(*shares, atol=0.01)  # held out of each class alike
    assert source.spec.held_out == round(0.2 * len(rows))


def test_the_split_is_a_function_of_its_seed():
    first, same, other = (SOURCES["wine"](split=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.held_out, same.held_out)
    assert not np.array_equal(first.held_out, other.held_out)
    half = SOURCES["wine"](held_out=0.5)
    assert (half.spec.examples, half.spec.held_out) == (89, 89)


def test_batches_are_rows_in_model_units():
    source = SOURCES["wine"]()
    step, first = tf.constant(1, tf.int64), tf.constant(4, tf.int64)
    batch = source.rows(step, first, 8, batch_size=32, seed=3)
    codes, labels = batch["x"], batch["label"]
    assert codes.shape == (8, *source.spec.shape)
    rows = source.spec.to_user_units(codes).numpy()
    known = {
        tuple(row): label for row, label in zip(source.train, source.train_labels, strict=True)
    }
    assert [known[tuple(row)] for row in rows] == labels.numpy().tolist()


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_files_come_back_with_the_same_columns_and_types(kind, tmp_path):
    given = messy()
    path = tmp_path / f"table.{kind}"
    read = {"csv": pd.read_csv, "parquet": pd.read_parquet}[kind]
    write = {"csv": lambda t: t.to_csv(path, index=False), "parquet": lambda t: t.to_parquet(path)}
    write[kind](given)
    before = read(path)
    source = SOURCES[kind](path=str(path), components=2)
    assert "'country'" in source.spec.description
    assert source.spec.user_shape == (5,)
    write[kind](source.spec.table.to_frame(source.train))
    after = read(path)
    pd.testing.assert_series_equal(before.dtypes, after.dtypes)
    assert len(after) == source.spec.examples == 96
    merged = after.merge(before.round({"score": 5}), on=["age", "income"], how="left")
    assert merged["country_y"].notna().all()  # every row is one of the table


def table(**columns):
    """60 rows of numbers, with further columns."""
    draw = np.random.default_rng(0)
    return pd.DataFrame({"x": draw.normal(size=60), "y": draw.normal(size=60), **columns})


NUMBERED = [f"person {i}" for i in range(60)]
MIXED = [*map(str, np.arange(59) + 0.5), "n.a.!"]
WORDS = pd.DataFrame({"x": np.arange(300) % 7, "c": [f"word {i % 150}" for i in range(300)]})
CASES = {
    "few": (table()[:40], {}, "at least 50 rows. Received: 40 rows"),
    "absent label": (table(), {"label": "z"}, "`label` must name columns of the table, x, y. "),
    "absent drop": (table(), {"drop": ("x", "q")}, "Received: drop='q'"),
    "absent category": (table(), {"categorical": ("q",)}, "Received: categorical='q'"),
    "dropped label": (table(c="a"), {"label": "c", "drop": ("c",)}, "`drop` must not name"),
    "one class": (table(c="a"), {"label": "c"}, "at least two classes. Received: only 'a'"),
    "one known class": (table(c=["a", None] * 30), {"label": "c"}, "two classes. Received: only"),
    "no known class": (table(c=[None] * 60), {"label": "c"}, "two classes. Received: nothing in"),
    "empty": (table(c=np.nan), {}, "'c' must hold a value. Received: none at all, which `drop = ["),
    "infinite": (table(c=[*range(59), np.inf]), {}, "finite numbers. Received: 1 infinite"),
    "names": (
        table(c=NUMBERED).loc[[*range(60), 0]],
        {},
        "60 different values in 61 rows, e.g. 'person 0'",
    ),
    "mess": (table(c=MIXED), {}, "1 values that are no numbers, e.g. 'n.a.!'"),
    "numbers as text": (table(c=[*MIXED[:59], "1.25"]), {}, "numbers written as text"),
    "many": (
        table(c=np.arange(60)).loc[np.arange(60).repeat(3)],
        {"categorical": ("c",)},
        None,
    ),
    "more than one-hot": (
        WORDS,
        {},
        "300 rows, e.g. 'word 0'; embed it with `embedded = ['c']`, or leave the column out with "
        "`drop = ['c']`",
    ),
    "codes": (
        WORDS.assign(c=WORDS["c"].str.replace("word ", "007")),
        {"categorical": ("c",)},
        "150 different values in 300 rows, e.g. '0070'; embed it with `embedded = ['c']`",
    ),
    "more than labels": (WORDS, {"label": "c"}, "e.g. 'word 0', which `drop = ['c']` leaves out"),
    "an identifier": (
        table(c=NUMBERED),
        {"embedded": ("c",)},
        "'c' must hold numbers, or categories that repeat, at most 100. Received: 60 different "
        "values in 60 rows, e.g. 'person 0', which `drop = ['c']` leaves out",
    ),
    "more than embedded": (
        pd.DataFrame({"c": [f"word {i % 1001}" for i in range(2002)]}),
        {"embedded": ("c",)},
        "'c' must have at most 1000 categories to be embedded. Received: 1001, e.g. 'word 0'; ",
    ),
    "absent embedded": (table(), {"embedded": ("q",)}, "Received: embedded='q'"),
    "embedded numbers": (
        table(),
        {"embedded": ("x",)},
        "`embedded` must name columns of categories. Received: 'x', numbers, which `categorical = ",
    ),
    "embedded label": (
        table(c=["a", "b"] * 30),
        {"label": "c", "embedded": ("c",)},
        "`embedded` must not name the `label`. Received: 'c' for both",
    ),
    "embedded constant": (table(c="a"), {"embedded": ("c",)}, "Received: 'c', always 'a'"),
    "too many": (
        table(c=range(60)).loc[np.arange(60).repeat(3)].assign(d=np.arange(180)),
        {"categorical": ("d",)},
        "at most 100. Received: 180 different values",
    ),
    "lists": (table(c=[[i] for i in range(60)]), {}, "numbers, text or booleans. Received: list"),
    "fractions": (table(c=[Fraction(i % 3) for i in range(60)]), {}, "Received: Fraction, e.g. 0"),
    "close": (table(c=1.7e12 + np.arange(60)), {}, "by more than the seventh digit"),
    "huge": (table(c=10.0 ** np.arange(60)), {}, "numbers below 1e32"),
    "constants": (table()[[]].assign(a=1, b="x"), {}, "a column that varies"),
    "all held out": (table(), {"held_out": 0.99}, "`held_out` must leave rows to train on"),
    "twice": (
        pd.DataFrame(np.ones((60, 2)), columns=["x", "x"]),
        {},
        "different names. Received: 'x' 2 times",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_learnt_is_said_in_one_sentence(case):
    frame, options, words = CASES[case]
    if words is None:  # the neighbour of a refused case, which is fine
        assert len(table_source(frame, name="t", **options).spec.table.columns[2].categories) == 60
        return
    with pytest.raises(ValueError, match=re.escape(words)) as error:
        table_source(frame, name="t", **options)
    assert "\n" not in str(error.value)


FILES = {
    "empty.csv": (b"", "`path` must hold a table: No columns to parse"),
    "ragged.csv": (b"a,b\n1,2\n1,2,3\n", "`path` must hold a table: Error tokenizing data"),
    "zeros.csv": (b"a,b\nu\0,1\n", "`path` must hold a table: it holds zero bytes"),
    "twice.csv": (b"a,a\n1,2\n", "different names. Received: 'a' 2 times"),
    "no.parquet": (b"a,b\n1,2\n", "`path` must hold a table: "),
}


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_no_tables(name, tmp_path):
    content, words = FILES[name]
    path = tmp_path / name
    path.write_bytes(content)
    read = csv if name.endswith("csv") else parquet
    with pytest.raises(ValueError, match=re.escape(words)):
        read(path=str(path))
    for absent in (tmp_path / "none", tmp_path):
        with pytest.raises(ValueError, match="`path` must be a file that can be read"):
            read(path=str(absent))


def test_a_rare_class_and_a_rare_category_are_no_accident():
    frame = table(c=["a"] * 59 + ["b"], d=["u"] * 30 + ["v"] * 29 + ["w"])
    source = table_source(frame, name="t", label="c")
    assert source.spec.classes == ("a", "b")
    assert len(source.train) + len(source.held_out) == 60
    both = source.spec.to_model_units(np.concatenate([source.train, source.held_out])).numpy()
    assert both[:, -5:].sum(axis=0).tolist() == [59, 1, 30, 29, 1]


@pytest.mark.parametrize("most", [0, 2**28])
def test_batches_are_the_codes_of_the_rows(most, monkeypatch):
    """Encoded once, or anew in every batch where that would take too much memory."""
    monkeypatch.setattr("ganapp.training.data.source.MOST_ENCODED", most)
    source = table_source(messy(), name="t", components=3)
    assert source._examples.shape[1] == (source.spec.shape[0] if most else 5)
    index = tf.constant([7, 0, 7, 90], tf.int64)
    expected = source.spec.to_model_units(source.train[[7, 0, 7, 90]])
    np.testing.assert_array_equal(source.at(index)["x"], expected)


def test_rows_may_lack_their_label():
    """They have no class in model units, and no code in user units."""
    frame = table(c=["a", "b", None] * 20, d=["u", "v"] * 30)
    source = table_source(frame, name="t", label="c", components=1)
    spec = source.spec
    assert spec.partly_labelled
    assert (spec.classes, spec.table.columns[2].missing) == (("a", "b"), False)
    for rows, labels in ((source.train, source.train_labels), source.held_out_examples()):
        assert set(labels) == {-1, 0, 1}
        np.testing.assert_array_equal(np.isnan(rows[:, 2]), labels < 0)
        codes = spec.to_model_units(rows).numpy()[:, spec.label_start :][:, :2]
        np.testing.assert_array_equal(codes, np.eye(3)[labels][:, :2])
    found = source.at(tf.range(48, dtype=tf.int64))
    hidden = found["x"].numpy()[found["label"].numpy() < 0][
        :, spec.label_start : spec.label_start + 2
    ]
    assert len(hidden) > 10
    assert not hidden.any()
    assert table_source(frame, name="t").spec.table.columns[2].missing  # but for the label
    again = DataSpec.from_dict(json.loads(json.dumps(spec.as_dict())))
    assert again == spec
    whole = table_source(frame.assign(c=["a", "b"] * 30), name="t", label="c")
    assert not whole.spec.partly_labelled
    frame.loc[0, "d"] = None
    with pytest.raises(ValueError, match="'d' must have no missing values"):
        spec.table.from_frame(frame)
