"""One run of a preset as a user starts it, in a process of its own, and its report."""

import json
import re
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]


class FailedError(Exception):
    """A run failed; the message is what it said."""


def train(preset: str, name: str, settings: Sequence[str] = (), *, folder: str) -> dict:
    """Trains one run; returns its report with the steps, the times and the directory.

    `training_seconds` by the clock, `processor_seconds` of all cores together and of the whole
    command, which differs less between a busy and an idle machine.

    Args:
        preset: name of a preset.
        name: of the run's directory; the time is added.
        settings: `key=value` pairs.
        folder: below `runs/`, where the runs of one benchmark stay.

    Raises:
        FailedError: the command did not end well.
    """
    run = ROOT / "runs" / folder / f"{name}-{time.strftime('%m%d-%H%M%S')}"
    command = [sys.executable, "-m", "ganapp", "train", preset, "--run", str(run)]
    options = [option for setting in settings for option in ("--set", setting)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    finished = subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True)
    if finished.returncode:
        raise FailedError(f"{finished.stdout}{finished.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    trained = re.search(r"Trained ([\d,]+) steps in (\d+) s", finished.stdout)
    report = json.loads((run / "report.json").read_text(encoding="utf-8"))
    return report | {
        "steps": int(trained[1].replace(",", "")),
        "training_seconds": int(trained[2]),
        "processor_seconds": round(processor),
        "directory": str(run),
    }


def cell(value: float | None) -> str:
    """A figure in a Markdown table."""
    return "-" if value is None else f"{value:.4g}"


def markdown(rows: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """A Markdown table; the first row is its head, the first `left` columns are text."""
    marks = ["---"] * left + ["---:"] * (len(rows[0]) - left)
    return "\n".join(f"| {' | '.join(row)} |" for row in [rows[0], marks, *rows[1:]])
