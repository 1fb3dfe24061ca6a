"""Constraints on columns hold for whatever a network says, and rows that keep them come back."""

import dataclasses
import datetime
import json

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from hypothesis import given, settings
from hypothesis import strategies as st

from ganapp.training.data.tables.codec import TableCodec
from ganapp.training.data.tables.constraints import (
    COLUMN_CONSTRAINTS,
    FixedCombinations,
    GreaterThan,
    Range,
    RoundTo,
    Unique,
    as_table,
    constraint_from,
)
from ganapp.training.data.tables.sources import table_source

ROWS = 120
PLACES = {"Oslo": "NO", "Rome": "IT", "Turin": "IT", None: "NO", "Bern": None}
ALL = (
    Unique("id"),
    RoundTo("price", 0.05),
    Range("age", 0, 120),
    Range("start", "2020-01-01", datetime.date(2030, 12, 31)),
    GreaterThan("end", "start"),
    GreaterThan("middle", "low", or_equal=True),
    GreaterThan("high", "middle"),
    GreaterThan("high", "age", or_equal=True),
    GreaterThan("heavy", "light"),
    FixedCombinations("city", "country"),
)


def visits(rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    """Rows that keep `ALL`: dates in days and minutes, a chain with holes, places."""
    draw = np.random.default_rng(seed)
    start = np.datetime64("2021-03-01") + draw.integers(0, 700, rows)
    end = start.astype("datetime64[m]") + draw.integers(1, 90_000, rows)
    city = draw.choice(np.array([*PLACES], dtype=object), rows)
    low = draw.integers(0, 40, rows)
    middle = low + draw.integers(0, 3, rows)
    age = draw.integers(18, 90, rows)
    light = draw.lognormal(0, 1, rows)
    frame = pd.DataFrame(
        {
            "id": draw.permutation(rows) + 1000,
            "start": pd.Series(start.astype("datetime64[s]")),
            "end": pd.Series(end.astype("datetime64[s]")),
            "price": draw.integers(1, 400, rows) * 5 / 100,
            "age": age,
            "low": pd.array(low, dtype="Int64"),
            "middle": pd.array(middle, dtype="Int64"),
            "high": np.maximum(middle + 1, age) + draw.integers(0, 9, rows) * 2.0,
            "light": light,
            "heavy": light * draw.uniform(1.0001, 3, rows),
            "city": pd.array(city, dtype="string"),
            "country": pd.array([PLACES[name] for name in city], dtype="string"),
        }
    )
    frame.loc[::7, "end"] = pd.NaT
    frame.loc[::5, "middle"] = pd.NA
    frame.loc[3, "low"] = 40  # above every other column where that is missing
    frame.loc[3, ["middle"]] = pd.NA
    return frame


@pytest.fixture(scope="module")
def source():
    return table_source(visits(), name="visits", constraints=ALL, components=3)


@pytest.fixture(scope="module")
def codec(source):
    return source.spec.table


def check(frame: pd.DataFrame) -> None:
    """All of `ALL`, of a typed table."""
    assert not frame["id"].duplicated().any()
    twentieths = frame["price"] * 20
    assert (np.abs(twentieths - twentieths.round()) < 1e-9).all()
    assert frame["age"].between(0, 120).all()
    assert frame["start"].between("2020-01-01", "2030-12-31").all()
    for high, low, strict in (
        ("end", "start", True),
        ("middle", "low", False),
        ("high", "middle", True),
        ("high", "age", False),
        ("heavy", "light", True),
    ):
        both = frame[high].notna() & frame[low].notna()
        above, below = frame.loc[both, high], frame.loc[both, low]
        assert ((above > below) if strict else (above >= below)).all(), (high, low)
    pairs = (
        frame[["city", "country"]].astype(object).where(frame[["city", "country"]].notna(), None)
    )
    assert set(pairs.itertuples(index=False, name=None)) <= set(PLACES.items())


def check_rows(codec: TableCodec, rows: np.ndarray) -> None:
    """The same of the float32 rows that artefacts give."""
    values = dict(zip(codec.names, rows.T, strict=True))
    assert rows.dtype == np.float32
    assert ((values["age"] >= 0) & (values["age"] <= 120)).all()
    with np.errstate(invalid="ignore"):
        for high, low in (("end", "start"), ("high", "middle"), ("heavy", "light")):
            assert not (values[high] <= values[low]).any(), (high, low)
        assert not (values["middle"] < values["low"]).any()
        assert not (values["high"] < values["age"]).any()
    prices = np.round(values["price"].astype(float) * 20) / 20
    np.testing.assert_array_equal(values["price"], prices.astype(np.float32))
    seen = set(map(str, codec.relations[0].seen))
    places = np.stack([values["city"], values["country"]], 1)
    assert set(map(str, map(tuple, np.nan_to_num(places, nan=-1).astype(int).tolist()))) <= seen


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**31 - 1), scale=st.sampled_from([0.1, 1.0, 3.0, 100.0]))
def test_every_sample_keeps_them(codec, seed, scale):
    codes = np.random.default_rng(seed).normal(0, scale, (200, codec.width)).astype(np.float32)
    codes[0], codes[1] = -1, 1
    rows = codec.decode(tf.constant(codes)).numpy()
    check_rows(codec, rows)
    frame = codec.to_frame(rows)
    check(frame)
    assert list(frame.columns) == list(visits().columns)
    assert dict(frame.dtypes) == dict(visits().dtypes)


def test_the_data_come_back(source, codec):
    """Rows that keep the constraints survive the way to the networks and back."""
    frame = visits()
    rows = codec.from_frame(frame)
    back = codec.decode(codec.encode(tf.constant(rows))).numpy()
    np.testing.assert_allclose(back, rows, rtol=2e-6)
    exact = [codec.names.index(name) for name in ("start", "end", "age", "low", "middle", "high")]
    np.testing.assert_array_equal(back[:, exact], rows[:, exact])
    restored = codec.to_frame(back)
    for name in ("start", "end", "price", "age", "low", "middle", "high", "city", "country"):
        pd.testing.assert_series_equal(restored[name], frame[name])
    np.testing.assert_allclose(restored["heavy"], frame["heavy"], rtol=1e-6)
    assert source.spec.user_shape == (11,)  # all but the identifier, as the data have them


def test_what_is_learnt(codec):
    """One column of combinations, distances instead of the greater columns."""
    learnt = codec.learnt
    assert learnt.names == tuple(name for name in codec.names if name != "country")
    assert len(learnt.varying[learnt.names.index("city")].categories) == 5
    ages = learnt.varying[learnt.names.index("high")]
    assert (ages.minimum, ages.grid) == (0, (1, 1))  # of which the chain is made
    assert codec.varying[codec.names.index("age")].maximum == 120
    held = {column.name: column.constraint for column in codec.describe()}
    assert held["age"] == "from 0 to 120; less than or equal to 'high'"
    assert held["id"] == "unique"


def test_json_keeps_them(codec):
    again = TableCodec.from_dict(json.loads(json.dumps(dataclasses.asdict(codec))))
    assert again == codec
    assert again.is_like(codec)
    other = dataclasses.replace(codec, constraints=ALL[1:])
    assert not other.is_like(codec)
    codes = np.random.default_rng(0).normal(0, 1, (50, codec.width)).astype(np.float32)
    np.testing.assert_array_equal(again.decode(codes), codec.decode(codes))


def test_text_is_written_so_too(codec):
    codes = np.random.default_rng(1).normal(0, 2, (300, codec.width)).astype(np.float32)
    text = codec.to_csv(codec.decode(tf.constant(codes)).numpy()).decode()
    frame = pd.read_csv(pd.io.common.StringIO(text), parse_dates=["start", "end"])
    check(frame.astype({"city": "string", "country": "string"}))


GRIDS = st.sampled_from([None, 1, 0.05, 7, 0.25, 3600])


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**31 - 1),
    grids=st.tuples(GRIDS, GRIDS),
    size=st.sampled_from([1.0, 1e3, 3e7, 4e9]),
    or_equal=st.booleans(),
)
def test_order_of_any_two_columns(seed, grids, size, or_equal):
    """Of grids that do not fit each other, and of numbers that float32 does not tell apart."""
    draw = np.random.default_rng(seed)
    low, high = np.sort(draw.uniform(-size, size, (2, 80)), axis=0)
    low = low if grids[0] is None else np.floor(low / grids[0]) * grids[0]
    high = high if grids[1] is None else (np.floor(high / grids[1]) + 1) * grids[1]
    high = np.where(high > low, high, high + (grids[1] or size))
    frame = pd.DataFrame({"low": np.round(low, 2), "high": np.round(high, 2)})
    frame = frame.round(2) if None not in grids else frame.assign(low=low, high=high)
    rule = GreaterThan("high", "low", or_equal=or_equal)
    kinds = {"low": "number", "high": "number"}  # also where two values are all there are
    codec = table_source(
        frame, name="pairs", kinds=kinds, constraints=(rule,), components=2
    ).spec.table
    codes = draw.normal(0, 2, (400, codec.width)).astype(np.float32)
    rows = codec.decode(tf.constant(codes)).numpy()
    low, high = (rows[:, codec.names.index(name)] for name in ("low", "high"))
    assert (high >= low).all()
    written = codec.to_frame(rows)
    above = written["high"] >= written["low"] if or_equal else written["high"] > written["low"]
    assert above.all()
    for name in ("low", "high"):
        column = codec.columns[codec.names.index(name)]
        np.testing.assert_allclose(column.on_grid(written[name]), written[name], rtol=1e-12)
    back = codec.decode(codec.encode(tf.constant(codec.from_frame(frame)))).numpy()
    np.testing.assert_allclose(back[:, 0], codec.from_frame(frame)[:, 0], atol=size * 1e-5)


@pytest.mark.parametrize(
    ("constraints", "sentence"),
    [
        ((Range("agee", 0),), r"Received: 'agee'\. Did you mean 'age'\?"),
        ((Range("age", 0, 50),), r"Received: \d+ of 120 rows that violate it, counted from 0: row"),
        ((Range("age", 200),), r"'age' is 200 or more"),
        ((RoundTo("price", 0.1),), "'price' is a multiple of 0.1"),
        ((RoundTo("start", 1),), "must be about numbers"),
        ((GreaterThan("start", "end"),), "correct these rows or leave the constraint out"),
        ((GreaterThan("middle", "low"),), "`or_equal` allows equal values"),
        ((GreaterThan("start", "age"),), "two columns of numbers or two of dates"),
        ((GreaterThan("city", "age"),), "'city', which has categories"),
        ((GreaterThan("high", "age"),), r"\(?'high' is greater than 'age'"),
        ((Unique("age"),), "120 rows that violate it"),
        ((Unique("start"),), "must hold identifiers"),
        ((FixedCombinations("city", "age"),), "makes categories of it"),
        ((Range("age", "2020-01-01"),), "numbers as limits"),
        ((Range("start", 3),), "dates such as"),
        ((Range("age", 0), Range("age", 1)), "say each once"),
        (
            (FixedCombinations("city", "country"), FixedCombinations("country", "age")),
            "in one of the",
        ),
        (
            (GreaterThan("middle", "low", True), GreaterThan("low", "middle", True)),
            "violate|in a circle",
        ),
    ],
)
def test_what_cannot_be_is_refused(constraints, sentence):
    with pytest.raises(ValueError, match=sentence):
        table_source(visits(), name="visits", constraints=constraints)


def test_a_circle_is_refused():
    frame = pd.DataFrame({"a": np.arange(60.0), "b": np.arange(60.0)})
    rules = (GreaterThan("a", "b", True), GreaterThan("b", "a", True))
    with pytest.raises(ValueError, match=r"in a circle, ('a' > )?'b' > 'a'( > 'b')?"):
        table_source(frame, name="circle", constraints=rules)


def test_no_room_is_refused():
    frame = pd.DataFrame({"a": np.arange(60.0) + 100, "b": np.nan, "c": np.arange(60.0)})
    frame["b"] = frame["c"] - 5
    frame.loc[:5, "b"] = frame.loc[:5, "a"] + 1
    frame.loc[:5, "c"] = np.nan
    frame.loc[6:, "a"] = np.nan
    rules = (GreaterThan("b", "a"), GreaterThan("c", "b"))
    with pytest.raises(ValueError, match="must leave each column a value"):
        table_source(frame, name="no room", constraints=rules)


def test_the_label_is_told_apart():
    with pytest.raises(ValueError, match="must leave the label out"):
        table_source(visits(), name="visits", label="city", constraints=(ALL[-1],))
    with pytest.raises(ValueError, match="written anew"):
        table_source(visits(), name="visits", kinds={"id": "number"}, constraints=(ALL[0],))


def test_combinations_become_points():
    draw = np.random.default_rng(0)
    city = draw.integers(0, 150, 2000)
    frame = pd.DataFrame({"city": city, "land": city // 20, "x": draw.normal(size=2000)}).astype(
        {"city": "string", "land": "string"}
    )
    rule = FixedCombinations("land", "city")
    with pytest.raises(ValueError, match="at most 100 combinations"):
        table_source(
            frame.astype({"city": "string"}).assign(city=frame["city"].str.slice(0, 2)),
            name="towns",
            constraints=(rule,),
        )
    source = table_source(frame, name="towns", embedded=("city",), constraints=(rule,))
    codec = source.spec.table
    assert codec.width < 30
    codes = draw.normal(0, 1, (500, codec.width)).astype(np.float32)
    made = codec.to_frame(codec.decode(tf.constant(codes)).numpy())
    assert (made["land"].astype(int) == made["city"].astype(int) // 20).all()
    rows = codec.from_frame(frame)
    np.testing.assert_allclose(codec.decode(codec.encode(rows)).numpy(), rows, atol=1e-6)


def test_a_range_widens_what_the_data_have():
    frame = pd.DataFrame({"x": np.tile(np.arange(10.0), 10), "y": np.arange(100) / 100})
    codec = table_source(
        frame, name="x", constraints=(Range("x", -5.5), RoundTo("y", 0.01)), components=1
    ).spec.table
    assert (codec.columns[0].minimum, codec.columns[0].maximum) == (-5, 9)
    lowest = codec.decode(tf.fill((1, codec.width), -1.0)).numpy()[0, 0]
    assert -5 <= lowest < 0


@pytest.mark.parametrize("constraint", ALL, ids=lambda each: each.phrase)
def test_tables_of_a_configuration(constraint):
    table = json.loads(json.dumps(as_table(constraint)))
    assert None not in table.values()
    assert constraint_from(table) == constraint
    assert COLUMN_CONSTRAINTS[table["name"]] is type(constraint)


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("unique", "must be a table with the name"),
        ({"name": "uniqe", "column": "a"}, "Did you mean 'unique'"),
        ({"name": "range", "colum": "a"}, "Did you mean 'column'"),
        ({"name": "range", "column": "a"}, "a `minimum`, a `maximum` or both"),
        ({"name": "range", "column": "a", "minimum": 3, "maximum": "x", "to": 1}, "`to` is not"),
        ({"name": "greater_than", "column": "a"}, "`than` of the constraint"),
        ({"name": "greater_than", "column": "a", "than": "a"}, "another one"),
        ({"name": "fixed_combinations", "columns": "ab"}, "a list of names"),
        ({"name": "fixed_combinations", "columns": ["a"]}, "two different columns"),
        ({"name": "round_to", "column": "a", "multiple": 0}, "above 0"),
        ({"name": "round_to", "column": "a", "multiple": 1e-12}, "nine decimals"),
        ({"name": "round_to", "column": 3, "multiple": 1}, "name of a column"),
    ],
)
def test_mistakes_in_a_table(table, sentence):
    with pytest.raises(ValueError, match=sentence):
        constraint_from(table)


def test_a_litert_graph_keeps_them(codec):
    """What an export ships for the user's units: the same bits, without TensorFlow."""
    codes = np.random.default_rng(2).normal(0, 2, (64, codec.width)).astype(np.float32)
    decode = tf.function(codec.decode, [tf.TensorSpec((None, codec.width), tf.float32)])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([decode.get_concrete_function()])
    interpreter = Interpreter(model_content=converter.convert())
    (given,), (out,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.resize_tensor_input(given["index"], codes.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(given["index"], codes)
    interpreter.invoke()
    rows = interpreter.get_tensor(out["index"])
    check_rows(codec, rows)
    np.testing.assert_allclose(rows, codec.decode(tf.constant(codes)), rtol=1e-6)
