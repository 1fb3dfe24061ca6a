"""Runs one artefact in a process of its own, as somebody who was given the file would.

`python -P worker_process.py` reads `(name of a method of Session, its arguments)` from its input,
pickled, and answers each with what the method returns, see `write_answer`: whoever asks does not
unpickle, for an artefact may come from anywhere. It imports what a consumer of the artefact would
have and nothing of ours (but for the layers of a `.keras` file that are ours), so what it computes
does not depend on the process that exported. The class that runs the artefact comes as its source,
see `ganapp.export.formats.format.Process`.
"""

import importlib
import io
import json
import os
import pickle
import struct
import sys
import time
from typing import IO

import numpy as np

LENGTHS = struct.Struct("<IQ")  # bytes of an answer's header and of its arrays, which follow
MOST_CALLS = 50  # of one batch size in one round


class Session:
    """One artefact and what it is asked."""

    def load(self, *, name: str, source: str, path: str, output: str, modules: list[str]) -> dict:
        """Imports the runtime and the modules of layers, and loads the artefact."""
        self.before = resident_bytes()
        for module in modules:
            importlib.import_module(module)
        namespace = {"np": np}
        exec(source, namespace)
        start = time.perf_counter()
        self.artefact = namespace[name](path, output)
        return {"load_seconds": time.perf_counter() - start}

    def call(self, *, requests: dict, method: str) -> dict:
        """Runs it on every request: each by a call, or all by another method."""
        if method == "call":
            answers = {name: self.artefact(inputs) for name, inputs in requests.items()}
        else:
            answers = getattr(self.artefact, method)(requests)
        return {
            "answers": answers,
            "memory_bytes": max(0, resident_bytes() - self.before),
            "tensorflow_imported": "tensorflow" in sys.modules,
        }

    def time(self, *, inputs: dict, seconds: float) -> dict:
        """Milliseconds of calls that follow each other, after one that does not count."""
        times = []
        self.artefact(inputs)
        while not times or (sum(times) < seconds and len(times) < MOST_CALLS):
            start = time.perf_counter()
            self.artefact(inputs)
            times.append(time.perf_counter() - start)
        return {"milliseconds": [1e3 * each for each in times]}


def resident_bytes() -> int:
    """Memory that the process has now; 0 where the system does not say."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def write_answer(stream: IO[bytes], answer: dict) -> None:
    """Writes `LENGTHS`, the answer as JSON and a .npz.

    In JSON the `answers` of a call are names of outputs by request, whose arrays the .npz holds in
    this order, for a name may be one that a .npz cannot have.
    """
    answers = answer.get("answers", {})
    names = {request: list(outputs) for request, outputs in answers.items()}
    header = json.dumps(answer | {"answers": names}).encode()
    arrays = io.BytesIO()
    np.savez(arrays, *(values for outputs in answers.values() for values in outputs.values()))
    stream.write(LENGTHS.pack(len(header), arrays.getbuffer().nbytes))
    stream.write(header)
    stream.write(arrays.getbuffer())
    stream.flush()


def main() -> None:
    # Whatever else is printed goes to stderr, so that answers stay alone.
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)
        session = Session()
        while sys.stdin.buffer.peek(1):
            task, arguments = pickle.load(sys.stdin.buffer)
            write_answer(answers, getattr(session, task)(**arguments))


if __name__ == "__main__":
    # Set before TensorFlow is imported. The processor is the reference: a GPU's TF32 would not
    # agree to 1e-4, and the exporting process may hold all of its memory.
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    main()
