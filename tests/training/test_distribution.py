"""Which strategy a process gets, who writes, and how workers agree to stop."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import tensorflow as tf

from ganapp.training.distribution import agreement, is_chief, make_strategy

ROOT = Path(__file__).parents[2]


# Devices can be configured once a process, before TensorFlow's first operation. The second process
# is a copy of the first before that, so that TensorFlow is imported once.
MAKE = """
import json, os, sys
import tensorflow as tf
from ganapp.training.distribution import is_chief, make_strategy

def describe(replicas):
    strategy = make_strategy(replicas)
    print(json.dumps([
        type(strategy).__name__, strategy.num_replicas_in_sync,
        list(strategy.extended.worker_devices), is_chief(strategy),
    ]), flush=True)

copy = os.fork()
if copy == 0:
    describe(3)
else:
    assert os.waitpid(copy, 0)[1] == 0
    os.environ["TF_CONFIG"] = sys.argv[1]
    describe(2)
"""


@pytest.fixture(scope="module")
def made():
    """What `make_strategy` made in fresh processes: of 3 replicas, and of 2 in a cluster of one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    cluster = {"worker": [f"127.0.0.1:{port}"]}
    task = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": 0}})
    finished = subprocess.run(
        [sys.executable, "-c", MAKE, task],
        cwd=ROOT,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert finished.returncode == 0, finished.stderr[-2000:]
    return [json.loads(line) for line in finished.stdout.splitlines() if line.startswith("[")]


def test_one_replica_is_the_default_strategy():
    assert make_strategy(0) is tf.distribute.get_strategy()
    assert make_strategy(1) is tf.distribute.get_strategy()
    assert is_chief(make_strategy(1))


def test_replicas_on_one_cpu_are_logical_devices(made):
    kind, replicas, devices, chief = made[0]
    assert (kind, replicas, chief) == ("MirroredStrategy", 3, True)
    assert len(set(devices)) == 3
    assert all("CPU" in device for device in devices)


def test_a_cluster_of_one_worker(made):
    """`TF_CONFIG` wins over `replicas`."""
    kind, replicas, _, chief = made[1]
    assert kind in ("MultiWorkerMirroredStrategy", "CollectiveAllReduceStrategy")
    assert (replicas, chief) == (1, True)


def test_replicas_come_before_the_first_operation():
    """The tests have two logical devices; a third one cannot be had any more."""
    assert tf.reduce_sum(tf.zeros(1) + 1) == 1
    sentence = (
        "`replicas` on one CPU must be set before TensorFlow has used it. Received: replicas=3"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        make_strategy(3)


def test_more_replicas_than_gpus_are_refused(monkeypatch):
    devices = {"GPU": ["gpu0", "gpu1"], "CPU": ["cpu0"]}
    monkeypatch.setattr(tf.config, "list_physical_devices", devices.__getitem__)
    with pytest.raises(ValueError, match=r"must not exceed the 2 GPUs.*Received: replicas=3"):
        make_strategy(3)


def cluster(jobs, task_type, task_id):
    resolver = SimpleNamespace(
        task_type=task_type,
        task_id=task_id,
        cluster_spec=lambda: tf.train.ClusterSpec({job: ["localhost:1"] for job in jobs}),
    )
    return SimpleNamespace(cluster_resolver=resolver)


@pytest.mark.parametrize(
    ("jobs", "task_type", "task_id", "expected"),
    [
        (["worker"], "worker", 0, True),
        (["worker"], "worker", 1, False),
        (["chief", "worker"], "chief", 0, True),
        (["chief", "worker"], "worker", 0, False),
        ([], "", None, True),
    ],
)
def test_one_process_of_a_cluster_writes(jobs, task_type, task_id, expected):
    assert is_chief(cluster(jobs, task_type, task_id)) is expected


def test_a_single_process_agrees_with_itself(two_replicas):
    for strategy in (tf.distribute.get_strategy(), two_replicas):
        agree = agreement(strategy)
        assert agree(True) is True
        assert agree(False) is False
