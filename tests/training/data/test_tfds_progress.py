"""A download is shown on a terminal, and only there, and only while something comes."""

import io
import re
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console
from tensorflow_datasets.core.utils import incomplete_dir

from ganapp.training.data import tfds
from ganapp.training.data.tfds import shown_progress

EVERY = 0.01  # seconds between two looks


@pytest.fixture
def builder(tmp_path):
    """As much of a builder as is looked at, its folders with what others left."""
    for name in ("downloads/other/a.gz", "mnist/incomplete.ABC_3.0.1/old", "mnist/2.0.0/x"):
        write(tmp_path / name, 5_000_000)
    return SimpleNamespace(data_dir=tmp_path / "mnist" / "3.0.1", data_dir_root=str(tmp_path))


@pytest.fixture
def terminal():
    return Console(file=io.StringIO(), force_terminal=True, width=100)


def write(path, size):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.truncate(size)


def said(console):
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue())


def wait_for(console, words):
    end = time.monotonic() + 10
    while words not in said(console) and time.monotonic() < end:
        time.sleep(EVERY)
    assert words in said(console)


def test_what_was_downloaded_and_what_was_prepared(builder, tmp_path, terminal):
    with shown_progress(builder, 4_000_000, console=terminal, refresh=EVERY):
        time.sleep(5 * EVERY)
        assert said(terminal) == ""  # nothing came yet
        write(tmp_path / "downloads" / "mnist" / "x.gz.tmp.1" / "x.gz", 1_000_000)
        wait_for(terminal, "1.0/4.0 MB")
        assert "Preparing" not in said(terminal)
        write(tmp_path / "downloads" / "extracted" / "x", 7_000_000)  # not downloaded
        write(tmp_path / "downloads" / "mnist" / "y.gz", 3_000_000)
        wait_for(terminal, "4.0/4.0 MB")
        with incomplete_dir(builder.data_dir) as folder:  # as the library calls it
            write(Path(folder) / "train", 2_000_000)
            wait_for(terminal, "Preparing")
            wait_for(terminal, "2.0/? MB")
    assert "11.0" not in said(terminal)


def test_of_an_unknown_size(builder, tmp_path, terminal):
    with shown_progress(builder, 0, console=terminal, refresh=EVERY):
        write(tmp_path / "downloads" / "mnist" / "x.gz", 1_000_000)
        wait_for(terminal, "1.0/? MB")


def test_an_error_leaves_a_cursor(builder, tmp_path, terminal):
    def fail():
        with shown_progress(builder, 4_000_000, console=terminal, refresh=EVERY):
            write(tmp_path / "downloads" / "mnist" / "x.gz", 1_000_000)
            wait_for(terminal, "1.0/4.0 MB")
            raise ConnectionError

    with pytest.raises(ConnectionError):
        fail()
    assert terminal.file.getvalue().rstrip().endswith("\x1b[?25h")


def test_not_a_word_where_nothing_comes_or_nobody_looks(builder, tmp_path, terminal):
    with shown_progress(builder, 4_000_000, console=terminal, refresh=EVERY):
        time.sleep(5 * EVERY)
    assert terminal.file.getvalue() == ""
    piped = Console(file=io.StringIO())
    with shown_progress(builder, 4_000_000, console=piped, refresh=EVERY):
        write(tmp_path / "downloads" / "mnist" / "x.gz", 1_000_000)
        time.sleep(5 * EVERY)
    assert piped.file.getvalue() == ""


def test_a_download_is_shown(builder, tmp_path, terminal, monkeypatch):
    """The whole way: what is said before it, the bar, and nothing of what the library prints."""

    def fetch():
        print("Downloading and preparing dataset")
        write(tmp_path / "downloads" / "mnist" / "x.gz", 3_000_000)
        wait_for(terminal, "3.0/4.0 MB")

    monkeypatch.setattr(tfds, "check_reachable", lambda urls: None)
    monkeypatch.setattr(
        tfds, "shown_progress", partial(shown_progress, console=terminal, refresh=EVERY)
    )
    builder.name, builder.url_infos, builder.download_and_prepare = "mnist", {}, fetch
    builder.info = SimpleNamespace(full_name="mnist/3.0.1", download_size=4_000_000, dataset_size=0)
    tfds.download_and_prepare(builder)
    assert "3.0/4.0 MB" in said(terminal)
    assert "dataset" not in said(terminal)
