"""The server as a process: signals, slow clients, mistakes of the user."""

import concurrent.futures
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from server_case import draw

from export.server.errors import StartError
from export.server.serve import is_loopback, listen

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
BODY = json.dumps({"instances": draw(count=2, seed=0).tolist()}).encode()


class Process:
    """A server of the fake model that takes `delay` seconds a request."""

    def __init__(self, folder, delay):
        environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{HERE}"}
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "run_server.py"), str(folder), str(delay)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        greeting = self.process.stdout.readline()
        self.port = int(re.search(r"127\.0\.0\.1:(\d+)/", greeting)[1])

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=5)

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def predict(self):
        with urllib.request.urlopen(self.url("/v1/models/digits:predict"), BODY, 10) as answer:
            return answer.status

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


@pytest.fixture
def start(tmp_path):
    started = []

    def start(delay):
        started.append(Process(tmp_path, delay))
        return started[-1]

    yield start
    for each in started:
        each.end()


def status_of(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_sigterm_under_load_loses_nothing(start):
    server = start(delay=0.2)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        running = [pool.submit(server.predict) for _ in range(8)]
        time.sleep(0.1)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        # Not ready, but still serving those who have not noticed.
        assert status_of(server.url("/v2/health/ready")) == 503
        late = [pool.submit(server.predict) for _ in range(4)]
        assert {job.result() for job in running + late} == {200}
    out, err = server.process.communicate(timeout=5)
    assert (server.process.returncode, out, err) == (0, "", "")


def received(connection):
    """What the server sent until it closed the connection, and after how many seconds."""
    start, data = time.monotonic(), b""
    try:
        while chunk := connection.recv(65536):
            data += chunk
    except ConnectionResetError:
        pass
    return data, time.monotonic() - start


SLOW = {
    "nothing": (b"", b""),
    "half a header": (b"GET /v2 HTTP/1.1\r\nHost: x\r\n", b"408"),
    "empty lines": (b"\r\n", b"408"),
    "half a body": (
        b"POST /v1/models/digits:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 90\r\n\r\n{",
        b"408",
    ),
    "long headers": (b"GET /v2 HTTP/1.1\r\nX: " + b"x" * 5000, b"431"),
    "half a second request": (b"GET /v2 HTTP/1.1\r\nHost: x\r\n\r\nGET /v2", b"200"),
    "no request": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"400"),
}


def test_slow_clients_are_cut_off(start):
    server = start(delay=0.0)
    connections = {name: server.connect() for name in SLOW}
    unread = server.connect()  # asks for megabytes and takes none of them
    inputs = {"count": 1000, "seed": 1}
    body = json.dumps({"signature_name": "sample", "inputs": inputs}).encode()
    head = b"POST /v1/models/digits:predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b"
    with unread, concurrent.futures.ThreadPoolExecutor(len(SLOW)) as pool:
        for name, (sent, _) in SLOW.items():
            connections[name].sendall(sent)
        unread.sendall(head % (len(body), body) * 200)
        results = dict(zip(SLOW, pool.map(received, connections.values()), strict=True))
        for name, (data, seconds) in results.items():
            expected = SLOW[name][1]
            assert data[9:12] == expected, (name, data)
            assert seconds < 2, name
            connections[name].close()
        assert server.predict() == 200  # the others were not held up
        time.sleep(0.7)
    server.process.send_signal(signal.SIGINT)
    out, err = server.process.communicate(timeout=5)
    assert (server.process.returncode, out, err) == (0, "", "")


def test_a_hundred_megabytes_are_refused_before_they_are_sent(start):
    server = start(delay=0.0)
    with server.connect() as connection:
        connection.sendall(
            b"POST /v1/models/digits:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n"
        )
        connection.sendall(b"x" * 500_000)
        data, seconds = received(connection)
    assert data.startswith(b"HTTP/1.1 413 ")
    assert b"100000000 bytes" in data
    assert seconds < 3
    assert server.predict() == 200


def test_an_address_that_is_taken():
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartError, match=f"127.0.0.1:{port} already"):
            listen("127.0.0.1", port)
    with pytest.raises(StartError, match="cannot listen"):
        listen("203.0.113.7", 0)


@pytest.mark.parametrize(
    ("host", "inside"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True)]
    + [("0.0.0.0", False), ("::", False), ("10.0.0.1", False), ("example.org", False)],
)
def test_loopback(host, inside):
    assert is_loopback(host) == inside
