"""The run that many tests look at, made once, and dry runs that take no time."""

import shutil

import pytest
from run_case import DIGITS, RING, ganapp


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the two configurations and a file's runs on them are, whose names no other takes."""
    folder = tmp_path_factory.mktemp("ganapp")
    (folder / "tiny_digits.toml").write_text(DIGITS)
    (folder / "tiny_ring.toml").write_text(RING)
    return folder


@pytest.fixture(scope="session")
def trained_and_said(tmp_path_factory):
    """A finished run on the ring, to look at only, and what was said.

    It was made in this process, so it is not deterministic: that is a switch of the process, and
    it must not be turned for all other tests.
    """
    folder = tmp_path_factory.mktemp("trained")
    (folder / "ring.toml").write_text(RING)
    run = folder / "run"
    half = ("--set", "training.precision=mixed_float16")
    said = ganapp("train", folder / "ring.toml", "--run", run, *half)
    assert said.code == 0, said.errors
    return run, said


@pytest.fixture(scope="session")
def trained(trained_and_said):
    """That run alone."""
    return trained_and_said[0]


@pytest.fixture
def finished(trained, tmp_path):
    """The same of this test's own, to spoil."""
    return shutil.copytree(trained, tmp_path / "run")


@pytest.fixture(autouse=True)
def no_timing(monkeypatch):
    """A dry run says that a step takes a moment; to measure it, it would have to be traced."""
    monkeypatch.setattr("ganapp.runner.training.seconds_a_step", lambda experiment: 0.25)


@pytest.fixture(scope="session", autouse=True)
def few_judged():
    """Predictions and codes are judged on fewer samples: that cost most of a run."""
    with pytest.MonkeyPatch.context() as patch:
        for name, count in {"JUDGED": 20, "FUTURES": 40}.items():
            patch.setattr(f"ganapp.runner.rollout.{name}", count)
        patch.setattr("ganapp.training.evaluation.metrics.codes.LEARNT_FROM", 2000)
        yield
