"""The process that lives many lives, and the runs that several tests look at, made once."""

import shutil

import pytest
from lives_case import Lives
from run_case import DIGITS, RING


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Where the runs and the two configurations are."""
    folder = tmp_path_factory.mktemp("ganapp")
    (folder / "tiny_digits.toml").write_text(DIGITS)
    (folder / "tiny_ring.toml").write_text(RING)
    return folder


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def digits(lives, folder):
    """A run on digits that nothing disturbed, and the life it had."""
    return _unbroken(lives, folder, "digits")


@pytest.fixture(scope="session")
def ring(lives, folder):
    """Likewise on the ring, in half precision with loss scaling."""
    return _unbroken(
        lives, folder, "ring", "training.deterministic=true", "training.precision=mixed_float16"
    )


@pytest.fixture
def finished(ring, tmp_path):
    """A finished run of this test's own, to spoil; on the ring.

    Its configuration says that it need not be deterministic: that is a switch of the process, and
    these tests must not turn it for all others.
    """
    return _copy(ring[0], tmp_path)


@pytest.fixture
def finished_digits(digits, tmp_path):
    """Likewise on digits."""
    return _copy(digits[0], tmp_path)


def _copy(run, folder):
    copy = folder / "run"
    shutil.copytree(run, copy)
    switches = {"config.toml": "deterministic = ", "manifest.json": '"deterministic": '}
    for name, old in switches.items():
        text = (copy / name).read_text()
        assert f"{old}true" in text
        (copy / name).write_text(text.replace(f"{old}true", f"{old}false"))
    return copy
