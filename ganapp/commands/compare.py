"""`ganapp compare`: figures of several runs with intervals, and their samples in one picture."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from ganapp.commands.completion import complete_run
from ganapp.errors import UserError
from ganapp.runs import Json, Run, open_run
from ganapp.screen import ARROWS, console, say, short_number, stage, start_tensorflow, warn

if TYPE_CHECKING:
    import PIL.Image

    from ganapp.training.evaluation.evaluator import Evaluator

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
# Of a figure and of its report: what must be equal for two values to be compared.
OF_FIGURE, OF_REPORT = (
    ("space", "generated", "real"),
    ("data", "network", "reference", "neighbours", "seed"),
)


@dataclasses.dataclass(frozen=True)
class Evaluated:
    """One run: its best generator's report, half widths of intervals by figure, a picture.

    `data` is the fingerprint of the real examples; how they are drawn where they never end.
    """

    run: Run
    report: Json
    reach: dict[str, float]
    picture: PIL.Image.Image
    data: str


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN...", help="Two or more runs.", autocompletion=complete_run),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the picture and the figures.")] = Path(
        "comparison"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Compare the best generators of runs: figures with intervals, samples side by side."""
    opened = [open_run(run) for run in runs]
    if len(runs) < 2:
        raise UserError(f"`compare` takes at least two runs. Received: {len(runs)}")
    start_tensorflow()
    from ganapp.training.evaluation.pictures import panels
    from ganapp.training.files import write_atomically

    evaluators: dict[str, Evaluator] = {}
    evaluated = []
    for number, run in enumerate(opened, 1):
        with stage(f"Evaluating {run.name}, run {number} of {len(opened)}"):
            evaluated.append(_evaluate(run, evaluators))
    for sentence in differences(evaluated):
        warn(sentence)
    content = comparison(evaluated)
    try:
        out.mkdir(parents=True, exist_ok=True)
        titles = [f"{each.run.name}, step {each.report['step']:,}" for each in evaluated]
        panels([each.picture for each in evaluated], titles).save(out / "comparison.png")
        write_atomically(out / "comparison.json", json.dumps(content, indent=2) + "\n")
    except OSError as error:
        raise UserError(f"`--out` cannot be written: {out} ({error.strerror}).") from error
    if as_json:
        console.print_json(json.dumps(content))
        return
    console.print(_table(content))
    figures = content["figures"].values()
    if names := [figure["name"] for figure in figures if not figure["comparable"]]:
        which = "No row" if len(names) == len(figures) else f"Not these rows: {', '.join(names)}"
        console.print(
            f"! {which} can be compared between the runs: they were judged in different spaces, "
            "or with different data, counts or settings of the evaluation.",
            style="yellow",
        )
    console.print(METHOD, style="dim")
    say(f"Picture and figures: {out}")


def _evaluate(run: Run, evaluators: dict[str, Evaluator]) -> Evaluated:
    from ganapp.config.loading import load_saved
    from ganapp.runner.evaluation import (
        generate_samples,
        load_evaluated,
        painter,
        report_on,
        requested_labels,
    )
    from ganapp.runner.saved_runs import check_comparable, compose_run, data_changes

    hint = f"Say where they are now by `data.path` in {run.config}."
    experiment = compose_run(run, load_saved(run.config), hint=hint)
    step = load_evaluated(experiment.gan, run, "best")
    check_comparable(experiment, run)
    source, evaluation = experiment.source, experiment.evaluation
    samples = generate_samples(experiment, evaluation.samples, evaluation.seed)
    # Fitting an evaluator takes longest: runs on the same data share it.
    key = json.dumps([experiment.config.data.model_dump(), evaluation.model_dump()], default=str)
    if key not in evaluators:
        evaluators[key] = experiment.evaluator
    evaluator = evaluators[key]
    # A report on data that have changed since may be on either: a new one is on these.
    changed = data_changes(source, experiment.config, run) is not None
    report = None if changed else _saved_report(run, evaluator, step, len(samples))
    report = report or {"step": step, **report_on(experiment, evaluator, samples)}
    labels = requested_labels(experiment)
    errors = evaluator.standard_errors(samples, labels=labels, resamples=RESAMPLES)
    # Columns of a table need all samples, images and points a few.
    some = samples if source.spec.table is not None else samples[:GRID]
    picture = painter(experiment.data)(some)
    data = source.fingerprint() or str(experiment.config.data.model_dump())
    return Evaluated(run, report, _reach(report, errors), picture, data)


def _saved_report(run: Run, evaluator: Evaluator, step: int, count: int) -> Json | None:
    """The run's own report on this generator, if it has every figure and came about alike."""
    saved, terms, keys = run.read_report() or {}, evaluator.terms(count), evaluator.keys[1]
    of_figures = terms.pop("figures")
    for which in ("best", "last"):
        known = saved.get(which) or {"figures": {}}
        figures = known["figures"]
        if (
            known.get("step") == step
            and keys <= set(figures)
            and all(known.get(name, "") == value for name, value in terms.items())
            and all(
                figures[key].get(name) == value
                for key in figures.keys() & of_figures.keys()
                for name, value in of_figures[key].items()
            )
        ):
            return known
    return None


def _reach(report: Json, errors: dict[str, float]) -> dict[str, float]:
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


def differences(evaluated: Sequence[Evaluated]) -> list[str]:
    """Why figures of these runs may not be comparable."""
    spaces = [sorted({f["space"] for f in each.report["figures"].values()}) for each in evaluated]
    reports = [each.report for each in evaluated]
    compared = {
        "data": [(each.report["data"], each.data) for each in evaluated],
        "numbers of samples": [report["counts"]["generated"] for report in reports],
        "real examples": [(each["counts"]["train"], each["reference"]) for each in reports],
        "feature spaces": [
            (space, each.get("network", "")) for space, each in zip(spaces, reports, strict=True)
        ],
        "numbers of neighbours": [report["neighbours"] for report in reports],
        "seeds of the evaluation": [report["seed"] for report in reports],
    }
    return [
        f"The runs were judged with different {what}: do not compare their values."
        for what, values in compared.items()
        if len(set(map(str, values))) > 1
    ]


def _settings(each: Evaluated) -> Json:
    return {name: each.report.get(name, "") for name in OF_REPORT}


def comparison(evaluated: Sequence[Evaluated]) -> Json:
    """JSON-ready: runs, and per figure each run's value with its interval.

    A figure whose values come from different spaces, counts or settings is not `comparable`: it
    has no best values, and no floor but each run's own.
    """
    keys = dict.fromkeys(key for each in evaluated for key in each.report["figures"])
    return {
        "runs": [
            {
                "run": str(each.run.directory),
                "step": each.report["step"],
                "counts": each.report["counts"],
                **_settings(each),
            }
            for each in evaluated
        ],
        "figures": {key: _figure(key, evaluated) for key in keys},
        "resamples": RESAMPLES,
        "method": METHOD,
    }


def _figure(key: str, evaluated: Sequence[Evaluated]) -> Json:
    shown, terms, about = [], set(), {}
    for each in evaluated:
        figure = each.report["figures"].get(key)
        if figure is None:
            shown.append(None)
            continue
        about = about or {name: figure[name] for name in ("name", "better", "space", "floor")}
        value, reach = figure["value"], each.reach.get(key)
        interval = None if None in (value, reach) else [value - reach, value + reach]
        own = {name: figure[name] for name in (*OF_FIGURE, "floor")}
        shown.append({"value": value, "interval": interval, **own})
        terms.add(str([each.data, _settings(each), *(figure[name] for name in OF_FIGURE)]))
    figure = {**about, "runs": shown, "comparable": len(terms) == 1}
    if not figure["comparable"]:
        spaces = dict.fromkeys(found["space"] for found in shown if found is not None)
        figure |= {"space": " | ".join(spaces), "floor": None}
    return figure | {"best": _best(figure)}


def _best(figure: Json) -> list[int]:
    """Places of the best value and of those whose interval reaches it."""
    from ganapp.training.evaluation.verdict import BADNESS

    known = {
        place: found["interval"] or [found["value"]] * 2
        for place, found in enumerate(figure["runs"])
        if found is not None and found["value"] is not None
    }
    if len(known) < 2 or not figure["comparable"]:
        return []
    badness = BADNESS[figure["better"]]
    champion = min(known, key=lambda place: badness(figure["runs"][place]["value"]))
    low, high = known[champion]
    return [place for place, (start, end) in known.items() if start <= high and low <= end]


def _table(content: Json) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("figure", no_wrap=True)
    for run in content["runs"]:
        name, count = Path(run["run"]).resolve().name, run["counts"]["generated"]
        heading = f"{name}\nstep {run['step']:,}\n{count:,} samples"
        table.add_column(heading, justify="right")
    table.add_column("floor", justify="right")
    table.add_column("space")
    for figure in content["figures"].values():
        cells = [
            _cell(found, place in figure["best"]) for place, found in enumerate(figure["runs"])
        ]
        heading = f"{figure['name']} {ARROWS[figure['better']]}"
        space = figure["space"] if figure["comparable"] else f"! {figure['space']}"
        table.add_row(heading, *cells, short_number(figure["floor"]), space)
    return table


def _cell(found: Json | None, best: bool) -> str:
    if found is None or found["value"] is None:
        return "-"
    text = short_number(found["value"])
    if found["interval"] is not None:
        text += f" ± {short_number((found['interval'][1] - found['interval'][0]) / 2)}"
    return f"{text}{'*' if best else ' '}"
