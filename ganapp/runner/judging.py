"""Evaluating a run: best and last generator judged, with the report and its pictures."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from ganapp.errors import UserError
from ganapp.loading import load_saved
from ganapp.runner.baselines import baseline_rows
from ganapp.runner.compose import Experiment, compose
from ganapp.runner.generator import load_generator
from ganapp.runner.pictures import draw_pictures
from ganapp.runner.summary import show_figures, warn
from ganapp.runner.watching import alarms_in, looks_in
from ganapp.runs import Run, open_run
from training.evaluation.report import write_report


def evaluate(
    directory: Path,
    *,
    console: Console,
    as_json: bool = False,
    experiment: Experiment | None = None,
) -> dict[str, Any]:
    """Judges the best and the last generator of a run and writes `report.json` and `report.md`.

    Args:
        directory: the run directory.
        console: where to write.
        as_json: print the report as JSON instead of a table.
        experiment: as composed already, to save doing it again.

    Returns:
        The report as written to `report.json`.

    Raises:
        UserError: if there is no run or no checkpoint.
    """
    run = open_run(directory)
    experiment = experiment or compose(load_saved(run.config))
    last, samples = _judged(experiment, run, "last")
    best = None
    try:
        best, samples = _judged(experiment, run, "best")
    except UserError as error:  # the last one is whole: judge what there is
        warn(f"{error} Only the last generator is judged.")
    source, judge = experiment.source, experiment.judge
    write_report(
        run.directory,
        title=run.name,
        best=best,
        last=last,
        pictures=draw_pictures(
            source, judge, run.directory, samples, best or last, whose="the best generator"
        ),
        alarms=alarms_in(run),
        looks=len(looks_in(run)),
        baselines=baseline_rows(experiment.config.evaluation, source, judge),
    )
    report = run.read_report()
    if as_json:
        console.print_json(json.dumps(report))
    else:
        show_figures(report, console)
        console.print(f"Report: {run.directory / 'report.md'}", soft_wrap=True)
    return report


def generated(experiment: Experiment, count: int, seed: int) -> np.ndarray:
    """Samples of the averaged generator in user units."""
    samples = experiment.gan.generate(count, seed=seed)
    return np.asarray(experiment.source.spec.to_user_units(samples))


def _judged(experiment: Experiment, run: Run, which: str) -> tuple[dict[str, Any], np.ndarray]:
    step = load_generator(experiment, run, which)
    evaluation = experiment.config.evaluation
    samples = generated(experiment, evaluation.samples, evaluation.seed)
    return {"step": step, **experiment.judge.report(samples).as_dict()}, samples
