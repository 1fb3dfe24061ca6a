"""Killed at any moment and resumed = never killed, to the last bit of every variable."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest
from lives_case import ENVIRONMENT, ROOT
from run_case import assert_same_run, newest, tensors, written

from training.checkpoints import list_steps

pytestmark = pytest.mark.slow
KILLED = -signal.SIGKILL
HALF_A_ROW = b'{"step": 99, "discriminator_lo'


def truncate(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def flip_a_bit(path, choose):
    content = bytearray(path.read_bytes())
    content[choose.randrange(len(content) // 2)] ^= 1 << choose.randrange(8)
    path.write_bytes(content)


def test_save_termination_damage_and_report(lives, folder, digits):
    """Killed in a save, terminated within an epoch, newest checkpoint cut, killed in the report."""
    run = folder / "broken-digits"
    life = lives(
        "train",
        folder / "tiny_digits.toml",
        "--run",
        run,
        run=run,
        at="move to checkpoints/ckpt-8.index",
    )
    assert life.code == KILLED
    assert [path.name for path in newest(run)] == ["ckpt-8.data-00000-of-00001"]

    life = lives("resume", run, run=run, at="step 11", by=signal.SIGTERM)
    assert life.code == 143
    assert "Continuing from step 4 of 18." in life.output
    assert "Stopped by SIGTERM after step 11, checkpoint saved." in life.output
    assert f"Continue with: python -m ganapp resume {run}\n" in life.output
    assert not (run / "report.json").exists()

    truncate(newest(run)[0])
    life = lives("resume", run, run=run, at="move to report.json")
    assert life.code == KILLED
    assert (
        f"Warning: The checkpoint {run}/checkpoints/ckpt-11 is damaged and was skipped"
        in life.output
    )
    assert "Continuing from step 8 of 18." in life.output
    assert not (run / "report.json").exists()

    life = lives("resume", run, run=run)
    assert life.code == 0, life.output
    assert "Continuing from step 18 of 18." in life.output
    assert_same_run(run, digits[0])


def test_a_longer_run_struck_on_its_way(lives, folder, ring):
    """A finished run goes on; struck and resumed, it ends as one that went on undisturbed."""
    runs = [folder / name for name in ("longer", "longer-broken")]
    for run in runs:
        shutil.copytree(ring[0], run)
    unbroken, broken = runs
    settings = ("--set", "training.epochs=5")
    life = lives("resume", unbroken, *settings, run=unbroken)
    assert life.code == 0, life.output
    assert "Continuing from step 24 of 40." in life.output
    assert tensors(unbroken)["counters/0"] == 40
    assert lives("resume", broken, *settings, run=broken, at="step 34").code == KILLED
    life = lives("resume", broken, run=broken)
    assert life.code == 0, life.output
    assert_same_run(broken, unbroken)
    assert json.loads((broken / "manifest.json").read_text())["extended_from"] == [24]


@pytest.mark.parametrize("seed", [20])
def test_random_moments(lives, folder, ring, seed):
    """Struck in each quarter of its events, by Ctrl-C once; bits flipped, half a row written."""
    choose, run = random.Random(seed), folder / f"broken-ring-{seed}"
    unbroken, life = ring
    # What is removed when depends on what was kept before.
    events = [event for event in life.events if not event.startswith("remove")]
    events = events[events.index("move to manifest.json") :]
    first_save = events.index("move to checkpoints/ckpt-6.index")
    early = choose.choice(events[1:first_save])
    steps = [event for event in events if event.startswith("step ")]
    life = lives("train", unbroken / "config.toml", "--run", run, run=run, at=early)
    assert (life.code, list_steps(run / "checkpoints")) in [(KILLED, []), (KILLED, [6])]

    life = lives("resume", run, run=run, at=choose.choice(steps[3:6]), by=signal.SIGINT)
    assert life.code == 130
    assert "Continuing" not in life.output, "there was no checkpoint to continue from"
    assert "Stopped by SIGINT after step" in life.output

    flip_a_bit(newest(run)[0], choose)
    life = lives("resume", run, run=run, at=choose.choice(events[len(events) // 2 :]))
    assert life.code == KILLED
    assert "is damaged and was skipped" in life.output

    with (run / "metrics.jsonl").open("ab") as file:
        file.write(HALF_A_ROW)
    life = lives("resume", run, run=run)
    assert life.code == 0, life.output
    assert_same_run(run, unbroken)


def test_two_replicas_struck_right_after_a_save(lives, folder):
    """Also the moment that shows whether a step is recorded before it can be restored."""
    unbroken, broken = folder / "replicas", folder / "broken-replicas"
    settings = [
        "training.replicas=2",
        "training.deterministic=true",
        "training.epochs=2",
        "training.steps_per_execution=1",
        "objective.name=wgan_gp",
        "objective.discriminator_steps=1",
        "generator.normalisation=batch",
    ]
    options = [option for setting in settings for option in ("--set", setting)]
    command = ["train", folder / "tiny_ring.toml", *options, "--run"]
    whole = lives(*command, unbroken, run=unbroken)
    assert whole.code == 0, whole.output
    assert "2 replicas" in whole.output
    saved = whole.events.index("move to checkpoints/ckpt-6.index") + 1  # counted from 1
    assert lives(*command, broken, run=broken, at=saved + 1).code == KILLED
    life = lives("resume", broken, run=broken)
    assert "Continuing from step 6 of 16." in life.output
    assert_same_run(broken, unbroken)


def test_a_process_of_its_own_is_terminated(lives, folder, ring):
    """`python -m ganapp` from the shell: exit code, message, and the same bits in the end."""
    unbroken, _ = ring
    run = folder / "process"
    process = subprocess.Popen(
        [sys.executable, "-m", "ganapp", "train", unbroken / "config.toml", "--run", run],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | ENVIRONMENT,
    )
    while process.poll() is None and not (run / "metrics.jsonl").exists():
        time.sleep(0.05)
    process.terminate()
    output, errors = process.communicate()
    assert (process.returncode, errors) == (143, "")
    assert f"Continue with: python -m ganapp resume {run}\n" in output
    stopped = written(run)
    life = lives("resume", run, run=run)
    assert life.code == 0, life.output
    assert stopped["config.toml"] == (run / "config.toml").read_bytes()
    assert_same_run(run, unbroken)
