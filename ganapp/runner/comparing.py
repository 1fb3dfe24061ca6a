"""Several runs beside each other: figures with intervals, and their samples in one picture."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from rich.console import Console
from rich.table import Table

from ganapp.errors import UserError
from ganapp.loading import load_saved
from ganapp.runner.compose import Experiment, compose
from ganapp.runner.generator import load_generator
from ganapp.runner.judging import generated, reported
from ganapp.runner.pictures import painter
from ganapp.runner.summary import ARROWS, short_number, warn
from ganapp.runs import Run, open_run
from training.evaluation.judge import Judge
from training.evaluation.panels import panels
from training.evaluation.report import BADNESS
from training.files import write_atomically

GRID, RESAMPLES = 64, 100
NORMAL_95 = 1.96
METHOD = (
    f"± is half of a 95 % interval: 1.96 standard errors of {RESAMPLES} bootstrap resamples of the "
    "generated samples (the kernel distance: of disjoint blocks), with the real data and the "
    "training as they are; other seeds of a training differ by more. A figure without ± is too "
    "costly to resample. * marks the best value and those whose interval reaches it."
)


@dataclasses.dataclass(frozen=True)
class Judged:
    """One run: its best generator's report, half widths of intervals by figure, a picture."""

    run: Run
    report: dict[str, Any]
    reach: dict[str, float]
    picture: PIL.Image.Image


def compare(
    directories: Sequence[Path],
    *,
    console: Console,
    as_json: bool = False,
    out: Path = Path("comparison"),
) -> dict[str, Any]:
    """Compares the best generators of runs, writes `comparison.json` and `comparison.png`.

    Args:
        directories: run directories, at least two.
        console: where to write.
        as_json: print JSON instead of a table.
        out: folder to write to; made if it is not there.

    Returns:
        What `comparison.json` holds.

    Raises:
        UserError: fewer than two runs, one without a checkpoint, or `out` cannot be written.
    """
    if len(directories) < 2:
        raise UserError(f"`compare` takes at least two runs. Received: {len(directories)}")
    runs = [open_run(directory) for directory in directories]
    judges: dict[str, Judge] = {}
    judged = [_judged(run, judges) for run in runs]
    for sentence in _differences(judged):
        warn(sentence)
    content = _content(judged)
    try:
        out.mkdir(parents=True, exist_ok=True)
        titles = [f"{each.run.name}, step {each.report['step']:,}" for each in judged]
        panels([each.picture for each in judged], titles).save(out / "comparison.png")
        write_atomically(out / "comparison.json", json.dumps(content, indent=2) + "\n")
    except OSError as error:
        raise UserError(f"`--out` cannot be written: {out} ({error.strerror}).") from error
    if as_json:
        console.print_json(json.dumps(content))
        return content
    console.print(_table(content))
    console.print(METHOD, style="dim", highlight=False)
    console.print(f"Picture and figures: {out}", soft_wrap=True)
    return content


def _judged(run: Run, judges: dict[str, Judge]) -> Judged:
    experiment = compose(load_saved(run.config))
    step = load_generator(experiment, run, "best")
    evaluation = experiment.config.evaluation
    samples = generated(experiment, evaluation.samples, evaluation.seed)
    # Fitting a judge takes longest: runs on the same data share it.
    key = json.dumps([experiment.config.data.model_dump(), evaluation.model_dump()], default=str)
    judge = judges.setdefault(key, experiment.judge) if key not in judges else judges[key]
    report = _report(experiment, run, judge, samples, step)
    reach = {
        name: NORMAL_95 * spread
        for name, spread in judge.spreads(samples, resamples=RESAMPLES).items()
        if name in report["figures"]
    }
    interval = report["details"].get("kernel_distance", {}).get("interval")
    if interval is not None:
        reach["kernel_distance"] = (interval[1] - interval[0]) / 2
    return Judged(run, report, reach, painter(experiment.source)(samples[:GRID]))


def _report(
    experiment: Experiment, run: Run, judge: Judge, samples: np.ndarray, step: int
) -> dict[str, Any]:
    """What the run's own report says of this generator; judged now where it says nothing."""
    saved = run.read_report() or {}
    for which in ("best", "last"):
        known = saved.get(which)
        if known and known.get("step") == step and judge.keys[1] <= set(known["figures"]):
            return known
    return {"step": step, **reported(experiment, judge, samples)}


def _differences(judged: Sequence[Judged]) -> list[str]:
    """Why figures of these runs may not be comparable."""
    said = []
    for what, value in (
        ("data", lambda report: report["data"]),
        ("numbers of samples", lambda report: report["counts"]["generated"]),
        ("real examples", lambda report: (report["counts"]["train"], report["reference"])),
        ("feature spaces", lambda report: sorted({f["space"] for f in report["figures"].values()})),
    ):
        if len({str(value(each.report)) for each in judged}) > 1:
            said.append(f"The runs were judged with different {what}: do not compare their values.")
    return said


def _content(judged: Sequence[Judged]) -> dict[str, Any]:
    """JSON-ready: runs, and per figure each run's value with its interval."""
    figures: dict[str, dict[str, Any]] = {}
    for each in judged:
        for key, figure in each.report["figures"].items():
            about = {name: figure[name] for name in ("name", "better", "space", "floor")}
            figures.setdefault(key, {**about, "runs": [None] * len(judged)})
    for place, each in enumerate(judged):
        for key, figure in each.report["figures"].items():
            value, reach = figure["value"], each.reach.get(key)
            known = None not in (value, reach)
            interval = [value - reach, value + reach] if known else None
            figures[key]["runs"][place] = {"value": value, "interval": interval}
    for figure in figures.values():
        figure["best"] = _best(figure)
    return {
        "runs": [
            {
                "run": str(each.run.directory),
                "step": each.report["step"],
                "data": each.report["data"],
            }
            for each in judged
        ],
        "figures": figures,
        "resamples": RESAMPLES,
        "method": METHOD,
    }


def _best(figure: dict[str, Any]) -> list[int]:
    """Places of the best value and of those whose interval reaches it."""
    known = {
        place: found
        for place, found in enumerate(figure["runs"])
        if found is not None and found["value"] is not None
    }
    if len(known) < 2:
        return []
    badness = BADNESS[figure["better"]]
    champion = min(known.values(), key=lambda found: badness(found["value"]))
    low, high = champion["interval"] or [champion["value"]] * 2

    def reaches(found: dict[str, Any]) -> bool:
        own_low, own_high = found["interval"] or [found["value"]] * 2
        return own_low <= high and low <= own_high

    return [place for place, found in known.items() if reaches(found)]


def _table(content: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("figure", no_wrap=True)
    for run in content["runs"]:
        name = Path(run["run"]).resolve().name
        table.add_column(f"{name}\nstep {run['step']:,}", justify="right")
    table.add_column("floor", justify="right")
    table.add_column("space")
    for figure in content["figures"].values():
        cells = [
            _cell(found, place in figure["best"]) for place, found in enumerate(figure["runs"])
        ]
        heading = f"{figure['name']} {ARROWS[figure['better']]}"
        table.add_row(heading, *cells, short_number(figure["floor"]), figure["space"])
    return table


def _cell(found: dict[str, Any] | None, best: bool) -> str:
    if found is None or found["value"] is None:
        return "-"
    text = short_number(found["value"])
    if found["interval"] is not None:
        text += f" ± {short_number((found['interval'][1] - found['interval'][0]) / 2)}"
    return f"{text}{'*' if best else ' '}"
