"""What columns are taken for, and that they come back as the file writes them."""

import datetime
import decimal
import json
import re

import numpy as np
import pandas as pd
import pytest

from ganapp.training.data import DataSpec
from ganapp.training.data.tables.codec import TableCodec
from ganapp.training.data.tables.columns import NumberForm, date_patterns, number_forms
from ganapp.training.data.tables.sources import csv, parquet, table_source

ROWS = 120
X = [f"{value:.2f}" for value in np.random.default_rng(0).normal(size=ROWS)]


def source_of(place, cells, name="c", separator=",", **options):
    """The source of a CSV with a column of numbers and the given one, quoted."""
    quoted = ['"' + cell.replace('"', '""') + '"' for cell in cells]
    lines = [f"x{separator}{name}", *(separator.join(row) for row in zip(X, quoted, strict=True))]
    (place / "t.csv").write_text("\n".join(lines) + "\n")
    return csv(path=place / "t.csv", components=1, **options)


def written(source):
    """The cells of the second column of the training rows, on their way through the networks."""
    rows = source.spec.to_user_units(source.spec.to_model_units(source.train)).numpy()
    table = DataSpec.from_dict(json.loads(json.dumps(source.spec.as_dict()))).table
    assert table == source.spec.table  # whatever was understood survives JSON
    frame = pd.read_csv(
        pd.io.common.BytesIO(table.to_csv(rows)),
        sep=table.separator,
        dtype=str,
        keep_default_na=False,
    )
    return frame.iloc[:, 1].tolist()


DAYS = [datetime.datetime(2024, 1, 28) + datetime.timedelta(days=3 * i) for i in range(ROWS)]
AMOUNTS = np.random.default_rng(1).integers(-90_000, 900_000, ROWS)
LARGE = [2**63 - 1 if i % 3 else 2**61 + i * 10**15 for i in range(ROWS)]
FORMS = {
    "money": [f"${a / 100:,.2f}".replace("$-", "-$") for a in AMOUNTS],
    "accounts": [f"(${-a / 100:,.2f})" if a < 0 else f"${a / 100:,.2f}" for a in AMOUNTS],
    "euros": [f"{a / 100:_.2f} €".replace(".", ",").replace("_", ".") for a in AMOUNTS],
    "swiss": [f"CHF {a / 100:,.2f}".replace(",", "'") for a in np.abs(AMOUNTS)],
    "thousands": [f"{a:,}" for a in AMOUNTS],
    "blanks for thousands": [f"{a:,}".replace(",", "\u202f") for a in AMOUNTS],
    "percent": [f"{i % 90}.{i % 10}%" for i in range(ROWS)],
    "units": [f"{50 + i % 60} kg" for i in range(ROWS)],
    "plain": [f"{i % 50}.{i % 9}0" for i in range(ROWS)],
    "signs": [f"{i % 50 - 25.5:+.1f}" for i in range(ROWS)],
    "whole": [str(i % 50) for i in range(ROWS)],
    "hundreds": [str(100 * (i % 50)) for i in range(ROWS)],
    "of floats": [f"{i % 50}.0" for i in range(ROWS)],
    "quarters": [f"{(i % 50) / 4}" for i in range(ROWS)],
    "ISO": [f"{d:%Y-%m-%d}" for d in DAYS],
    "digits": [f"{d:%Y%m%d}" for d in DAYS],
    "German": [f"{d:%d.%m.%Y}" for d in DAYS],
    "American": [f"{d:%m/%d/%Y}" for d in DAYS],
    "British": [f"{d:%d/%m/%Y}" for d in DAYS],
    "short": [f"{d.month}/{d.day}/{d:%y}" for d in DAYS],
    "months": [f"{d:%b-%Y}" for d in DAYS],
    "names": [f"{d:%B %d, %Y}" for d in DAYS],
    "times": [
        f"{d + datetime.timedelta(minutes=7 * i):%Y-%m-%d %H:%M}" for i, d in enumerate(DAYS)
    ],
    "zone": [f"{d:%Y-%m-%dT%H:%M:%SZ}" for d in DAYS],
    "clock": [f"{i % 24:02d}:{i % 60:02d}" for i in range(ROWS)],
    "never": [f"{d:%Y-%m-%d}" if i % 3 else "9999-12-31" for i, d in enumerate(DAYS)],
    "largest": [str(value) for value in LARGE],
}
CATEGORIES = {
    "phones": [f"+49{30_000_000 + i % 40}" for i in range(ROWS)],
    "articles": [("1E1", "2E1", "3E1", "4E2")[i % 4] for i in range(ROWS)],
    "articles beside numbers": [("12", "13", "3E1", "4E2")[i % 4] for i in range(ROWS)],
    "agents": [f"{i % 20:03d}" for i in range(ROWS)],
    "leading zeros and letters": [f"0{100 + i % 9}" if i % 7 else "A1" for i in range(ROWS)],
    "answers": [("1", "2", "3", "4+")[i % 4] for i in range(ROWS)],
    "two numbers": [("1.50", "2")[i % 2] for i in range(ROWS)],
    "versions": [("1.2.3", "1.2.4", "1.10.0")[i % 3] for i in range(ROWS)],
}


@pytest.mark.parametrize("name", FORMS)
def test_numbers_and_dates_come_back_in_their_form(name, tmp_path):
    source = source_of(tmp_path, FORMS[name])
    column = source.spec.table.columns[1]
    assert column.kind == "numeric"
    found = written(source)
    if name == "largest":  # float32 keeps the sentinel, and seven digits of the others
        assert {"9223372036854775807"} < set(found)
        assert set(map(len, found)) == {19}
    else:
        assert set(found) <= set(FORMS[name])
    assert len(found) == source.spec.examples


@pytest.mark.parametrize("name", CATEGORIES)
def test_what_would_change_as_a_number_is_kept_letter_by_letter(name, tmp_path):
    source = source_of(tmp_path, CATEGORIES[name])
    column = source.spec.table.columns[1]
    assert set(column.categories) == set(CATEGORIES[name])
    assert set(written(source)) <= set(CATEGORIES[name])


def test_codes_say_that_they_are_no_numbers_and_how_to_make_them_such(tmp_path):
    source = source_of(tmp_path, CATEGORIES["articles"])
    (row,) = [row for row in source.spec.table.describe() if row.name == "c"]
    assert "'1E1' would change as a number" in row.note
    assert '`data.kinds = {c = "number"}`' in row.note
    column = source_of(tmp_path, CATEGORIES["articles"], kinds={"c": "number"}).spec.table.columns[
        1
    ]
    assert (column.minimum, column.maximum) == (10, 400)
    column = source_of(tmp_path, CATEGORIES["agents"], kinds={"c": "integer"}).spec.table.columns[1]
    assert (column.kind, column.maximum) == ("numeric", 19)
    kept = source_of(tmp_path, FORMS["whole"], kinds={"c": "code"}).spec.table.columns[1]
    assert set(kept.categories) == set(FORMS["whole"])


def test_samples_of_dates_are_dates_and_of_hundreds_hundreds(tmp_path):
    draw = np.random.default_rng(0)
    for name in ("digits", "German", "hundreds", "never"):
        table = source_of(tmp_path, FORMS[name]).spec.table
        codes = draw.uniform(-1.2, 1.2, (500, table.width)).astype("float32")
        cells = [line.split(b",")[1].decode() for line in table.to_csv(table.decode(codes)).split()]
        if name == "hundreds":
            assert {int(cell) % 100 for cell in cells[1:]} == {0}
            assert len(set(cells)) > 20
        else:
            pattern = table.columns[1].form.pattern
            dates = [datetime.datetime.strptime(cell, pattern) for cell in cells[1:]]
            assert min(dates) >= min(DAYS)
            assert len(set(dates)) > 20


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "int64", "uint64"])
def test_the_edges_of_integer_types_are_kept(dtype, tmp_path):
    limits = np.iinfo(dtype)
    values = np.resize(np.array([limits.min, limits.max, limits.max // 2], dtype), ROWS)
    values[:5] = np.arange(5)
    frame = pd.DataFrame({"x": np.array(X, float), "n": values})
    frame.to_parquet(tmp_path / "t.parquet")
    frame.to_csv(tmp_path / "t.csv", index=False)
    for source in (
        parquet(path=tmp_path / "t.parquet", components=10),
        csv(path=tmp_path / "t.csv", components=10),
    ):
        rows = source.spec.to_user_units(source.spec.to_model_units(source.train)).numpy()
        found = source.spec.table.to_frame(rows)["n"]
        assert {int(limits.min), int(limits.max)} <= {int(value) for value in found}
        assert str(found.dtype).lower().removeprefix("u").startswith("int")


def test_whole_numbers_that_float32_cannot_keep_are_said(tmp_path):
    cells = [str(10**9 + 12345 * i) for i in range(ROWS)]
    (_, row) = source_of(tmp_path, cells).spec.table.describe()
    assert "beyond 16,777,216 not kept exactly, only to multiples of 64" in row.note
    assert '`data.kinds = {c = "code"}`' in row.note


def test_decimal_marks_that_only_other_columns_tell(tmp_path):
    cells = [f"{i % 90 + 1}.{i % 7}00" for i in range(ROWS)]
    other = [f"{i % 90},{i % 7}" for i in range(ROWS)]
    lines = ["a;b", *map(";".join, zip(cells, other, strict=True))]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    columns = csv(path=tmp_path / "t.csv", components=1).spec.table.columns
    assert (columns[0].form.thousands, columns[0].minimum) == (".", 1000)
    columns = csv(path=tmp_path / "t.csv", components=1, decimal=".").spec.table.columns
    assert columns[0].minimum == 1
    for separator, least, meant in ((",", 1050, ","), (";", 1.05, ".")):
        cells = [f'"{i % 9 + 1},{i % 7}50"{separator}{i % 50}' for i in range(ROWS)]
        (tmp_path / "t.csv").write_text("\n".join([f"a{separator}b", *cells]) + "\n")
        column = csv(path=tmp_path / "t.csv", components=1).spec.table.columns[0]
        assert column.minimum == least
        assert f"`data.decimal = {meant!r}` says otherwise" in column.note
        column = csv(path=tmp_path / "t.csv", components=1, decimal=",").spec.table.columns[0]
        assert (column.minimum, column.note) == (1.05, "")


WORDS = {
    "unknown": [str(18 + i % 60) if i % 25 else "unknown" for i in range(ROWS)],
    "NA": [f"${i % 60}.50" if i % 25 else "NA" for i in range(ROWS)],
    "not yet": [f"{d:%Y-%m-%d}" if i % 25 else "not yet" for i, d in enumerate(DAYS)],
    "#DIV/0!": [str(i % 60 / 4) if i % 25 else "#DIV/0!" for i in range(ROWS)],
}


@pytest.mark.parametrize("word", WORDS)
def test_a_word_among_numbers_or_dates_is_no_category_in_silence(word, tmp_path):
    kind = "date" if word == "not yet" else "number"
    with pytest.raises(ValueError, match=re.escape(f"Received: 5 times {word!r}")) as error:
        source_of(tmp_path, WORDS[word])
    assert f"must hold {kind}s, or nothing where one is missing" in str(error.value)
    assert f'`data.kinds = {{c = "{kind}"}}`' in str(error.value)
    column = source_of(tmp_path, WORDS[word], kinds={"c": kind}).spec.table.columns[1]
    assert (column.kind, column.missing) == ("numeric", True)
    assert f"5 cells are missing: {word}" in column.note
    if word == "unknown":
        meant = source_of(tmp_path, WORDS[word], categorical=("c",)).spec.table.columns[1]
        assert "unknown" in meant.categories


def test_dates_in_several_forms_and_in_either_order(tmp_path):
    mixed = [f"{d:%Y-%m-%d}" if i % 4 else f"{d:%d.%m.%Y}" for i, d in enumerate(DAYS)]
    source = source_of(tmp_path, mixed)
    column = source.spec.table.columns[1]
    assert column.form.pattern == "%Y-%m-%d"
    assert "dates in several forms, %Y-%m-%d and %d.%m.%Y" in column.note
    assert set(written(source)) <= {f"{d:%Y-%m-%d}" for d in DAYS}
    early = [f"{1 + i % 12:02d}/{1 + i % 11:02d}/2024" for i in range(ROWS)]
    column = source_of(tmp_path, early).spec.table.columns[1]
    assert "months first, as %m/%d/%Y" in column.note
    assert '`data.kinds = {c = "%d/%m/%Y"}` swaps them' in column.note
    other = source_of(tmp_path, early, kinds={"c": "%d/%m/%Y"})
    assert other.spec.table.columns[1].form.pattern == "%d/%m/%Y"
    assert set(written(other)) <= set(early)
    assert date_patterns(["2024-02-30", "2024-02-01"]) == []
    assert date_patterns(["20240230"]) == []


def test_typed_dates_and_decimals_come_back_with_their_type(tmp_path):
    frame = pd.DataFrame(
        {
            "x": np.array(X, float),
            "price": [decimal.Decimal(cents) / 100 for cents in range(ROWS)],
            "day": [d.date() for d in DAYS],
            "time": pd.Series(DAYS).dt.tz_localize("Europe/Rome"),
            "at": DAYS,
        }
    )
    frame.loc[3, "day"] = None
    frame.to_parquet(tmp_path / "t.parquet")
    source = parquet(path=tmp_path / "t.parquet", components=1)
    kinds = {row.name: (row.kind, row.form) for row in source.spec.table.describe()}
    assert kinds["price"] == ("number", "2 decimals")
    assert kinds["day"] == kinds["at"] == ("date", "%Y-%m-%d")
    rows = source.spec.to_user_units(source.spec.to_model_units(source.train)).numpy()
    source.spec.table.to_frame(rows).to_parquet(tmp_path / "again.parquet")
    before, after = (pd.read_parquet(tmp_path / f"{name}.parquet") for name in ("t", "again"))
    pd.testing.assert_series_equal(before.dtypes, after.dtypes)
    for name in ("price", "day", "time", "at"):
        assert set(after[name].dropna()) <= set(before[name].dropna()), name
    np.testing.assert_array_equal(
        source.spec.table.from_frame(before).shape, (ROWS, len(source.spec.table.varying))
    )


IDENTIFIERS = {
    "id": ("id", [str(7000 + 3 * i) for i in range(ROWS)], "7358"),
    "customerId": ("customerId", [f"C-{i:05d}" for i in range(1, ROWS + 1)], "C-00001"),
    "rows": ("number", [str(i) for i in range(ROWS)], "0"),
    "mail": ("mail", [f"{'abc'[i % 3]}{i}@example.org" for i in range(ROWS)], "mail 1"),
}


@pytest.mark.parametrize("case", IDENTIFIERS)
def test_an_identifier_is_left_out_or_written_anew(case, tmp_path):
    name, cells, first = IDENTIFIERS[case]
    table = source_of(tmp_path, cells, name).spec.table
    assert table.names == ("x",)
    (out,) = table.left_out
    assert f'`data.kinds = {{{name} = "identifier"}}` writes it anew' in out.reason
    anew = source_of(tmp_path, cells, name, kinds={name: "identifier"})
    found = written(anew)
    assert found[0] == first
    assert len(set(found)) == len(found)
    if case in ("id", "rows"):
        kept = source_of(tmp_path, cells, name, kinds={name: "number"})
        assert kept.spec.table.names == ("x", name)


def test_identifiers_that_are_random_are_so_again(tmp_path):
    cells = [f"{i:08x}-0000-4000-8000-{i * 7:012x}" for i in range(ROWS)]
    found = written(source_of(tmp_path, cells, "c", kinds={"c": "identifier"}))
    assert len(set(found)) == len(found)
    assert not set(found) & set(cells)
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", found[0])


def test_a_measurement_is_no_identifier_though_no_two_are_alike(tmp_path):
    for cells in ([f"{i * 1.25}" for i in range(ROWS)], [str(1950 + i) for i in range(ROWS)]):
        assert source_of(tmp_path, cells).spec.table.names == ("x", "c")


def test_all_columns_that_cannot_be_learnt_are_named_at_once(tmp_path):
    frame = pd.DataFrame({"x": X, "u": "", "v, w": "", "c": ["a", "b"] * (ROWS // 2)})
    frame.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(ValueError, match="must hold a value") as error:
        csv(path=tmp_path / "t.csv")
    assert "`drop = ['u', 'v, w']` leaves them out" in str(error.value)
    assert """--set 'data.drop=["u", "v, w"]'""" in str(error.value)
    assert csv(path=tmp_path / "t.csv", drop=("u", "v, w")).spec.table.names == ("x", "c")
    frame["v, w"] = [f"text {i // 2} of {i % 7}" for i in range(ROWS)]
    frame.loc[0, "v, w"] = frame.loc[1, "v, w"]
    frame.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(ValueError, match="2 columns cannot be learnt") as error:
        csv(path=tmp_path / "t.csv")
    for words in ("'u' must hold a value", "'v, w' must hold numbers, or categories that repeat"):
        assert words in str(error.value)


REFUSED = {
    ("c", "nmber"): "or how dates are written, such as %d.%m.%Y. Received: 'nmber' for 'c'. Did",
    ("d", "number"): "`kinds` must name columns of the table, 'x', 'c'. Received: 'd'",
    ("c", "date"): 'must hold dates, as `data.kinds = {c = "date"}` says. Received: e.g.',
    ("c", "integer"): "must hold whole numbers",
    ("x", "%d/%m/%Y"): "must hold dates",
}


@pytest.mark.parametrize("kinds", REFUSED)
def test_kinds_that_do_not_fit_are_refused(kinds, tmp_path):
    with pytest.raises(ValueError, match=re.escape(REFUSED[kinds])):
        source_of(tmp_path, [f"{i % 40}.5" for i in range(ROWS)], kinds=dict([kinds]))
    with pytest.raises(ValueError, match="`kinds` must not say 'number' of the column 'c'"):
        source_of(tmp_path, FORMS["whole"], kinds={"c": "number"}, categorical=("c",))


def test_text_in_typed_tables_is_text_but_for_dates_and_money(tmp_path):
    frame = pd.DataFrame(
        {
            "x": np.array(X, float),
            "digits": FORMS["whole"],
            "day": FORMS["German"],
            "pay": FORMS["money"],
        }
    )
    columns = table_source(frame, name="t", components=1).spec.table.columns
    assert [column.kind for column in columns] == ["numeric", "categorical", "numeric", "numeric"]
    assert columns[3].form.shown == "$#,##0.00"


def test_what_is_described(tmp_path):
    source = source_of(tmp_path, [cell if i % 4 else "" for i, cell in enumerate(FORMS["money"])])
    _, row = source.spec.table.describe()
    assert (row.name, row.kind, row.missing) == ("c", "number", 0.25)
    assert row.form.startswith("$#,##0.00")
    assert " to $" in row.values
    described = table_source(
        pd.DataFrame({"a": [*"uvwxyz"] * 20, "b": 1, "n": np.arange(ROWS) % 9 * 100}), name="t"
    ).spec.table.describe()
    assert [(row.kind, row.values) for row in described] == [
        ("category", "6: u, v, w, x, ..."),
        ("constant", "1"),
        ("number", "0 to 800"),
    ]
    assert described[2].form == "multiples of 100"


def test_a_codec_of_before_is_read():
    """Manifests of older runs have no forms, steps or notes."""
    fields = {
        "columns": [
            {"name": "n", "dtype": "Int64", "minimum": 0.0, "maximum": 9.0, "decimals": 0}
            | {"missing": False, "weights": [1.0], "means": [4.0], "scales": [2.0]}
            | {"reaches": [8.0], "kind": "numeric"},
            {"name": "k", "dtype": "string", "value": "u", "kind": "constant"},
        ],
        "label": "",
        "partly_labelled": False,
    }
    table = TableCodec.from_dict(fields)
    assert table.columns[0].grid == (1, 1)
    assert table.to_csv(np.float32([[3]])) == b"n,k\n3,u\n"


@pytest.mark.parametrize(
    ("texts", "marks"),
    [
        (["1,234", "56"], [(",", ""), (".", ",")]),
        (["1,234,567", "1"], [(".", ",")]),
        (["1.234.567"], [(",", ".")]),
        (["0,123"], [(",", "")]),
        (["1,23"], [(",", "")]),
        (["1.234,5", "7"], [(",", ".")]),
        (["1 234.5"], [(".", " ")]),
        (["192.168.1.1"], []),
        (["007"], []),
        (["$5", "€5"], []),
        (["5%", "5"], []),
        (["(5"], []),
    ],
)
def test_forms_of_numbers(texts, marks):
    assert [(form.decimal, form.thousands) for form in number_forms(texts)] == marks


def test_small_negative_numbers_do_not_become_minus_zero():
    form = NumberForm(before="$", places=2)
    assert form.write(np.array([-0.001, -1.5, np.nan]), 2) == ["$0.00", "-$1.50", None]
