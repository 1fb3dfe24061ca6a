"""What goes to a process that runs an artefact, and what comes back from it."""

import io
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from one_process import WorkerHere

from ganapp.export import ExportError, worker
from ganapp.export.formats.format import Runtime
from ganapp.export.worker import Artefact, Worker
from ganapp.export.worker_process import LENGTHS


class Echo:
    """Answers what it was given, and how that looked there."""

    def __init__(self, path, output):
        self.output = output

    def __call__(self, inputs):
        print("what a runtime prints is no part of an answer")
        return inputs | {
            self.output: np.array([f"{k} {v.dtype} {v.shape}" for k, v in inputs.items()])
        }

    def draw(self, requests):
        return {"signature": {"inputs": np.array(sorted(requests))}, **requests}


class Scalar:
    """Answers with no rows."""

    def __init__(self, path, output):
        self.output = output

    def __call__(self, inputs):
        return {self.output: np.float32(1)}


def artefact_of(process):
    runtime = Runtime(name="none", title="None", process=process, usage="")
    return Artefact(title="Echo", runtime=runtime, path=Path("none"), output="seen/there:0")


REQUESTS = {
    "first": {
        "count": np.int32(16),
        "z": np.arange(6, dtype=np.float32).reshape(2, 3),
        "levels": np.zeros((2, 0, 1), np.uint8),
        "file": np.array([True, False]),
    },
    "none of 0.5": {},
}


@pytest.mark.parametrize("kind", [Worker, WorkerHere])
def test_requests_and_answers_keep_names_types_and_shapes(kind):
    with kind(artefact_of(Echo)) as process:
        answers, measured = process.call(REQUESTS)
        drawn, _ = process.call(REQUESTS, "draw")
        times = process.milliseconds(REQUESTS["first"], 0.0)
    assert set(measured) == {"memory_bytes", "tensorflow_imported"}
    assert len(times) == 1
    seen = [answers[request].pop("seen/there:0").tolist() for request in REQUESTS]
    assert seen == [
        ["count int32 ()", "z float32 (2, 3)", "levels uint8 (2, 0, 1)", "file bool (2,)"],
        [],
    ]
    assert drawn.pop("signature")["inputs"].tolist() == ["first", "none of 0.5"]
    for found in (answers, drawn):
        assert list(found) == list(REQUESTS)
        assert [list(outputs) for outputs in found.values()] == [list(REQUESTS["first"]), []]
        for name, expected in REQUESTS["first"].items():
            assert isinstance(found["first"][name], np.ndarray)
            np.testing.assert_array_equal(found["first"][name], np.asarray(expected), strict=True)


def test_an_answer_without_rows_is_a_sentence():
    with WorkerHere(artefact_of(Scalar)) as process, pytest.raises(ExportError, match="in rows"):
        process.run({"z": np.zeros((2, 3), np.float32)}, (1, 1))


class Harm:
    """Makes a file where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def npz(*arrays):
    content = io.BytesIO()
    np.savez(content, *arrays)
    return content.getvalue()


def answer_of(header, arrays=None):
    arrays = npz() if arrays is None else arrays
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    return LENGTHS.pack(len(header), len(arrays)) + header + arrays


WHOLE = {"load_seconds": 0.1, "answers": {}}
GARBAGE = {
    "text": (b"This is no answer at all.", "header claims 1,936,287,828 bytes"),
    "a length": (LENGTHS.pack(2, 2**62) + b"{}", ""),
    "an impossible length": (LENGTHS.pack(2, 2**64 - 1) + b"{}", ""),
    "no JSON": (answer_of(b"\xff{"), "codec"),
    "nested JSON": (answer_of(b"[" * 200_000), "recursion"),
    "a list": (answer_of([]), ""),
    "another field": (answer_of({"answers": {}}), "holds no `load_seconds`"),
    "no arrays": (answer_of(WHOLE, b""), ""),
    "no archive": (answer_of(WHOLE, b"PK\x03\x04" + bytes(40)), "zip"),
    "one array": (answer_of(WHOLE, npz(np.zeros(3))[30:]), "pickled"),
    "fewer arrays": (answer_of(WHOLE | {"answers": {"0": ["x"]}}), ""),
    "Python objects": (answer_of(WHOLE, npz(np.array([{}, []], object))), "allow_pickle=False"),
}


def process_that_writes(monkeypatch, tmp_path, content, then):
    """Processes of the test write the content, whatever they are asked."""
    (tmp_path / "content").write_bytes(content)
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, time\n"
        f"sys.stdout.buffer.write(open({str(tmp_path / 'content')!r}, 'rb').read())\n"
        f"sys.stdout.flush()\n{then}\n"
    )
    monkeypatch.setattr(worker, "PROCESS", script)


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_from_a_process_is_a_sentence(name, monkeypatch, tmp_path):
    content, reason = GARBAGE[name]
    process_that_writes(monkeypatch, tmp_path, content, "time.sleep(60)")
    message = f"The Echo artefact failed in a fresh process: its answer cannot be read: .*{reason}"
    with pytest.raises(ExportError, match=message):
        Worker(artefact_of(Echo), timeout=20)


@pytest.mark.parametrize("place", ["answer", "header", "arrays"])
def test_nothing_from_a_process_is_unpickled(place, monkeypatch, tmp_path):
    made = tmp_path / "made"
    content = pickle.dumps(Harm(made))
    if place == "header":
        content = answer_of(content)
    elif place == "arrays":
        content = answer_of(WHOLE, content)
    process_that_writes(monkeypatch, tmp_path, content, "")
    with pytest.raises(ExportError):
        Worker(artefact_of(Echo), timeout=20)
    assert not made.exists()


def test_a_process_that_ends_within_an_answer_says_why(monkeypatch, tmp_path):
    content = answer_of(WHOLE)[:-1]
    process_that_writes(monkeypatch, tmp_path, content, "sys.exit('There is no memory.')")
    with pytest.raises(ExportError, match=r"fresh process: There is no memory\."):
        Worker(artefact_of(Echo), timeout=20)
