"""Hosts that answer, that refuse and that do not exist; what is said of each."""

import http.server
import os
import socket
import ssl
import threading

import pytest
import requests

from ganapp.training.data.tfds import cause, check_reachable


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


def test_no_host_answers(closed):
    with pytest.raises(ConnectionError, match=r"^127\.0\.0\.1:\d+: Connection refused$"):
        check_reachable([closed, closed.replace("file", "other")])
    with pytest.raises(ConnectionError, match=r"^nowhere\.invalid: [\w ]+$"):
        check_reachable(["https://nowhere.invalid/file"])


def test_a_host_is_asked_as_the_download_will_ask_it(refusing, closed, monkeypatch):
    """By way of a proxy that only requests knows of, and with a trust that only it has."""
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("ALL_PROXY", refusing.removesuffix("/file.gz"))
    check_reachable(["http://nowhere.invalid/file"])
    monkeypatch.setenv("ALL_PROXY", closed.removesuffix("/file.gz"))
    with pytest.raises(ConnectionError, match=r"^nowhere\.invalid: Connection refused$"):
        check_reachable(["http://nowhere.invalid/file"])


def test_a_host_whose_certificate_is_not_trusted_is_there(monkeypatch):
    def distrust(url, **options):
        raise requests.exceptions.SSLError(ssl.SSLCertVerificationError(1, "not trusted"))

    monkeypatch.setattr(requests, "head", distrust)
    check_reachable(["https://127.0.0.1/file"])


def test_the_reason_of_a_download_that_fails_is_the_system_s(closed):
    with pytest.raises(requests.ConnectionError, match="Max retries exceeded") as caught:
        requests.get(closed, timeout=5)
    assert cause(caught.value) == "Connection refused"
    assert cause(caught.value.args[0]) == "Connection refused"  # urllib3's own error


def test_what_was_handled_when_the_disk_was_full_is_not_the_reason():
    def write():
        try:
            {}["x"]
        except KeyError:
            os.write(full, b"more")

    full = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(OSError, match="No space") as caught:
        write()
    os.close(full)
    assert isinstance(caught.value.__context__, KeyError)
    assert cause(caught.value) == "No space left on device"
    late = TimeoutError("it took too long")
    late.__context__ = KeyError("x")
    assert cause(late) == "it took too long"


def test_the_innermost_reason_of_a_network_and_the_first_line_of_others():
    name, pool = socket.gaierror(-2, "Name or service not known"), ConnectionError("Pool(host=h)")
    pool.__cause__ = name
    assert cause(pool) == "Name or service not known"
    assert cause(ValueError("The checksum is wrong.\nmore")) == "The checksum is wrong"
    assert cause(TimeoutError()) == "TimeoutError"
