"""Artefacts in fresh processes, each kept to be asked again. Needs no TensorFlow."""

import contextlib
import dataclasses
import inspect
import io
import json
import pickle
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from ganapp.export import ExportError
from ganapp.export.formats.format import Arrays, Runtime, first_line
from ganapp.export.layout import Json
from ganapp.export.worker_process import LENGTHS

PROCESS = Path(__file__).with_name("worker_process.py")
TIMEOUT_SECONDS = 900
LONGEST_HEADER = 2**24  # bytes of an answer's, which holds names and times
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
            request = artefact.load_request()
            self.load_seconds: float = self._ask("load", "load_seconds", **request)[0]
        except BaseException:
            self.close()
            raise

    def run(self, inputs: Arrays, batches: Sequence[int]) -> tuple[np.ndarray | None, Json]:
        """Runs the artefact on inputs by name, float32 `(n, ...)`, in batches of these sizes.

        Returns its output, `None` where it has none of that name; `memory_bytes`, by how much the
        process has grown since before the runtime was imported, and `tensorflow_imported`.
        `ExportError` where the output is not rows.
        """
        ends = np.cumsum(batches)[:-1]
        parts = {name: np.split(values, ends) for name, values in inputs.items()}
        requests = {
            str(place): {name: each[place] for name, each in parts.items()}
            for place in range(len(batches))
        }
        answers, measured = self.call(requests)
        name = self.artefact.output
        outputs = [answers.get(request, {}).get(name) for request in requests]
        if any(output is None for output in outputs):
            return None, measured
        try:
            return np.concatenate(outputs), measured
        except (TypeError, ValueError) as error:
            raise ExportError(
                f"The {self.artefact.title} artefact must return `{name}` in rows: {error}"
            ) from error

    def call(
        self, requests: Mapping[str, Arrays], method: str = "call"
    ) -> tuple[dict[str, dict[str, np.ndarray]], Json]:
        """Outputs by request, of inputs by request, and what was measured, see `run`."""
        return self._ask("call", "answers", requests=requests, method=method)

    def milliseconds(self, inputs: Arrays, seconds: float) -> list[float]:
        return self._ask("time", "milliseconds", inputs=inputs, seconds=seconds)[0]

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

    def _ask(self, task: str, field: str, **arguments: object) -> tuple[Any, Json]:
        """A field of the answer to a task, and the other fields."""
        late = threading.Event()

        def end() -> None:
            late.set()
            self._process.kill()

        timer = threading.Timer(self._timeout, end)
        timer.start()
        try:
            pickle.dump((task, arguments), self._process.stdin)
            self._process.stdin.flush()
            return read_answer(self._process.stdout, field)
        except (OSError, EOFError) as error:  # it has ended
            raise self._failure(late.is_set()) from error
        except (ValueError, MemoryError, OverflowError) as error:
            self._process.kill()
            reason = f"its answer cannot be read: {first_line(error)}"
            raise self._failure(late.is_set(), reason) from error
        finally:
            timer.cancel()

    def _failure(self, late: bool, reason: str = "") -> ExportError:
        title = self.artefact.title
        if late:
            return ExportError(
                f"The {title} artefact did not answer within {self._timeout:g} seconds."
            )
        status = self._process.wait()
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip()
        reason = reason or (said.splitlines() or [f"exit status {status}"])[-1]
        failure = ExportError(f"The {title} artefact failed in a fresh process: {reason}")
        failure.add_note(said)
        return failure


def read_answer(stream: IO[bytes], field: str) -> tuple[Any, Json]:
    """A field of what `worker_process.write_answer` wrote, and the other fields.

    Nothing is unpickled: a process that runs an artefact from elsewhere may write anything.

    Raises:
        EOFError: it ends too soon.
        ValueError: it is something else; the end of a sentence. Likewise MemoryError and
            OverflowError, where it claims to be longer than can be read.
    """
    header_bytes, array_bytes = LENGTHS.unpack(_read(stream, LENGTHS.size))
    if header_bytes > LONGEST_HEADER:
        raise ValueError(f"its header claims {header_bytes:,} bytes")
    header, content = _read(stream, header_bytes), _read(stream, array_bytes)
    try:
        answer = json.loads(header)
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            arrays = iter([file[name] for name in file.files])
        names = answer.pop("answers")
        answer["answers"] = {
            request: {name: next(arrays) for name in outputs} for request, outputs in names.items()
        }
        if field not in answer:
            raise ValueError(f"it holds no `{field}`")
        return answer.pop(field), answer
    except Exception as error:  # of json, zipfile and numpy, which share no base class
        raise ValueError(first_line(error)) from error


def _read(stream: IO[bytes], size: int) -> bytes:
    content = stream.read(size)
    if len(content) < size:
        raise EOFError
    return content


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
