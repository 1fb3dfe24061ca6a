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
from ganapp.screen import console, stage, start_tensorflow, warn

if TYPE_CHECKING:
    import numpy as np

    from ganapp.config.schema import JudgedData
    from ganapp.runner.sample_files import Samples
    from ganapp.training.data import Source
    from ganapp.training.evaluation.evaluator import Evaluator

SUBJECT = "This sample"


def evaluate(
    run: OptionalRun = None,
    samples: Annotated[
        Path | None,
        typer.Option(
            "--samples",
            help="Instead of a run: .npz, .npy, of tables .csv or .parquet, or pictures' folder.",
        ),
    ] = None,
    real: Annotated[
        str | None,
        typer.Option(
            "--real",
            metavar="DATA",
            help="Of --samples: a preset or TOML file, a data source, or source:path.",
        ),
    ] = None,
    overrides: SetOption = None,
    data: DataOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Of --samples: folder for report and pictures.")
    ] = None,
    as_json: ReportAsJson = False,
) -> None:
    """Evaluate a run's best and last generator, or any samples, a floor beside every figure."""
    if (run is None) == (samples is None):
        raise UserError("`evaluate` takes either a run directory or --samples.")
    if (samples is None) != (real is None):
        raise UserError("`--samples` and `--real` belong together.")
    settings = overrides or []
    if samples is not None:
        if data is not None:
            raise UserError("`--data` is for a run; --real names the data of --samples.")
        if not samples.exists():
            raise UserError(f"`--samples` must be a file or a folder. Received: {samples}")
        _evaluate_samples(samples, real, settings, out, as_json)
        return
    if out is not None:
        raise UserError("`--out` is for --samples; a run's report goes to its own directory.")
    opened = open_run(run)
    start_tensorflow()
    from ganapp.runner.evaluation import evaluate_run
    from ganapp.runner.saved_runs import compose_run, config_with_settings, data_settings

    settings = [*settings, *data_settings(opened, data)]
    experiment = compose_run(opened, config_with_settings(opened, settings, ("evaluation",)))
    evaluate_run(experiment, opened, as_json=as_json)


def _evaluate_samples(
    samples: Path, real: str, overrides: Sequence[str], out: Path | None, as_json: bool
) -> None:
    """Evaluates samples from anywhere against a data source, like those of a run."""
    start_tensorflow()
    from ganapp.runner.evaluation import show_figures
    from ganapp.runner.sample_files import read_samples
    from ganapp.training.evaluation.verdict import verdict
    from ganapp.training.messages import printable

    config = _configuration(real, overrides)
    check_out_folder(out)
    read = read_samples(samples, config.data.options)
    with stage("Preparing the real data and the evaluation"):
        source, judge = _source_and_evaluator(config)
    with stage("Evaluating the samples"):
        report = _report(read(source.spec), samples, source, judge, out)
    title, said = printable(str(samples)), verdict(report, SUBJECT)
    content = {"title": title, "verdict": said, "best": None, "last": report}
    if as_json:
        console.print_json(json.dumps(content))
        return
    heading = f"{report['counts']['generated']:,} samples of {title} against {judge.spec.name}"
    show_figures(content, title=heading, seconds=judge.baseline_seconds)
    if out is not None:
        console.print(f"Report: {out / 'report.md'}", soft_wrap=True)


def _configuration(real: str, overrides: Sequence[str]) -> JudgedData:
    from ganapp.config.loading import tables_of, validated, with_overrides
    from ganapp.config.schema import JudgedData

    for override in overrides:
        if not override.startswith(("data.", "evaluation.")):
            raise UserError(
                "`evaluate --samples --set` takes settings of the real data and of the evaluation, "
                "for example `--set data.size=64 --set evaluation.features=classifier`. "
                f"Received: {override!r}"
            )
    return validated(with_overrides(tables_of(real), overrides), real, JudgedData)


def _source_and_evaluator(config: JudgedData) -> tuple[Source, Evaluator]:
    from ganapp.runner.experiment import checked_evaluator
    from ganapp.training.data.cache import default_cache

    with as_user_errors(config.data.source):
        source = config.data.build()
        # Where the data prepare their own files they keep the evaluator's, too.
        return source, checked_evaluator(config.evaluation, source, cache=default_cache())


def _report(
    given: Samples, samples: Path, source: Source, judge: Evaluator, out: Path | None
) -> Json:
    from ganapp.runner.pictures import draw_pictures
    from ganapp.training.evaluation.report import write_report
    from ganapp.training.messages import printable

    try:
        labels = _labels(given, samples, source)
        report = judge.report(given.values, labels=labels).as_dict()
    except ValueError as error:
        raise UserError(f"{samples}: {str(error).strip()}") from error
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        drawn = draw_pictures(
            source.original, judge, out, given.values, report, whose=printable(samples.name)
        )
        last = {**report, "step": None, "subject": SUBJECT}
        write_report(
            out,
            title=printable(str(samples)),
            best=None,
            last=last,
            pictures=drawn,
            seconds=judge.baseline_seconds,
        )
    return report


def _labels(given: Samples, samples: Path, source: Source) -> np.ndarray | None:
    import numpy as np

    if given.labels is None:
        return None
    why = None
    if source.original is not source:
        why = "the real data are judged by other classes than those of `data.clusters`"
    elif not source.spec.classes:
        why = "the real data have no classes"
    if why is not None:
        warn(f"The labels in {samples} are not used: {why}.")
        return None
    labels, last = given.labels, len(source.spec.classes) - 1
    if labels.size and np.issubdtype(labels.dtype, np.integer) and labels.max() > last:
        raise ValueError(
            f"`labels` must be classes of {source.spec.name!r}, 0 to {last}. "
            f"Received: {labels.max()}"
        )
    return labels  # their form is checked by the evaluator
