"""Several runs beside each other: figures with intervals, and their samples in one picture."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from ganapp.errors import UserError
from ganapp.loading import load_saved
from ganapp.runner.comparison import (
    Judged,
    about_incomparable,
    content_of,
    differences,
    table_of,
)
from ganapp.runner.generator import load_generator
from ganapp.runner.judging import asked, generated, reported
from ganapp.runner.pictures import painter
from ganapp.runner.same_data import changes, check_comparable, compose_run
from ganapp.runner.stages import stage
from ganapp.runner.summary import warn
from ganapp.runs import Run, open_run
from ganapp.training.evaluation.evaluator import Evaluator
from ganapp.training.evaluation.pictures import panels
from ganapp.training.files import write_atomically

GRID, RESAMPLES = 64, 100
NORMAL_95 = 1.96
KERNEL = "kernel_distance"
METHOD = (
    f"± is half of a 95 % interval: 1.96 standard errors of {RESAMPLES} bootstrap resamples of the "
    "generated samples (the kernel distance: of disjoint blocks), with the real data and the "
    "training as they are; other seeds of a training differ by more. Two-sample tests and "
    "accuracies on held-out data have the binomial error of the examples that were told, the path "
    "length that of its paths. A figure without ± is too costly to resample, or its resamples do "
    "not vary. * marks the best value and those whose interval reaches it."
)


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
    judges: dict[str, Evaluator] = {}
    judged = []
    for number, run in enumerate(runs, 1):
        with stage(f"Judging {run.name}, run {number} of {len(runs)}"):
            judged.append(_judged(run, judges))
    for sentence in differences(judged):
        warn(sentence)
    content = content_of(judged, resamples=RESAMPLES, method=METHOD)
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
    console.print(table_of(content))
    if (caution := about_incomparable(content)) is not None:
        console.print(caution, style="yellow", highlight=False, markup=False)
    console.print(METHOD, style="dim", highlight=False)
    console.print(f"Picture and figures: {out}", soft_wrap=True)
    return content


def _judged(run: Run, judges: dict[str, Evaluator]) -> Judged:
    experiment = compose_run(
        run,
        load_saved(run.config),
        hint=f"Say where they are now by `data.path` in {run.config}.",
    )
    step = load_generator(experiment, run, "best")
    check_comparable(experiment, run)
    evaluation = experiment.config.evaluation
    samples = generated(experiment, evaluation.samples, evaluation.seed)
    # Fitting a judge takes longest: runs on the same data share it.
    key = json.dumps([experiment.config.data.model_dump(), evaluation.model_dump()], default=str)
    judge = judges.setdefault(key, experiment.judge) if key not in judges else judges[key]
    # A report on data that have changed since may be on either: judged anew it is on these.
    changed = changes(experiment.source, experiment.config, run) is not None
    report = None if changed else _saved_report(run, judge, step, len(samples))
    if report is None:
        report = {"step": step, **reported(experiment, judge, samples)}
    reach = _reach(
        report, judge.standard_errors(samples, labels=asked(experiment), resamples=RESAMPLES)
    )
    # Columns of a table are judged by all samples, images and points by a few.
    some = samples if experiment.source.spec.table is not None else samples[:GRID]
    picture = painter(experiment.data.backdrop)(some)
    data = experiment.source.fingerprint() or str(experiment.config.data.model_dump())
    return Judged(run, report, reach, picture, data)


def _saved_report(run: Run, judge: Evaluator, step: int, count: int) -> dict[str, Any] | None:
    """The run's own report on this generator, if it was judged as this judge would judge it.

    Values of one space with intervals of another would look as sure as any.
    """
    saved, terms = run.read_report() or {}, judge.terms(count)
    for which in ("best", "last"):
        known = saved.get(which)
        if known and known.get("step") == step and _agrees(known, terms, judge.keys[1]):
            return known
    return None


def _agrees(known: dict[str, Any], terms: dict[str, Any], keys: set[str]) -> bool:
    """Whether a report has the figures `keys` and came about in these terms."""
    figures = known["figures"]
    return (
        keys <= set(figures)
        and all(known.get(name, "") == terms[name] for name in terms.keys() - {"figures"})
        and all(
            figures[key].get(name) == value
            for key in figures.keys() & terms["figures"].keys()
            for name, value in terms["figures"][key].items()
        )
    )


def _reach(report: dict[str, Any], errors: dict[str, float]) -> dict[str, float]:
    """Half widths of 95 % intervals by figure: of resamples, or from the figure's own error."""
    details = report["details"]
    own = {
        key: found["standard_error"]
        for key, found in details.items()
        # That of the kernel distance is a lower bound; its interval comes from disjoint blocks.
        if found.get("standard_error") and key != KERNEL
    }
    reach = {key: NORMAL_95 * error for key, error in (own | errors).items()}
    interval = details.get(KERNEL, {}).get("interval")
    if interval is not None:
        reach[KERNEL] = (interval[1] - interval[0]) / 2
    return {key: half for key, half in reach.items() if key in report["figures"]}
