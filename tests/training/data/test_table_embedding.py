"""Embedded categories: their points, and the way there and back."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from scipy.spatial.distance import pdist, squareform

from ganapp.training.data import DataSpec
from ganapp.training.data.tables.codec import APART, TableCodec, dimensions, nearest, push_apart
from ganapp.training.data.tables.columns import Categorical, Numeric
from ganapp.training.data.tables.sources import table_source

NAN = float("nan")
SIZE = Numeric(
    name="size",
    dtype="float64",
    minimum=-9.0,
    maximum=9.0,
    decimals=None,
    missing=False,
    **{"weights": (1.0,), "means": (0.0,), "scales": (2.0,), "reaches": (8.0,)},
)
CITY = Categorical(
    name="city",
    dtype="string",
    categories=("Oslo", "Rome"),
    missing=True,
    points=((-0.5, 0.0), (0.5, 0.0), (0.0, 0.9)),
)
KIND = Categorical(name="kind", dtype="string", categories=("a", "b"), missing=False)
TABLE = TableCodec(columns=(CITY, KIND, SIZE), label="kind")
ROWS = [[1, 0, 4], [0, 1, -8], [NAN, 1, 0]]
# The number, the point of the city, the kind.
CODES = [[0.5, 0.5, 0, 1, 0], [-1, -0.5, 0, 0, 1], [0, 0, 0.9, 0, 1]]


def cities(count=150, rows=1200, seed=0):
    """Cities of five countries, which say how large they are and what they speak."""
    draw = np.random.default_rng(seed)
    city = np.concatenate([np.arange(count), draw.integers(0, count, rows - count)])
    country = city % 5
    frame = pd.DataFrame(
        {
            "city": [f"city {i:03d}" for i in city],
            "size": 3.0 * country + draw.normal(size=rows),
            "tongue": np.array(list("pqrst"))[np.where(draw.random(rows) < 0.8, country, 0)],
        }
    )
    frame.loc[draw.permutation(rows)[:40], "city"] = None
    return frame


@pytest.fixture(scope="module")
def source():
    return table_source(cities(), name="cities", embedded=("city",), components=1)


@pytest.fixture(scope="module")
def column(source):
    return source.spec.table.varying[0]


def test_codes_by_hand():
    assert TABLE.blocks == (("tanh", 3), ("softmax", 2))
    assert (TABLE.width, TABLE.label_start) == (5, 3)
    assert (TABLE.categorical, TABLE.one_hot, TABLE.embedded) == ((0, 1), (1,), (0,))
    np.testing.assert_allclose(TABLE.encode(tf.constant(ROWS)), CODES, atol=1e-6)
    np.testing.assert_array_equal(TABLE.decode(tf.constant(CODES, tf.float32)), ROWS)
    alone = TableCodec(columns=(CITY,))
    np.testing.assert_array_equal(alone.decode(alone.encode(tf.constant([[1.0]]))), [[1]])


def test_the_nearest_point_decides_and_of_several_the_first():
    codes = tf.constant([[0.1, 0.2], [-0.9, -0.9], [0.0, 0.0], [0.4, 0.8]])
    np.testing.assert_array_equal(nearest(codes, CITY.points), [1, 0, 0, 2])


def test_a_column_is_embedded_in_its_description(source, column):
    assert "Embedded: 'city' (151 categories in 9 dimensions)." in source.spec.description
    assert np.shape(column.points) == (151, 9)
    assert np.abs(column.points).max() == 0.99
    assert source.spec.blocks[0] == ("tanh", 10)


def test_every_category_survives(source):
    table = source.spec.table
    rows = np.zeros((151, 3), np.float32)
    rows[:, 0] = [*range(150), NAN]
    codes = table.encode(rows).numpy()
    np.testing.assert_array_equal(table.decode(codes)[:, 0], rows[:, 0])
    places = np.flatnonzero(np.ptp(codes, axis=0))
    assert len(places) == 9
    draw = np.random.default_rng(0)
    for _ in range(10):  # noise that is shorter than half the least distance changes nothing
        noise = draw.normal(size=(151, 9))
        noise *= 0.16 / np.linalg.norm(noise, axis=1, keepdims=True)
        moved = codes.copy()
        moved[:, places] += noise
        np.testing.assert_array_equal(table.decode(moved)[:, 0], rows[:, 0])
    assert (table.decode(codes[draw.permutation(151)])[:, 0].numpy() != rows[:, 0]).any()


def test_like_categories_are_nearer(column):
    distances = squareform(pdist(np.array(column.points)[:150]))
    country = np.arange(150) % 5
    same = country[:, None] == country
    within = distances[same & (distances > 0)]
    assert within.mean() < 0.6 * distances[~same].mean()
    np.fill_diagonal(distances, np.inf)
    # A fifth if points said nothing.
    assert (country[distances.argmin(axis=1)] == country).mean() > 0.9
    neighbours = [distances[np.ix_(country == 0, country == c)].mean() for c in (1, 2)]
    assert neighbours[0] < neighbours[1]


@pytest.mark.parametrize("count", [2, 3, 40, 151, 400])
def test_equal_profiles_are_kept_apart(count):
    points = push_apart(np.zeros((count, dimensions(count))))
    assert pdist(points).min() > 0.99 * APART
    np.testing.assert_array_equal(points, push_apart(np.zeros((count, dimensions(count)))))


def test_a_table_of_nothing_else_has_points():
    frame = pd.DataFrame({"city": [f"city {i % 30}" for i in range(90)], "other": ["u", "v"] * 45})
    for columns in (["city"], ["city", "other"]):
        table = table_source(frame[columns], name="t", embedded=columns).spec.table
        for column in table.columns:
            assert pdist(column.points).min() > 0.33, column.name


def test_points_are_those_of_the_training_rows(source):
    """They are the same again, after JSON as well, and held-out rows do not move them."""
    frame = cities()
    again = table_source(frame, name="cities", embedded=("city",), components=1)
    assert again.spec == source.spec
    assert DataSpec.from_dict(json.loads(json.dumps(source.spec.as_dict()))) == source.spec
    codes = source.spec.table.from_frame(frame)
    held_out = (codes[:, None] == source.held_out).all(axis=2).any(axis=1)
    swapped = frame.copy()
    swapped.loc[held_out, "tongue"] = frame["tongue"][held_out].to_numpy()[::-1]
    assert not swapped.equals(frame)
    other = table_source(swapped, name="cities", embedded=("city",), components=1)
    assert other.spec.table == source.spec.table
    swapped.loc[~held_out, "size"] = frame["size"][~held_out].to_numpy()[::-1]
    moved = table_source(swapped, name="cities", embedded=("city",), components=1)
    assert moved.spec.table.varying[0].points != source.spec.table.varying[0].points
    assert not moved.spec.table.is_like(source.spec.table)


def test_the_same_points_on_another_machine():
    def changed(*points):
        return dataclasses.replace(
            TABLE, columns=(dataclasses.replace(CITY, points=points), KIND, SIZE)
        )

    near, far = ((-0.5, 0.0005), (0.5, 0.0), (0.0, 0.9)), ((-0.5, 0.1), (0.5, 0.0), (0.0, 0.9))
    assert TABLE.is_like(changed(*near))
    assert not TABLE.is_like(changed(*far))
    assert not TABLE.is_like(changed(*near[:2]))
    assert not TABLE.is_like(changed())


def test_outliers_move_no_profile():
    """Nor does a category of which training has no row: it has the profile of the whole table."""
    frame = cities()
    before = table_source(frame, name="t", embedded=("city",), components=1).spec.table
    largest = frame["size"].idxmax()
    after = frame.copy()
    after.loc[largest, "size"] = 1e6
    after = table_source(after, name="t", embedded=("city",), components=1).spec.table
    assert before.varying[0].points == after.varying[0].points
    rare = frame.assign(city=frame["city"].where(frame.index > 0, "nowhere"))
    for split in range(20):
        found = table_source(rare, name="t", embedded=("city",), components=1, split=split)
        names = found.spec.table.varying[0].categories
        if names.index("nowhere") not in found.train[:, 0]:
            break
    points = np.array(found.spec.table.varying[0].points)
    assert np.linalg.norm(points[names.index("nowhere")]) < np.linalg.norm(points, axis=1).mean()


def test_decoding_leaves_as_a_graph():
    """To LiteRT as well, see the tests of exports."""
    import onnxruntime
    import tf2onnx

    codes = np.random.default_rng(0).uniform(-1, 1, (50, TABLE.width)).astype(np.float32)
    signature = [tf.TensorSpec((None, TABLE.width), tf.float32, name="codes")]
    decode = tf.function(TABLE.decode, input_signature=signature, autograph=False)
    model, _ = tf2onnx.convert.from_function(decode, input_signature=signature)
    (found,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"codes": codes})
    assert set(found[~np.isnan(found[:, 0]), 0]) == {0, 1}
    np.testing.assert_allclose(found, TABLE.decode(codes), rtol=1e-5)
