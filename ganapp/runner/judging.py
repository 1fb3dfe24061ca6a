"""Evaluating a run: best and last generator judged, with the report and its pictures."""

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from rich.console import Console

from ganapp.errors import UserError
from ganapp.loading import load_saved
from ganapp.runner.compose import Experiment, compose
from ganapp.runner.generator import load_generator
from ganapp.runner.summary import show_figures, warn
from ganapp.runner.watching import alarms_in, looks_in
from ganapp.runs import Run, open_run
from training.data import Source
from training.evaluation import pictures
from training.evaluation.report import write_report
from training.evaluation.table_pictures import marginal_page

GRID, NEIGHBOURS = 100, 32


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
    write_report(
        run.directory,
        title=run.name,
        best=best,
        last=last,
        pictures=_draw_pictures(experiment, run, samples, best or last),
        alarms=alarms_in(run),
        looks=len(looks_in(run)),
    )
    report = run.read_report()
    if as_json:
        console.print_json(json.dumps(report))
    else:
        show_figures(report, console)
        console.print(f"Report: {run.directory / 'report.md'}", soft_wrap=True)
    return report


def painter(source: Source) -> Callable[[np.ndarray], PIL.Image.Image]:
    """What draws samples of this source: a grid of images, columns of a table, or points."""
    if source.singles is not None:
        return lambda samples: pictures.image_grid(pictures.side_by_side(samples))
    if source.spec.kind == "image":
        return pictures.image_grid
    if source.spec.table is not None:
        real, _ = source.training_examples()
        return functools.partial(marginal_page, table=source.spec.table, real=real)
    if source.modes is None:
        return functools.partial(pictures.scatter, real=source.held_out_examples(1000)[0])
    return functools.partial(
        pictures.scatter, centres=source.modes.centres, sigma=source.modes.sigma
    )


def generated(experiment: Experiment, count: int, seed: int) -> np.ndarray:
    """Samples of the averaged generator in user units."""
    samples = experiment.gan.generate(count, seed=seed)
    return np.asarray(experiment.source.spec.to_user_units(samples))


def _judged(experiment: Experiment, run: Run, which: str) -> tuple[dict[str, Any], np.ndarray]:
    step = load_generator(experiment, run, which)
    evaluation = experiment.config.evaluation
    samples = generated(experiment, evaluation.samples, evaluation.seed)
    return {"step": step, **experiment.judge.report(samples).as_dict()}, samples


def _draw_pictures(
    experiment: Experiment, run: Run, samples: np.ndarray, report: dict[str, Any]
) -> dict[str, str]:
    """Saves the pictures of a report; returns their relative paths by caption."""
    spec, folder = experiment.source.spec, run.directory / "pictures"
    folder.mkdir(exist_ok=True)
    # Columns of a table are judged by all samples, images and points by a few.
    some = samples if spec.table is not None else samples[:GRID]
    drawn = {"Samples of the best generator": ("samples", painter(experiment.source)(some))}
    if spec.kind == "image":
        train, _ = experiment.source.training_examples()
        some = samples[:NEIGHBOURS]
        _, nearest = experiment.judge.nearest_training_examples(some)
        apart = pictures.side_by_side if experiment.source.singles is not None else np.asarray
        picture = pictures.nearest_neighbours(apart(some), apart(train), nearest)
        drawn["Samples above their nearest training examples"] = ("neighbours", picture)
    classes = report["details"].get("classes_found", {})
    if "histogram" in classes:
        picture = pictures.class_histogram(
            classes["histogram"], classes.get("training_histogram"), spec.classes
        )
        drawn["Classes of the samples, by a classifier"] = ("classes", picture)
    for name, picture in drawn.values():
        picture.save(folder / f"{name}.png")
    return {caption: f"pictures/{name}.png" for caption, (name, _) in drawn.items()}
