"""`ganapp serve` on a folder as `ganapp export` lays it out."""

import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from version_case import SHAPE, SIZE, write_version

from ganapp import __main__ as cli
from ganapp.export.server.context import Limits
from ganapp.export.server.errors import StartError
from ganapp.export.server.serve import Settings, free_address, load_warnings

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("serve") / "export"
    write_version(folder / "models" / "digits" / "2", formats=("litert", "onnx"))
    return folder


def refused(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["ganapp", "serve", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    return " ".join(capsys.readouterr().err.split())


def test_nothing_to_serve(monkeypatch, capsys, tmp_path):
    assert "`DIR` must be a folder" in refused(monkeypatch, capsys, tmp_path / "none")
    said = refused(monkeypatch, capsys, tmp_path, "--port", 0)
    assert "`DIR` must hold an export" in said


def test_an_engine_that_is_none_or_not_in_the_export(monkeypatch, capsys, caplog, exported):
    said = refused(monkeypatch, capsys, exported, "--engine", "jax")
    assert "`--engine` must be one of litert" in said
    said = refused(monkeypatch, capsys, exported, "--engine", "saved_model", "--port", 0)
    assert "'digits' cannot be served" in said
    assert "litert, onnx" in said
    assert caplog.messages == []  # not as a warning too


def test_what_the_error_does_not_say_is_still_logged(caplog):
    log = logging.getLogger("ganapp.export.server.repository")

    @load_warnings()
    def fail():
        log.warning("%s is not served: %s", "a", "it is broken")
        log.warning("%s is not served: %s", "b", "it is empty")
        raise StartError("The model 'a' cannot be served. it is broken")

    with pytest.raises(StartError):
        fail()
    with load_warnings():
        log.warning("%s is not served: %s", "c", "it is broken")
    assert caplog.messages == ["b is not served: it is empty", "c is not served: it is broken"]


def test_a_port_in_use(monkeypatch, capsys, exported):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused(monkeypatch, capsys, exported, "--port", port)
    assert f"something listens at 127.0.0.1:{port} already" in said


def test_other_machines_without_a_key(monkeypatch, capsys, exported):
    monkeypatch.delenv("GANAPP_API_KEY", raising=False)
    arguments = (exported, "--host", "203.0.113.7", "--port", 0)  # no address of this machine
    assert "Warning: Anybody who reaches 203.0.113.7" in refused(monkeypatch, capsys, *arguments)
    monkeypatch.setenv("GANAPP_API_KEY", "key")
    assert "Warning" not in refused(monkeypatch, capsys, *arguments)


@pytest.mark.parametrize("option", ["--drain", "--deadline", "--poll"])
@pytest.mark.parametrize("value", ["inf", "nan", "1e9"])
def test_times_that_never_end(monkeypatch, capsys, exported, option, value):
    said = refused(monkeypatch, capsys, exported, option, value, "--port", 0)
    assert f"Invalid value for '{option}'" in said
    assert "equal to 3600" in said


def test_times_are_refused_of_programs_too():
    for options in ({"drain_seconds": float("inf")}, {"limits": Limits(deadline=float("nan"))}):
        with pytest.raises(StartError, match="must be from 0 to 3600 seconds"):
            Settings(**options)


@pytest.mark.parametrize("host", ["a" * 64, "a..b"])
def test_a_name_that_is_none(host):
    with pytest.raises(StartError, match=rf"`--host` must be .*'{host}'"):
        free_address(host, 0)


@pytest.mark.parametrize("engine", ["litert", "onnx"])
def test_serves_until_it_is_told_to_stop(exported, engine):
    command = ["-m", "ganapp", "serve", str(exported), "--port", "0", "--engine", engine]
    process = subprocess.Popen(
        [sys.executable, *command, "--drain", "0"],
        cwd=ROOT,
        env=os.environ | {"GANAPP_API_KEY": "key"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        url = re.search(r"digits at (http://127\.0\.0\.1:\d+)/", process.stdout.readline())[1]
        body = json.dumps({"instances": [[0.0] * SIZE] * 3}).encode()
        request = urllib.request.Request(
            f"{url}/v1/models/digits/versions/2:predict", body, {"X-API-Key": "key"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            predictions = json.load(answer)["predictions"]
        assert len(predictions) == 3
        assert len(predictions[0]) == SHAPE[0]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    finally:
        process.kill()
        process.communicate()
