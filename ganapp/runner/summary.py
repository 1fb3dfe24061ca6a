"""What a person sees before and after a run."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ganapp.combinations import warnings
from ganapp.listing import short_number
from ganapp.runner.compose import Experiment
from ganapp.training.data import Source
from ganapp.training.data.images import about_left_out
from ganapp.training.data.tables.codec import ColumnSummary
from ganapp.training.evaluation.baseline_table import about_seconds
from ganapp.training.evaluation.lost_tails import about_lost_tails
from ganapp.training.evaluation.remarks import about_weak_features, missing_in_short
from ganapp.training.evaluation.verdict import verdict
from ganapp.training.kernels import kernels
from ganapp.training.objectives import Objective

MOST_CLASSES = 20  # that are named before training
MOST_COLUMNS = 30  # of a table that the plan shows
ARROWS = {"higher": "↑", "lower": "↓", "one": "→ 1", "half": "→ 0.5"}


def warn(sentence: str) -> None:
    """Says on standard error what the user should know; standard output stays the result's."""
    console = Console(stderr=True, markup=False, highlight=False)
    console.print(f"Warning: {sentence}", style="yellow", soft_wrap=True)


def show_plan(experiment: Experiment, directory: Path, console: Console) -> None:
    """Says what is about to be trained, on what, and where it goes."""
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, text in _plan(experiment).items():
        table.add_row(name, Text(text))  # names of the user's may look like markup
    table.add_row("run", str(directory))
    console.print(table)
    if experiment.source.spec.table is not None:
        console.print(columns_table(experiment.source.spec.table.describe()))
    for note in (*experiment.source.notes, *experiment.cadences.notes):
        console.print(f"- {note}", style="dim", markup=False, highlight=False, soft_wrap=True)
    for sentence in warnings(experiment.config, kind=experiment.source.spec.kind):
        warn(sentence)


def columns_table(columns: Sequence[ColumnSummary]) -> Table:
    """A row for each column of a table: what was understood of it, and with what assumption.

    Args:
        columns: of the table; beyond the first 30 those are shown of which something was assumed,
            and the others counted.
    """
    table = Table(box=None, pad_edge=False)
    shown = list(columns[:MOST_COLUMNS])
    shown += [column for column in columns[MOST_COLUMNS:] if column.note][:MOST_COLUMNS]
    headings = ["column", "kind", "values", "missing", "written", "assumed"]
    cells = [
        [
            column.name or "(no name)",
            column.kind,
            column.values,
            f"{column.missing:.1%}" if column.missing else "",
            column.form,
            column.note,
        ]
        for column in shown
    ]
    used = [place for place in range(len(headings)) if any(row[place] for row in cells)]
    for place in used:
        table.add_column(headings[place], overflow="fold")
    for row in cells:
        table.add_row(*(Text(row[place]) for place in used))
    if more := len(columns) - len(shown):
        table.add_row(f"... and {more:,} more")
    return table


def _plan(experiment: Experiment) -> dict[str, str]:
    config, gan, training = experiment.config, experiment.gan, experiment.config.training
    rows = {"data": _about_data(experiment.source)} | about_files_and_classes(experiment.source)
    for name, network in (("generator", gan.generator), ("discriminator", gan.discriminator)):
        section = getattr(config, name)
        text = f"{section.network}, {network.count_params():,} parameters"
        rows[name] = text + _looks_at_several(section)
    replicas = experiment.strategy.num_replicas_in_sync
    return rows | {
        "prior": f"{config.generator.prior.name}, {gan.prior.size} dimensions",
        "objective": _about_objective(gan.objective),
        "training": f"{_about_length(experiment)}, batch {training.batch_size}, "
        f"{training.precision}, seed {training.seed}",
        "records": _about_cadences(experiment),
        "devices": f"{replicas} replica{'s' if replicas > 1 else ''}, {_about_devices()}",
    }


def _about_length(experiment: Experiment) -> str:
    epochs = experiment.config.training.epochs
    return (
        f"{epochs:,} epoch{'s' if epochs > 1 else ''} x {experiment.steps_per_epoch:,} steps = "
        f"{experiment.total_steps:,} steps"
    )


def _about_cadences(experiment: Experiment) -> str:
    cadences = experiment.cadences
    return (
        f"every {cadences.evaluate:,} steps an evaluation on {cadences.samples:,} samples, every "
        f"{cadences.sample:,} pictures, every {cadences.checkpoint:,} a checkpoint"
    )


def _about_devices() -> str:
    """The GPUs, or the CPU's cores and kernels: what a step takes depends on them."""
    if gpus := tf.config.list_physical_devices("GPU"):
        return f"{len(gpus)} GPU{'s' if len(gpus) > 1 else ''}"
    return f"{os.cpu_count()} CPU cores, {kernels()} kernels"


def _about_data(source: Source) -> str:
    spec, labels = source.spec, source.training_labels() if source.spec.classes else None
    shape = " x ".join(map(str, spec.shape))
    examples = "endless" if spec.examples is None else f"{spec.examples:,} training"
    kind = f"{spec.kind} {shape}"
    if spec.table is not None:
        kind = f"table of {len(spec.table.columns)} columns as vectors of {shape}"
    known = ""
    if source.judged is not source:
        known = f" in {len(spec.classes)} clusters"
    if labels is not None and (labels < 0).any():
        share, count = f"{np.mean(labels >= 0):.1%}", f"{np.count_nonzero(labels >= 0):,}"
        known = f" ({share if spec.examples is None else count} of them labelled)"
    return f"{spec.name}: {kind}, {examples}{known}, {spec.held_out:,} held out"


def about_files_and_classes(source: Source) -> dict[str, str]:
    """What became a class with how many examples, and which files are not used."""
    rows = {}
    if source.spec.classes:
        rows["classes"] = _about_classes(source)
    if left_out := about_left_out(source.bad_files):
        rows["left out"] = f"{left_out}; a run names all of them in bad_files.txt"
    return rows


def _about_classes(source: Source) -> str:
    """Names of the classes with their training examples, the first of many."""
    names, labels = source.spec.classes, source.training_labels()
    if source.spec.examples is None or labels is None:
        return f"{len(names):,}: {', '.join(names[:MOST_CLASSES])}" + (
            f" and {len(names) - MOST_CLASSES:,} more" if len(names) > MOST_CLASSES else ""
        )
    counts = np.bincount(labels[labels >= 0], minlength=len(names))
    shown = ", ".join(
        f"{name} {count:,}" for name, count in list(zip(names, counts, strict=True))[:MOST_CLASSES]
    )
    if (more := len(names) - MOST_CLASSES) > 0:
        least = int(np.argmin(counts))
        shown += f", ... and {more:,} more, smallest {counts[least]:,} ({names[least]})"
    return f"{len(names):,} with training examples each: {shown}"


def _about_objective(objective: Objective) -> str:
    penalties = ", ".join(penalty.name for penalty in objective.penalties) or "no penalty"
    stabilisers = "".join(f", {member.name}" for member in objective.stabilisers)
    steps = objective.discriminator_steps
    return (
        f"{objective.name}, {penalties}{stabilisers}, constraint {objective.constraint.name}, "
        f"{steps} discriminator step{'s' if steps > 1 else ''}"
    )


def _looks_at_several(section: Any) -> str:
    """How a discriminator sees more than one example at once, if it does."""
    packing, layer = getattr(section, "packing", 1), section.options.get("minibatch", "none")
    packs = f", packs of {packing}" if packing > 1 else ""
    return packs + (f", minibatch {layer.replace('_', ' ')}" if layer != "none" else "")


def show_figures(
    report: dict[str, Any],
    console: Console,
    *,
    title: str = "",
    seconds: Mapping[str, float] | None = None,
) -> None:
    """The figures of the best generator beside floor and baseline, and the verdict.

    Args:
        report: as in `report.json`.
        console: where to write.
        title: of the table.
        seconds: that the baseline took, to `fit` and to `sample`.
    """
    chosen = report["best"] or report["last"]
    console.print(_figures_table(report, title))
    for sentence in missing_in_short(chosen, report["last"] if report["best"] else None):
        console.print(f"- {sentence}", style="dim", markup=False, highlight=False)
    for remark in (*_remarks(chosen), *([about_seconds(chosen, seconds)] if seconds else ())):
        console.print(remark, style="dim", highlight=False, soft_wrap=True)
    said = verdict(chosen, "This sample") if title else verdict(chosen)
    console.print(said, highlight=False, soft_wrap=True)


def _figures_table(report: dict[str, Any], title: str) -> Table:
    """A row per figure: best and last (or the samples alone), matched, floor, baseline."""
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


def _remarks(chosen: dict[str, Any]) -> Iterator[str]:
    """How the figures are to be read: what they were compared with, and how sure they are."""
    details = chosen["details"]
    yield (
        f"matched and floor: {chosen['counts']['matched']:,} samples and as many held-out examples "
        f"against the training data; baseline: {chosen['baseline']}; counts: generated/real."
    )
    if "expected_kl" in (stacks := details.get("modes", {})):
        yield (
            f"mode KL: a perfect sampler is expected to have {stacks['expected_kl']:.4f} at this "
            "count."
        )
    told = ("classes_found", "modes")
    accuracies = [details.get(name, {}).get("classifier_accuracy") for name in told]
    for accuracy in filter(None, accuracies):
        yield f"Classes: told by a classifier that is right on {accuracy:.1%} of the held-out data."
    if (caution := about_weak_features(chosen)) is not None:
        yield caution
    yield from about_lost_tails(chosen)
