"""The server as a process: signals, slow clients, mistakes of the user."""

import concurrent.futures
import http.client
import json
import os
import random
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

from ganapp.export.server.errors import StartError
from ganapp.export.server.middleware import is_loopback
from ganapp.export.server.serve import HEADER_BYTES, free_address

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
BODY = json.dumps({"instances": draw(count=2, seed=0).tolist()}).encode()


class Process:
    """A server of the fake model that takes `delay` seconds a request, and `end` to end."""

    def __init__(self, folder, delay, end):
        paths = [os.environ.get("PYTHONPATH", ""), str(HERE)]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "run_server.py"), str(folder), str(delay), str(end)],
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

    def start(delay, end=0.0):
        started.append(Process(tmp_path, delay, end))
        return started[-1]

    yield start
    for each in started:
        each.end()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One that answers at once, for all who do not end it; whatever they do, it says nothing."""
    shared = Process(tmp_path_factory.mktemp("server"), 0.0, 0.0)
    yield shared
    shared.process.send_signal(signal.SIGINT)
    try:
        out, err = shared.process.communicate(timeout=5)
        assert (shared.process.returncode, out, err) == (0, "", "")
    finally:
        shared.end()


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


def test_a_second_interrupt_waits_for_nothing(start):
    server = start(delay=30)
    with server.connect() as connection:
        connection.sendall(HEAD % len(BODY) + BODY)
        time.sleep(0.2)
        server.process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            server.process.wait(timeout=0.5)
        server.process.send_signal(signal.SIGINT)
        out, err = server.process.communicate(timeout=3)
        assert (server.process.returncode, out, err) == (0, "", "")
        assert received(connection)[0] == b""


def test_an_interrupt_after_the_last_answer_does_no_harm(start):
    server = start(delay=0.0, end=0.5)
    server.process.send_signal(signal.SIGINT)
    assert server.process.stdout.readline() == "Putting models away.\n"
    server.process.send_signal(signal.SIGINT)
    out, err = server.process.communicate(timeout=5)
    assert (server.process.returncode, out, err) == (0, "", "")


def test_an_answer_without_a_body_comes_at_once(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    for _ in range(2):
        connection.request("HEAD", "/")
        with connection.getresponse() as answer:
            assert (answer.status, answer.read()) == (200, b"")
    connection.close()


def received(connection):
    """What the server sent until it closed the connection, and after how many seconds."""
    start, data = time.monotonic(), bytearray()
    try:
        while chunk := connection.recv(65536):
            data += chunk
    except ConnectionResetError:
        pass
    return bytes(data), time.monotonic() - start


HEAD = b"POST /v1/models/digits:predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
CHUNKED = HEAD.replace(b"Content-Length: %d", b"Transfer-Encoding: chunked") + b"2\r\n{}\r\n0\r\n"
SLOW = {
    "nothing": (b"", b""),
    "half a header": (b"GET /v2 HTTP/1.1\r\nHost: x\r\n", b""),
    "empty lines": (b"\r\n", b""),
    "half a body": (HEAD % 90 + b"{", b"408"),
    "long headers": (b"GET /v2 HTTP/1.1\r\nX: " + b"x" * HEADER_BYTES, b"431"),
    "between requests": (b"GET /v2 HTTP/1.1\r\nHost: x\r\n\r\n", b"200"),
    "half a second request": (b"GET /v2 HTTP/1.1\r\nHost: x\r\n\r\nGET /v2", b"200"),
    "no request": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"400"),
    "endless trailers": (CHUNKED + b"X: " + b"x" * 10_000, b"4"),
}


def test_slow_clients_are_cut_off(server):
    connections = {name: server.connect() for name in SLOW}
    with concurrent.futures.ThreadPoolExecutor(len(SLOW)) as pool:
        for name, (sent, _) in SLOW.items():
            connections[name].sendall(sent)
        assert server.predict() == 200  # the others are not held up
        results = dict(zip(SLOW, pool.map(received, connections.values()), strict=True))
    for name, (data, seconds) in results.items():
        expected = SLOW[name][1]
        assert data[9:12].startswith(expected), (name, data)
        assert bool(data) == bool(expected), (name, data)
        assert seconds < 4, name
        connections[name].close()
    assert server.predict() == 200


def test_a_client_that_takes_no_answer_does_not_keep_the_server_from_ending(start):
    server = start(delay=0.0)
    inputs = {"count": 1000, "seed": 1}
    body = json.dumps({"signature_name": "sample", "inputs": inputs}).encode()
    with socket.socket() as unread:  # asks for megabytes and takes none of them
        unread.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        unread.connect(("127.0.0.1", server.port))
        unread.sendall((HEAD % len(body) + body) * 100)
        time.sleep(0.3)
        assert server.predict() == 200
        server.process.send_signal(signal.SIGTERM)
        out, err = server.process.communicate(timeout=15)
    assert (server.process.returncode, out, err) == (0, "", "")


def test_a_request_that_goes_on_after_its_answer_is_ended(server):
    for path, status in ((b"/v2", b"200"), (b"/v9", b"404")):
        head = b"GET %b HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 90\r\n\r\n"
        with server.connect() as connection:
            connection.sendall(head % path)
            data, seconds = received(connection)
        assert (data.count(b"HTTP/1.1 "), data[9:12]) == (1, status)
        assert seconds < 2


LINES = [b"", b"Upgrade: websocket\r\nConnection: Upgrade\r\n", b"Transfer-Encoding: chunked\r\n"]
LINES += [b"Content-Length: -1\r\n", b"X-\xff: \x00\r\n", b"Expect: 100-continue\r\n"]
PATHS = [
    b"/%00",
    b"/static/%00",
    b"/v1/models/\xc3\xbc",
    b"http://[",
    b"*",
    b"//v2",
    b"/v2?%ff=%zz",
]


def test_malformed_requests_get_no_failure(server):
    draw = random.Random(0)
    good = bytearray(HEAD % len(BODY) + BODY)
    for case in range(300):
        if case % 2:
            request = good.copy()
            for _ in range(4):
                request[draw.randrange(len(request))] = draw.randrange(256)
        else:
            method, path = draw.choice([b"GET", b"POST", b"OPTIONS", b"PRI"]), draw.choice(PATHS)
            request = b"%b %b HTTP/1.1\r\n%b%b\r\n{}" % (method, path, *draw.sample(LINES, 2))
        with server.connect() as connection:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            assert received(connection)[0][9:10] != b"5", request


def test_a_hundred_megabytes_are_refused_before_they_are_sent(server):
    with server.connect() as connection:
        connection.sendall(HEAD % 100_000_000)
        connection.sendall(b"x" * 500_000)
        data, seconds = received(connection)
    assert data.startswith(b"HTTP/1.1 413 ")
    assert b"100000000 bytes" in data
    assert seconds < 3
    assert server.predict() == 200


def test_answers_do_not_wait_for_acknowledgements(server):
    """With Nagle's algorithm each of these takes 40 ms, the client's delayed acknowledgement."""
    seconds = []
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    for _ in range(30):
        begin = time.monotonic()
        connection.request("GET", "/v2/health/live")
        connection.getresponse().read()
        seconds.append(time.monotonic() - begin)
    connection.close()
    assert sorted(seconds)[len(seconds) // 2] < 0.03


def test_an_address_that_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartError, match=f"127.0.0.1:{port} already"):
            free_address("127.0.0.1", port)
    with pytest.raises(StartError, match="cannot listen"):
        free_address("203.0.113.7", 0)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.8.8", "::1", "localhost", "0.0.0.0", "::", "10.0.0.1", "x.org"]
)
def test_loopback(host):
    assert is_loopback(host) == (host.startswith("127.") or host in ("::1", "localhost"))


def test_starts_without_tensorflow():
    script = "import sys, ganapp.export.server.serve; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    modules = set(run.stdout.split())
    loaded = {name.split(".")[0] for name in modules}
    assert "granian" in loaded
    assert not loaded & {"tensorflow", "keras", "pandas", "matplotlib", "pydantic"}
    # Of the application nothing, of the training no more than needs the standard library and numpy.
    ours = {name for name in modules if name.startswith("ganapp.")}
    ours = {name for name in ours if not name.startswith("ganapp.export")} - {"ganapp.training"}
    assert ours <= {
        "ganapp.training.array_files",
        "ganapp.training.files",
        "ganapp.training.kernels",
    }
