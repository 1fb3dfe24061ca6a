"""Tables in files: what stands between values, encodings, packed files, headers, left-overs."""

import bz2
import gzip
import io
import logging
import lzma
import re
import zipfile

import numpy as np
import pandas as pd
import pyarrow
import pytest

from ganapp.training.data.tables.reading import (
    find_separator,
    is_text_table,
    read_csv,
    read_parquet,
)
from ganapp.training.data.tables.sources import csv, parquet

ROWS = 60
WORDS = ["a", "b"] * (ROWS // 2)


def numbers(seed=0):
    return [f"{value:.2f}" for value in np.random.default_rng(seed).normal(size=ROWS)]


def text(columns, separator=",", first="", end="\n"):
    """The content of a file, every value as given."""
    lines = [separator.join(columns), *map(separator.join, zip(*columns.values(), strict=True))]
    return first + end.join(lines) + end


def saved(place, content, name="t.csv"):
    path = place / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


SEPARATED = {
    # A heading or a cell with another separator, decimal commas, quotes.
    "a,b\n1,2\n": ",",
    "price (EUR, net);qty\n12,5;3\n7,5;4\n": ";",
    "name;n\nDoe, John;12\nRoe, Jane;3\n": ";",
    '"a;b";c\n1;2\n': ";",
    "tags (a;b),n\nx;y,1\nx,2\nz;y;x,3\n": ",",
    "a\tb, c\n1\t2\n": "\t",
    "a|b;c|d\n1|2|3\n": "|",
    "only\n1\n2\n": ",",
    "date,amount (a;b)\n2020-01-01,1\n2020-01-02,2\n": ",",
}


@pytest.mark.parametrize("content", SEPARATED)
def test_the_separator_is_what_explains_the_values(content):
    assert find_separator(content) == SEPARATED[content]


def test_what_is_late_counts_as_much_as_what_is_early(tmp_path):
    late = [""] * 1000 + [f"{i % 97},{i % 97 % 10}" for i in range(500)]
    columns = {"place": [f"p{i % 9}" for i in range(1500)], "rate": late}
    source = csv(path=saved(tmp_path, text(columns, ";")), components=1)
    rate = source.spec.table.columns[1]
    assert (rate.kind, rate.minimum, rate.maximum, rate.form.decimal) == ("numeric", 0, 96.6, ",")
    assert rate.missing_share == pytest.approx(2 / 3)


def test_columns_of_mixed_type_are_text_whatever_their_row(tmp_path):
    """Further down than any piece in which a reader guesses types."""
    rows = 60_000
    columns = {"x": [str(i % 7) for i in range(rows)]}
    columns["code"] = [f"0{100 + i % 40}" for i in range(rows - 1)] + ["A1"]
    columns["ward"] = [str(i % 30) for i in range(rows - 1)] + ["B7"]
    table = csv(path=saved(tmp_path, text(columns)), components=1).spec.table
    assert [len(column.categories) for column in table.columns[1:]] == [41, 31]
    assert {"0100", "A1"} <= set(table.columns[1].categories)
    assert all(isinstance(value, str) for value in table.columns[2].categories)


@pytest.mark.parametrize(
    ("encoding", "note"),
    [
        ("utf-8", ""),
        ("utf-8-sig", ""),
        ("utf-16", ""),
        ("utf-16-le", "Read as utf-16-le"),
        ("cp1252", "read as cp1252, e.g. 'Zürich'"),
    ],
)
def test_encodings(encoding, note, tmp_path):
    columns = {"x": numbers(), "city": ["Zürich", "Genève"] * (ROWS // 2)}
    sheet = read_csv(saved(tmp_path, text(columns).encode(encoding)))
    assert list(sheet.frame.columns) == ["x", "city"]
    assert set(sheet.frame["city"]) == {"Zürich", "Genève"}
    assert len(sheet.notes) == bool(note)
    assert note in " ".join(sheet.notes)


def test_an_encoding_that_is_given(tmp_path):
    path = saved(tmp_path, "x,Ж\n1,я\n".encode("cp1251"))
    assert read_csv(path, encoding="cp1251").frame.columns[1] == "Ж"
    with pytest.raises(ValueError, match="`encoding` must be one that Python knows, not 'klingon'"):
        csv(path=path, encoding="klingon")
    with pytest.raises(ValueError, match="`encoding` must be that of the file, which is not utf-8"):
        csv(path=path, encoding="utf-8")


def zipped(content):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("inner.csv", content)
        archive.writestr("__MACOSX/._inner.csv", b"\0")
    return file.getvalue()


PACKED = {
    "t.csv.gz": gzip.compress,
    "t.CSV.BZ2": bz2.compress,
    "t.tsv.xz": lzma.compress,
    "t.txt.zst": lambda content: pyarrow.compress(content, "zstd", asbytes=True),
    "t.zip": zipped,
    "t.tab": bytes,
}


@pytest.mark.parametrize("name", PACKED)
def test_packed_files_and_other_names(name, tmp_path):
    content = text({"x": numbers(), "c": WORDS}, "\t")
    path = saved(tmp_path, PACKED[name](content.encode()), name)
    assert is_text_table(path)
    source = csv(path=path, components=1)
    assert source.spec.table.names == ("x", "c")
    assert source.notes == ("Values are parted by tabs; `data.separator` says otherwise.",)


def test_what_is_no_table_by_its_name_or_broken(tmp_path):
    for name in ("t.gz", "t.tar.gz", "t.parquet", "t", "t.zip"):
        assert not is_text_table(saved(tmp_path, "x", name))
    for name in ("t.csv.gz", "t.csv.xz", "t.csv.zip", "t.csv.bz2", "t.csv.zst"):
        with pytest.raises(ValueError, match=r"`path` .*t\.csv"):
            csv(path=saved(tmp_path, "x,y\n1,2\n", name))
    with zipfile.ZipFile(tmp_path / "two.csv.zip", "w") as archive:
        archive.writestr("a.csv", "x")
        archive.writestr("b.csv", "x")
    with pytest.raises(ValueError, match=r"a \.zip must hold one file, not 2"):
        csv(path=tmp_path / "two.csv.zip")


def test_a_line_for_the_spreadsheet_is_obeyed(tmp_path):
    for first in ("sep=;\n", '"sep=;"\r\n'):
        path = saved(tmp_path, text({"x": numbers(), "c, d": WORDS}, ";", first))
        assert csv(path=path, components=1).spec.table.names == ("x", "c, d")


def test_settings_are_obeyed(tmp_path):
    path = saved(tmp_path, text({"x": numbers(), "a,b": WORDS}, ";"))
    assert read_csv(path, separator=",").frame.shape == (ROWS, 2)
    assert list(read_csv(path, separator=",").frame.columns) == ["x;a", "b"]
    with pytest.raises(ValueError, match="`separator` must be a single character, not '::'"):
        csv(path=path, separator="::")
    tabs = saved(tmp_path, text({"x": numbers(), "c": WORDS}, "\t"))
    assert list(read_csv(tabs, separator="\\t").frame.columns) == ["x", "c"]
    blanks = saved(tmp_path, text({"x": numbers(), "c": WORDS}, "   "))
    assert list(read_csv(blanks, separator=" ").frame.columns) == ["x", "c"]


def test_blanks_at_the_ends_of_headings_and_cells(tmp_path):
    work = [" Private ", "\tState, local"] * (ROWS // 2)
    columns = {"age": numbers(), " workclass ": [f'"{work}"' for work in work]}
    sheet = read_csv(saved(tmp_path, text(columns)))
    assert list(sheet.frame.columns) == ["age", "workclass"]
    assert set(sheet.frame["workclass"]) == {"Private", "State, local"}
    assert sheet.notes == ("Blanks at the ends of headings and cells are left out.",)
    empty = {"x": numbers(), "c": ["  ", "b"] * (ROWS // 2)}
    assert read_csv(saved(tmp_path, text(empty))).frame["c"].isna().sum() == ROWS // 2


def test_lines_that_end_in_a_separator_or_are_short(tmp_path):
    content = text({"x": numbers(), "c": WORDS}).replace("\n", ",\n")
    sheet = read_csv(saved(tmp_path, content))
    assert list(sheet.frame.columns) == ["x", "c"]
    assert sheet.notes == ("1 empty columns without a name are left out.",)
    rows_only = content.replace("x,c,", "x,c", 1)
    assert list(read_csv(saved(tmp_path, rows_only)).frame.columns) == ["x", "c"]
    short = read_csv(saved(tmp_path, "x,c\n1,a\n\n2\n")).frame
    assert short["c"].isna().tolist() == [False, True]


def test_a_header_that_is_repeated_is_no_row(tmp_path):
    once = text({"x": numbers(), "c": WORDS})
    sheet = read_csv(saved(tmp_path, once + once))
    assert len(sheet.frame) == 2 * ROWS
    assert sheet.notes == ("1 lines that repeat the header are left out.",)


HEADERS = {
    "39,clerk,<=50K": True,
    "5.1,cook,>50K": True,
    "age,job,pay": False,
    "age,clerk,pay": False,  # one of three: a name may be a value
    "2019,2020,pay": False,
}


@pytest.mark.parametrize("header", HEADERS)
def test_a_header_such_as_the_rows_is_warned_of(header, tmp_path, caplog):
    rows = [
        f"{18 + i % 40},{('clerk', 'cook')[i % 2]},{('<=50K', '>50K')[i % 2]}" for i in range(60)
    ]
    if header.startswith("2019"):
        rows = [f"{i % 40},{i % 17},{('low', 'high')[i % 2]}" for i in range(60)]
    path = saved(tmp_path, "\n".join([header, *rows]) + "\n")
    with caplog.at_level(logging.WARNING, logger="ganapp"):
        source = csv(path=path, components=1)
    assert ("`data.header = false` makes a row of it" in caplog.text) == HEADERS[header]
    if not HEADERS[header]:
        return
    caplog.clear()
    without = csv(path=path, header=False, components=1)
    assert not caplog.text
    assert without.spec.table.names == ("1", "2", "3")
    assert without.spec.examples + without.spec.held_out == 61
    assert source.spec.examples + source.spec.held_out == 60
    assert without.spec.table.to_csv(without.train[:2]).decode().count("\n") == 2


def test_numbers_alone_are_a_row_unless_the_options_say_otherwise(tmp_path):
    path = saved(tmp_path, text({"1.5": numbers(), "2.5": numbers(1)}))
    with pytest.raises(ValueError, match=r"or say that there is none with `data.header = false`"):
        csv(path=path)
    assert csv(path=path, header=True, components=1).spec.table.names == ("1.5", "2.5")


def test_a_column_that_counts_the_rows_is_left_out(tmp_path):
    """As pandas and R leave it in a file, with a heading of their own or without one."""
    frame = pd.DataFrame({"x": np.array(numbers(), float), "c": WORDS})
    for index in (frame, frame.set_axis(range(1, ROWS + 1)), frame.sample(frac=1, random_state=0)):
        index.to_csv(tmp_path / "t.csv")
        table = csv(path=tmp_path / "t.csv", components=1).spec.table
        assert table.names == ("x", "c")
        assert table.left_out[0].name == ""
        assert "The column without a name counts the rows" in table.left_out[0].reason
    pd.read_csv(tmp_path / "t.csv").to_csv(tmp_path / "t.csv", index=False)
    table = csv(path=tmp_path / "t.csv", components=1).spec.table
    assert table.left_out[0].name == "Unnamed: 0"  # what the file says
    kept = csv(path=tmp_path / "t.csv", kinds={"Unnamed: 0": "integer"}, components=1).spec.table
    assert kept.names == ("Unnamed: 0", "x", "c")


def test_a_column_without_a_name_that_counts_nothing_keeps_to_have_none(tmp_path):
    path = saved(tmp_path, text({"": numbers(), "c": WORDS}))
    source = csv(path=path, components=1)
    assert source.spec.table.names == ("", "c")
    assert source.spec.table.to_csv(source.train[:1]).startswith(b",c\n")
    assert csv(path=path, drop=("",)).spec.table.names == ("c",)
    words = 'The column without a name must hold dates, as `data.kinds = {"" = "date"}` says'
    with pytest.raises(ValueError, match=re.escape(words)):
        csv(path=path, kinds={"": "date"})


def test_an_index_of_a_parquet_file_is_a_column(tmp_path):
    frame = pd.DataFrame({"x": np.array(numbers(), float), "customer": range(1000, 1000 + ROWS)})
    frame.set_index("customer").to_parquet(tmp_path / "t.parquet")
    sheet = read_parquet(tmp_path / "t.parquet")
    assert list(sheet.frame.columns) == ["customer", "x"]
    assert sheet.notes == ("The file keeps 'customer' as its index, here a column like others.",)
    source = parquet(path=tmp_path / "t.parquet", components=1)
    assert source.notes == sheet.notes
    shuffled = frame.sample(frac=1, random_state=0)
    shuffled.to_parquet(tmp_path / "t.parquet")  # an index without a name
    table = parquet(path=tmp_path / "t.parquet", components=1).spec.table
    assert table.left_out[0].name == "__index_level_0__"  # as the file calls it
    frame.to_parquet(tmp_path / "t.parquet")
    assert list(read_parquet(tmp_path / "t.parquet").frame.columns) == ["x", "customer"]


def test_a_file_is_read_once_however_often_it_is_asked_for(tmp_path):
    path = saved(tmp_path, text({"x": numbers(), "c": WORDS}))
    first = csv(path=path, components=1)
    assert csv(path=path, components=1) is first
    assert csv(path=path, components=2) is not first
    saved(tmp_path, text({"x": numbers(1), "c": WORDS}) + "1.5,a\n")
    assert csv(path=path, components=1).spec.examples > first.spec.examples
