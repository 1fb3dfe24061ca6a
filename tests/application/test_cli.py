"""The command line as a person meets it first: help, presets, tables of runs."""

import itertools
import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from lives_case import ROOT
from rich.console import Console
from run_case import ganapp

from ganapp.commands import presets as presets_verb
from ganapp.config.loading import load_config, load_saved
from ganapp.config.presets import PRESETS, preset_names
from ganapp.runs import claim_run

COMMANDS = {
    "train": ("PRESET_OR_TOML", "--run", "--set", "--dry-run"),
    "data": ("DATA", "--size", "--set", "--png", "--json"),
    "resume": ("RUN", "--config", "--set"),
    "sweep": ("PRESET_OR_TOML", "--over", "--seeds", "--run", "--set", "--jobs", "--dry-run"),
    "sample": ("RUN", "--out", "--count", "--seed", "--truncation", "--between", "--checkpoint"),
    "predict": ("RUN", "CLIPS", "--frames", "--out", "--draws", "--seed", "--checkpoint"),
    "encode": (
        "RUN",
        "[DATA]",
        "--out",
        "--steps",
        "--latent-weight",
        "--example-weight",
        "--seed",
    ),
    "evaluate": ("RUN", "--samples", "--real", "--set", "--json"),
    "compare": ("RUN", "--out", "--json"),
    "baseline": ("NAME", "DATA", "--set", "--out", "--json"),
    "export": (
        "RUN",
        "--format",
        "--out",
        "--name",
        "--version",
        "--batch",
        "--frames",
        "--checkpoint",
    ),
    "invert": ("RUN", "IMAGES", "--out", "--seed", "--checkpoint"),
    "verify": ("DIR",),
    "serve": ("DIR", "--port", "--host", "--engine", "--max-batch-size", "--deadline", "--poll"),
    "show": ("RUN",),
    "runs": ("FOLDER",),
    "presets": ("show", "--json"),
}
HEAVY = (
    "tensorflow",
    "keras",
    "numpy",
    "sklearn",
    "matplotlib",
    "ganapp.models",
    "ganapp.config.schema",
)


@pytest.mark.parametrize(("command", "words"), COMMANDS.items(), ids=COMMANDS)
def test_help_names_every_argument(command, words):
    said = ganapp(command, "--help")
    assert said.code == 0
    for word in words:
        assert word.lower() in said.output.lower()


def test_help_lists_the_commands():
    for arguments in (["--help"], []):
        output = ganapp(*arguments).output
        for command in COMMANDS:
            assert f" {command} " in output


def test_light_commands_import_nothing_heavy(tmp_path):
    """What makes --help fast, and an answer to a misspelt name, without a stopwatch."""
    script = f"""
        import sys
        from ganapp import __main__ as cli
        for arguments in (["--help"], ["train", "--help"], ["presets"], ["presets", "--json"],
                          ["presets", "show", "ring"],
                          ["runs", "."], ["serve", "none"], ["train", "rign"], ["resume", "none"],
                          ["show", "none"],
                          ["sample", "none", "--out", "x.png"], ["evaluate", "none"],
                          ["predict", "none", "held-out", "--out", "x.png"],
                          ["compare", "none", "none"]):
            sys.argv = ["ganapp", *arguments]
            try:
                cli.main()
            except SystemExit:
                pass
        heavy = [name for name in {HEAVY} if name in sys.modules]
        sys.exit(f"imported {{heavy}}" if heavy else 0)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Did you mean 'ring'" in done.stderr


def test_a_mistake_ends_a_process_of_its_own_with_2():
    command = [sys.executable, "-m", "ganapp", "presets", "show", "gird"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: There is no preset called 'gird'")


def test_presets_are_listed_and_shown():
    listed = ganapp("presets").output.splitlines()
    for name in preset_names():
        text = (PRESETS / f"{name}.toml").read_text()
        summary = text.splitlines()[0].removeprefix("# ").partition(" (")[0].removesuffix(".")
        (line,) = [line for line in listed if line.startswith(f"  {name} ")]
        assert summary in line
        assert ganapp("presets", "show", name).output == text


@pytest.mark.parametrize("width", [80, 120])
def test_presets_are_grouped_and_fit_the_screen(monkeypatch, width):
    monkeypatch.setattr(presets_verb, "console", Console(width=width, markup=False))
    lines = ganapp("presets").output.splitlines()
    assert max(map(len, lines)) <= width
    assert not any("…" in line or "arXiv" in line for line in lines)
    text = "\n".join(line.rstrip() for line in lines)
    head, others, *blocks, hint = text.rstrip().split("\n\n")
    listed = [re.findall(r"^  (\S+)", block, re.MULTILINE) for block in (head, others, *blocks)]
    assert set(listed[0]) >= {"digits", "grid", "ring", "stacked-digits"}
    assert others.startswith("digits with another objective")
    assert {"digits-hinge", "digits-minimax"} < set(listed[1])
    words = ("digits-f-", "digits-relativistic-", "digits-wgan")
    for names, word in zip(listed[2:], words, strict=True):
        assert names == [name for name in preset_names() if name.startswith(word)]
    assert sorted(itertools.chain(*listed)) == preset_names()
    assert "presets show NAME" in hint
    assert len(lines) <= {80: 2.0, 120: 1.5}[width] * len(preset_names())


def test_presets_as_json():
    presets = {preset["name"]: preset for preset in json.loads(ganapp("presets", "--json").output)}
    assert list(presets) == preset_names()
    assert presets["digits-wgan-gp"] == {
        "name": "digits-wgan-gp",
        "summary": "WGAN-GP: gradient penalty 10, Adam 1e-4 (.5, .9), 5 critic updates.",
        "reference": "Gulrajani et al., 2017, arXiv:1704.00028",
        "data": "digits",
        "generator": "dcgan",
        "discriminator": "dcgan",
        "objective": "wgan_gp",
        "variant_of": "digits",
    }
    assert presets["ring"]["reference"] == "Huang et al., 2024, arXiv:2501.05441"
    alone = {name for name, preset in presets.items() if preset["variant_of"] is None}
    assert {"digits", "grid", "ring", "stacked-digits"} <= alone
    refused = ganapp("presets", "--json", "show", "ring")
    assert (refused.code, refused.output) == (2, "")
    assert "`presets --json` is for the list" in refused.errors


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Instead of data that would have to be downloaded."""
    path = tmp_path_factory.mktemp("images") / "images.npz"
    x = np.random.default_rng(0).integers(0, 255, (5600, 28, 28), np.uint8)
    np.savez(path, x=x, y=np.arange(5600) % 10)
    return ("--data", f"npz:{path}")


@pytest.mark.parametrize("preset", preset_names())
def test_a_dry_run_shows_the_plan_and_starts_no_run(tmp_path, monkeypatch, preset, images):
    monkeypatch.chdir(tmp_path)
    for setting in ("EPOCHS", "LEAST_UPDATES"):  # of the classifier whose features are inverted
        monkeypatch.setattr(f"ganapp.training.evaluation.features.classifier.{setting}", 1)
    instead = images if load_config(preset).data.source == "tfds" else ()
    said = ganapp("train", preset, *instead, "--dry-run", "--set", "training.epochs=3")
    assert said.code == 0, said.errors
    # Where features of the data's own classifier are to be inverted.
    assert said.errors in ("", "Training the classifier of the evaluation.\n")
    for word in ("data", "generator", "parameters", "objective", "3 epochs", "1 replica"):
        assert word in said.output
    assert f"runs/{preset}-0001" in said.output
    assert "no run was started" in said.output
    cached = load_config(preset).data.source == "tfds"  # all others make nothing of files
    assert ("What the data were made into stays in" in said.output) == cached
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_times_a_few_steps(folder):
    """In a process of its own, which writes nothing to standard error."""
    command = [sys.executable, "-m", "ganapp", "train", folder / "tiny_ring.toml", "--dry-run"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    found = re.search(r"^time +about (\d+) seconds at (\S+) s a step", done.stdout, re.M)
    duration, seconds = map(float, found.groups())
    assert 0 < seconds < 60
    assert abs(duration - max(1, 24 * seconds)) <= 1
    assert "no run was started" in done.stdout


def test_the_plan_says_that_several_examples_are_looked_at_together():
    seen = ["discriminator.packing=2", "discriminator.minibatch=standard_deviation"]
    said = ganapp("train", "digits", "--dry-run", *[part for s in seen for part in ("--set", s)])
    assert "parameters, packs of 2, minibatch standard deviation" in said.output


def test_a_number_that_another_process_takes_meanwhile(tmp_path, monkeypatch):
    """Two `train` without --run at the same time: both run, in directories of their own."""
    from ganapp.runner import training

    def slow_plan(*arguments):
        claim_run(tmp_path / "runs" / "ring-0001", "")

    went = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(training, "show_plan", slow_plan)
    monkeypatch.setattr(training, "run_to_end", lambda experiment, run: went.append(run) or 0)
    said = ganapp("train", "ring")
    assert (said.code, said.errors) == (0, "")
    assert "runs/ring-0001 was taken meanwhile; the run goes to runs/ring-0002." in said.output
    assert [run.directory for run in went] == [Path("runs/ring-0002")]
    assert load_saved(went[0].config) == load_config("ring")


def test_the_table_of_runs(finished, tmp_path):
    folder = tmp_path / "runs"
    folder.mkdir()
    finished.rename(folder / "a-ring")
    said = ganapp("runs", folder)
    assert said.code == 0
    head, row = said.output.splitlines()
    assert head.split()[:4] == ["run", "data", "objective", "step"]
    assert row.split()[:4] == ["a-ring", "ring", "relativistic", "24"]
    report = json.loads((folder / "a-ring" / "report.json").read_text())
    distance = report["best"]["figures"]["frechet_distance"]["value"]
    assert row.split()[4] == f"{distance:.3g}"


def test_a_run_that_only_began_and_damaged_ones_do_not_hide_the_others(finished, tmp_path):
    damages = {
        "began": {"metrics.jsonl": None, "report.json": None, "manifest.json": None},
        "config": {"config.toml": b"\xff["},
        "edited": {"config.toml": b"data = 3"},
        "report": {"report.json": b"{"},
        "rows": {"metrics.jsonl": b'{"stop": 3}\n[]\n{"step": 4}\n{"step": 9, '},
    }
    folder = tmp_path / "runs"
    for name, files in damages.items():
        (folder / name).mkdir(parents=True)
        for file in ("config.toml", "manifest.json", "metrics.jsonl", "report.json"):
            content = files.get(file, (finished / file).read_bytes())
            if content is not None:
                (folder / name / file).write_bytes(content)
    said = ganapp("runs", folder)
    assert (said.code, said.errors) == (0, "")
    rows = {line.split()[0]: line.split()[1:] for line in said.output.splitlines()[1:]}
    assert rows["began"] == ["ring", "relativistic", "0", "-", "-", "-", "-", "-"]
    assert rows["config"] == rows["report"] == ["damaged"]
    assert rows["edited"][:3] == ["?", "?", "24"]
    assert rows["rows"][:3] == ["ring", "relativistic", "4"]


def test_a_folder_without_runs(tmp_path):
    said = ganapp("runs", tmp_path)
    assert (said.code, said.output.replace("\n", "")) == (0, f"There are no runs in {tmp_path}.")


def test_show(finished):
    said = ganapp("show", finished)
    assert said.code == 0
    for word in ("step", "held-out real", "mixture", "modes", str(finished / "report.md")):
        assert word in said.output
    (finished / "report.json").unlink()
    assert "is not evaluated yet" in ganapp("show", finished).output
