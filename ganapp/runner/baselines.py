"""Baselines: fitted on the data of a run, or alone, and judged like any generator."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from ganapp.baseline_config import BaselineConfig, BaselineRun
from ganapp.data_argument import data_table
from ganapp.errors import UserError
from ganapp.evaluation_config import EvaluationConfig
from ganapp.loading import config_path, preset_names, read_toml, validated
from ganapp.overrides import with_overrides
from ganapp.plugins import option_names
from ganapp.runner.judges import check_baselines, judged_count, make_judge
from ganapp.runner.mistakes import as_user_errors
from ganapp.runner.pictures import draw_pictures
from ganapp.runner.samples import check_out
from ganapp.runner.stages import stage
from ganapp.runner.summary import show_figures
from ganapp.runs import next_directory
from ganapp.training.baselines import Fitted, RealData
from ganapp.training.data import Source
from ganapp.training.data.cache import default_cache
from ganapp.training.evaluation.evaluator import Evaluator
from ganapp.training.evaluation.report import write_report


def baseline(
    name: str,
    data: str,
    *,
    overrides: Sequence[str] = (),
    out: Path | None = None,
    folder: Path = Path("runs"),
    as_json: bool = False,
    console: Console,
) -> dict[str, Any]:
    """Fits a baseline, judges its samples and writes report, pictures and samples.

    Args:
        name: a member of `BASELINES`.
        data: a preset's name or a TOML file, for its data and evaluation; the name of a source; or
            `source:path`.
        overrides: `key=value`; a key without a dot is an option of the baseline.
        out: an empty or a new folder; the next `baseline-<name>-<data>-<NNNN>` in `folder` when
            `None`.
        folder: where runs go.
        as_json: print the report as JSON instead of a table.
        console: where to write.

    Returns:
        The report as written to `report.json`.

    Raises:
        UserError: for the user's mistakes; nothing is written then.
    """
    raw = {**tables_of(data), "baseline": {"name": name}}
    settings = [each if "." in each.partition("=")[0] else f"baseline.{each}" for each in overrides]
    config = validated(with_overrides(raw, settings), data, BaselineRun)
    check_out(out)
    with as_user_errors(config.data.source):
        source = config.data.build()
        check_baselines([name], source)
        judge = make_judge(config.evaluation, source, cache=default_cache())
        row, samples, fitted = _fit_and_judge(
            config.baseline, config.evaluation, source, judge, seed=config.evaluation.seed
        )
        with stage(f"Judging {len(samples):,} samples of the {fitted.name}"):
            report = judge.report(samples).as_dict()
    subject = f"The {fitted.name}"
    last = {**report, "step": None, "subject": subject}
    directory = _new_folder(out, folder, f"baseline-{name}-{config.data.source}")
    np.savez_compressed(directory / "samples.npz", samples=samples)
    drawn = draw_pictures(source, judge, directory, samples, last, whose=f"the {fitted.name}")
    title = f"{directory.name}: {name} on {config.data.source}"
    write_report(
        directory,
        title=title,
        best=None,
        last=last,
        pictures=drawn,
        baselines=[row],
        seconds=judge.baseline_seconds,
    )
    written = json.loads((directory / "report.json").read_text(encoding="utf-8"))
    if as_json:
        console.print_json(json.dumps(written))
        return written
    show_figures(written, console, seconds=judge.baseline_seconds)
    facts = "".join(f", {key.replace('_', ' ')} {value:.4g}" for key, value in row["facts"].items())
    console.print(
        f"{fitted.name}: {row['fit_seconds']:.1f} s to fit, {row['sample_seconds']:.1f} s to "
        f"sample{facts}.",
        highlight=False,
    )
    console.print(f"Report: {directory / 'report.md'}", soft_wrap=True)
    return written


def baseline_rows(
    evaluation: EvaluationConfig, source: Source, judge: Evaluator
) -> list[dict[str, Any]]:
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
            row, _, _ = _fit_and_judge(member, evaluation, source, judge, seed=evaluation.seed)
        except ValueError as error:  # such as too many dimensions for a full covariance
            raise UserError(f"`evaluation.baselines`: {error}") from error
        rows.append(row)
    return rows


def _fit_and_judge(
    member: BaselineConfig,
    evaluation: EvaluationConfig,
    source: Source,
    judge: Evaluator,
    *,
    seed: int,
) -> tuple[dict[str, Any], np.ndarray, Fitted]:
    """The row of a report about one baseline, its samples, and the fitted baseline."""
    count = judged_count(evaluation, source)
    data = RealData(
        spec=source.spec,
        train=source.training_examples(count)[0],
        density=source.density,
        modes=source.modes,
    )
    began = time.perf_counter()
    fitted = member.build().fit(data, seed=seed)
    fit_seconds = time.perf_counter() - began
    began = time.perf_counter()
    samples = fitted.sample(evaluation.samples, seed)
    sample_seconds = time.perf_counter() - began
    held_out, _ = source.held_out_examples(count)
    row = {
        "name": member.name,
        "title": fitted.name,
        "options": member.options,
        "fit_seconds": round(fit_seconds, 3),
        "sample_seconds": round(sample_seconds, 3),
        "facts": _plain(fitted.facts(held_out)) if len(held_out) else {},
        "figures": judge.evaluate(samples),
    }
    return row, samples, fitted


def _plain(facts: dict[str, float]) -> dict[str, float | None]:
    """Facts as JSON has them: what is not finite is `None`."""
    return {key: value if np.isfinite(value) else None for key, value in facts.items()}


def tables_of(data: str) -> dict[str, Any]:
    """The tables `data` and `evaluation` that an argument stands for."""
    if data in preset_names() or data.endswith(".toml"):
        tables = read_toml(config_path(data))
        return {key: tables[key] for key in ("data", "evaluation") if key in tables}
    return {"data": data_table(data)}


def _new_folder(out: Path | None, folder: Path, name: str) -> Path:
    while True:
        directory = out or next_directory(folder, name)
        try:
            directory.mkdir(parents=True, exist_ok=out is not None)
        except FileExistsError:  # another process was faster
            if out is not None:
                raise
            continue
        return directory
