"""What a file of comma-separated values says comes back as it was."""

import logging
import re

import numpy as np
import pandas as pd
import pytest

from ganapp.training.data.tables.sources import csv

ROWS = 60


def written(place, columns, *, separator=",", header=True):
    """A file of the columns, as text."""
    names = list(columns)
    lines = [separator.join(names)] if header else []
    lines += [separator.join(row) for row in zip(*columns.values(), strict=True)]
    path = place / "table.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def numbers(seed=0):
    return [f"{value:.3f}" for value in np.random.default_rng(seed).normal(size=ROWS)]


def round_trip(source, place):
    """The training rows, decoded from what the networks see, as text; by column."""
    rows = source.spec.to_user_units(source.spec.to_model_units(source.train)).numpy()
    source.spec.table.to_frame(rows).to_csv(place / "again.csv", index=False)
    return pd.read_csv(place / "again.csv", dtype=str, keep_default_na=False)


@pytest.mark.parametrize(
    ("options", "values"),
    [
        ({}, ["None", "NA", "a", "null"]),
        ({"label": "c"}, ["None", "NA", "nan", "N/A"]),
        ({}, ["", "NA", "a", "b"]),
        ({}, ["00501", "01234", "90210", "10001"]),
        ({}, ["00501", "", "90210", "10001"]),
        ({"categorical": ("c",)}, ["1.50", "1.5", "2", "NA"]),
        ({"label": "c"}, ["007", "7", "10", "9"]),
        ({"categorical": ("c",)}, ["true", "True", "1", "0"]),
    ],
)
def test_categories_come_back_letter_by_letter(options, values, tmp_path):
    columns = {"x": numbers(), "c": values * (ROWS // 4)}
    source = csv(path=written(tmp_path, columns), components=1, **options)
    column = source.spec.table.columns[1]
    assert set(column.categories) == set(values) - {""}
    assert column.missing == ("" in values)
    again = round_trip(source, tmp_path)
    given = set(zip(map(float, columns["x"]), columns["c"], strict=True))
    assert set(zip(again["x"].astype(float), again["c"], strict=True)) <= given


def test_digits_with_leading_zeros_are_said_to_be_categories(tmp_path):
    columns = {"x": numbers(), "zip": ["00501", "01234", "90210"] * 20, "n": ["0", "10", "5"] * 20}
    source = csv(path=written(tmp_path, columns), components=1)
    assert source.spec.table.categorical == (1,)
    assert "With leading zeros, so categories and no numbers: 'zip'." in source.spec.description
    assert "'n'" not in source.spec.description


def test_classes_that_are_numbers_are_in_the_order_of_numbers(tmp_path):
    columns = {"x": numbers(), "c": [str(i % 12) for i in range(ROWS)]}
    source = csv(path=written(tmp_path, columns), label="c", components=1)
    assert source.spec.classes == tuple(map(str, range(12)))


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_whatever_stands_between_the_values_is_found(separator, tmp_path):
    names = ['"Doe, J; a|b"', "Roe", '"two\nlines"'] * 20
    columns = {"x": numbers(), "y": numbers(1), "name": names}
    source = csv(path=written(tmp_path, columns, separator=separator), components=1)
    assert source.spec.table.names == ("x", "y", "name")
    assert source.spec.table.columns[2].categories == ("Doe, J; a|b", "Roe", "two\nlines")


@pytest.mark.parametrize("point", [".", ","])
def test_a_decimal_comma_beside_semicolons(point, tmp_path):
    columns = {"x": [v.replace(".", point) for v in numbers()], "c": ["a", "b"] * 30}
    source = csv(path=written(tmp_path, columns, separator=";"), components=1)
    expected = sorted(map(float, numbers()))
    found = sorted(np.concatenate([source.train, source.held_out])[:, 0])
    np.testing.assert_allclose(found, expected, atol=1e-6)


REFUSED = {
    "no header": ({"1.5": numbers(), "2": numbers(1)}, "must name the columns", "1.5, 2"),
    "counted, but two": ({"0": numbers(), "1": numbers(1)}, "must name the columns", "0, 1"),
    "words": (
        {"x": numbers(), "age": [*"123456789"] * 6 + ["NA", "nan"] * 3},
        "'age' must hold numbers, or nothing where one is missing; empty those cells",
        "6 times 'NA' or 'nan'",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_rows_are_not_lost_and_numbers_not_made_categories(case, tmp_path):
    columns, *words = REFUSED[case]
    with pytest.raises(ValueError, match=re.escape(words[0])) as error:
        csv(path=written(tmp_path, columns))
    assert f"Received: {words[1]}" in str(error.value)
    assert "\n" not in str(error.value)


def test_rows_longer_than_the_header_are_refused(tmp_path):
    path = written(tmp_path, {"x,y": numbers(), "c": ["1,2"] * ROWS})
    path.write_text(path.read_text().replace("x,y,c", "x,y", 1))
    with pytest.raises(ValueError, match="2 names above rows of 3 values"):
        csv(path=path)


def test_columns_may_be_counted(tmp_path):
    columns = {str(i): numbers(i) for i in range(3)}
    assert csv(path=written(tmp_path, columns), components=1).spec.table.names == ("0", "1", "2")


def test_a_first_line_that_may_be_a_row_is_mentioned(tmp_path, caplog):
    path = written(tmp_path, {"5.1": numbers(), "setosa": ["setosa", "virginica"] * 30})
    with caplog.at_level(logging.WARNING, logger="ganapp"):
        csv(path=path, components=1)
    assert "though '5.1' looks like a value" in caplog.text
    caplog.clear()
    csv(path=written(tmp_path, {"2019": numbers(), "c": ["a", "b"] * 30}), components=1)
    assert not caplog.text
