"""`ganapp evaluate`: the figures of a run, or of samples from anywhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganapp.commands.options import (
    DataOption,
    OptionalRun,
    ReportAsJson,
    SetOption,
    check_out_folder,
)
from ganapp.errors import UserError, as_user_errors
from ganapp.runs import Json, open_run
from ganapp.screen import console, say, stage, start_tensorflow, warn

if TYPE_CHECKING:
    from ganapp.runner.sample_files import Samples
    from ganapp.training.data import Source
    from ganapp.training.evaluation.evaluator import Evaluator

SUBJECT = "This sample"


def evaluate(
    run: OptionalRun = None,
    samples: Annotated[
        Path | None,
        typer.Option(
            help="Instead of a run: .npz, .npy, of tables .csv or .parquet, or pictures' folder."
        ),
    ] = None,
    real: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help="Of --samples: a preset or TOML file, a data source, or source:path.",
        ),
    ] = None,
    overrides: SetOption = None,
    data: DataOption = None,
    out: Annotated[
        Path | None, typer.Option(help="Of --samples: folder for report and pictures.")
    ] = None,
    as_json: ReportAsJson = False,
) -> None:
    """Evaluate a run's best and last generator, or any samples, a floor beside every figure."""
    if (run is None) == (samples is None):
        raise UserError("`evaluate` takes either a run directory or --samples.")
    if (samples is None) != (real is None):
        raise UserError("`--samples` and `--real` belong together.")
    if samples is not None:
        if data is not None:
            raise UserError("`--data` is for a run; --real names the data of --samples.")
        if not samples.exists():
            raise UserError(f"`--samples` must be a file or a folder. Received: {samples}")
        _evaluate_samples(samples, real, overrides or [], out, as_json)
        return
    if out is not None:
        raise UserError("`--out` is for --samples; a run's report goes to its own directory.")
    opened = open_run(run)
    start_tensorflow()
    from ganapp.runner.evaluation import evaluate_run
    from ganapp.runner.saved_runs import compose_run, moved_config

    config = moved_config(opened, overrides or [], data, sections=("evaluation",))
    evaluate_run(compose_run(opened, config), opened, as_json=as_json)


def _evaluate_samples(
    samples: Path, real: str, overrides: Sequence[str], out: Path | None, as_json: bool
) -> None:
    """Evaluates samples from anywhere against a data source, like those of a run."""
    start_tensorflow()
    from ganapp.config.loading import tables_of, validated, with_overrides
    from ganapp.config.schema import EvaluatedData
    from ganapp.runner.evaluation import show_figures
    from ganapp.runner.experiment import make_evaluator
    from ganapp.runner.sample_files import read_samples
    from ganapp.training.data.cache import default_cache
    from ganapp.training.evaluation.verdict import verdict
    from ganapp.training.messages import printable

    for override in overrides:
        if not override.startswith(("data.", "evaluation.")):
            raise UserError(
                "`evaluate --samples --set` takes settings of the real data and of the evaluation, "
                "for example `--set data.size=64 --set evaluation.features=classifier`. "
                f"Received: {override!r}"
            )
    config = validated(with_overrides(tables_of(real), overrides), real, EvaluatedData)
    check_out_folder(out)
    read = read_samples(samples, config.data.options)
    with (
        stage("Preparing the real data and the evaluation"),
        as_user_errors(config.data.source),
    ):
        source = config.data.build()
        # Where the data prepare their own files they keep the evaluator's, too.
        evaluator = make_evaluator(config.evaluation, source, cache=default_cache())
    with stage("Evaluating the samples"):
        report = _report(read(source.spec), samples, source, evaluator, out)
    title, said = printable(str(samples)), verdict(report, SUBJECT)
    content = {"title": title, "verdict": said, "best": None, "last": report}
    if as_json:
        console.print_json(json.dumps(content))
        return
    heading = f"{report['counts']['generated']:,} samples of {title} against {evaluator.spec.name}"
    show_figures(content, title=heading, seconds=evaluator.baseline_seconds)
    if out is not None:
        say(f"Report: {out / 'report.md'}")


def _report(
    given: Samples, samples: Path, source: Source, evaluator: Evaluator, out: Path | None
) -> Json:
    from ganapp.runner.evaluation import draw_pictures
    from ganapp.training.evaluation.report import write_report
    from ganapp.training.messages import printable

    labels = given.labels
    if labels is not None:
        why = "" if source.spec.classes else "the real data have no classes"
        if source.original is not source:
            why = "the real data are judged by other classes than those of `data.clusters`"
        if why:
            warn(f"The labels in {samples} are not used: {why}.")
            labels = None
    try:
        if labels is not None:  # their form is checked by the evaluator
            last = len(source.spec.classes) - 1
            if labels.size and labels.dtype.kind in "iu" and labels.max() > last:
                raise ValueError(
                    f"`labels` must be classes of {source.spec.name!r}, 0 to {last}. "
                    f"Received: {labels.max()}"
                )
        report = evaluator.report(given.values, labels=labels).as_dict()
    except ValueError as error:
        raise UserError(f"{samples}: {str(error).strip()}") from error
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        write_report(
            out,
            title=printable(str(samples)),
            best=None,
            last={**report, "step": None, "subject": SUBJECT},
            pictures=draw_pictures(
                source.original,
                evaluator,
                out,
                given.values,
                report,
                whose=printable(samples.name),
            ),
            seconds=evaluator.baseline_seconds,
        )
    return report
