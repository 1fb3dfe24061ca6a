"""`ganapp sweep`: a training for every combination of some settings and for several seeds."""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import re
import shlex
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from ganapp.commands.completion import complete_preset
from ganapp.commands.options import SetOption
from ganapp.commands.train import about_duration
from ganapp.errors import UserError
from ganapp.plugins import named_plugins
from ganapp.runs import RUNS, Json, Run
from ganapp.screen import ARROWS, console, say, short_number, start_tensorflow, warn

if TYPE_CHECKING:
    import PIL.Image

PLAN, LOGS, TABLE, PICTURE = "sweep.json", "logs", "sweep.md", "sweep.png"
MAIN = ("precision", "recall", "coverage", "frechet_distance", "high_quality", "memorised")
UNFIT = re.compile(r"[^A-Za-z0-9.=+-]+")  # for the name of a folder
LONGEST_NAME = 120
POLL = 0.2  # seconds between two looks at what runs
MOST_LABEL = 24  # letters of a combination below the picture


@dataclass(frozen=True)
class Trial:
    """One training of a sweep.

    Args:
        settings: `key=value`, those that are tried.
        seed: of the training.
        run: where it goes.
    """

    settings: tuple[str, ...]
    seed: int
    run: Run

    @property
    def report(self) -> Json | None:
        """Its report, once it has ended."""
        return self.run.read_report()


def sweep(
    preset: Annotated[
        str,
        typer.Argument(
            metavar="PRESET_OR_TOML",
            help="A preset's name or a TOML file.",
            autocompletion=complete_preset,
        ),
    ],
    over: Annotated[
        list[str],
        typer.Option(
            metavar="KEY=A,B,...",
            help="A setting and its values; several give every combination of them.",
        ),
    ],
    seeds: Annotated[int, typer.Option(help="Trainings of each combination.")] = 1,
    run: Annotated[
        Path | None, typer.Option(help="Folder of the runs [default: runs/<preset>-sweep].")
    ] = None,
    data: Annotated[
        str | None, typer.Option(metavar="DATA", help="As of `train`: instead of the preset's.")
    ] = None,
    overrides: SetOption = None,
    jobs: Annotated[int, typer.Option(help="Trainings at a time.")] = 1,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check every combination, list them, then stop.")
    ] = False,
) -> None:
    """Train every combination of settings with several seeds; a table and a plot of the figures.

    The same command once more goes on: what has ended stays, what was stopped is resumed.
    """
    if seeds < 1 or jobs < 1:
        raise UserError(f"`--seeds` and `--jobs` must be at least 1. Received: {min(seeds, jobs)}")
    fixed = list(overrides or [])
    tried = [_values(each) for each in over]
    keys = [key for key, _ in tried]
    if len(set(keys)) < len(keys) or "training.seed" in keys:
        raise UserError(
            f"`--over` takes each setting once, and seeds by `--seeds`. Received: {', '.join(keys)}"
        )
    folder = run or RUNS / f"{Path(preset).stem}-sweep"
    trials = list(_trials(folder, tried, seeds))
    start_tensorflow()
    for settings in dict.fromkeys(trial.settings for trial in trials):
        _check(preset, data, [*fixed, *settings])
    plan = {"preset": preset, "data": data, "set": fixed, "over": list(over), "seeds": seeds}
    left = [trial for trial in trials if trial.report is None]
    say(
        f"{len(trials)} trainings: {len(trials) // seeds} combinations, "
        f"{seeds} {'seed' if seeds == 1 else 'seeds'} each; {len(trials) - len(left)} have ended."
    )
    if dry_run:
        for trial in trials:
            say(f"- {trial.run.name}")
        return
    _claim(folder, plan)
    failed = _train(preset, data, fixed, left, folder / LOGS, jobs)
    ended = [trial for trial in trials if trial.report is not None]
    if ended:
        _conclude(ended, folder)
    for trial in failed:
        warn(f"{trial.run.name} failed: {folder / LOGS / trial.run.name}.txt says why.")
    if failed:
        raise typer.Exit(1)


def _values(text: str) -> tuple[str, list[str]]:
    """A key and its values, which commas part outside of brackets and quotes."""
    key, equals, rest = text.partition("=")
    values, depth, quote, current = [], 0, "", ""
    for letter in rest:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        else:
            depth += (letter in "[{") - (letter in "]}")
        if letter == "," and not depth and not quote:
            values.append(current.strip())
            current = ""
        else:
            current += letter
    values.append(current.strip())
    if not equals or not key.strip() or not all(values) or len(set(values)) < len(values):
        raise UserError(
            "`--over` takes a setting and values that differ, for example "
            f"`--over objective.terms.r1.weight=0.1,1,10`. Received: {text!r}"
        )
    return key.strip(), values


def _trials(folder: Path, tried: Sequence[tuple[str, list[str]]], seeds: int) -> Iterator[Trial]:
    names: dict[str, int] = {}
    for values in itertools.product(*(values for _, values in tried)):
        settings = tuple(f"{key}={value}" for (key, _), value in zip(tried, values, strict=True))
        parts = [_without_tables(setting) for setting in settings]
        name = UNFIT.sub("-", "_".join(parts))[:LONGEST_NAME].strip("-")
        names[name] = names.get(name, 0) + 1
        if names[name] > 1:  # what makes two different has no letters of its own
            name = f"{name}-{names[name]}"
        for seed in range(seeds):
            yield Trial(settings, seed, Run(folder / f"{name}_seed{seed}"))


def _check(preset: str, data: str | None, settings: Sequence[str]) -> None:
    """Every mistake is told before the first training has taken its hours."""
    from ganapp.commands.train import new_config
    from ganapp.config.loading import data_table

    table = None if data is None else data_table(data)
    try:
        new_config(preset, table, settings)
    except UserError as error:
        raise UserError(f"{error} (with {', '.join(settings)})") from error


def _claim(folder: Path, plan: Json) -> None:
    """Makes the folder of a sweep; refuses that of another one."""
    from ganapp.training.files import read_json, write_atomically

    place = folder / PLAN
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / LOGS).mkdir(exist_ok=True)
        if not place.exists() and {path.name for path in folder.iterdir()} - {LOGS}:
            raise UserError(f"The folder {folder} is not empty; choose another with --run.")
        if place.exists() and (before := read_json(place)) | {"seeds": 0} != plan | {"seeds": 0}:
            raise UserError(
                f"The folder {folder} holds another sweep; choose another with --run. "
                f"Received there: {json.dumps(before, ensure_ascii=False)}"
            )
        write_atomically(place, json.dumps(plan, indent=2, ensure_ascii=False) + "\n")
    except OSError as error:
        raise UserError(f"The folder {folder} cannot be used: {error.strerror}.") from error
    except UserError:
        raise
    except ValueError as error:
        raise UserError(f"The file {place} is damaged; choose another folder.") from error


def _train(
    preset: str,
    data: str | None,
    fixed: Sequence[str],
    trials: Sequence[Trial],
    logs: Path,
    jobs: int,
) -> list[Trial]:
    """Trains what is left in processes of their own, `jobs` at a time; those that failed.

    When this process is asked to stop, they are, too: each saves its state, and the next sweep
    resumes it.
    """
    waiting, running, failed = list(trials), {}, []
    began = time.monotonic()
    with _stopped_together(running):
        while waiting or running:
            while waiting and len(running) < jobs:
                trial = waiting.pop(0)
                command = _command(preset, data, fixed, trial)
                with (logs / f"{trial.run.name}.txt").open("a") as log:
                    log.write(f"$ {shlex.join(map(str, command))}\n")
                    log.flush()
                    process = subprocess.Popen(
                        command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
                    )
                running[process] = trial, time.monotonic()
                say(f"{trial.run.name} ...", style="dim")
            time.sleep(POLL)
            for process in [each for each in running if each.poll() is not None]:
                trial, started = running.pop(process)
                seconds = time.monotonic() - started
                if process.returncode or trial.report is None:
                    failed.append(trial)
                    say(f"{trial.run.name}: failed after {seconds:.0f} s", style="yellow")
                    continue
                done = len(trials) - len(waiting) - len(running)
                left = (time.monotonic() - began) / done * (len(trials) - done)
                more = f"; {about_duration(left)} for the other {len(trials) - done}" * (left > 0)
                say(f"{trial.run.name}: {_in_short(trial.report)}, {seconds:.0f} s{more}")
    return failed


@contextlib.contextmanager
def _stopped_together(running: Mapping[subprocess.Popen, object]) -> Iterator[None]:
    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except KeyboardInterrupt:
        say("Stopping; what is being trained saves its state. The same command goes on.")
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            process.wait()
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def _command(preset: str, data: str | None, fixed: Sequence[str], trial: Trial) -> list[str]:
    command = [sys.executable, "-m", "ganapp"]
    begun = trial.run.config.exists()
    for plugin in named_plugins():
        command += ["--plugin", str(trial.run.plugins / plugin.name if begun else plugin.path)]
    if begun:
        return [*command, "resume", str(trial.run.directory)]
    command += ["train", preset, "--run", str(trial.run.directory)]
    command += [] if data is None else ["--data", data]
    settings = [*fixed, *trial.settings, f"training.seed={trial.seed}"]
    return [*command, *(word for each in settings for word in ("--set", each))]


def _figures(report: Json) -> Json:
    return (report.get("best") or report["last"])["figures"]


def _in_short(report: Json) -> str:
    figures = _figures(report)
    shown = [figures[name] for name in MAIN if name in figures][:3]
    return ", ".join(f"{each['name']} {short_number(each['value'])}" for each in shown)


@dataclass(frozen=True)
class Summary:
    """The values of a figure over the seeds of each combination, and its references.

    Args:
        name: as printed, with an arrow to where it is better.
        values: by combination.
        floor: of held-out real examples; `matched` samples are compared with it.
    """

    name: str
    values: dict[tuple[str, ...], list[float]]
    floor: float | None


def summaries(trials: Sequence[Trial]) -> dict[str, Summary]:
    """By figure; those of a verdict that all reports hold, the usual ones first.

    Values are matched to as many held-out examples as the floor has, where there are any.
    """
    reports = [(trial.settings, _figures(trial.report)) for trial in trials]
    first = reports[0][1]
    shared = [name for name in first if all(name in each for _, each in reports)]
    names = [n for n in MAIN if n in shared] or [n for n in shared if first[n].get("main")]
    found = {}
    for name in names:
        matched = all(each[name]["matched"] is not None for _, each in reports)
        column = "matched" if matched else "value"
        values: dict[tuple[str, ...], list[float]] = {}
        for settings, figures in reports:
            if (value := figures[name][column]) is not None:
                values.setdefault(settings, []).append(value)
        arrow = ARROWS.get(first[name]["better"], "")
        floor = first[name]["floor"] if matched else None
        found[name] = Summary(f"{first[name]['name']} {arrow}".strip(), values, floor)
    return found


def _conclude(trials: Sequence[Trial], folder: Path) -> None:
    """Prints the table, and writes it and the picture."""
    from ganapp.training.files import write_atomically

    found = summaries(trials)
    combinations = list(dict.fromkeys(trial.settings for trial in trials))
    heads = ["", "seeds", *(each.name for each in found.values())]
    rows = []
    for settings in combinations:
        count = sum(trial.settings == settings for trial in trials)
        cells = [_mean(each.values.get(settings, [])) for each in found.values()]
        rows.append([", ".join(settings), str(count), *cells])
    rows.append(["held-out real examples", "", *(short_number(s.floor) for s in found.values())])
    table = Table(box=None, pad_edge=False)
    for place, head in enumerate(heads):
        table.add_column(head, justify="left" if place == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    console.print(table)
    note = (
        "Means over the seeds of the best generators' figures, matched to as many held-out "
        "examples; ± is the standard deviation between seeds."
    )
    console.print(note, style="dim")
    lines = [f"| {' | '.join(cells)} |" for cells in (heads, ["---"] * len(heads), *rows)]
    write_atomically(folder / TABLE, "\n".join(lines) + f"\n\n{note}\n")
    picture(found, combinations).save(folder / PICTURE)
    say(f"Table and picture: {folder / TABLE}, {folder / PICTURE}")


def _mean(values: Sequence[float]) -> str:
    if not values:
        return "-"
    mean = short_number(float(statistics.fmean(values)))
    return mean if len(values) < 2 else f"{mean} ± {short_number(statistics.stdev(values))}"


def picture(
    found: Mapping[str, Summary], combinations: Sequence[tuple[str, ...]]
) -> PIL.Image.Image:
    """A panel for each figure: a dot a training, a line at the mean, the floor dashed."""
    from ganapp.training.evaluation.pictures import (
        MODE_COLOUR,
        SAMPLE_COLOUR,
        literal,
        new_figure,
        plain,
        render,
    )

    columns = min(3, len(found))
    rows = math.ceil(len(found) / columns)
    width = max(3.6, 0.8 + 0.55 * len(combinations))
    figure = new_figure(width * columns, 3.4 * rows)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    labels = [literal("\n".join(_short(each) for each in settings)) for settings in combinations]
    turned = max(map(len, labels)) > 10 and len(labels) > 2
    for axes, summary in itertools.zip_longest(panels, found.values()):
        if summary is None:
            axes.set_axis_off()
            continue
        plain(axes)
        for place, settings in enumerate(combinations):
            values = summary.values.get(settings, [])
            axes.plot([place] * len(values), values, "o", color=SAMPLE_COLOUR, alpha=0.7, ms=4)
            if values:
                mean = statistics.fmean(values)
                axes.hlines(mean, place - 0.25, place + 0.25, color=SAMPLE_COLOUR, lw=1.5)
        if summary.floor is not None:
            axes.axhline(summary.floor, color=MODE_COLOUR, ls="--", lw=1)
        axes.set_title(literal(summary.name), fontsize=10)
        axes.set_xlim(-0.5, len(combinations) - 0.5)
        axes.set_xticks(range(len(combinations)), labels, rotation=90 if turned else 0, fontsize=8)
    return render(figure)


def _without_tables(setting: str) -> str:
    key, _, value = setting.partition("=")
    return f"{key.rpartition('.')[2]}={value}"


def _short(setting: str) -> str:
    text = _without_tables(setting)
    return text if len(text) <= MOST_LABEL else f"{text[: MOST_LABEL - 1]}…"
