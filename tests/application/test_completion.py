"""What a shell is told to complete, asked as bash, zsh and fish ask."""

import os
import subprocess
import sys
import textwrap

import pytest
from lives_case import ROOT
from run_case import ganapp

from ganapp.commands.completion import complete_preset, complete_run, setting_keys
from ganapp.config.loading import load_config
from ganapp.config.presets import preset_names

HEAVY = ("tensorflow", "keras", "numpy", "ganapp.config.schema")
# As the scripts of `ganapp --show-completion` ask; then how each separates its answers.
ASK = """
    import os, sys
    from ganapp import __main__ as cli

    def completed(shell, line):
        words = line.split(" ")
        os.environ["_GANAPP_COMPLETE"] = f"complete_{shell}"
        os.environ |= {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
        os.environ |= {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
        sys.argv = ["ganapp"]
        print(f"{shell}: {line}")
        try:
            cli.main()
        except SystemExit:
            pass

    for line in sys.argv[1:]:
        for shell in ("bash", "zsh", "fish"):
            completed(shell, line)
    heavy = [name for name in %r if name in sys.modules]
    sys.exit(f"imported {heavy}" if heavy else 0)
"""


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """A folder with a run and a folder that is none in `runs/`."""
    for folder in ("runs/ring-0001", "runs/others", "elsewhere/grid-0001", ".hidden"):
        (tmp_path / folder).mkdir(parents=True)
    for run in ("runs/ring-0001", "elsewhere/grid-0001"):
        (tmp_path / run / "config.toml").touch()
    (tmp_path / "own.toml").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_shells_are_answered_without_tensorflow(runs):
    lines = (
        "ganapp res",
        "ganapp train mni",
        "ganapp sample ",
        "ganapp train digits --set training.ep",
        "ganapp train digits --mir",
    )
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(ASK % (HEAVY,)), *lines],
        capture_output=True,
        text=True,
        cwd=runs,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers = ("resume", "mnist", "runs/ring-0001", "training.epochs=", "--mirror")
    said = done.stdout
    for line, answer in zip(lines, answers, strict=True):
        for shell in ("bash", "zsh", "fish"):
            _, _, said = said.partition(f"{shell}: {line}\n")
            assert answer in said.partition(": ganapp ")[0], (shell, line)


def test_runs_and_presets_by_their_beginnings(runs):
    assert complete_run("") == ["runs/others/", "runs/ring-0001"]
    assert complete_run("runs/r") == ["runs/ring-0001"]
    assert complete_run("e") == ["elsewhere/"]
    assert complete_run("elsewhere/") == ["elsewhere/grid-0001"]
    assert complete_run("nowhere/") == []
    assert complete_preset("") == [*preset_names(), "elsewhere/", "own.toml", "runs/"]
    assert complete_preset("ow") == ["own.toml"]


def test_folders_are_completed_where_there_are_no_runs(tmp_path, monkeypatch):
    (tmp_path / "results").mkdir()
    monkeypatch.chdir(tmp_path)
    assert complete_run("") == ["results/"]


def test_every_key_is_one_of_the_configuration():
    """Read from the schema's text, they are those that it has: each is in a whole configuration."""
    keys = setting_keys()
    for key in (
        "data.mirror",
        "training.epochs",
        "evaluation.samples",
        "objective.terms.r1.weight",
    ):
        assert key in keys
    whole = load_config("digits")
    assert {key.split(".")[0] for key in keys} <= type(whole).model_fields.keys()
    fields = type(whole.training).model_fields
    assert [key for key in keys if key.startswith("training.")] == sorted(
        f"training.{name}" for name in fields
    )


def test_the_script_is_of_the_command_however_it_is_asked_for(monkeypatch):
    # The option then takes the shell that else is found among the parents of the process.
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    command = [sys.executable, "-m", "ganapp", "--show-completion", "zsh"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "_GANAPP_COMPLETE=complete_zsh" in done.stdout
    assert "python" not in done.stdout


def test_the_help_names_both_options():
    said = ganapp("--help").output
    assert "--install-completion" in said
    assert "--show-completion" in said
