"""The cache is whole or not there, whoever else is at it and whatever happened to it."""

import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from ganapp.training.data.cache import chunks, key_of, load_or_make, write_rows

ROWS = np.arange(600, dtype=np.float32).reshape(100, 6)
MADE = "made.txt"


def make(folder):
    order = np.arange(len(ROWS))[::-1]
    write_rows(folder / "examples.npy", [(ROWS[:40], order[60:]), (ROWS, order)], lambda r: r + 1)
    np.save(folder / "labels.npy", np.arange(140, dtype=np.int32))
    return {"note": "ü"}


def counted(folder):
    """Makes it and leaves a line where everybody can count them."""
    with (folder.parent / MADE).open("a") as file:
        file.write("x")
    return make(folder)


def times_made(folder):
    return len((folder / MADE).read_text())


def test_what_was_made_is_found_again(tmp_path):
    for _ in range(3):
        found = load_or_make(tmp_path, "key", counted)
        np.testing.assert_array_equal(found.examples[:40], ROWS[39::-1] + 1)
        np.testing.assert_array_equal(found.examples[40:], ROWS[::-1] + 1)
        np.testing.assert_array_equal(found.labels, np.arange(140))
        assert found.about == {"note": "ü"}
        assert isinstance(found.examples, np.memmap)
    assert times_made(tmp_path) == 1


def cut(file):
    file.write_bytes(file.read_bytes()[:-8])


def flip(file):
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("name", ["examples.npy", "labels.npy", "about.json"])
@pytest.mark.parametrize("damage", [cut, flip, os.unlink, lambda file: file.write_bytes(b"")])
def test_what_is_damaged_is_made_again(tmp_path, name, damage):
    expected = load_or_make(tmp_path, "key", make).examples.copy()
    if (name, damage) == ("about.json", flip):
        (tmp_path / "key" / name).write_text('{"files": 3}')
    else:
        damage(tmp_path / "key" / name)
    np.testing.assert_array_equal(load_or_make(tmp_path, "key", counted).examples, expected)
    assert times_made(tmp_path) == 1
    load_or_make(tmp_path, "key", counted)
    assert times_made(tmp_path) == 1


def test_a_copied_cache_is_as_good(tmp_path):
    load_or_make(tmp_path / "a", "key", make)
    (tmp_path / "b").mkdir()
    shutil.copytree(tmp_path / "a" / "key", tmp_path / "b" / "key", copy_function=shutil.copyfile)
    load_or_make(tmp_path / "b", "key", None)  # must not be called


def test_a_failure_leaves_nothing_that_is_believed(tmp_path):
    def fail(folder):
        make(folder)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        load_or_make(tmp_path, "key", fail)
    assert [path.name for path in tmp_path.iterdir()] == [".key.lock"]


def test_what_a_killed_process_left_is_no_hindrance(tmp_path):
    (tmp_path / ".key.part").mkdir(parents=True)
    (tmp_path / ".key.part" / "examples.npy").write_bytes(b"half")
    (tmp_path / "key").mkdir()  # a folder without about.json was never finished
    assert len(load_or_make(tmp_path, "key", make).examples) == 140


def test_of_several_at_once_one_makes_it(tmp_path):
    """Threads stand for processes: a lock belongs to the opened file, not to who opened it."""

    def slowly(folder):
        time.sleep(0.2)
        return counted(folder)

    with ThreadPoolExecutor(3) as pool:
        found = [pool.submit(load_or_make, tmp_path, "key", slowly) for _ in range(3)]
        sums = {float(each.result().examples.sum()) for each in found}
    assert sums == {float((ROWS[:40] + 1).sum() + (ROWS + 1).sum())}
    assert times_made(tmp_path) == 1


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file") as caught:
        load_or_make(tmp_path / "file", "key", make)
    assert str(tmp_path / "file") in str(caught.value.filename)


def test_a_full_disk_is_named(tmp_path):
    def full(folder):
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space") as caught:
        load_or_make(tmp_path, "key", full)
    assert str(tmp_path) in caught.value.filename


def test_keys_tell_options_apart():
    keys = {key_of([["a.png", 1, 2]], {"size": size}, labels) for size in (8, 9) for labels in "ab"}
    assert len(keys) == 4
    assert key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1})


def test_chunks_cover_all():
    slices = list(chunks(10, 1 << 23))
    assert [(s.start, s.stop) for s in slices] == [(0, 2), (2, 4), (4, 6), (6, 8), (8, 10)]
