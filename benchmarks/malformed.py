"""What a server makes of requests that nobody should send: `python -m benchmarks.malformed`.

Starts `ganapp serve` on an export and sends it requests with changed bytes, strange paths, headers
and JSON, each on a connection of its own. Prints how many answers of each status there were, the
slowest, those without an end, and how much the server's memory grew; ends with 1 if a request got a
failure of the server (5xx), no end, or if the server no longer answers a good one.

Use: python -m benchmarks.malformed --export DIR [--count 10000] [--seed 0]
"""

import argparse
import collections
import concurrent.futures
import contextlib
import gzip
import http.client
import json
import random
import socket
import sys
import time
import urllib.parse
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from benchmarks.running import markdown
from benchmarks.serving_load import Server, request_body

CLIENTS = 64  # at once: some wait until the server cuts them off
HANGS = 45.0  # seconds; longer than the server waits for headers or a body
METHODS = (b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"DELETE", b"PATCH", b"PRI", b"get", b"")
PATHS = (
    *(b"/%00", b"/static/%00", b"/static/../../etc/passwd", b"/static/%2e%2e/serve.py", b"*", b""),
    *(b"http://[", b"//v2", b"/v2?%ff=%zz", b"/v1/models/\xc3\xbc", b"/v1/models/../../", b"/" * 9),
    *(b"/" + b"a" * 9000, b"/v1/models/%s/versions/99999999999999999999", b"/v1/models/%s/labels/"),
    *(b"/v1/models/%s:predict", b"/v1/models/%s:classify", b"/v2/models/%s/infer", b"/metrics"),
    *(b"/v2/models/%s/versions/1/infer", b"/v1/models/%s/sample.png?count=1e9&seed=-1", b"/v1"),
    *(
        b"/v1/models/%s/walk.gif?from=&to=x",
        b"/v1/models/%s/sample.csv?count=\xff",
        b"/openapi.json",
    ),
)
HEADERS = (
    *(
        b"",
        b"Content-Length: -1",
        b"Content-Length: 9" * 2,
        b"Content-Length: 99999999999999999999",
    ),
    *(b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip, chunked", b"X-\xff: \x00"),
    *(b"Expect: 100-continue", b"Upgrade: websocket\r\nConnection: Upgrade", b"Host: a"),
    *(
        b"Content-Encoding: gzip",
        b"Content-Encoding: br",
        b"X: " + b"y" * 70_000,
        b": ",
        b" folded",
    ),
    *(
        b"Inference-Header-Content-Length: -5",
        b"Content-Type: application/grpc",
        b"Range: bytes=9-",
    ),
    *(b"If-None-Match: *", b"Authorization: Bearer", b"Connection: close", b"Accept: \x01"),
)
VALUES = (
    *(None, True, -1, 0.5, 2**31, 2**63, 10**400, -1e39, "", "\u0000", "x" * 5000, [], {}, [[]]),
    *({"b64": "!"}, {"b64": "AA=="}, [[0.0] * 3, [0.0]], [[[[[[[]]]]]]], "sample", "sample_png"),
)


def changed(value, draw: random.Random):
    """A JSON value with one place of it, at any depth, replaced."""
    if isinstance(value, dict) and value and draw.random() < 0.8:
        key = draw.choice(list(value))
        if draw.random() < 0.1:
            return {k: v for k, v in value.items() if k != key}
        return value | {key: changed(value[key], draw)}
    if isinstance(value, list) and value and draw.random() < 0.8:
        place = draw.randrange(len(value))
        return [*value[:place], changed(value[place], draw), *value[place + 1 :]]
    return draw.choice(VALUES)


class Requests:
    """Draws requests for a model.

    Args:
        name: of the model.
        body: a good one for `:predict`.
        seed: of what is drawn.
    """

    def __init__(self, name: bytes, body: bytes, seed: int) -> None:
        self.name, self.draw = name, random.Random(seed)
        rows = json.loads(body)["instances"]
        tensors = [
            {"name": key, "shape": [1, *np.shape(each)], "datatype": "FP32", "data": each}
            for key, each in rows[0].items()
        ]
        drawing = {"signature_name": "sample", "inputs": {"count": 2, "seed": 3}}
        self.good = [
            (b"/v1/models/%b:predict" % name, {"instances": rows}),
            (b"/v1/models/%b:predict" % name, drawing),
            (b"/v2/models/%b/infer" % name, {"inputs": tensors, "outputs": [{"name": "image"}]}),
        ]
        self.kinds = [self.of_bytes, self.of_json, self.of_lines, self.of_encodings]

    def next(self) -> bytes:
        """Another request."""
        return self.draw.choice(self.kinds)()

    def of_bytes(self) -> bytes:
        """Some bytes of a good request are others."""
        path, body = self.draw.choice(self.good)
        request = bytearray(_post(path, json.dumps(body).encode()))
        for _ in range(self.draw.randint(1, 8)):
            request[self.draw.randrange(len(request))] = self.draw.randrange(256)
        return bytes(request)

    def of_json(self) -> bytes:
        """JSON that is valid and means something else, or is cut off."""
        path, body = self.draw.choice(self.good)
        for _ in range(self.draw.randint(1, 4)):
            body = changed(body, self.draw)
        text = json.dumps(body).encode()
        if self.draw.random() < 0.2:
            text = self.draw.choice([text[:-1], b"[" * 5000, b"\xff" + text, text * 2, b""])
        return _post(path, text)

    def of_lines(self) -> bytes:
        """Methods, paths and headers."""
        path = self.draw.choice(PATHS).replace(b"%s", self.name)
        lines = b"".join(line + b"\r\n" for line in self.draw.sample(HEADERS, 2))
        return b"%b %b HTTP/1.1\r\nHost: localhost\r\n%b\r\n{}" % (
            self.draw.choice(METHODS),
            path,
            lines,
        )

    def of_encodings(self) -> bytes:
        """Broken gzip, and chunks whose sizes are wrong."""
        path, body = self.draw.choice(self.good)
        packed = bytearray(gzip.compress(json.dumps(body).encode()))
        if self.draw.random() < 0.5:
            packed[self.draw.randrange(len(packed))] = self.draw.randrange(256)
            return _post(path, bytes(packed), b"Content-Encoding: gzip\r\n")
        size = self.draw.choice([b"-1", b"zz", b"%x" % (len(packed) + 9), b"f" * 20, b"0"])
        chunks = b"%b\r\n%b\r\n0\r\n\r\n" % (size, bytes(packed))
        return b"POST %b HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n%b" % (
            path,
            chunks,
        )


def _post(path: bytes, body: bytes, more: bytes = b"") -> bytes:
    head = b"POST %b HTTP/1.1\r\nHost: localhost\r\n%bContent-Length: %d\r\n\r\n" % (
        path,
        more,
        len(body),
    )
    return head + body


def answer(address: tuple[str, int], request: bytes) -> tuple[str, float]:
    """What a request got: a status, `"closed"` without one, or `"no end"`; and the seconds."""
    begin = time.monotonic()
    try:
        with socket.create_connection(address, timeout=HANGS) as connection:
            connection.sendall(request)
            method = request.partition(b" ")[0].decode("latin-1")
            with http.client.HTTPResponse(connection, method=method) as response:
                response.begin()
                response.read()
                status = str(response.status)
    except TimeoutError:
        status = "no end"
    except (OSError, http.client.HTTPException):  # closed, or reset because it had read enough
        status = "closed"
    return status, time.monotonic() - begin


def sent(
    server: Server, address: tuple[str, int], requests: Iterable[bytes]
) -> tuple[list[tuple[bytes, str, float]], float]:
    """Each request with its answer and seconds, and how many MB the server grew by."""
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        before = server.memory()
        done = list(pool.map(lambda each: (each, *answer(address, each)), requests))
    return done, server.memory() - before


def main() -> None:
    """Reads the command line, sends and prints."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--export", type=Path, required=True, help="what `ganapp export` wrote")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    body = request_body(options.export)
    with contextlib.closing(Server(options.export)) as server:
        where = urllib.parse.urlsplit(server.predict)
        address, name = (
            (where.hostname, where.port),
            where.path.split("/")[3].split(":")[0].encode(),
        )
        draw, good = Requests(name, body, options.seed), _post(where.path.encode(), body)
        requests = [draw.next() for _ in range(options.count)]
        tenth = max(1, options.count // 10)  # after which all that is kept has been made
        first, _ = sent(server, address, requests[:tenth])
        rest, grown = sent(server, address, requests[tenth:])
        alive = answer(address, good)[0]
    done = first + rest
    failed = [request for request, status, _ in done if status[0] == "5" or status == "no end"]
    counts = sorted(collections.Counter(status for _, status, _ in done).items())
    print(markdown([["answer", "requests"], *([status, f"{n:,}"] for status, n in counts)]))
    slowest = max(seconds for *_, seconds in done)
    print(f"Slowest {slowest:.1f} s; memory {grown:+.1f} MB after the first tenth.")
    for request in failed[:10]:
        print(f"Failed: {request[:300]!r}")
    if alive != "200":
        print(f"A good request got {alive} after them.")
    sys.exit(1 if failed or alive != "200" else 0)


if __name__ == "__main__":
    main()
