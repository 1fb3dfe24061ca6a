"""A sweep trains every combination once, goes on where it stopped, and shows what came out."""

import itertools
import json
import shlex
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from run_case import RING, ganapp

from ganapp.commands import sweep
from ganapp.config.loading import load_config
from ganapp.runs import Run

# Instead of a training: a report whose coverage tells its settings and its seed.
STAND_IN = """
import json, pathlib, sys
directory, weight, seed, fails = pathlib.Path(sys.argv[1]), *sys.argv[2:]
if fails == "yes":
    sys.exit("it went wrong")
directory.mkdir(parents=True)
(directory / "config.toml").write_text("")
figure = {"name": "coverage", "better": "higher", "main": True, "value": 1.0, "floor": 0.9,
          "matched": float(weight) + 0.1 * int(seed)}
figures = {"coverage": figure, "recall": figure | {"name": "recall"}}
(directory / "report.json").write_text(json.dumps({"best": None, "last": {"figures": figures}}))
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("ring.toml").write_text(RING)
    return tmp_path


@pytest.fixture
def stand_in(monkeypatch):
    """The commands that were asked for; those of the settings in `failing` go wrong."""
    asked, failing, own = [], set(), sweep._command

    def command(preset, data, fixed, trial):
        asked.append(own(preset, data, fixed, trial))
        weight = trial.settings[0].partition("=")[2]
        fails = "yes" if weight in failing else "no"
        return [sys.executable, "-c", STAND_IN, trial.run.directory, weight, str(trial.seed), fails]

    monkeypatch.setattr(sweep, "_command", command)
    return asked, failing


OVER = ("--over", "objective.terms.r1.weight=0.1,0.5", "--seeds", "2", "--run", "swept")


def test_every_combination_is_trained_and_the_same_command_goes_on(place, stand_in):
    asked, failing = stand_in
    failing.add("0.5")
    said = ganapp("sweep", "ring.toml", *OVER)
    assert said.code == 1
    assert "weight=0.5_seed0 failed: swept/logs/weight=0.5_seed0.txt says why" in said.errors
    assert "it went wrong" in Path("swept/logs/weight=0.5_seed1.txt").read_text()
    failing.clear()
    said = ganapp("sweep", "ring.toml", *OVER, "--jobs", "2")
    assert (said.code, said.errors) == (0, "")
    assert "4 trainings: 2 combinations, 2 seeds each; 2 have ended" in said.output
    assert len(asked) == 6
    table = Path("swept/sweep.md").read_text().splitlines()
    assert "| objective.terms.r1.weight=0.1 | 2 | 0.15 ± 0.0707 | 0.15 ± 0.0707 |" in table
    assert "| objective.terms.r1.weight=0.5 | 2 | 0.55 ± 0.0707 | 0.55 ± 0.0707 |" in table
    assert "| held-out real examples |  | 0.9 | 0.9 |" in table
    with PIL.Image.open("swept/sweep.png") as picture:
        assert np.asarray(picture).std() > 1
    again = ganapp("sweep", "ring.toml", *OVER)
    assert (again.code, len(asked)) == (0, 6)
    other = ganapp("sweep", "ring.toml", *OVER, "--set", "training.epochs=1")
    assert other.code == 2
    assert "holds another sweep" in other.errors


def test_a_trial_is_a_training_of_the_command_line(place, stand_in):
    """The very words are a configuration with the trial's settings and seed."""
    asked, _ = stand_in
    said = ganapp(
        "sweep", "ring.toml", "--over", "training.batch_size=8,16", "--over",
        "objective.terms.r1={weight = 1.0, interval = 2},{weight = 2.0}", "--run", "swept",
        "--set", "training.epochs=2",
    )  # fmt: skip
    assert said.code == 0, said.errors
    assert len(asked) == 4
    last = asked[-1]
    assert last[1:4] == ["-m", "ganapp", "train"]
    config = load_config(last[4], [b for a, b in itertools.pairwise(last) if a == "--set"])
    assert (config.training.batch_size, config.training.epochs, config.training.seed) == (16, 2, 0)
    assert config.objective.terms["r1"].options["weight"] == 2.0
    names = sorted(path.name for path in Path("swept").iterdir() if path.is_dir())
    assert len(names) == 5  # and the logs


def test_what_was_stopped_is_resumed(tmp_path):
    run = Run(tmp_path / "run")
    trial = sweep.Trial(("training.epochs=1",), 0, run)
    assert "train" in sweep._command("ring", None, [], trial)
    run.directory.mkdir()
    run.config.write_text("")
    assert sweep._command("ring", None, [], trial)[3:] == ["resume", str(run.directory)]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--over training.epochs", "`--over` takes a setting and values"),
        ("--over training.epochs=1,1", "values that differ"),
        ("--over training.epochs=1,", "values that differ"),
        ("--over training.epochs=1,2 --over training.epochs=3", "each setting once"),
        ("--over training.seed=1,2", "seeds by `--seeds`"),
        ("--over training.epochs=1,none", "(with training.epochs=none)"),
        ("--over training.epochs=1,2 --seeds 0", "at least 1"),
        ("--over training.epochs=1,2 --run .", "is not empty"),
    ],
)
def test_mistakes_are_sentences_and_nothing_is_trained(place, stand_in, words, sentence):
    said = ganapp("sweep", "ring.toml", *shlex.split(words))
    assert said.code == 2
    assert sentence in said.errors
    assert stand_in[0] == []
    assert not Path("runs").exists()


def test_a_dry_run_lists_what_would_be_trained(place, stand_in):
    said = ganapp("sweep", "ring.toml", *OVER, "--dry-run")
    assert said.code == 0
    assert "- weight=0.5_seed1" in said.output
    assert not Path("swept").exists()
    assert json.dumps(stand_in[0]) == "[]"
