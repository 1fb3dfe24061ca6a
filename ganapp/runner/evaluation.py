"""Evaluation: best and last generator, baselines, the report, its pictures and its figures."""

import functools
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import PIL.Image
from rich.table import Table

from ganapp.config.members import option_names
from ganapp.config.schema import BaselineConfig, EvaluationConfig
from ganapp.errors import UserError
from ganapp.models.gan import GAN
from ganapp.models.tensors import LABEL
from ganapp.runner.codes import codes_of, evaluated_parts
from ganapp.runner.diagnosis import examined_steps, impossible_alarms, recorded_alarms
from ganapp.runner.experiment import Experiment, StoredData, real_count
from ganapp.runner.saved_runs import (
    HasGenerator,
    check_comparable,
    load_networks,
)
from ganapp.runner.sections import SECTIONS
from ganapp.runs import Json, Run
from ganapp.screen import ARROWS, console, say, short_number, stage, warn
from ganapp.training.baselines import Fitted, RealData
from ganapp.training.data import DataSpec, Source
from ganapp.training.evaluation import pictures
from ganapp.training.evaluation.evaluator import Evaluator
from ganapp.training.evaluation.metric import Conditional, Observed, Paths
from ganapp.training.evaluation.metrics.class_histogram import weak_features_note
from ganapp.training.evaluation.metrics.lost_tails import lost_tails_note
from ganapp.training.evaluation.report import (
    baseline_seconds_note,
    short_missing_notes,
    write_report,
)
from ganapp.training.evaluation.table_pictures import association_page, marginal_page
from ganapp.training.evaluation.verdict import verdict
from ganapp.training.files import write_atomically
from ganapp.training.rows_on_disk import generated_rows

GRID, NEIGHBOURS, FILMS, MOVING = 100, 32, 12, 25
MOST_OBSERVED = 512  # held-out observations of which several examples each are drawn


def evaluate_run(experiment: Experiment, run: Run, *, as_json: bool = False) -> None:
    """Evaluates a run's best and last generator; writes `report.json` and `report.md`, prints them.

    Raises:
        UserError: if there is no checkpoint, or the data are others.
    """
    check_comparable(experiment, run)
    with stage("Evaluating the last generator"):
        last, samples = _report(experiment, run, "last")
    best = None
    try:
        with stage("Evaluating the best generator"):
            best, samples = _report(experiment, run, "best")
    except UserError as error:  # the last one is whole: evaluate what there is
        warn(f"{error} Only the last generator is judged.")
    source, evaluator = experiment.source.original, experiment.evaluator
    with stage("Drawing the report"):
        drawn = draw_pictures(
            source, evaluator, run.directory, samples, best or last, whose="the best generator"
        ) | draw_curves(run, best, last, metric=experiment.config.evaluation.metric)
    tables = []
    for section in SECTIONS:
        if section.applies(experiment):
            with stage(section.stage):
                found, made = section.make(experiment)
            tables += found
            for caption, (name, picture) in made.items():
                drawn[caption] = f"pictures/{name}.png"
                picture.save(run.directory / drawn[caption])
    with stage("Evaluating the baselines"):
        baselines = baseline_rows(experiment.evaluation, source, evaluator)
    write_report(
        run.directory,
        title=run.name,
        best=best,
        last=last,
        pictures=drawn,
        alarms=recorded_alarms(run),
        looks=len(examined_steps(run)),
        undecided=impossible_alarms(run, experiment),
        baselines=baselines,
        tables=tables,
        seconds=evaluator.baseline_seconds,
    )
    report = run.read_report()
    if as_json:
        console.print_json(json.dumps(report))
    else:
        show_figures(report, seconds=evaluator.baseline_seconds)
        say(f"Report: {run.directory / 'report.md'}")


def generate_samples(generator: HasGenerator, count: int, seed: int) -> np.ndarray:
    """Samples of the averaged generator in user units; many of them on the disk."""
    units = generator.spec.to_user_units
    return generated_rows(generator.gan, count, seed=seed, units=units)


def _report(experiment: Experiment, run: Run, which: str) -> tuple[Json, np.ndarray]:
    step = load_evaluated(experiment.gan, run, which)
    evaluation = experiment.evaluation
    samples = generate_samples(experiment, evaluation.samples, evaluation.seed)
    return {"step": step, **report_on(experiment, experiment.evaluator, samples)}, samples


def load_evaluated(gan: GAN, run: Run, which: str) -> int:
    """Fills what a report is on from a checkpoint, the network that reads codes too; its step."""
    parts = evaluated_parts(gan)
    try:
        return load_networks(gan, run, which, parts)
    except UserError:
        readers = [name for name in parts if name not in gan.averaged_parts]
        if which != "best" or not readers:
            raise
        # The best checkpoints of earlier versions hold no reader.
        step = load_networks(gan, run, which, gan.averaged_parts)
        load_networks(gan, run, "last", readers)
        warn("The best checkpoint holds no reader of codes; the last one's reads them.")
        return step


def requested_labels(experiment: Experiment) -> np.ndarray | None:
    """The classes int `(n,)` that samples were requested of; `None` without classes."""
    if experiment.source.original is not experiment.source:  # other classes were requested
        return None
    evaluation = experiment.evaluation
    return experiment.gan.requested_labels(evaluation.samples, seed=evaluation.seed)


def report_on(experiment: Experiment, evaluator: Evaluator, samples: np.ndarray) -> Json:
    """A report on `generate_samples`, with all else that metrics need of the generator."""
    return evaluator.report(
        samples,
        labels=requested_labels(experiment),
        paths=latent_paths(experiment),
        conditional=conditional_samples(experiment),
        codes=codes_of(experiment.gan, experiment.spec),
    ).as_dict()


def latent_paths(experiment: Experiment) -> Paths:
    """What the averaged generator draws between latents, in user units that are not rounded."""
    gan = experiment.gan
    return Paths(
        inputs=lambda count, seed: gan.inputs(count, seed=seed),
        interpolate=gan.interpolate,
        generate=lambda inputs: _unrounded(experiment.spec, gan.generate(**inputs)),
    )


def conditional_samples(experiment: Experiment) -> Conditional | None:
    """What the averaged generator draws for held-out observations; `None` if it observes nothing.

    A class that it is told is that of the true example, where it is known.
    """
    gan, source = experiment.gan, experiment.source
    if not gan.generator_conditions:
        return None
    examples, labels = source.held_out_examples(MOST_OBSERVED)
    held_out = Observed(examples=examples, observations=source.held_out_observations(MOST_OBSERVED))
    given = {name: held_out.observations[name] for name in gan.generator_conditions}
    if gan.classes:
        given[LABEL] = labels

    def draw(count: int, seed: int) -> np.ndarray:
        repeated = {name: np.repeat(rows, count, axis=0) for name, rows in given.items()}
        drawn = _unrounded(experiment.spec, gan.generate(seed=seed, **repeated))
        return drawn.reshape(len(examples), count, *drawn.shape[1:])

    def training(count: int) -> Observed:
        return Observed(
            examples=source.training_examples(count)[0],
            observations=source.training_observations(count),
        )

    return Conditional(held_out=held_out, draw=draw, training=training, observe=source.observe)


def _unrounded(spec: DataSpec, samples: np.ndarray) -> np.ndarray:
    """Samples in user units, pixels not rounded to their 256 levels."""
    if spec.pixels:
        return (np.clip(samples, -1.0, 1.0) + 1.0) * 127.5
    return np.asarray(spec.to_user_units(samples))


def baseline_rows(evaluation: EvaluationConfig, source: Source, evaluator: Evaluator) -> list[Json]:
    """Rows about the baselines that a run asks for; none if it asks for the mixture alone.

    The mixture's own column stands beside every figure anyway. Its time is printed and written
    to `report.md`: `report.json` then has no time in it, so that a resumed run writes the same as
    one never stopped.
    """
    if set(evaluation.baselines) <= {"mixture"}:
        return []
    shared = {"components": evaluation.components}
    if source.modes is None:
        shared["mixture_components"] = evaluation.baseline_components
    rows = []
    for name in evaluation.baselines:
        options = {key: shared[key] for key in option_names("baseline", name) & shared.keys()}
        member = BaselineConfig(name=name, **options)
        try:
            row, _, _ = fit_and_evaluate(member, evaluation, source, evaluator)
        except ValueError as error:  # such as too many dimensions for a full covariance
            raise UserError(f"`evaluation.baselines`: {error}") from error
        rows.append(row)
    return rows


def fit_and_evaluate(
    member: BaselineConfig, evaluation: EvaluationConfig, source: Source, evaluator: Evaluator
) -> tuple[Json, np.ndarray, Fitted]:
    """The row of a report about one baseline, its samples, and the fitted baseline."""
    count = real_count(evaluation, source)
    data = RealData(
        spec=source.spec,
        train=source.training_examples(count)[0],
        density=source.density,
        modes=source.modes,
    )
    began = time.perf_counter()
    fitted = member.build().fit(data, seed=evaluation.seed)
    fit_seconds = time.perf_counter() - began
    began = time.perf_counter()
    samples = fitted.sample(evaluation.samples, evaluation.seed)
    sample_seconds = time.perf_counter() - began
    held_out, _ = source.held_out_examples(count)
    facts = fitted.facts(held_out) if len(held_out) else {}
    row = {
        "name": member.name,
        "title": fitted.name,
        "options": member.options,
        "fit_seconds": round(fit_seconds, 3),
        "sample_seconds": round(sample_seconds, 3),
        "facts": {key: each if np.isfinite(each) else None for key, each in facts.items()},
        "figures": evaluator.evaluate(samples),
    }
    return row, samples, fitted


def show_figures(
    report: Json, *, title: str = "", seconds: Mapping[str, float] | None = None
) -> None:
    """Prints the figures of a report beside floor and baseline, and the verdict.

    Args:
        report: as in `report.json`.
        title: of the table.
        seconds: that the baseline took, to `fit` and to `sample`.
    """
    chosen = report["best"] or report["last"]
    console.print(_figures_table(report, title))
    show_tables(report.get("tables", ()))
    for sentence in short_missing_notes(chosen, report["last"] if report["best"] else None):
        console.print(f"- {sentence}", style="dim")
    for remark in (*_remarks(chosen), baseline_seconds_note(chosen, seconds) if seconds else None):
        if remark is not None:
            say(remark, style="dim")
    say(verdict(chosen, "This sample") if title else verdict(chosen))


def _figures_table(report: Json, title: str) -> Table:
    best, last = report["best"], report["last"]
    chosen = best or last
    step = chosen.get("step")
    of_step = "" if step is None else f" of step {step:,}"
    table = Table(
        title=title or f"{chosen['counts']['generated']:,} samples{of_step}",
        title_justify="left",
        box=None,
        pad_edge=False,
    )
    table.add_column("figure", no_wrap=True)
    once = best is None or best["step"] == last["step"]  # the same generator is not shown twice
    single = "last" if best is None else "best = last"
    first = ("samples" if step is None else single,) if once else ("best", "last")
    for heading in (*first, "matched", "floor", "baseline"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("space")
    table.add_column("counts", justify="right", no_wrap=True)
    for key, figure in chosen["figures"].items():
        columns = [figure["value"]] + ([] if once else [last["figures"][key]["value"]])
        columns += [figure[name] for name in ("matched", "floor", "baseline")]
        real = figure["real"]
        table.add_row(
            f"{figure['name']} {ARROWS[figure['better']]}",
            *(short_number(value) for value in columns),
            figure["space"],
            f"{figure['generated']}" + (f"/{real}" if real is not None else ""),
        )
    return table


def show_tables(tables: Sequence[Json]) -> None:
    """Prints further tables of a report, each below its title."""
    for each in tables:
        say(each["title"])
        table = Table(box=None, pad_edge=False)
        table.add_column("", no_wrap=True)
        for heading in each["columns"]:
            table.add_column(heading, justify="right")
        for row in each["rows"]:
            arrow = f" {ARROWS[row['better']]}" if "better" in row else ""
            table.add_row(row["name"] + arrow, *map(short_number, row["values"]))
        console.print(table)


def _remarks(chosen: Json) -> list[str | None]:
    details = chosen["details"]
    modes = details.get("modes", {})
    accuracies = [
        found["classifier_accuracy"]
        for found in (details.get("classes_found", {}), modes)
        if found.get("classifier_accuracy")
    ]
    return [
        f"matched and floor: {chosen['counts']['matched']:,} samples and as many held-out examples "
        f"against the training data; baseline: {chosen['baseline']}; counts: generated/real.",
        f"mode KL: a perfect sampler is expected to have {modes['expected_kl']:.4f} at this count."
        if "expected_kl" in modes
        else None,
        *(
            f"Classes: told by a classifier that is right on {each:.1%} of the held-out data."
            for each in accuracies
        ),
        weak_features_note(chosen),
        *lost_tails_note(chosen),
    ]


def painter(
    data: StoredData, columns: int | None = None
) -> Callable[[np.ndarray], PIL.Image.Image]:
    """What draws samples: a grid of images, columns of a table, or points."""
    spec, modes = data.spec, data.modes
    if data.stacked:
        return lambda samples: pictures.image_grid(pictures.side_by_side(samples), columns)
    if spec.kind == "image":
        return lambda samples: pictures.image_grid(samples, columns)
    if spec.kind == "video":
        return pictures.film_strips
    if spec.table is not None:
        return functools.partial(marginal_page, table=spec.table, real=data.real)
    if modes is None:
        return functools.partial(pictures.scatter, real=data.real)
    return functools.partial(pictures.scatter, centres=modes.centres, sigma=modes.sigma)


def draw_pictures(
    source: Source,
    evaluator: Evaluator,
    directory: Path,
    samples: np.ndarray,
    report: Json,
    *,
    whose: str,
) -> dict[str, str]:
    """Saves the pictures of a report in `directory/pictures`; their relative paths by caption.

    Args:
        source: what the samples imitate.
        evaluator: of the source.
        directory: of the report.
        samples: `(n, *shape)` in user units.
        report: on them.
        whose: for the caption.
    """
    spec, folder = source.spec, directory / "pictures"
    folder.mkdir(exist_ok=True)
    # Columns of a table need all samples, images and points a few.
    some = samples if spec.table is not None else samples[:GRID]
    drawn = {f"Samples of {whose}": ("samples", painter(StoredData.of(source))(some))}
    if spec.table is not None and len(spec.table.varying) > 1:
        real, _ = source.training_examples()
        picture = association_page(samples, table=spec.table, real=real)
        drawn["How columns go together"] = ("associations", picture)
    if spec.pixels:
        picture = _above_nearest(source, evaluator, samples)
        drawn["Samples above their nearest training examples"] = ("neighbours", picture)
    classes = report["details"].get("classes_found", {})
    if "histogram" in classes:
        picture = pictures.class_histogram(
            classes["histogram"], classes.get("training_histogram"), classes["names"]
        )
        drawn["Classes of the samples, by a classifier"] = ("classes", picture)
    for name, picture in drawn.values():
        picture.save(folder / f"{name}.png")
    paths = {caption: f"pictures/{name}.png" for caption, (name, _) in drawn.items()}
    if spec.kind == "video":
        write_atomically(
            folder / "clips.gif", pictures.animated(pictures.clip_grid(samples[:MOVING]))
        )
        paths[f"Clips of {whose}"] = "pictures/clips.gif"
    return paths


def _above_nearest(source: Source, evaluator: Evaluator, samples: np.ndarray) -> PIL.Image.Image:
    moving = source.spec.kind == "video"
    some, columns = (samples[:FILMS], 1) if moving else (samples[:NEIGHBOURS], 16)
    _, nearest = evaluator.nearest_training_examples(some)
    train, _ = source.training_examples()
    apart = pictures.side_by_side if source.channel_images is not None else np.asarray
    sides = map(pictures.films if moving else apart, (some, train[nearest]))
    return pictures.nearest_neighbours(*sides, np.arange(len(some)), columns)


def draw_curves(run: Run, best: Json | None, last: Json, *, metric: str) -> dict[str, str]:
    """Saves the curves of the figures along a training; their relative path by caption, if any."""
    figures = (best or last)["figures"]
    curves = pictures.evaluation_curves(
        [row for row in run.read_metrics() if isinstance(row.get("evaluation"), dict)],
        better={key: figure["better"] for key, figure in figures.items()},
        names={key: figure["name"] for key, figure in figures.items()},
        first=metric,
        best=best and best["step"],
        last=last["step"],
    )
    if curves is None:
        return {}
    curves.save(run.directory / "pictures" / "figures.png")
    caption = "Figures along the training, of other latents than the report's"
    return {caption: "pictures/figures.png"}
