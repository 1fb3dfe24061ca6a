"""Artefacts in fresh processes, each kept to be asked again. Needs no TensorFlow."""

import contextlib
import dataclasses
import inspect
import pickle
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ganapp.export import ExportError
from ganapp.export.formats.format import Arrays, Runtime
from ganapp.export.layout import Json

PROCESS = Path(__file__).with_name("worker_process.py")
TIMEOUT_SECONDS = 900
TIMED_BATCHES = (1, 16, 64)  # that are timed
ROUNDS = 5  # each format has a turn in each, so that a busy moment of the machine meets all
SECONDS = 0.06  # of a turn with one batch size


@dataclasses.dataclass(frozen=True, kw_only=True)
class Artefact:
    """What a process needs to know to run an artefact."""

    title: str  # as printed, e.g. `"LiteRT"`.
    runtime: Runtime  # what runs it
    path: Path  # file or directory
    output: str  # name of its output
    modules: tuple[str, ...] = ()  # Python modules of the layers in it that are not Keras's own

    def load_request(self) -> Json:
        process = self.runtime.process
        return {
            "name": process.__name__,
            "source": inspect.getsource(process),
            "path": str(self.path),
            "output": self.output,
            "modules": self.modules,
        }


class Worker(contextlib.AbstractContextManager):
    """A fresh process that has loaded one artefact; a context that ends it.

    `load_seconds` is what importing the runtime and loading the artefact took; an answer may take
    `timeout` seconds. `ExportError` where it cannot be loaded.
    """

    def __init__(self, artefact: Artefact, *, timeout: float = TIMEOUT_SECONDS) -> None:
        self.artefact, self._timeout = artefact, timeout
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        # -P keeps this folder off the module path: the process has only what a consumer has.
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(PROCESS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        try:
            self.load_seconds: float = self._ask("load", **artefact.load_request())["load_seconds"]
        except BaseException:
            self.close()
            raise

    def run(self, inputs: Arrays, batches: Sequence[int]) -> tuple[np.ndarray | None, Json]:
        """Runs the artefact on inputs by name, float32 `(n, ...)`, in batches of these sizes.

        Returns its output, `None` where it has none of that name; `memory_bytes`, by how much the
        process has grown since before the runtime was imported, and `tensorflow_imported`.
        """
        ends = np.cumsum(batches)[:-1]
        parts = {name: np.split(values, ends) for name, values in inputs.items()}
        requests = {
            str(place): {name: each[place] for name, each in parts.items()}
            for place in range(len(batches))
        }
        answers, measured = self.call(requests)
        outputs = [answer.get(self.artefact.output) for answer in answers.values()]
        return None if outputs[0] is None else np.concatenate(outputs), measured

    def call(
        self, requests: Mapping[str, Arrays], method: str = "call"
    ) -> tuple[dict[str, dict[str, np.ndarray]], Json]:
        """Outputs by request, of inputs by request, and what was measured, see `run`."""
        measured = self._ask("call", requests=requests, method=method)
        return measured.pop("answers"), measured

    def milliseconds(self, inputs: Arrays, seconds: float) -> list[float]:
        return self._ask("time", inputs=inputs, seconds=seconds)["milliseconds"]

    def close(self) -> None:
        """Ends the process at once: it holds nothing to be kept, and TensorFlow ends slowly."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                stream.close()
        self._errors.close()

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _ask(self, task: str, **arguments: object) -> Json:
        late = threading.Event()

        def end() -> None:
            late.set()
            self._process.kill()

        timer = threading.Timer(self._timeout, end)
        timer.start()
        try:
            pickle.dump((task, arguments), self._process.stdin)
            self._process.stdin.flush()
            return pickle.load(self._process.stdout)
        except (OSError, EOFError, pickle.UnpicklingError) as error:  # it has ended
            raise self._failure(late.is_set()) from error
        finally:
            timer.cancel()

    def _failure(self, late: bool) -> ExportError:
        title = self.artefact.title
        if late:
            return ExportError(
                f"The {title} artefact did not answer within {self._timeout:g} seconds."
            )
        status = self._process.wait()
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip()
        last = (said.splitlines() or [f"exit status {status}"])[-1]
        failure = ExportError(f"The {title} artefact failed in a fresh process: {last}")
        failure.add_note(said)
        return failure


def measure_speed(
    workers: Mapping[str, Worker], inputs: Arrays, *, rounds: int = ROUNDS, seconds: float = SECONDS
) -> dict[str, Json]:
    """Times every artefact, one at a time, side by side in the same minute.

    Args:
        workers: by name of the format, each with its artefact loaded.
        inputs: of the generator by name, at least 64 rows.
        rounds: how often each has a turn at each batch size.
        seconds: of a turn; a slow call is made once in it.

    Returns by name `latency_ms` (median milliseconds of a call, by batch size) and
    `samples_per_second` (at the batch size where that is largest).
    """
    calls: dict[tuple[str, int], list[float]] = {}
    for _ in range(rounds):
        for batch in TIMED_BATCHES:
            rows = {name: values[:batch] for name, values in inputs.items()}
            for name, worker in workers.items():
                calls.setdefault((name, batch), []).extend(worker.milliseconds(rows, seconds))
    medians = {key: statistics.median(times) for key, times in calls.items()}
    return {
        name: {
            "latency_ms": {str(batch): medians[name, batch] for batch in TIMED_BATCHES},
            "samples_per_second": max(
                1e3 * batch / medians[name, batch] for batch in TIMED_BATCHES
            ),
        }
        for name in workers
    }
