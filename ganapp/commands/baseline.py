"""`ganapp baseline`: what something simple makes of the same data."""

import json
from pathlib import Path
from typing import Annotated

import typer

from ganapp.commands.options import ReportAsJson, check_out_folder
from ganapp.errors import as_user_errors
from ganapp.runs import next_directory
from ganapp.screen import console, say, stage, start_tensorflow


def baseline(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The baseline; `list baselines` names them.")
    ],
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="A preset or TOML file (its data and evaluation), a data source, or source:path.",
        ),
    ],
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="An option of the baseline, or data.… and evaluation.…; may be repeated.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder [default: runs/baseline-<name>-<data>-<NNNN>].")
    ] = None,
    as_json: ReportAsJson = False,
) -> None:
    """Fit a baseline on data, evaluate its samples and write the same report as a run's."""
    start_tensorflow()
    import numpy as np

    from ganapp.config.loading import tables_of, validated, with_overrides
    from ganapp.config.schema import BaselineRun
    from ganapp.runner.evaluation import draw_pictures, fit_and_evaluate, show_figures
    from ganapp.runner.experiment import check_baselines, make_evaluator
    from ganapp.training.data.cache import default_cache
    from ganapp.training.evaluation.report import write_report

    raw = {**tables_of(data), "baseline": {"name": name}}
    overrides = [
        each if "." in each.partition("=")[0] else f"baseline.{each}" for each in settings or []
    ]
    config = validated(with_overrides(raw, overrides), data, BaselineRun)
    check_out_folder(out)
    with as_user_errors(config.data.source):
        source = config.data.build()
        check_baselines([name], source)
        evaluator = make_evaluator(config.evaluation, source, cache=default_cache())
        row, samples, fitted = fit_and_evaluate(
            config.baseline, config.evaluation, source, evaluator
        )
        with stage(f"Evaluating {len(samples):,} samples of the {fitted.name}"):
            report = evaluator.report(samples).as_dict()
    last = {**report, "step": None, "subject": f"The {fitted.name}"}
    directory = _new_folder(out, f"baseline-{name}-{config.data.source}")
    np.savez_compressed(directory / "samples.npz", samples=samples)
    drawn = draw_pictures(source, evaluator, directory, samples, last, whose=f"the {fitted.name}")
    write_report(
        directory,
        title=f"{directory.name}: {name} on {config.data.source}",
        best=None,
        last=last,
        pictures=drawn,
        baselines=[row],
        seconds=evaluator.baseline_seconds,
    )
    written = json.loads((directory / "report.json").read_text(encoding="utf-8"))
    if as_json:
        console.print_json(json.dumps(written))
        return
    show_figures(written, seconds=evaluator.baseline_seconds)
    facts = "".join(f", {key.replace('_', ' ')} {value:.4g}" for key, value in row["facts"].items())
    console.print(
        f"{fitted.name}: {row['fit_seconds']:.1f} s to fit, {row['sample_seconds']:.1f} s to "
        f"sample{facts}."
    )
    say(f"Report: {directory / 'report.md'}")


def _new_folder(out: Path | None, name: str) -> Path:
    while True:
        directory = out or next_directory(Path("runs"), name)
        try:
            directory.mkdir(parents=True, exist_ok=out is not None)
        except FileExistsError:  # another process was faster
            if out is not None:
                raise
            continue
        return directory
