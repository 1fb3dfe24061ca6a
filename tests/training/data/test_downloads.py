"""Hosts that answer, that refuse and that do not exist; what is said of each."""

import http.server
import socket
import threading

import pytest

from training.data.downloads import cause, check_reachable


@pytest.fixture
def closed():
    """A port of this machine on which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}/file.gz"


@pytest.fixture
def refusing():
    """A server that has nothing: it answers 404, and so it is there."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_error(404)

        def log_message(self, *args):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/file.gz"
        server.shutdown()
        thread.join()


def test_one_host_that_answers_is_enough(closed, refusing):
    check_reachable([closed, refusing])
    check_reachable([])
    check_reachable(["ftp://127.0.0.1/file", "gs://bucket/file"])  # others know better


def test_no_host_answers(closed):
    with pytest.raises(ConnectionError, match=r"^127\.0\.0\.1:\d+: Connection refused$"):
        check_reachable([closed, closed.replace("file", "other")])
    with pytest.raises(ConnectionError, match=r"^nowhere\.invalid: [\w ]+$"):
        check_reachable(["https://nowhere.invalid/file"])


def test_the_innermost_reason_of_a_network_and_the_first_line_of_others():
    name, pool = socket.gaierror(-2, "Name or service not known"), ConnectionError("Pool(host=h)")
    pool.__cause__ = name
    assert cause(pool) == "Name or service not known"
    assert cause(ValueError("The checksum is wrong.\nmore")) == "The checksum is wrong"
    assert cause(TimeoutError()) == "TimeoutError"
