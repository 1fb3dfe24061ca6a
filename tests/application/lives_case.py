"""Tests reach the process in `lives.py` through this."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    # TensorFlow imports pandas, and that pyarrow, whose allocator starts a thread otherwise.
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "PYTHONPATH": str(ROOT),
}


@dataclasses.dataclass(frozen=True)
class Life:
    """How a life ended: exit code (negative for a signal), what it said, what happened in it."""

    code: int
    output: str
    events: list[str]


class Lives:
    """Runs command lines, each in a child of one process that has imported ganapp already.

    Args:
        folder: where the process keeps its records; also its working directory.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self._count = folder, 0
        self._process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("lives.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=folder,
            env=os.environ | ENVIRONMENT,
        )

    def __call__(
        self,
        *arguments: object,
        run: Path,
        at: str | int | None = None,
        by: signal.Signals = signal.SIGKILL,
    ) -> Life:
        """Lives one life.

        Args:
            *arguments: of the command line.
            run: the run directory whose events count.
            at: number or name of the event at which it is struck; `None` to leave it alone.
            by: what it is struck by.
        """
        if self._count == 0:
            assert self._process.stdout.readline() == "threads 1\n", "forking would not be safe"
        self._count += 1
        files = {name: self.folder / f"{name}-{self._count}" for name in ("output", "events")}
        life = {
            "arguments": [str(argument) for argument in arguments],
            "run": str(run),
            "strike": None if at is None else {"at": at, "signal": int(by)},
            **{name: str(path) for name, path in files.items()},
        }
        self._process.stdin.write(json.dumps(life) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        output, events = (path.read_text() for path in files.values())
        return Life(code, output, events.splitlines())

    def close(self) -> None:
        """Ends the process."""
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()
