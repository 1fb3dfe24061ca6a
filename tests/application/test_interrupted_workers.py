"""Two worker processes of the command line: SIGTERM to one stops both, and both resume."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

import pytest
from lives_case import ROOT

from ganapp.training.checkpoints import list_steps

pytestmark = pytest.mark.slow
TIMEOUT = 180  # seconds, for processes that start TensorFlow on a busy machine
ENDLESS = 1_000_000


class Workers:
    """Two processes that run one command as one cluster."""

    def __init__(self, folder, *arguments):
        with contextlib.ExitStack() as stack:
            sockets = [stack.enter_context(socket.socket()) for _ in range(2)]
            for each in sockets:
                each.bind(("127.0.0.1", 0))
            hosts = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
        self.outputs = [folder / f"{arguments[0]}-{index}.out" for index in range(2)]
        self.processes = [
            self._start(hosts, index, arguments, output)
            for index, output in enumerate(self.outputs)
        ]

    def _start(self, hosts, index, arguments, output):
        task = {"cluster": {"worker": hosts}, "task": {"type": "worker", "index": index}}
        command = [sys.executable, "-m", "ganapp", *map(str, arguments)]
        with output.open("w") as file:  # a file: a full pipe would stop a worker and so both
            return subprocess.Popen(
                command,
                cwd=ROOT,
                env=os.environ | {"TF_CONFIG": json.dumps(task)},
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def codes(self):
        deadline = time.monotonic() + TIMEOUT
        return [process.wait(deadline - time.monotonic()) for process in self.processes]

    def said(self):
        return [output.read_text() for output in self.outputs]

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        for process in self.processes:
            process.kill()
            process.wait()


def wait_for(condition, workers):
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, workers.said()
        assert all(process.poll() is None for process in workers.processes), workers.said()
        time.sleep(0.1)


def test_sigterm_to_one_stops_both_at_the_same_step(folder, tmp_path):
    run = tmp_path / "run"
    settings = [f"training.steps_per_epoch={ENDLESS}", "training.checkpoint_every=20"]
    settings += [f"training.evaluate_every={ENDLESS}", f"training.sample_every={ENDLESS}"]
    options = [option for setting in settings for option in ("--set", setting)]
    command = ["train", folder / "tiny_ring.toml", "--run", run, *options]
    with Workers(tmp_path, *command) as workers:
        wait_for(lambda: list_steps(run / "checkpoints"), workers)
        workers.processes[1].send_signal(signal.SIGTERM)
        assert workers.codes() == [143, 143], workers.said()
        said = workers.said()
    stops = [re.search(r"Stopped by SIGTERM after step ([\d,]+)", text) for text in said]
    assert all(stops), said
    steps = {int(stop[1].replace(",", "")) for stop in stops}
    assert steps == {list_steps(run / "checkpoints")[0]}
    assert all(f"python -m ganapp resume {run}\n" in text for text in said)

    with Workers(tmp_path, "resume", run) as workers:
        continued = f"Continuing from step {steps.pop():,} of"
        wait_for(lambda: all(continued in text for text in workers.said()), workers)
        before = list_steps(run / "checkpoints")[0]
        wait_for(lambda: list_steps(run / "checkpoints")[0] > before, workers)
        workers.processes[0].send_signal(signal.SIGINT)
        codes = workers.codes()
        assert codes[0] == 130, workers.said()
        assert codes[1] in (130, 143), workers.said()
