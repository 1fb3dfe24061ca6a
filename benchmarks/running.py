"""One run of a preset as a user starts it, in a process of its own, and its report."""

import json
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ganapp.training.files import write_atomically

ROOT = Path(__file__).parents[1]
MEASURED = "benchmark.json"


class FailedError(Exception):
    """A run failed; the message is the last sentence of what it said."""


def train(
    preset: str,
    name: str,
    settings: Sequence[str] = (),
    *,
    folder: str,
    data: str | None = None,
    anew: bool = False,
) -> dict:
    """Trains one run; returns its report with the steps, the times and the directory.

    A benchmark of hours may be stopped and started again: what was measured with the same preset
    and settings is taken from its directory, `runs/<folder>/<name>`. Delete it after a change of
    the code that matters.

    Args:
        preset: name of a preset, or path of a configuration.
        name: of the run's directory.
        settings: `key=value` pairs.
        folder: below `runs/`, where the runs of one benchmark stay.
        data: instead of the preset's, as of `train --data`.
        anew: measure even so.

    Returns:
        The report, and beside it `steps`, `training_seconds` by the clock, `processor_seconds` of
        all cores together and of the whole command (which differs less between a busy and an idle
        machine), and `directory`.

    Raises:
        FailedError: the command did not end well, now or when it was measured.
    """
    run = ROOT / "runs" / folder / name
    asked = {"preset": preset, "configuration": _text(preset), "settings": list(settings)}
    asked |= {"data": data} if data else {}
    measured = (None if anew else _remembered(run, asked)) or _measure(run, asked)
    if "failure" in measured:
        raise FailedError(measured["failure"])
    report = json.loads((run / "report.json").read_text(encoding="utf-8"))
    return report | measured | {"directory": str(run)}


def _text(preset: str) -> str:
    path = ROOT / "ganapp" / "presets" / f"{preset}.toml"
    return (path if path.exists() else ROOT / preset).read_text(encoding="utf-8")


def _remembered(run: Path, asked: dict) -> dict | None:
    try:
        measured = json.loads((run / MEASURED).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return measured if asked.items() <= measured.items() else None


def _measure(run: Path, asked: dict) -> dict:
    shutil.rmtree(run, ignore_errors=True)  # of a benchmark that was stopped
    command = [sys.executable, "-m", "ganapp", "train", asked["preset"], "--run", str(run)]
    options = [option for setting in asked["settings"] for option in ("--set", setting)]
    options += ["--data", asked["data"]] if "data" in asked else []
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    finished = subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    measured = asked | {"processor_seconds": round(processor)}
    if finished.returncode == 0:
        trained = re.findall(r"Trained ([\d,]+) steps in (\d+) s", finished.stdout)
        # Of a pyramid there is a line for each level.
        measured["steps"] = sum(int(steps.replace(",", "")) for steps, _ in trained)
        measured["training_seconds"] = sum(int(seconds) for _, seconds in trained)
    elif finished.returncode == 2:  # a sentence: diverged, or refused
        measured["failure"] = finished.stderr.strip().splitlines()[-1]
    else:  # killed, or a bug: nothing to remember
        raise FailedError(f"{finished.stdout}{finished.stderr}")
    run.mkdir(parents=True, exist_ok=True)
    write_atomically(run / MEASURED, json.dumps(measured, indent=2) + "\n")
    return measured


def cell(value: float | None) -> str:
    """A figure in a Markdown table."""
    return "-" if value is None else f"{value:.4g}"


def markdown(rows: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """A Markdown table; the first row is its head, the first `left` columns are text."""
    marks = ["---"] * left + ["---:"] * (len(rows[0]) - left)
    return "\n".join(f"| {' | '.join(row)} |" for row in [rows[0], marks, *rows[1:]])
