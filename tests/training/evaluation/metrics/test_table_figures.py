"""Figures of tables against hand-computed values, and the evaluator that prints them."""

import dataclasses

import numpy as np
import pytest
from evaluation_cases import make_evaluator

from ganapp.training.data.spec import DataSpec
from ganapp.training.data.tables.codec import TableCodec
from ganapp.training.data.tables.columns import Categorical, Numeric
from ganapp.training.evaluation.checks import NotComputable, check_samples
from ganapp.training.evaluation.features.spaces import TableColumns
from ganapp.training.evaluation.metrics.copied_rows import copies
from ganapp.training.evaluation.metrics.table_columns import (
    association_error,
    associations,
    correlation_ratio,
    marginals,
)
from ganapp.training.evaluation.metrics.tstr import accuracy_elsewhere

NAN = float("nan")
MODE = {"weights": (1.0,), "means": (0.0,), "scales": (1.0,), "reaches": (4.0,)}
NUMBER = Numeric(name="x", dtype="float64", minimum=-9, maximum=9, decimals=1, missing=True, **MODE)
WHOLE = dataclasses.replace(NUMBER, name="y", decimals=0, missing=False)
CLASS = Categorical(name="class", dtype="string", categories=("a", "b"), missing=False)
COLOUR = Categorical(name="colour", dtype="string", categories=("red", "blue"), missing=True)
TABLE = TableCodec(columns=(NUMBER, COLOUR, WHOLE, CLASS), label="class")


def spec_of(table: TableCodec, **fields) -> DataSpec:
    zeros = [0.0] * len(table.varying)
    scales = [2.0 if c.kind == "numeric" else 1.0 for c in table.varying]
    return DataSpec(
        name="t",
        kind="vector",
        shape=(table.width,),
        **{"examples": 300, "held_out": 100} | fields,
        mean=tuple(zeros),
        scale=tuple(scales),
        table=table,
    )


def rows(count: int, seed: int, gap: float = 6.0) -> np.ndarray:
    """Two classes, `gap` apart in the number y; x and colour are noise."""
    draw = np.random.default_rng(seed)
    label = draw.integers(0, 2, count)
    x = np.round(draw.normal(0, 2, count), 1).clip(-9, 9)
    colour = draw.integers(0, 3, count).astype(float)
    y = np.round(draw.normal(gap * label - gap / 2, 1)).clip(-9, 9)
    x[draw.random(count) < 0.1] = NAN
    return np.float32(np.stack([x, np.where(colour == 2, NAN, colour), y, label], axis=1))


def test_marginals_by_hand():
    real = np.array([[0, 0, 0, 0], [2, 0, 2, 1], [4, 1, 4, 0], [6, NAN, 6, 1]], np.float32)
    same = marginals(TABLE, real[::-1], real)
    np.testing.assert_allclose(same, 0, atol=1e-12)
    moved = real + np.float32([0, 0, 3, 0])
    moved[0, 0], moved[:, 1], moved[:, 3] = NAN, 0, 1
    deviation = np.std([0, 2, 4, 6])
    # x: one in four is missing and the rest 2, 4, 6 instead of 0, 2, 4, 6, which is 1 away.
    expected = [0.25 + 1 / deviation, 0.5, 3 / deviation, 0.5]
    np.testing.assert_allclose(marginals(TABLE, moved, real), expected, rtol=1e-9)


def test_associations_by_hand():
    table = np.array([[1, 0, 2, 0], [2, 0, 4, 0], [3, 1, 6, 1], [4, 1, 9, 0]], np.float32)
    found = associations(TABLE, table)
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_array_equal(np.diag(found), 1)
    assert found[0, 2] == pytest.approx(np.corrcoef(table[:, 0], table[:, 2])[0, 1])
    # Chi-squared of [[2, 0], [1, 1]] is 4/3, and V its root over n.
    assert found[1, 3] == pytest.approx(np.sqrt(4 / 3 / 4))
    # Means 1.5 and 3.5 around 2.5: 1 of the variance 1.25.
    assert found[0, 1] == pytest.approx(np.sqrt(1 / 1.25))
    assert correlation_ratio(np.array([0, 0, 1, 1]), np.array([1.0, 1, 3, 3])) == 1
    assert association_error(TABLE, table, table[[3, 1, 0, 2]]) == pytest.approx(0)
    flat = table.copy()
    flat[:, 2] = 5  # y explains nothing any more
    gone = np.abs(found[2, [0, 1, 3]]).sum() / 6
    assert association_error(TABLE, flat, table) == pytest.approx(gone)
    holes = table.copy()
    holes[3, 0] = NAN  # left out pair by pair
    assert associations(TABLE, holes)[0, 2] == pytest.approx(1)
    with pytest.raises(NotComputable, match="no pairs"):
        association_error(TableCodec(columns=(NUMBER,)), table[:, :1], table[:, :1])


def test_accuracy_tells_a_label_that_can_be_told():
    space = TableColumns(spec_of(TABLE))
    options = {"seed": 0}
    assert accuracy_elsewhere(space, TABLE, rows(100, 0), rows(200, 1), **options) > 0.97
    blind = accuracy_elsewhere(space, TABLE, rows(100, 0, gap=0), rows(400, 1, gap=0), **options)
    assert 0.38 < blind < 0.62  # the label itself is not among the features
    one = rows(100, 0)
    one[:, 3] = 1
    with pytest.raises(NotComputable, match="same label"):
        accuracy_elsewhere(space, TABLE, one, rows(10, 1), **options)


def test_copies_are_equal_in_every_column():
    training = np.float32([[1, NAN, 2, 0], [0.0, 1, 2, 1]])
    some = np.float32([[1, NAN, 2, 0], [1, 0, 2, 0], [-0.0, 1, 2, 1], [0, 1, 3, 1]])
    assert copies(some, training) == 0.5


def test_columns_count_alike():
    space = TableColumns(spec_of(TABLE))
    found = space(np.float32([[4, 1, -2, 0], [NAN, NAN, 0, 1]]))
    expected = [[2, 0, 0, 1, 0, -1, 1, 0], [0, 1, 0, 0, 1, 0, 0, 1]]
    np.testing.assert_allclose(found, expected)
    given = rows(50, 3)
    np.testing.assert_allclose(space.inverse(space(given)), given, rtol=1e-6)
    blurred = space.inverse(np.array([[2.03, 0.4, 0.3, 0.5, 0.2, 9.0, 0.4, 0.6]]))
    np.testing.assert_allclose(blurred, [[4.1, 1, 9, 1]])  # decimals, range, largest share
    draws = np.random.default_rng(0)
    normal, codes = draws.normal(0, 2, (2, 20_000)), draws.integers(0, 2, (2, 20_000))
    pairs = [
        space(np.stack([n, n * 0, n * 0, c], axis=1)) for n, c in zip(normal, codes, strict=True)
    ]
    squares = (pairs[0] - pairs[1]) ** 2
    differ = codes[0] != codes[1]
    assert squares[:, 0].mean() == pytest.approx(2, rel=0.05)
    assert squares[differ][:, -2:].sum(axis=1).mean() == pytest.approx(2)


@pytest.fixture(scope="module")
def evaluator():
    return make_evaluator(
        spec_of(TABLE),
        train=rows(300, 0),
        held_out=rows(100, 1),
        train_labels=rows(300, 0)[:, 3].astype(int),
        held_out_labels=rows(100, 1)[:, 3].astype(int),
        baseline_components=2,
        reference="train",
    )


def test_a_forest_is_grown_along_the_training_only_where_it_was_asked_for(evaluator):
    some = rows(60, 2)
    assert evaluator.evaluate(some).keys() - evaluator.evaluate_in_training(some).keys() == {"tstr"}
    held_out, labels = rows(100, 1), {}
    for name, real in (("train", rows(300, 0)), ("held_out", held_out)):
        labels[f"{name}_labels"] = real[:, 3].astype(int)
    asked = make_evaluator(
        evaluator.spec, train=rows(300, 0), held_out=held_out, training_figures=("tstr",), **labels
    )
    assert "tstr" in asked.evaluate_in_training(some)


def test_the_floor_of_usefulness_is_to_train_on_real_rows(evaluator):
    samples = rows(400, 2)
    report = evaluator.report(samples).as_dict()
    figure = report["figures"]["tstr"]
    space, held_out = TableColumns(spec_of(TABLE)), rows(100, 1)
    real = accuracy_elsewhere(space, TABLE, rows(300, 0), held_out, seed=0)
    drawn = np.random.default_rng(0).choice(samples, 300, replace=False)
    # The training rows are drawn, too: in another order the forest may be another.
    assert figure["floor"] == pytest.approx(real, abs=0.02)
    assert figure["matched"] == accuracy_elsewhere(space, TABLE, drawn, held_out, seed=0)
    assert figure["value"] == accuracy_elsewhere(space, TABLE, samples, held_out, seed=0)
    assert (figure["generated"], figure["matched_generated"], figure["real"]) == (400, 300, 100)
    assert report["figures"]["marginals"]["matched_generated"] == 100
    assert report["details"]["tstr"]["right"] == round(100 * figure["value"])
    assert report["details"]["tstr"]["label"] == "class"


def test_good_samples_pass_and_bad_ones_show(evaluator):
    figures = evaluator.report(rows(300, 2)).as_dict()["figures"]
    for key in ("marginals", "associations"):
        assert figures[key]["matched"] < 2 * figures[key]["floor"]
        assert figures[key]["baseline"] is not None
    assert figures["closest_record"]["floor"] == 1
    assert figures["closest_record"]["value"] == pytest.approx(1, abs=0.25)
    copied = evaluator.evaluate(rows(300, 0))
    assert (copied["copied"], copied["closest_record"]) == (1, 0)
    assert copied["memorised"] == 1
    shuffled = np.stack(
        [np.random.default_rng(i).permutation(c) for i, c in enumerate(rows(300, 2).T)]
    )
    apart = evaluator.evaluate(shuffled.T)
    assert apart["associations"] > 3 * figures["associations"]["value"]
    assert apart["marginals"] == pytest.approx(figures["marginals"]["value"])
    assert apart["tstr"] < 0.8


def test_without_a_label_or_held_out_rows(evaluator):
    table = dataclasses.replace(TABLE, label="")
    found = (
        make_evaluator(spec_of(table), train=rows(300, 0)).report(rows(60, 2)).as_dict()["figures"]
    )
    assert "tstr" not in found
    assert found["copied"]["value"] is not None
    assert found["closest_record"]["value"] is None
    assert found["marginals"]["floor"] is None
    labelled = (
        make_evaluator(spec_of(TABLE), train=rows(300, 0)).report(rows(60, 2)).as_dict()["figures"]
    )
    assert "held_out" in labelled["tstr"]["reasons"]["value"]


def test_labels_that_are_not_known_are_passed_over():
    def holes(count, seed):
        return np.where(
            (np.arange(4) == 3) & (np.arange(count)[:, None] % 3 > 0), NAN, rows(count, seed)
        )

    table = dataclasses.replace(TABLE, partly_labelled=True)
    evaluator = make_evaluator(
        spec_of(table),
        train=holes(300, 0),
        held_out=holes(100, 1),
        train_labels=np.nan_to_num(holes(300, 0)[:, 3], nan=-1).astype(int),
        held_out_labels=np.nan_to_num(holes(100, 1)[:, 3], nan=-1).astype(int),
        baseline_components=2,
        reference="train",
    )
    found = evaluator.report(rows(300, 0)).as_dict()
    figures = found["figures"]
    assert figures["copied"]["value"] == 1  # whatever class a copy of an unlabelled row says
    assert figures["frechet_distance"]["value"] == pytest.approx(0, abs=1e-6)
    assert found["details"]["marginals"]["columns"]["class"] < 0.1  # of the labels that there are
    assert found["details"]["tstr"]["tested"] == 34
    assert figures["tstr"]["value"] > 0.8
    drawn = evaluator.baseline.sample(50, seed=1)
    check_samples(spec_of(table), "drawn", drawn)
    assert np.isnan(drawn[:, 3]).all()
    space = TableColumns(spec_of(table))
    with pytest.raises(NotComputable, match="No row to test on has a label"):
        accuracy_elsewhere(space, table, rows(60, 0), holes(60, 1)[1:3], seed=0)
    with pytest.raises(ValueError, match=r"codes of its categories in the column 'class'\. Rec"):
        check_samples(spec_of(TABLE), "rows", holes(60, 0))


def test_the_baseline_draws_rows_of_the_table(evaluator):
    drawn = evaluator.baseline.sample(200, seed=1)
    check_samples(spec_of(TABLE), "drawn", drawn)
    assert np.isnan(drawn[:, 0]).any()
    assert np.isnan(drawn[:, 1]).any()
    np.testing.assert_array_equal(drawn[:, 2], np.round(drawn[:, 2]))
    assert np.abs(drawn[:, 2]).max() <= 9


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (1, 2, "codes of its categories in the column 'colour' or NaN. Received: 1 of 5"),
        (1, 0.5, "codes of its categories in the column 'colour'"),
        (2, NAN, "finite numbers in the column 'y'. Received: 1 of 5"),
        (0, np.inf, "finite numbers in the column 'x' or NaN"),
    ],
)
def test_rows_that_no_table_holds(place, value, words):
    wrong = rows(5, 0)
    wrong[:, 0] = 1
    wrong[2, place] = value
    with pytest.raises(ValueError, match=words):
        check_samples(spec_of(TABLE), "samples", wrong)
    with pytest.raises(ValueError, match=r"shape \(n, 4\)"):
        check_samples(spec_of(TABLE), "samples", np.zeros((5, TABLE.width)))
