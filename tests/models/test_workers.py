"""Two worker processes on loopback make the run of two local replicas."""

import contextlib
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from case import relative_error
from worker import run

SCRIPT = Path(__file__).with_name("worker.py")
TIMEOUT = 180  # seconds, for a process that starts TensorFlow on a busy machine


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def start(index, ports, directory):
    cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
    task = {"cluster": cluster, "task": {"type": "worker", "index": index}}
    environment = os.environ | {"TF_CONFIG": json.dumps(task)}
    out, err = (open(directory / f"worker{index}.{name}", "w") for name in ("out", "err"))  # noqa: SIM115
    with out, err:  # files, not pipes: a full pipe would stop a worker and so both
        return subprocess.Popen(
            [sys.executable, str(SCRIPT)], env=environment, stdout=out, stderr=err
        )


def result_of(directory, index):
    for line in (directory / f"worker{index}.out").read_text().splitlines():
        if line.startswith("RESULT"):
            return json.loads(line.removeprefix("RESULT"))
    raise AssertionError((directory / f"worker{index}.err").read_text()[-3000:])


@pytest.fixture(scope="module")
def workers(tmp_path_factory):
    """The results of both workers."""
    directory = tmp_path_factory.mktemp("workers")
    ports = free_ports(2)
    processes = [start(index, ports, directory) for index in range(2)]
    try:
        for process in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(TIMEOUT)
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return [result_of(directory, index) for index in range(2)]


@pytest.mark.slow
def test_two_processes_train_as_two_local_replicas(workers, two_replicas):
    """Two steps an execution: one in the loop, one behind it, which is all there is to one."""
    local = run(two_replicas, 2)
    first, second = workers
    assert first == second  # both workers log and hold the same numbers
    assert first["step"] == local["step"] == 6
    assert len(first["losses"]) == len(local["losses"]) == 3
    for theirs, ours in zip(first["losses"], local["losses"], strict=True):
        assert theirs == pytest.approx(ours, rel=1e-5, abs=1e-6)
    for part, arrays in local["weights"].items():
        theirs = [np.array(a) for a in first["weights"][part]]
        assert relative_error(theirs, [np.array(a) for a in arrays]) < 1e-5
