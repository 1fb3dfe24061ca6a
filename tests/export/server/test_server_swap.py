"""New versions while clients ask, and a stop under load. A real process."""

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from version_case import SIZE

from ganapp.export.layout import as_text, files_below, sums_of
from ganapp.export.staging import publish

ROOT = Path(__file__).parents[3]
BODY = json.dumps({"instances": [[0.5] * SIZE] * 2}).encode()
CLIENTS = 6


@pytest.fixture
def server(models):
    command = ["-m", "ganapp", "serve", str(models), "--port", "0", "--poll", "0.1"]
    environment = {key: value for key, value in os.environ.items() if key != "GANAPP_API_KEY"}
    process = subprocess.Popen(
        [sys.executable, *command, "--drain", "0.5"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        process.port = int(re.search(r":(\d+)/", process.stdout.readline())[1])
        yield process
    finally:
        process.kill()
        process.communicate()


class Client(threading.Thread):
    """Asks again and again on one connection, and anew when the server ends it."""

    def __init__(self, port):
        super().__init__()
        self.port, self.answers, self.failure = port, [], None
        self.stopping, self.over = threading.Event(), threading.Event()

    def run(self):
        try:
            while not self.over.is_set():
                self.ask_until_closed()
        except ConnectionRefusedError:
            pass  # the server has gone
        except Exception as error:
            self.failure = error

    def ask_until_closed(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.connect()
        closed = False
        try:
            while not closed and not self.over.is_set():
                connection.request("POST", "/v1/models/digits:predict", BODY)
                answer = connection.getresponse()
                self.answers.append((answer.status, answer.read()))
                closed = answer.will_close
        except ConnectionError:  # reset while the port closes: a client library asks again
            if not self.stopping.is_set():
                raise
        finally:
            connection.close()


def states(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/v1/models/digits")
    found = json.load(connection.getresponse())["model_version_status"]
    connection.close()
    return {each["version"]: each["state"] for each in found}


def wait_for(port, version):
    end = time.monotonic() + 20
    while states(port).get(version) != "AVAILABLE":
        assert time.monotonic() < end, states(port)
        time.sleep(0.02)
    time.sleep(0.1)  # some more requests of the new version


def test_swaps_and_a_stop_under_load_lose_nothing(server, models, second, tmp_path):
    clients = [Client(server.port) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        shutil.copytree(second, models / "digits" / "2")  # in place, file by file
        wait_for(server.port, "2")
        export = tmp_path / "export"
        shutil.copytree(models / "digits" / "1", export / "models" / "digits" / "1")
        (export / "SHA256SUMS").write_text(as_text(sums_of(export, files_below(export))))
        assert publish(export, models) == [models / "digits" / "3"]
        wait_for(server.port, "3")
        for client in clients:
            client.stopping.set()
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=10) == 0
    finally:
        for client in clients:
            client.over.set()
            client.join()
    assert [client.failure for client in clients] == [None] * CLIENTS
    answers = [answer for client in clients for answer in client.answers]
    assert {status for status, _ in answers} == {200}
    # Both generators answered, version 3 with the weights of version 1, and nothing else did.
    assert len({body for _, body in answers}) == 2
    for client in clients:
        assert len(client.answers) > 10
    assert server.stderr.read() == ""
