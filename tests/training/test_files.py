"""A file is the old one or the new one, and nothing is left beside it."""

import os

import pytest

from ganapp.training.files import write_atomically


@pytest.mark.parametrize("content", ["über\n", "über\n".encode()])
def test_replaces_and_leaves_nothing_else(tmp_path, content):
    target = tmp_path / "below" / "file"
    write_atomically(target, "old and longer")
    write_atomically(target, content)
    assert os.listdir(target.parent) == ["file"]
    assert target.read_bytes() == "über\n".encode()
    assert target.stat().st_mode & 0o777 == 0o666 & ~_umask()


def test_a_failure_keeps_the_old_file(tmp_path, monkeypatch):
    target = tmp_path / "file"
    write_atomically(target, "old")

    def full(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(target, "new")
    assert os.listdir(tmp_path) == ["file"]
    assert target.read_text() == "old"


def test_what_a_killed_process_left_is_overwritten(tmp_path):
    (tmp_path / ".file.tmp").write_text("half of a")
    write_atomically(tmp_path / "file", "whole")
    assert os.listdir(tmp_path) == ["file"]
    assert (tmp_path / "file").read_text() == "whole"


def _umask():
    current = os.umask(0)
    os.umask(current)
    return current
