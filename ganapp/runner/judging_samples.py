"""Judging samples from anywhere."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from ganapp.errors import UserError
from ganapp.judged_config import JudgedData
from ganapp.loading import validated
from ganapp.overrides import with_overrides
from ganapp.runner.baselines import tables_of
from ganapp.runner.judges import checked_judge
from ganapp.runner.mistakes import as_user_errors
from ganapp.runner.pictures import draw_pictures
from ganapp.runner.samples import Samples, check_out, read_samples
from ganapp.runner.stages import stage
from ganapp.runner.summary import show_figures, warn
from ganapp.training.data.cache import default_cache
from ganapp.training.data.source import Source
from ganapp.training.evaluation.judge import Judge
from ganapp.training.evaluation.report import write_report
from ganapp.training.evaluation.verdict import verdict
from ganapp.training.sentences import printable

SUBJECT = "This sample"


def evaluate_samples(
    samples: Path,
    real: str,
    *,
    console: Console,
    as_json: bool = False,
    overrides: Sequence[str] = (),
    out: Path | None = None,
) -> dict[str, Any]:
    """Judges samples from anywhere against a data source, like those of a run.

    Args:
        samples: see `read_samples`; vectors in the data's units.
        real: a preset's name or a TOML file, for its data and evaluation; the name of a source; or
            `source:path`.
        console: where to write.
        as_json: print the report as JSON instead of a table.
        overrides: `data.key=value` and `evaluation.key=value` settings.
        out: an empty or a new folder for the report and its pictures; none are made if `None`.

    Returns:
        The report, with `title`, `verdict` and `last`, the figures, as in a run's `report.json`.

    Raises:
        UserError: the file, the data or a setting cannot be used.
    """
    config = _configuration(real, overrides)
    check_out(out)
    read = read_samples(samples, config.data.options)
    with stage("Preparing the real data and the judge"):
        source, judge = _source_and_judge(config)
    with stage("Judging the samples"):
        report = _report(read(source.spec), samples, source, judge, out)
    said = verdict(report, SUBJECT)
    content = {"title": printable(str(samples)), "verdict": said, "best": None, "last": report}
    if as_json:
        console.print_json(json.dumps(content))
    else:
        _show(content, console, judge, out)
    return content


def _configuration(real: str, overrides: Sequence[str]) -> JudgedData:
    """The real data and how to judge, read as the command `baseline` reads its data."""
    for override in overrides:
        if not override.startswith(("data.", "evaluation.")):
            raise UserError(
                "`evaluate --samples --set` takes settings of the real data and of the evaluation, "
                "for example `--set data.size=64 --set evaluation.features=classifier`. "
                f"Received: {override!r}"
            )
    return validated(with_overrides(tables_of(real), overrides), real, JudgedData)


def _source_and_judge(config: JudgedData) -> tuple[Source, Judge]:
    """The data source and a judge that looks at it as the configuration says."""
    with as_user_errors(config.data.source):
        source = config.data.build()
        # Where the data prepare their own files they keep the judge's, too.
        return source, checked_judge(config.evaluation, source, cache=default_cache())


def _report(
    given: Samples, samples: Path, source: Source, judge: Judge, out: Path | None
) -> dict[str, Any]:
    """Judges what `samples` holds; writes the report and its pictures where a folder is given."""
    try:
        labels = _labels(given, samples, source)
        report = judge.report(given.values, labels=labels).as_dict()
    except ValueError as error:
        raise UserError(f"{samples}: {str(error).strip()}") from error
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        drawn = draw_pictures(
            source.judged, judge, out, given.values, report, whose=printable(samples.name)
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
    """The classes that were asked for, where the real data have classes to compare with."""
    if given.labels is None:
        return None
    why = None
    if source.judged is not source:
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
    return labels  # their form is the judge's to check


def _show(content: dict[str, Any], console: Console, judge: Judge, out: Path | None) -> None:
    """Prints the figures as a table, and where the report lies if there is one."""
    count = content["last"]["counts"]["generated"]
    title = f"{count:,} samples of {content['title']} against {judge.spec.name}"
    show_figures(content, console, title=title, seconds=judge.baseline_seconds)
    if out is not None:
        console.print(f"Report: {out / 'report.md'}", soft_wrap=True)
