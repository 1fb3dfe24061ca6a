"""Evaluating a run: best and last generator judged, with the report and its pictures."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from ganapp.config import Config
from ganapp.errors import UserError
from ganapp.loading import load_saved, read_toml, validated
from ganapp.overrides import with_overrides
from ganapp.runner.baselines import baseline_rows
from ganapp.runner.compose import Experiment, compose
from ganapp.runner.generator import load_generator
from ganapp.runner.pictures import draw_curves, draw_pictures
from ganapp.runner.progress import progress
from ganapp.runner.same_data import changes
from ganapp.runner.summary import show_figures, warn
from ganapp.runner.watching import alarms_in, looks_in
from ganapp.runs import Run, open_run
from training.evaluation.judge import Judge
from training.evaluation.path_length import Paths
from training.evaluation.report import write_report
from training.rows_on_disk import generated_rows


def evaluate(
    directory: Path,
    *,
    console: Console,
    as_json: bool = False,
    overrides: Sequence[str] = (),
    experiment: Experiment | None = None,
) -> dict[str, Any]:
    """Judges the best and the last generator of a run and writes `report.json` and `report.md`.

    Args:
        directory: the run directory.
        console: where to write.
        as_json: print the report as JSON instead of a table.
        overrides: `evaluation.key=value` settings other than the run's own.
        experiment: as composed already, to save doing it again.

    Returns:
        The report as written to `report.json`.

    Raises:
        UserError: if there is no run or no checkpoint, or a setting is not of the evaluation.
    """
    run = open_run(directory)
    experiment = experiment or compose(_configuration(run, overrides))
    changed = changes(experiment, run)
    if changed:
        warn(f"{changed[0]}: the figures are of other examples than it saw. {changed[1]}")
    last, samples = _judged(experiment, run, "last")
    best = None
    try:
        best, samples = _judged(experiment, run, "best")
    except UserError as error:  # the last one is whole: judge what there is
        warn(f"{error} Only the last generator is judged.")
    source, judge = experiment.source.judged, experiment.judge
    write_report(
        run.directory,
        title=run.name,
        best=best,
        last=last,
        pictures=draw_pictures(
            source, judge, run.directory, samples, best or last, whose="the best generator"
        )
        | draw_curves(run, best, last, metric=experiment.config.evaluation.metric),
        alarms=alarms_in(run),
        looks=len(looks_in(run)),
        baselines=baseline_rows(experiment.config.evaluation, source, judge),
        seconds=judge.baseline_seconds,
    )
    report = run.read_report()
    if as_json:
        console.print_json(json.dumps(report))
    else:
        show_figures(report, console, seconds=judge.baseline_seconds)
        console.print(f"Report: {run.directory / 'report.md'}", soft_wrap=True)
    return report


def generated(experiment: Experiment, count: int, seed: int) -> np.ndarray:
    """Samples of the averaged generator in user units; many of them on the disk."""
    units = experiment.source.spec.to_user_units
    return generated_rows(experiment.gan, count, seed=seed, units=units)


def _judged(experiment: Experiment, run: Run, which: str) -> tuple[dict[str, Any], np.ndarray]:
    step = load_generator(experiment, run, which)
    evaluation = experiment.config.evaluation
    with progress(f"Judging the {which} generator, {evaluation.samples:,} samples"):
        samples = generated(experiment, evaluation.samples, evaluation.seed)
        return {"step": step, **reported(experiment, experiment.judge, samples)}, samples


def asked(experiment: Experiment) -> np.ndarray | None:
    """The classes int `(n,)` that `generated` samples were asked for; `None` without classes."""
    if experiment.source.judged is not experiment.source:  # it was asked for other classes
        return None
    evaluation = experiment.config.evaluation
    return experiment.gan.asked(evaluation.samples, seed=evaluation.seed)


def reported(experiment: Experiment, judge: Judge, samples: np.ndarray) -> dict[str, Any]:
    """A report on `generated` samples, with the classes that were asked for and the paths."""
    return judge.report(samples, labels=asked(experiment), paths=paths_of(experiment)).as_dict()


def paths_of(experiment: Experiment) -> Paths:
    """What the averaged generator draws between latents, in user units that are not rounded."""
    gan, spec = experiment.gan, experiment.source.spec

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


def _configuration(run: Run, overrides: Sequence[str]) -> Config:
    """The run's, with other settings of its evaluation: those change nothing of the training."""
    check_overrides(overrides)
    if not overrides:
        return load_saved(run.config)
    return validated(with_overrides(read_toml(run.config), overrides), str(run.config))


def check_overrides(overrides: Sequence[str]) -> None:
    """Refuses settings of anything but the evaluation."""
    for override in overrides:
        if not override.startswith("evaluation."):
            raise UserError(
                "`evaluate --set` takes settings of the evaluation, for example "
                f"evaluation.features=classifier. Received: {override!r}"
            )
