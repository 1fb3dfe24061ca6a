"""Runs one artefact in a process of its own, as somebody who was given the file would.

`python -P worker_process.py` reads one JSON object a line from its input and answers each with one:

- `{"load": CLASS, "source": ..., "path": ..., "output": NAME, "modules": [...]}`, first
- `{"call": METHOD, "given": IN.npz, "to": OUT.npz}`: `<request>/<input>` arrays become
  `<request>/<output>` arrays, each request by a call or all by another method
- `{"time": IN.npz, "seconds": S}`: milliseconds of single calls with the inputs of one request

It imports what a consumer of the artefact would have and nothing of ours (but for the layers of a
`.keras` file that are ours, see `modules`), so what it computes does not depend on the process
that exported. The class that runs the artefact comes as its source, see
`ganapp.export.formats.format.Process`.
"""

import importlib
import json
import os
import sys
import time

import numpy as np

MOST_CALLS = 50  # of one batch size in one round


class Session:
    """One artefact and what it is asked."""

    def load(self, request: dict) -> dict:
        """Imports the runtime and loads the artefact."""
        self.before = resident_bytes()
        for module in request["modules"]:  # layers that Keras does not have
            importlib.import_module(module)
        namespace = {"np": np}
        exec(request["source"], namespace)
        start = time.perf_counter()
        self.artefact = namespace[request["load"]](request["path"], request["output"])
        return {"load_seconds": time.perf_counter() - start}

    def call(self, request: dict) -> dict:
        """Runs it on every request: batches of different sizes, for none may be in the graph."""
        requests: dict[str, dict[str, np.ndarray]] = {}
        with np.load(request["given"]) as given:
            for key in given.files:
                name, _, argument = key.rpartition("/")
                requests.setdefault(name, {})[argument] = given[key]
        if request["call"] == "call":
            answers = {name: self.artefact(inputs) for name, inputs in requests.items()}
        else:
            answers = getattr(self.artefact, request["call"])(requests)
        outputs = {f"{x}/{k}": v for x, answer in answers.items() for k, v in answer.items()}
        np.savez(request["to"], **outputs)
        return {
            "memory_bytes": max(0, resident_bytes() - self.before),
            "tensorflow_imported": "tensorflow" in sys.modules,
        }

    def time(self, request: dict) -> dict:
        """Milliseconds of calls that follow each other, after one that does not count."""
        with np.load(request["time"]) as given:
            inputs = {name.rpartition("/")[2]: given[name] for name in given.files}
        times = []
        self.artefact(inputs)
        while not times or (sum(times) < request["seconds"] and len(times) < MOST_CALLS):
            start = time.perf_counter()
            self.artefact(inputs)
            times.append(time.perf_counter() - start)
        return {"milliseconds": [1e3 * seconds for seconds in times]}


def resident_bytes() -> int:
    """Memory that the process has now; 0 where the system does not say."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def main() -> None:
    """Answers until its input ends."""
    # Whatever else is printed goes to stderr, so that answers stay alone.
    with os.fdopen(os.dup(1), "w", buffering=1) as answers:
        os.dup2(2, 1)
        session = Session()
        for line in sys.stdin:
            request = json.loads(line)
            answers.write(json.dumps(getattr(session, next(iter(request)))(request)) + "\n")


if __name__ == "__main__":
    # Set before TensorFlow is imported. The processor is the reference: a GPU's TF32 would not
    # agree to 1e-4, and the exporting process may hold all of its memory.
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    main()
