"""Judging samples from anywhere."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from ganapp.errors import UserError
from ganapp.evaluation_config import EvaluationConfig
from ganapp.loading import validated_section
from ganapp.overrides import with_overrides
from ganapp.runner.judges import checked_judge
from ganapp.runner.judging import check_overrides
from ganapp.runner.pictures import draw_pictures
from ganapp.runner.samples import check_out, data_source, read_samples, shaped
from ganapp.runner.summary import show_figures
from training.data.cache import default_cache
from training.data.source import Source
from training.evaluation.judge import Judge
from training.evaluation.report import verdict, write_report

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
        samples: `.npy`, `.npz` or a folder of pictures; images uint8, vectors in the data's units.
        real: the data source, `name` or `name:path`.
        console: where to write.
        as_json: print the report as JSON instead of a table.
        overrides: `evaluation.key=value` settings.
        out: an empty or a new folder for the report and its pictures; none are made if `None`.

    Returns:
        The report, with `title`, `verdict` and `last`, the figures, as in a run's `report.json`.

    Raises:
        UserError: the file, the data or a setting cannot be used.
    """
    check_overrides(overrides)
    check_out(out)
    given = read_samples(samples)
    source, judge = _source_and_judge(real, overrides)
    report = _report(given, samples, source, judge, out)
    said = verdict(report, SUBJECT)
    content = {"title": str(samples), "verdict": said, "best": None, "last": report}
    if as_json:
        console.print_json(json.dumps(content))
    else:
        _show(content, console, judge, out)
    return content


def _source_and_judge(real: str, overrides: Sequence[str]) -> tuple[Source, Judge]:
    """The data source and a judge that looks at it as the overrides say."""
    source = data_source(real)
    table = with_overrides({"evaluation": {}}, overrides)["evaluation"]
    evaluation = validated_section(EvaluationConfig, table, "evaluation")
    # Where the data prepare their own files they keep the judge's, too.
    return source, checked_judge(evaluation, source, cache=default_cache())


def _report(
    given: np.ndarray, samples: Path, source: Source, judge: Judge, out: Path | None
) -> dict[str, Any]:
    """Judges what `samples` holds; writes the report and its pictures where a folder is given."""
    try:
        given = shaped(given, source.spec.shape)
        report = judge.report(given).as_dict()
    except ValueError as error:
        raise UserError(f"{samples}: {str(error).strip()}") from error
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        drawn = draw_pictures(source, judge, out, given, report, whose=samples.name)
        last = {**report, "step": None, "subject": SUBJECT}
        write_report(
            out,
            title=str(samples),
            best=None,
            last=last,
            pictures=drawn,
            seconds=judge.baseline_seconds,
        )
    return report


def _show(content: dict[str, Any], console: Console, judge: Judge, out: Path | None) -> None:
    """Prints the figures as a table, and where the report lies if there is one."""
    count = content["last"]["counts"]["generated"]
    title = f"{count:,} samples of {content['title']} against {judge.spec.name}"
    show_figures(content, console, title=title, seconds=judge.baseline_seconds)
    if out is not None:
        console.print(f"Report: {out / 'report.md'}", soft_wrap=True)
