"""The run directory: who may make it, who may train in it, what is read from it."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from lives_case import ROOT
from run_case import ganapp

from ganapp.errors import InUseError, UserError
from ganapp.runs import (
    Run,
    check_free,
    claim_next,
    claim_run,
    next_directory,
    open_run,
    runs_in,
)
from ganapp.training.files import read_json

TOML = "[data]\nsource = 'ring'\n"
CLAIM = """
    import sys
    from pathlib import Path
    from ganapp.errors import UserError
    from ganapp.runs import claim_next, claim_run
    folder, name = Path(sys.argv[1]), sys.argv[2]
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(300):
        try:
            claim_run(folder / "named" / str(number), name)
            print("named", number)
        except UserError as error:
            said = "taken by another process", "already holds a run", "is in use"
            assert any(words in str(error) for words in said)
    for number in range(100):
        print("next", claim_next(folder / "next", "ring", name).name)
"""


def test_of_two_processes_one_gets_a_directory(tmp_path):
    command = [sys.executable, "-c", textwrap.dedent(CLAIM), tmp_path]
    both = [
        subprocess.Popen(
            [*command, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        for name in ("first", "second")
    ]
    for process in both:
        assert process.stdout.readline() == "ready\n"
    for process in both:
        process.stdin.write("\n")
        process.stdin.flush()
    claimed = [process.communicate()[0].splitlines() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    everything = claimed[0] + claimed[1]
    numbers = range(300), range(1, 201)
    expected = [f"named {n}" for n in numbers[0]] + [f"next ring-{n:04d}" for n in numbers[1]]
    assert sorted(everything) == sorted(expected)
    for name, lines in zip(("first", "second"), claimed, strict=True):
        for line in lines:
            kind, directory = line.split()
            assert Run(tmp_path / kind / directory).config.read_text() == name


def test_a_claimed_directory_holds_the_configuration(tmp_path):
    run = claim_run(tmp_path / "deep" / "run", TOML)
    assert run.config.read_text() == TOML
    assert open_run(run.directory) == run
    with pytest.raises(
        InUseError, match=r"already holds a run: continue it with `python -m ganapp"
    ):
        claim_run(run.directory, "other")
    assert run.config.read_text() == TOML


def test_an_empty_directory_may_be_used(tmp_path):
    assert claim_run(tmp_path, TOML).directory == tmp_path


@pytest.mark.parametrize("path", ["run", "run/below"])
def test_a_file_is_no_place(tmp_path, path):
    (tmp_path / "run").write_text("mine")
    with pytest.raises(UserError, match=r"cannot be made: .*run is a file"):
        claim_run(tmp_path / path, TOML)
    assert (tmp_path / "run").read_text() == "mine"


def test_other_files_are_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(UserError, match="is not empty; choose another with --run"):
        check_free(tmp_path)
    with pytest.raises(UserError, match="is not empty"):
        claim_run(tmp_path, TOML)
    assert os.listdir(tmp_path) == ["thesis.tex"]


def test_a_place_that_cannot_be_written():
    with pytest.raises(UserError, match="cannot be made"):
        claim_run(Path("/proc/none/run"), TOML)


def test_next_directory(tmp_path):
    assert next_directory(tmp_path / "none", "ring").name == "ring-0001"
    for name in ("ring-0002", "ring-0009", "ring-big", "ring-12", "string-0100", "ring-0003.bak"):
        (tmp_path / name).mkdir()
    assert next_directory(tmp_path, "ring") == tmp_path / "ring-0010"
    (tmp_path / "ring-10000").mkdir()
    assert claim_next(tmp_path, "ring", TOML).name == "ring-10001"


def test_one_process_trains_at_a_time(tmp_path):
    run = claim_run(tmp_path / "run", TOML)
    with run.in_use(), pytest.raises(InUseError, match="is in use: another process"), run.in_use():
        pytest.fail("two processes train in one directory")
    with run.in_use():
        assert run.lock.exists()


def test_a_directory_that_is_being_claimed_is_refused(tmp_path):
    (tmp_path / "run").mkdir()
    with Run(tmp_path / "run").in_use(), pytest.raises(InUseError, match="is in use"):
        claim_run(tmp_path / "run", TOML)


@pytest.mark.parametrize("left", [[".lock"], [".lock", ".config.toml.tmp"]])
def test_what_was_killed_while_claiming_is_no_run(tmp_path, left):
    (tmp_path / "run").mkdir()
    for name in left:
        (tmp_path / "run" / name).write_text("")
    check_free(tmp_path / "run")
    run = claim_run(tmp_path / "run", TOML)
    assert run.config.read_text() == TOML


def test_what_is_no_run(tmp_path):
    (tmp_path / "file").write_text("")
    for name, what in {"none": "does not exist", "file": "is a file", ".": "holds no run"}.items():
        with pytest.raises(UserError, match=what):
            open_run(tmp_path / name)


def test_runs_in_a_folder(tmp_path):
    for name in ("b", "a"):
        claim_run(tmp_path / name, TOML)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    assert [run.name for run in runs_in(tmp_path)] == ["a", "b"]
    for name in ("none", "file"):
        with pytest.raises(UserError, match="does not exist"):
            runs_in(tmp_path / name)


def test_metrics_leave_out_what_is_damaged(tmp_path):
    run = Run(tmp_path)
    assert list(run.read_metrics()) == []
    run.metrics.write_bytes(
        b'{"step": 1, "a": 0.5}\n' + b"[" * 50_000 + b"\n"
        b'\xff\xfe\n[]\n7\n{"a": 1}\n{"step": 2}\n{"step": 3, "a'
    )
    assert list(run.read_metrics()) == [{"step": 1, "a": 0.5}, {"step": 2}]


@pytest.mark.parametrize("content", [b"", b'{"best": {', b"[]", b"\xff\xfe", b"[" * 50_000])
def test_a_damaged_report_or_manifest_is_a_sentence(tmp_path, content):
    run = Run(tmp_path)
    assert run.read_report() is run.read_manifest() is None
    run.report.write_bytes(content)
    run.manifest.write_bytes(content)
    with pytest.raises(
        UserError, match=r"report.json is damaged; delete it, and `python -m ganapp"
    ):
        run.read_report()
    with pytest.raises(UserError, match=r"manifest.json is damaged; delete it"):
        run.read_manifest()


@pytest.mark.parametrize(
    "report",
    [
        {"best": [1]},
        {"best": {"step": 1}},
        {"best": {"step": 1, "figures": 3, "counts": {}}},
        {"last": {"step": "x", "figures": {"precision": 3}}},
    ],
)
def test_a_report_of_another_shape_is_damaged(tmp_path, report):
    run = Run(tmp_path / "a")
    run.directory.mkdir()
    run.config.write_text(TOML)
    run.report.write_text(json.dumps(report))
    assert "report.json is damaged; delete it" in ganapp("show", run.directory).errors
    assert len(ganapp("runs", tmp_path).output.splitlines()) == 2


def test_a_report_longer_than_any_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(read_json, "__defaults__", (100,))
    run = Run(tmp_path)
    run.report.write_text(" " * 99 + "{}")
    with pytest.raises(UserError, match=r"report.json is damaged"):
        run.read_report()
