"""Evaluating a run: best and last generator judged, with the report and its pictures."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from ganapp.errors import UserError
from ganapp.runner.baselines import baseline_rows
from ganapp.runner.compose import Experiment
from ganapp.runner.generator import HasGenerator, load_generator
from ganapp.runner.pictures import draw_curves, draw_pictures
from ganapp.runner.same_data import (
    check_comparable,
    compose_run,
    moved_config,
    place_settings,
)
from ganapp.runner.stages import stage
from ganapp.runner.summary import show_figures, warn
from ganapp.runner.watching import alarms_in, looks_in, undecided_in
from ganapp.runs import Run, open_run
from ganapp.training.evaluation.evaluator import Evaluator
from ganapp.training.evaluation.metric import Paths
from ganapp.training.evaluation.report import write_report
from ganapp.training.rows_on_disk import generated_rows


def evaluate(
    directory: Path,
    *,
    console: Console,
    as_json: bool = False,
    overrides: Sequence[str] = (),
    data: str | None = None,
    experiment: Experiment | None = None,
) -> dict[str, Any]:
    """Judges the best and the last generator of a run and writes `report.json` and `report.md`.

    Args:
        directory: the run directory.
        console: where to write.
        as_json: print the report as JSON instead of a table.
        overrides: `evaluation.key=value` settings other than the run's own, and those of where
            the data lie.
        data: where the data lie now.
        experiment: as composed already, to save doing it again.

    Returns:
        The report as written to `report.json`.

    Raises:
        UserError: if there is no run or no checkpoint, or a setting is not of the evaluation.
    """
    run = open_run(directory)
    if experiment is None:
        settings = [*overrides, *place_settings(run, data)]
        experiment = compose_run(run, moved_config(run, settings, sections=("evaluation",)))
    check_comparable(experiment, run)
    with stage("Judging the last generator"):
        last, samples = _judged(experiment, run, "last")
    best = None
    try:
        with stage("Judging the best generator"):
            best, samples = _judged(experiment, run, "best")
    except UserError as error:  # the last one is whole: judge what there is
        warn(f"{error} Only the last generator is judged.")
    source, judge = experiment.source.judged, experiment.judge
    with stage("Drawing the report"):
        drawn = draw_pictures(
            source, judge, run.directory, samples, best or last, whose="the best generator"
        ) | draw_curves(run, best, last, metric=experiment.config.evaluation.metric)
    with stage("Judging the baselines"):
        baselines = baseline_rows(experiment.config.evaluation, source, judge)
    write_report(
        run.directory,
        title=run.name,
        best=best,
        last=last,
        pictures=drawn,
        alarms=alarms_in(run),
        looks=len(looks_in(run)),
        undecided=undecided_in(run, experiment),
        baselines=baselines,
        seconds=judge.baseline_seconds,
    )
    report = run.read_report()
    if as_json:
        console.print_json(json.dumps(report))
    else:
        show_figures(report, console, seconds=judge.baseline_seconds)
        console.print(f"Report: {run.directory / 'report.md'}", soft_wrap=True)
    return report


def generated(generator: HasGenerator, count: int, seed: int) -> np.ndarray:
    """Samples of the averaged generator in user units; many of them on the disk."""
    units = generator.spec.to_user_units
    return generated_rows(generator.gan, count, seed=seed, units=units)


def _judged(experiment: Experiment, run: Run, which: str) -> tuple[dict[str, Any], np.ndarray]:
    step = load_generator(experiment, run, which)
    evaluation = experiment.config.evaluation
    samples = generated(experiment, evaluation.samples, evaluation.seed)
    return {"step": step, **reported(experiment, experiment.judge, samples)}, samples


def asked(experiment: Experiment) -> np.ndarray | None:
    """The classes int `(n,)` that `generated` samples were asked for; `None` without classes."""
    if experiment.source.judged is not experiment.source:  # it was asked for other classes
        return None
    evaluation = experiment.config.evaluation
    return experiment.gan.asked(evaluation.samples, seed=evaluation.seed)


def reported(experiment: Experiment, judge: Evaluator, samples: np.ndarray) -> dict[str, Any]:
    """A report on `generated` samples, with the classes that were asked for and the paths."""
    return judge.report(samples, labels=asked(experiment), paths=paths_of(experiment)).as_dict()


def paths_of(experiment: Experiment) -> Paths:
    """What the averaged generator draws between latents, in user units that are not rounded."""
    gan, spec = experiment.gan, experiment.spec

    def generate(latents: Any) -> np.ndarray:
        samples = gan.generate(latents=latents)
        if spec.kind == "image":
            return (np.clip(samples, -1.0, 1.0) + 1.0) * 127.5
        return np.asarray(spec.to_user_units(samples))

    return Paths(
        latents=lambda count, seed: gan.sample_latents(count, seed=seed),
        interpolate=gan.prior.interpolate,
        generate=generate,
    )
