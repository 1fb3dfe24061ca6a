"""The codec of tables: hand-computed codes, and the way there and back."""

import dataclasses
import json
import re

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from table_case import messy

from ganapp.training.data import DataSpec
from ganapp.training.data.tables.codec import TableCodec, fit_columns
from ganapp.training.data.tables.columns import Categorical, Constant, Numeric
from ganapp.training.data.tables.kinds import infer_columns
from ganapp.training.data.tables.sources import table_source

AGE = Numeric(
    name="age",
    dtype="Int64",
    minimum=0,
    maximum=50,
    decimals=0,
    missing=True,
    weights=(0.5, 0.5),
    means=(10.0, 40.0),
    scales=(1.0, 2.0),
    reaches=(4.0, 8.0),
)
CITY = Categorical(name="city", dtype="string", categories=("Oslo", "Rome"), missing=True)
PRICE = dataclasses.replace(
    AGE,
    name="price",
    dtype="float64",
    decimals=2,
    missing=False,
    **{"weights": (1.0,), "means": (20.0,), "scales": (2.5,), "reaches": (10.0,)},
)
TABLE = TableCodec(
    columns=(CITY, AGE, Constant(name="country", dtype="string", value="IT"), PRICE), label="city"
)
NAN = float("nan")
# Scalars of age and price; mode of age; age present, missing; Oslo, Rome, missing.
ROWS = [[1, 12, 25.5], [0, 36, 10], [NAN, NAN, 20]]
CODES = [
    [0.5, 0.55, 1, 0, 1, 0, 0, 1, 0],
    [-0.5, -1.0, 0, 1, 1, 0, 1, 0, 0],
    [0.0, 0.0, 1, 0, 0, 1, 0, 0, 1],  # a missing number: the middle of the (first) heaviest mode
]


def test_codes_by_hand():
    assert TABLE.names == ("city", "age", "price")
    assert TABLE.blocks == (("tanh", 2), ("softmax", 2), ("softmax", 2), ("softmax", 3))
    assert (TABLE.width, TABLE.label_place, TABLE.label_start) == (9, 0, 6)
    assert dataclasses.replace(TABLE, label="").label_start is None
    np.testing.assert_allclose(TABLE.encode(tf.constant(ROWS)), CODES, atol=1e-6)
    np.testing.assert_array_equal(TABLE.decode(tf.constant(CODES, tf.float32)), ROWS)


def test_soft_codes_are_rounded_and_kept_in_range():
    soft = [[0.9, 0.12345, 0.4, 0.6, 0.7, 0.3, 0.2, 0.5, 0.3], [-1.0, 1, 1, 0, 1, 0, 0.4, 0, 0.6]]
    # 40 + 0.9 * 8 = 47.2; 20 + 1.2345 = 21.23; 10 - 4 = 6; 20 + 10 = 30.
    np.testing.assert_allclose(
        TABLE.decode(tf.constant(soft)), [[1, 47, 21.23], [NAN, 6, 30]], rtol=1e-6
    )
    beyond = tf.constant([[1.0, 0.0, 0, 1, 1, 0, 1, 0, 0]])
    shorter = dataclasses.replace(AGE, maximum=45)
    table = dataclasses.replace(TABLE, columns=(CITY, shorter, PRICE))
    np.testing.assert_array_equal(table.decode(beyond), [[0, 45, 20]])  # not 48


def test_the_same_table_on_another_machine():
    def changed(**fields):
        columns = tuple(
            dataclasses.replace(AGE, **fields) if c == AGE else c for c in TABLE.columns
        )
        return dataclasses.replace(TABLE, columns=columns)

    assert TABLE.is_like(changed(means=(10.0001, 40.0)))
    for fields in (
        {"means": (11.0, 40.0)},
        {"maximum": 51},
        {"means": (10.0,), "weights": (1.0,), "scales": (1.0,), "reaches": (4.0,)},
    ):
        assert not TABLE.is_like(changed(**fields))
    assert not TABLE.is_like(dataclasses.replace(TABLE, label=""))
    assert not TABLE.is_like(dataclasses.replace(TABLE, columns=TABLE.columns[:3]))


def test_frames_by_hand():
    frame = TABLE.to_frame(np.float32([[1, 12, 25.1], [NAN, NAN, 0.3]]))
    expected = pd.DataFrame(
        {
            "city": pd.array(["Rome", None], dtype="string"),
            "age": pd.array([12, None], dtype="Int64"),
            "country": pd.array(["IT", "IT"], dtype="string"),
            "price": [25.1, 0.3],
        }
    )
    pd.testing.assert_frame_equal(frame, expected)
    shuffled = frame[["price", "age", "city"]]
    np.testing.assert_array_equal(
        TABLE.from_frame(shuffled), np.float32([[1, 12, 25.1], [NAN, NAN, 0.3]])
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"city": "Paris"}, "'city' must hold one of 'Oslo', 'Rome'. Received: 'Paris'"),
        ({"price": np.nan}, "'price' must have no missing values. Received: 1 missing"),
    ],
)
def test_rows_that_are_none_of_this_table(change, words):
    frame = TABLE.to_frame(np.float32([[1, 12, 25.1]])).assign(**change)
    with pytest.raises(ValueError, match=re.escape(words)):
        TABLE.from_frame(frame)
    with pytest.raises(ValueError, match="must have the column 'city'"):
        TABLE.from_frame(frame.drop(columns="city"))
    with pytest.raises(ValueError, match=r"shape \(n, 3\)"):
        TABLE.to_frame(np.zeros((2, 4)))


def test_every_row_of_a_messy_table_survives():
    frame = messy()
    source = table_source(frame, name="messy", label="")
    spec = source.spec
    table = spec.table
    rows = table.from_frame(frame)
    assert rows.dtype == np.float32
    assert np.isnan(rows).any()
    back = spec.to_user_units(spec.to_model_units(rows)).numpy()
    training = table.to_frame(back)
    expected = frame.assign(score=frame["score"].astype("float32").astype("float64"))
    pd.testing.assert_frame_equal(training, expected, check_dtype=False, rtol=1e-5, atol=1e-6)
    pd.testing.assert_series_equal(training.dtypes, frame.dtypes)
    again = DataSpec.from_dict(json.loads(json.dumps(spec.as_dict())))
    assert again == spec
    np.testing.assert_array_equal(again.to_model_units(rows), spec.to_model_units(rows))


def test_modes_are_found_and_no_training_row_is_cut_off():
    draw = np.random.default_rng(1)
    values = np.concatenate([draw.normal(-50, 1, 200), draw.normal(90, 3, 100), [500.0]])
    frame = pd.DataFrame({"x": values, "y": draw.normal(0, 1, 301)})
    table = fit_columns(infer_columns(frame), np.arange(301), components=5)[0]
    means = np.array(table.columns[0].means)
    assert np.abs(means + 50).min() < 1
    assert np.abs(means - 90).min() < 2
    codes = table.encode(table.from_frame(frame)).numpy()
    assert np.abs(codes).max() <= 1
    np.testing.assert_allclose(table.decode(codes)[:, 0], values, atol=1e-3)


def test_a_value_that_many_rows_share_is_a_mode_and_comes_back_exactly():
    draw = np.random.default_rng(2)
    values = np.where(draw.random(400) < 0.5, 1 / 3, draw.normal(5, 2, 400))
    frame = pd.DataFrame({"x": values, "y": draw.normal(0, 1, 400)})
    column = fit_columns(infer_columns(frame), np.arange(400), components=3)[0].columns[0]
    assert column.means[0] == 1 / 3
    assert column.reaches[0] == 0
    assert column.weights[0] == pytest.approx(np.mean(values == 1 / 3))
    assert sum(column.weights) == pytest.approx(1, abs=0.02)
    table = TableCodec(columns=(column,))
    mode = np.eye(len(column.means), dtype=np.float32)[0]
    decoded = table.decode(tf.constant([[0.9, *mode]]))  # whatever the scalar says
    np.testing.assert_array_equal(decoded, np.float32([[1 / 3]]))
    inside = table.encode(tf.constant([[1 / 3], [0.34]], tf.float32)).numpy()
    assert inside[0, 1] == 1
    assert inside[1, 1] == 0


def test_modes_know_nothing_of_held_out_rows():
    frame = pd.DataFrame({"x": np.r_[np.arange(50.0), 1000.5], "y": np.arange(51.0) ** 2})
    column = fit_columns(infer_columns(frame), np.arange(50), components=1)[0].columns[0]
    assert column.means == pytest.approx((24.5,))
    assert column.reaches == pytest.approx((4 * np.arange(50).std(),))
    assert (column.minimum, column.maximum, column.decimals) == (0, 1000.5, 1)


@pytest.mark.parametrize("label", ["city", ""])
def test_decoding_converts_to_litert(label):
    from ai_edge_litert.interpreter import Interpreter

    columns = TABLE.columns if label else (AGE, PRICE)
    table = TableCodec(columns=columns, label=label)
    codes = np.random.default_rng(0).uniform(0, 1, (5, table.width)).astype(np.float32)

    @tf.function(input_signature=[tf.TensorSpec((None, table.width), tf.float32)])
    def decode(codes):
        return {"rows": table.decode(codes)}

    functions = [decode.get_concrete_function()]
    converter = tf.lite.TFLiteConverter.from_concrete_functions(functions, tf.Module())
    runner = Interpreter(model_content=converter.convert()).get_signature_runner()
    found = runner(codes=codes)["rows"]
    assert np.isnan(found).any()
    # A division by a constant becomes a product with its inverse.
    np.testing.assert_allclose(found, table.decode(codes), rtol=1e-6)
