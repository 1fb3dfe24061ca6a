"""Killed at any moment and resumed = never killed, to the last bit of every variable."""

import json
import random
import shutil
import signal

import pytest
from lives_case import Lives
from run_case import assert_same_run, ganapp, newest, tensors

pytestmark = pytest.mark.slow
KILLED = -signal.SIGKILL
HALF_A_ROW = b'{"step": 99, "discriminator_lo'


@pytest.fixture(scope="module")
def lives(folder):
    """See `lives_case.Lives`."""
    lives = Lives(folder)
    yield lives
    lives.close()


def _unbroken(lives, folder, name, *settings):
    run = folder / name
    options = [option for setting in settings for option in ("--set", setting)]
    life = lives("train", folder / f"tiny_{name}.toml", "--run", run, *options, run=run)
    assert life.code == 0, life.output
    return run, life


@pytest.fixture(scope="module")
def digits(lives, folder):
    """A run on digits that nothing disturbed, and the life it had."""
    return _unbroken(lives, folder, "digits")


@pytest.fixture(scope="module")
def ring(lives, folder):
    """Likewise on the ring, in half precision with loss scaling, two steps at a time."""
    return _unbroken(
        lives,
        folder,
        "ring",
        "training.deterministic=true",
        "training.precision=mixed_float16",
        "training.steps_per_execution=2",
    )


def truncate(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def flip_a_bit(path, choose):
    content = bytearray(path.read_bytes())
    content[choose.randrange(len(content) // 2)] ^= 1 << choose.randrange(8)
    path.write_bytes(content)


def test_save_termination_damage_and_report(lives, folder, digits):
    """Killed in the first save, terminated within an epoch, damaged, killed in the report."""
    run = folder / "broken-digits"
    life = lives(
        "train",
        folder / "tiny_digits.toml",
        "--run",
        run,
        run=run,
        at="move to checkpoints/ckpt-4.index",
    )
    assert life.code == KILLED
    assert [path.name for path in newest(run)] == ["ckpt-4.data-00000-of-00001"]

    life = lives("resume", run, run=run, at="step 10", by=signal.SIGTERM)
    assert life.code == 143
    assert "Continuing" not in life.output, "there was no checkpoint to continue from"
    assert "Stopped by SIGTERM after step 10, checkpoint saved." in life.output
    assert f"Continue with: python -m ganapp resume {run}\n" in life.output
    assert not (run / "report.json").exists()

    truncate(newest(run)[0])
    life = lives("resume", run, run=run, at="move to report.json")
    assert life.code == KILLED
    assert (
        f"Warning: The checkpoint {run}/checkpoints/ckpt-10 is damaged and was skipped"
        in life.output
    )
    assert "Continuing from step 8 of 12." in life.output
    assert not (run / "report.json").exists()

    life = lives("resume", run, run=run)
    assert life.code == 0, life.output
    assert "Continuing from step 12 of 12." in life.output
    assert_same_run(run, digits[0])


def test_a_longer_run_struck_at_random_moments(lives, folder, ring):
    """A finished run goes on; struck again and again, it ends as one that went on undisturbed.

    Struck in a save, by Ctrl-C at a random step and at a random moment of the latter half of its
    events; bits flipped, half a row written.
    """
    choose = random.Random(20)
    unbroken, broken = (folder / name for name in ("longer", "longer-broken"))
    for run in (unbroken, broken):
        shutil.copytree(ring[0], run)
    command = ("resume", broken, "--epochs", "5")
    whole = lives("resume", unbroken, *command[2:], run=unbroken)
    assert whole.code == 0, whole.output
    assert "Continuing from step 24 of 40." in whole.output
    assert tensors(unbroken)["counters/0"] == 40

    life = lives(*command, run=broken, at="move to checkpoints/ckpt-30.index")
    assert life.code == KILLED
    assert [path.name for path in newest(broken)] == ["ckpt-30.data-00000-of-00001"]

    steps = [event for event in whole.events if event.startswith("step ")]
    life = lives("resume", broken, run=broken, at=choose.choice(steps[3:6]), by=signal.SIGINT)
    assert life.code == 130
    assert "Continuing from step 24 of 40." in life.output
    assert "Stopped by SIGINT after step" in life.output

    flip_a_bit(newest(broken)[0], choose)
    # What is removed when depends on what was kept before.
    events = [event for event in whole.events if not event.startswith("remove")]
    moment = choose.choice(events[len(events) // 2 :])
    life = lives("resume", broken, run=broken, at=moment)
    assert life.code == KILLED, moment
    assert "is damaged and was skipped" in life.output

    with (broken / "metrics.jsonl").open("ab") as file:
        file.write(HALF_A_ROW)
    life = lives("resume", broken, run=broken)
    assert life.code == 0, life.output
    assert_same_run(broken, unbroken)
    assert json.loads((broken / "manifest.json").read_text())["extended_from"] == [24]


def test_two_replicas_struck_right_after_a_save(lives, folder):
    """Also the moment that shows whether a step is recorded before it can be restored."""
    unbroken, broken = folder / "replicas", folder / "broken-replicas"
    settings = [
        "training.replicas=2",
        "training.deterministic=true",
        "training.epochs=1",
        "objective.name=wgan_gp",
        "objective.discriminator_steps=1",
        "generator.normalisation=batch",
        "discriminator.packing=2",
    ]
    options = [option for setting in settings for option in ("--set", setting)]
    command = ["train", folder / "tiny_ring.toml", *options, "--run"]
    whole = lives(*command, unbroken, run=unbroken)
    assert whole.code == 0, whole.output
    assert "2 replicas" in whole.output
    saved = whole.events.index("move to checkpoints/ckpt-6.index") + 1  # counted from 1
    assert lives(*command, broken, run=broken, at=saved + 1).code == KILLED
    life = lives("resume", broken, run=broken)
    assert "Continuing from step 6 of 8." in life.output
    assert_same_run(broken, unbroken)


def test_another_process_gives_the_same_samples(lives, trained, tmp_path):
    there, here, options = tmp_path / "a.npz", tmp_path / "b.npz", ("--count", 5, "--seed", 3)
    life = lives("sample", trained, "--out", there, *options, run=tmp_path)
    assert life.code == 0, life.output
    said = ganapp("sample", trained, "--out", here, *options)
    assert (said.code, said.errors) == (0, "")
    assert here.read_bytes() == there.read_bytes()
