"""Artefacts in fresh processes, each kept to be asked again. Needs no TensorFlow."""

import contextlib
import dataclasses
import json
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import numpy as np

from ganapp.export.errors import ExportError

CHECK = Path(__file__).with_name("check.py")
TIMEOUT_SECONDS = 900


@dataclasses.dataclass(frozen=True, kw_only=True)
class Artefact:
    """What a process needs to know to run an artefact.

    Args:
        title: as printed, e.g. `"LiteRT"`.
        runtime: one of `ganapp.export.check.RUNTIMES`.
        path: file or directory.
        output: name of its output.
        modules: Python modules of the layers in it that are not Keras's own.
    """

    title: str
    runtime: str
    path: Path
    output: str
    modules: tuple[str, ...] = ()


class Worker(contextlib.AbstractContextManager):
    """A fresh process that has loaded one artefact; a context that ends it.

    Args:
        artefact: what to load.
        timeout: seconds that one answer may take.

    Attributes:
        load_seconds: what importing the runtime and loading the artefact took.

    Raises:
        ExportError: the artefact could not be loaded.
    """

    def __init__(self, artefact: Artefact, *, timeout: float = TIMEOUT_SECONDS) -> None:
        self.artefact, self._timeout = artefact, timeout
        self._made = contextlib.ExitStack()
        self._folder = self._made.enter_context(tempfile.TemporaryDirectory(prefix="export-check-"))
        self._errors = self._made.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        # -P keeps this folder off the module path: the process has only what a consumer has.
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(CHECK)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        try:
            loaded = self._ask(
                load=artefact.runtime,
                path=str(artefact.path),
                output=artefact.output,
                modules=artefact.modules,
            )
        except BaseException:
            self.close()
            raise
        self.load_seconds: float = loaded["load_seconds"]

    def run(self, latents: np.ndarray, chunks: tuple[int, ...]) -> tuple[np.ndarray | None, dict]:
        """Runs the artefact.

        Args:
            latents: float32 `(n, size)`.
            chunks: sizes of the batches, adding up to n.

        Returns:
            (its output, `None` where it has none of that name; `memory_bytes`, by how much the
            process has grown since before the runtime was imported, and `tensorflow_imported`).

        Raises:
            ExportError: it failed.
        """
        given, made = (Path(self._folder, name) for name in ("in.npz", "out.npz"))
        np.savez(given, z=latents, chunks=np.asarray(chunks))
        measured = self._ask(run=str(given), to=str(made))
        return self._read(made).get(f"output/{self.artefact.output}"), measured

    def draws(self) -> dict[str, np.ndarray]:
        """What the signatures that draw gave, see `ganapp.export.check`."""
        made = Path(self._folder, "draws.npz")
        self._ask(draw=str(made))
        return self._read(made)

    def milliseconds(self, batch: int, size: int, seconds: float) -> list[float]:
        """Of single calls with latents `(batch, size)`, for about as many seconds."""
        return self._ask(time=batch, size=size, seconds=seconds)["milliseconds"]

    def close(self) -> None:
        """Ends the process at once: it holds nothing to be kept, and TensorFlow ends slowly."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                stream.close()
        self._made.close()

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _ask(self, **request: Any) -> dict[str, Any]:
        late = threading.Event()

        def end() -> None:
            late.set()
            self._process.kill()

        timer = threading.Timer(self._timeout, end)
        timer.start()
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except OSError:  # it has ended
            answer = ""
        finally:
            timer.cancel()
        if not answer.endswith("\n"):
            raise self._failure(late.is_set())
        return json.loads(answer)

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

    @staticmethod
    def _read(path: Path) -> dict[str, np.ndarray]:
        with np.load(path) as file:
            return {name: file[name] for name in file.files}
