"""A process in which the command line lives many lives; `Lives` in `lives_case.py` talks to it.

It imports ganapp once and forks for every life, so a life costs no start of TensorFlow. Forking is
safe because with one BLAS thread the process has a single thread until TensorFlow's first
operation, which only a child executes.

A life may be struck by a signal at a moment: the n-th of the events that `Events` hears, or the one
of a name. Events and not seconds, so that a failure happens again.
"""

import json
import os
import re
import signal
import sys
import traceback
from pathlib import Path


class Events:
    """Hears of a run's files, finished steps and evaluations, just before they happen."""

    def __init__(self, run: Path, record: Path, strike: dict | None) -> None:
        self.run, self.strike = run.resolve(), strike
        self.record = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        self.number = 0
        sys.addaudithook(self._hear)

    def announce(self, name: str) -> None:
        """Writes the event down and strikes if it is the one."""
        os.write(self.record, f"{name}\n".encode())  # a file: it outlives the process
        self.number += 1
        if self.strike and self.strike["at"] in (name, self.number):
            os.kill(os.getpid(), self.strike["signal"])

    def _hear(self, event: str, details: tuple) -> None:
        if event == "open" and isinstance(details[1], str) and set(details[1]) & set("wax"):
            self._file("write", details[0])
        elif event == "os.rename":
            self._file("move to", details[1])
        elif event == "os.remove":
            self._file("remove", details[0])

    def _file(self, verb: str, path: object) -> None:
        if isinstance(path, str | os.PathLike):
            path = Path(path).resolve()
            if path.is_relative_to(self.run):
                name = re.sub(r"\.\d+$", "", str(path.relative_to(self.run)))  # a process number
                self.announce(f"{verb} {name}")


def listen(events: Events) -> None:
    """Adds finished steps, before anything records them, and evaluations."""
    from ganapp.training.callbacks import completed_steps
    from ganapp.training.callbacks.evaluation import Evaluate
    from ganapp.training.callbacks.safety import TerminateOnNonFinite

    def announced(owner: type, method: str, name: str) -> None:
        original = getattr(owner, method)

        def wrapper(self, *args, **kwargs):
            events.announce(f"{name} {completed_steps(self.model)}")
            return original(self, *args, **kwargs)

        setattr(owner, method, wrapper)

    announced(TerminateOnNonFinite, "on_train_batch_end", "step")
    announced(Evaluate, "on_step", "evaluate")


def live(life: dict) -> None:
    """Runs the command line in this process and ends it."""
    output = os.open(life["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background shell ignores it
    listen(Events(Path(life["run"]), Path(life["events"]), life["strike"]))
    sys.argv = ["ganapp", *life["arguments"]]
    code = 1
    try:
        cli.main()
        code = 0
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    os._exit(code)


def serve() -> None:
    """Lives each life that a line of standard input describes; answers with its exit code."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            live(json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    from ganapp import __main__ as cli  # imported once, for all children
    from ganapp import commands  # noqa: F401
    from ganapp.runner import training  # noqa: F401

    print("threads", len(os.listdir("/proc/self/task")), flush=True)
    serve()
