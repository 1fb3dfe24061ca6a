"""Files of data that unpack to far more than they are: refused before they are read."""

import bz2
import decimal
import gzip
import io
import lzma
import re
import tarfile
import tracemalloc
import zipfile

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from ganapp.training.data import arrays
from ganapp.training.data import image_files as image_files_module
from ganapp.training.data.arrays import npy, npz
from ganapp.training.data.folder import folder
from ganapp.training.data.image_files import image_files, read_files
from ganapp.training.data.tables import reading
from ganapp.training.data.tables.reading import (
    check_table_size,
    read_csv,
    read_parquet,
    read_table,
)
from ganapp.training.data.video import video

MEGABYTE = 2**20


def xz(content):
    return lzma.compress(content, preset=0)  # others take 90 MB


def zstd(content):
    return pyarrow.compress(content, "zstd", asbytes=True)


def zipped(content, name="x.csv"):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return file.getvalue()


@pytest.fixture(autouse=True)
def little_memory():
    """Nothing here may take as much memory as its file claims."""
    tracemalloc.start()
    yield
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 * MEGABYTE


@pytest.fixture
def cache(tmp_path):
    """The folder of the cache, in which nothing but names of contents may be left."""
    yield tmp_path / "cache"
    left = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert not [path for path in left if path.stat().st_size > 100]


@pytest.fixture
def written(tmp_path):
    """Writes bytes to a file and gives its path."""

    def write(content, name):
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return write


def refused(read, match):
    with pytest.raises(ValueError, match=match) as error:
        read()
    assert str(error.value).count("\n") == 0


def test_a_bomb_in_a_npz_and_the_setting_that_allows_it(tmp_path, cache):
    rows = np.zeros((60, 8, 8), np.uint8)
    rows[::2] = 255
    np.savez_compressed(tmp_path / "x.npz", x=rows)
    most = rows.nbytes - 1

    def read(max_bytes):
        return npz(path=tmp_path / "x.npz", cache_dir=str(cache), max_bytes=max_bytes)

    refused(lambda: read(most), rf"data.max_bytes={rows.nbytes}`.* max_bytes={most}, and 3,840 b")
    assert not cache.exists()
    # In a folder of its own, or the check of what is left would find the examples.
    found = npz(path=tmp_path / "x.npz", cache_dir=str(tmp_path / "other"), max_bytes=rows.nbytes)
    assert found.spec.examples + found.spec.held_out == 60


def test_arrays_with_more_examples_than_can_be_drawn_from(tmp_path, cache, monkeypatch):
    monkeypatch.setattr(arrays, "EXAMPLES", 59)
    np.save(tmp_path / "x.npy", np.zeros((60, 8, 8), np.uint8))
    refused(lambda: npy(path=tmp_path / "x.npy"), "60 examples, more than 59")
    np.savez(tmp_path / "x.npz", x=np.zeros((60, 8, 8), np.uint8))
    refused(lambda: npz(path=tmp_path / "x.npz", cache_dir=str(cache)), "60 examples, more than 59")


def test_a_bomb_of_clips(tmp_path):
    np.savez_compressed(tmp_path / "x.npz", clips=np.zeros((10, 4, 8, 8), np.uint8))
    refused(lambda: video(path=tmp_path / "x.npz", max_bytes=2000), "data.max_bytes=2560")


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, xz, zstd, zipped])
def test_texts_that_are_too_large(written, pack):
    rows = b"a,b\n" + b"1,22\n" * 5000
    path = written(pack(rows), "x.csv")
    check_table_size(path, max_bytes=5001 * 2 * 8)
    refused(lambda: check_table_size(path, max_bytes=5001 * 2 * 8 - 1), "set data.max_bytes=")


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, xz, zstd, zipped])
@pytest.mark.parametrize("text", [b"a" * 30_000, b"a,b\n1,2\n3," + b"4" * 30_000 + b"\n5,6\n"])
def test_lines_that_are_too_long(written, monkeypatch, pack, text):
    monkeypatch.setattr(reading, "BLOCK", 1024)
    path = written(pack(text), "x.csv")
    check_table_size(path, max_columns=30)
    refused(lambda: check_table_size(path, max_columns=20), "data.max_columns=40")


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_texts_with_too_many_columns(written, separator):
    names = separator.join(f"c{place}" for place in range(50))
    path = written(f"sep={separator}\n{names}\n".encode(), "x.csv")
    check_table_size(path, max_columns=50)
    refused(lambda: check_table_size(path, max_columns=49), "max_columns=50`.* 50 columns")


def test_separators_within_a_heading_are_none(written):
    path = written(b'"a, b, c",d\n"1,2,3,4,5",2\n', "x.csv")
    check_table_size(path, max_columns=2)


def test_what_is_damaged_its_reader_refuses(written):
    check_table_size(written(gzip.compress(b"a,b\n1,2\n" * 99)[:-9], "x.csv.gz"))
    check_table_size(written(b"PAR1 and no more", "x.parquet"))
    check_table_size(written(b"PK\x03\x04", "x.zip"))
    check_table_size(written(b"PK\x05\x06" + bytes(18), "empty.zip"))
    check_table_size(written(b"", "x.csv"))


def test_parquet_files_of_many_cells_or_columns(tmp_path):
    path = tmp_path / "x.parquet"
    table = pyarrow.table({"a": np.zeros(10_000), "b": np.zeros(10_000, np.int8)})
    pyarrow.parquet.write_table(table, path)
    assert path.stat().st_size < 10_000  # what is alike takes no place in the file
    check_table_size(path, max_bytes=160_000, max_columns=2)
    refused(lambda: check_table_size(path, max_bytes=159_999), "data.max_bytes=160000")
    refused(lambda: check_table_size(path, max_columns=1), "max_columns=2`.* 2 columns")


def test_parquet_files_in_which_a_long_text_stands_once(tmp_path):
    path = tmp_path / "x.parquet"
    texts = pyarrow.DictionaryArray.from_arrays(np.zeros(1000, np.int32), ["x" * 10_000])
    pyarrow.parquet.write_table(pyarrow.table({"text": texts.cast(pyarrow.string())}), path)
    assert path.stat().st_size < MEGABYTE
    check_table_size(path, max_bytes=10 * MEGABYTE)
    refused(lambda: check_table_size(path, max_bytes=5 * MEGABYTE), "more than 10,000,000 bytes")


def test_long_texts_in_many_columns_are_counted_in_their_dictionaries(tmp_path):
    path, most, pool = tmp_path / "x.parquet", 10_000_000, pyarrow.default_memory_pool()
    texts = pyarrow.DictionaryArray.from_arrays(np.zeros(1000, np.int32), ["x" * 100_000])
    table = pyarrow.table({f"text{place}": texts for place in range(60)})
    pyarrow.parquet.write_table(table, path, store_schema=False)  # which reads as plain texts
    before, held = pool.max_memory(), pool.bytes_allocated()
    refused(lambda: check_table_size(path, max_bytes=most), "set data.max_bytes=")
    # Unpacked, the rows that a single column may have would take 600 MB; none of it is Python's.
    assert pool.max_memory() <= max(before, held + 3 * most)


def test_columns_that_are_no_text_do_not_hide_one_that_is(tmp_path):
    columns = {
        "price": pyarrow.array([decimal.Decimal("1.25")] * 1000),
        "tags": pyarrow.array([["a", "b"]] * 1000),
        "size": pyarrow.array(np.arange(1000) % 5).dictionary_encode(),
        "bytes": pyarrow.array([b"y"] * 1000),
        "text": pyarrow.array(["x" * 10_000] * 1000).dictionary_encode(),
    }
    path = tmp_path / "x.parquet"
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    check_table_size(path, max_bytes=11 * MEGABYTE)
    refused(lambda: check_table_size(path, max_bytes=5 * MEGABYTE), "more than 10,0")


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_lines_end_as_they_do_anywhere(written, monkeypatch, end):
    monkeypatch.setattr(reading, "BLOCK", 1024)
    path = written(end.join([b"a,b", *[b"1,22"] * 5000]), "x.csv")
    check_table_size(path, max_columns=2)


@pytest.mark.parametrize("read", [read_csv, read_parquet])
def test_readers_of_tables_ask_first(tmp_path, read):
    path = tmp_path / "x"
    if read is read_csv:
        path.write_bytes(b"a,b,c\n1,2,3\n")
    else:
        pyarrow.parquet.write_table(pyarrow.table({name: [1] for name in "abc"}), path)
    assert len(read_table(path, read).frame) == 1
    refused(lambda: read_table(path, read, max_columns=2), "max_columns=3")
    refused(lambda: read_table(path, read, max_bytes=5), "max_bytes")


def header(name, size, kind=tarfile.REGTYPE):
    member = tarfile.TarInfo(name)
    member.size, member.type = size, kind
    return member.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, xz])
@pytest.mark.parametrize("name", ["0.png", "README"])
def test_a_member_of_a_tar_that_claims_terabytes(written, cache, pack, name):
    path = written(pack(header(name, 2**42) + bytes(2048)), "x.tar")
    match = rf"x.tar must be .* at most 1,073,741,824 bytes; .* '{name}' claims {2**42:,} bytes"
    refused(lambda: list(image_files(path, 10_000)), match)
    refused(lambda: folder(path=path, cache_dir=str(cache)), match)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_notes_of_a_tar_that_are_longer_than_any_name(written, kind):
    first = header("0.png", 3) + b"abc".ljust(512, b"\0")
    note = header("note", 2**24, kind) + bytes(2**16)
    path = written(gzip.compress(note), "first.tar.gz")
    refused(lambda: list(image_files(path, 10_000)), "`path` must be a folder")
    path = written(gzip.compress(first + note), "second.tar.gz")
    refused(lambda: list(image_files(path, 10_000)), "is damaged: .* claims 16,777,216 bytes")


def test_a_member_of_a_zip_that_is_a_bomb_is_not_unpacked(written, monkeypatch):
    monkeypatch.setattr(image_files_module, "MEMBER_BYTES", 10_000)
    path = written(zipped(bytes(MEGABYTE), "0.png"), "x.zip")
    (example,) = image_files(path, 50_000_000)
    with pytest.raises(Exception, match=r"it unpacks to 1,048,576 bytes of \d"):
        example.load()
    path = written(zipped(bytes(10_000), "0.png"), "y.zip")
    (example,) = image_files(path, 50_000_000)
    with pytest.raises(Exception, match="it is none of"):
        example.load()


@pytest.mark.parametrize("name", ["0.png", "dataset.json"])
def test_a_member_of_a_zip_is_unpacked_to_no_more_than_it_claims(tmp_path, name):
    path, size = tmp_path / "x.zip", 100 * MEGABYTE
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(name, "w") as member,
    ):
        for _ in range(100):
            member.write(bytes(MEGABYTE))
    content = path.read_bytes()
    assert content.count(size.to_bytes(4, "little")) == 2  # beside the member and at the end
    path.write_bytes(content.replace(size.to_bytes(4, "little"), (1000).to_bytes(4, "little")))
    # What little is unpacked has another sum, of course.
    if name == "dataset.json":
        refused(lambda: read_files(path, [name]), "is damaged: dataset.json: .*Bad CRC-32")
        return
    (example,) = image_files(path, 50_000_000)
    with pytest.raises(Exception, match=r"it cannot be read \(Bad CRC-32"):
        example.load()


@pytest.mark.parametrize("name", ["0.png", "t.csv", "x.npy"])
def test_members_of_zips_that_python_cannot_bound_are_not_unpacked(tmp_path, name):
    path = tmp_path / "packed.zip"
    content = io.BytesIO()
    np.save(content, np.zeros((60, 8, 8), np.uint8))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr(name, {".npy": content.getvalue()}.get(name[-4:], b"a,b\n1,2\n3,4\n"))
    match = f"{name} is packed by another method than deflate; pack it anew"
    if name == "0.png":
        (example,) = image_files(path, 50_000_000)
        with pytest.raises(Exception, match=match):
            example.load()
    elif name == "t.csv":
        refused(lambda: read_table(path, read_csv), match)
    else:
        refused(lambda: npz(path=path, cache_dir=str(tmp_path / "cache")), match)


def test_labels_in_a_file_that_grows_are_read_to_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(image_files_module, "MOST_LABELS", 1000)
    (tmp_path / "dataset.json").write_bytes(b"{}".ljust(1000))
    (listed,) = image_files_module._files(tmp_path, 1000)
    (tmp_path / "dataset.json").write_bytes(b"{}".ljust(10_000))
    monkeypatch.setattr(image_files_module, "_files", lambda *_: iter([listed]))
    assert len(read_files(tmp_path, ["dataset.json"])["dataset.json"]) == 1000


def test_the_setting_that_is_named_is_enough(written):
    path = written(b"a,b\n" + b"1,22\n" * 5000, "x.csv")
    with pytest.raises(ValueError, match=r"data\.max_bytes") as error:
        check_table_size(path, max_bytes=1000)
    allowed = int(re.search(r"data\.max_bytes=(\d+)", str(error.value))[1])
    with pytest.raises(ValueError, match=r"data\.max_bytes") as error:
        check_table_size(path, max_bytes=allowed)
    check_table_size(path, max_bytes=int(re.search(r"max_bytes=(\d+)", str(error.value))[1]))
