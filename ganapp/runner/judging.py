"""Evaluating a run: best and last generator judged, with the report and its pictures."""

import functools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from rich.console import Console

from ganapp.config import Config
from ganapp.errors import UserError
from ganapp.evaluation_config import EvaluationConfig
from ganapp.loading import load_saved, read_toml, validated, validated_section
from ganapp.overrides import with_overrides
from ganapp.runner.compose import Experiment, compose
from ganapp.runner.generator import load_generator
from ganapp.runner.judges import checked_judge
from ganapp.runner.samples import data_source, read_samples, shaped
from ganapp.runner.summary import show_figures, warn
from ganapp.runner.watching import alarms_in, looks_in
from ganapp.runs import Run, open_run
from training.data import Source
from training.data.digits import default_cache
from training.evaluation import pictures
from training.evaluation.curves import evaluation_curves
from training.evaluation.path_length import Paths
from training.evaluation.report import verdict, write_report

GRID, NEIGHBOURS = 100, 32


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
        pictures=_draw_pictures(experiment, run, samples, best, last),
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


def evaluate_samples(
    samples: Path,
    real: str,
    *,
    console: Console,
    as_json: bool = False,
    overrides: Sequence[str] = (),
) -> dict[str, Any]:
    """Judges samples from anywhere against a data source, like those of a run.

    Args:
        samples: `.npy`, `.npz` or a folder of pictures; images uint8, vectors in the data's units.
        real: the data source, `name` or `name:path`.
        console: where to write.
        as_json: print the report as JSON instead of a table.
        overrides: `evaluation.key=value` settings.

    Returns:
        The report, with `title`, `verdict` and `last`, the figures, as in a run's `report.json`.

    Raises:
        UserError: the file, the data or a setting cannot be used.
    """
    _check_overrides(overrides)
    given = read_samples(samples)
    source = data_source(real)
    table = with_overrides({"evaluation": {}}, overrides)["evaluation"]
    evaluation = validated_section(EvaluationConfig, table, "evaluation")
    # Where the data prepare their own files they keep the judge's, too.
    judge = checked_judge(evaluation, source, cache=default_cache())
    try:
        report = judge.report(shaped(given, source.spec.shape)).as_dict()
    except ValueError as error:
        raise UserError(f"{samples}: {str(error).strip()}") from error
    content = {
        "title": str(samples),
        "verdict": verdict(report, "This sample"),
        "best": None,
        "last": report,
    }
    if as_json:
        console.print_json(json.dumps(content))
    else:
        count = report["counts"]["generated"]
        title = f"{count:,} samples of {samples} against {source.spec.name}"
        show_figures(content, console, title=title)
    return content


def painter(source: Source) -> Callable[[np.ndarray], PIL.Image.Image]:
    """What draws samples of this source: a grid of images, or points over the known modes."""
    if source.singles is not None:
        return lambda samples: pictures.image_grid(pictures.side_by_side(samples))
    if source.spec.kind == "image":
        return pictures.image_grid
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
    report = experiment.judge.report(samples, paths=paths_of(experiment))
    return {"step": step, **report.as_dict()}, samples


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
    _check_overrides(overrides)
    if not overrides:
        return load_saved(run.config)
    return validated(with_overrides(read_toml(run.config), overrides), str(run.config))


def _check_overrides(overrides: Sequence[str]) -> None:
    for override in overrides:
        if not override.startswith("evaluation."):
            raise UserError(
                "`evaluate --set` takes settings of the evaluation, for example "
                f"evaluation.features=classifier. Received: {override!r}"
            )


def _draw_pictures(
    experiment: Experiment,
    run: Run,
    samples: np.ndarray,
    best: dict[str, Any] | None,
    last: dict[str, Any],
) -> dict[str, str]:
    """Saves the pictures of a report; returns their relative paths by caption."""
    report = best or last
    spec, folder = experiment.source.spec, run.directory / "pictures"
    folder.mkdir(exist_ok=True)
    drawn = {
        "Samples of the best generator": ("samples", painter(experiment.source)(samples[:GRID]))
    }
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
    curves = evaluation_curves(
        [row for row in run.read_metrics() if isinstance(row.get("evaluation"), dict)],
        better={key: figure["better"] for key, figure in report["figures"].items()},
        names={key: figure["name"] for key, figure in report["figures"].items()},
        first=experiment.config.evaluation.metric,
        best=best and best["step"],
        last=last["step"],
    )
    if curves is not None:
        drawn["Figures along the training, of other latents than the report's"] = (
            "figures",
            curves,
        )
    for name, picture in drawn.values():
        picture.save(folder / f"{name}.png")
    return {caption: f"pictures/{name}.png" for caption, (name, _) in drawn.items()}
