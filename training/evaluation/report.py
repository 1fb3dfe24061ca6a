"""Writes what a judge found about a run: `report.json` for programs, `report.md` for people."""

import json
import math
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from training.evaluation.baseline_table import about_seconds, baseline_table
from training.evaluation.remarks import number, remarks
from training.files import write_atomically

BETTER = {"higher": "higher", "lower": "lower", "one": "nearer 1", "half": "nearer 0.5"}
BADNESS = {
    "higher": lambda value: -value,
    "lower": lambda value: value,
    "one": lambda value: abs(value - 1.0),
    "half": lambda value: abs(value - 0.5),
}

SHARES = (
    "precision",
    "recall",
    "coverage",
    "smallest_class_share",
    "largest_class_share",
    "memorised",
    "high_quality",
    "authenticity",
    "duplicates",
    "neighbour_test",
    "logistic_test",
)


# Fewer samples say nearly nothing; and without these figures the others may flatter.
LEAST_JUDGED, ESSENTIAL = 50, ("precision", "coverage", "frechet_distance")


def losses_to_baseline(report: Mapping[str, Any]) -> list[str]:
    """Keys of the figures in which the generated samples are worse than the baseline's.

    A figure whose matched value is at least as good as the floor is no loss: no sampler need be
    better than real data. Nor is a difference of at most two standard errors, where one is known.

    Args:
        report: the dictionary of a `Report`.
    """
    return [key for key in _compared(report) if _is_loss(key, report)]


def verdict(report: Mapping[str, Any], subject: str | None = None) -> str:
    """In short: does the GAN (or another that was judged) beat the baseline?

    There is none on fewer than 50 samples, or without precision, coverage and Fréchet distance
    where the data have them.

    Args:
        report: the dictionary of a `Report`.
        subject: who was judged; what the report names, or the GAN.
    """
    compared, losses = _compared(report), losses_to_baseline(report)
    baseline = report["baseline"]
    subject = subject or report.get("subject", "The GAN")
    if (generated := report["counts"]["generated"]) < LEAST_JUDGED:
        few = f"{generated} samples are" if generated > 1 else "1 sample is"
        return (
            f"No verdict: {few} too few to compare with the {baseline}; at least {LEAST_JUDGED} "
            "are needed."
        )
    if not compared:
        return f"No figure could be compared with the {baseline}."
    figures = report["figures"]
    absent = [figures[key]["name"] for key in ESSENTIAL if key in figures and key not in compared]
    if absent:
        beside = f"; of the other {len(compared)} figures {len(losses)} are worse" if losses else ""
        return (
            f"No verdict: there is no {' and no '.join(absent)} to compare with the {baseline}"
            f"{beside}."
        )
    if not losses and subject == f"The {baseline}":
        return f"{subject} is what every run of these data is compared with."
    if not losses:
        return f"{subject} is at least as good as the {baseline} on all {len(compared)} figures."
    named = ", ".join(
        f"{figure['name']} ({number(figure['value'])} against {number(figure['baseline'])})"
        for figure in (report["figures"][key] for key in losses)
    )
    return (
        f"{subject} loses to the {baseline} on {len(losses)} of {len(compared)} figures: {named}."
    )


def write_report(
    directory: str | os.PathLike,
    *,
    title: str,
    best: Mapping[str, Any] | None,
    last: Mapping[str, Any],
    pictures: Mapping[str, str] | None = None,
    notes: tuple[str, ...] = (),
    alarms: Sequence[Mapping[str, Any]] = (),
    looks: int = 0,
    baselines: Sequence[Mapping[str, Any]] = (),
    seconds: Mapping[str, float] | None = None,
) -> pathlib.Path:
    """Writes `report.json` and `report.md` into an existing run directory.

    Each file appears whole or not at all: it is written beside its place and then moved.

    Args:
        directory: the run directory.
        title: heading.
        best: the dictionary of the best checkpoint's `Report` plus `"step"`, or `None`.
        last: the same of the last checkpoint; its step is `None` for samples of no training.
        pictures: caption -> path relative to `directory`.
        notes: further sentences, one per paragraph.
        alarms: raised while it was trained, each with `name`, `first` and `last` (steps), `looks`
            and `sentence`.
        looks: how often it was looked at for alarms.
        baselines: rows of `baseline_table`.
        seconds: that the baseline of every report took, to `fit` and to `sample`. They stand in
            `report.md` only: the `report.json` of a resumed run is that of one never stopped.

    Returns:
        The path of `report.md`.

    Raises:
        ValueError: a checkpoint has no `step`, or a number is NaN or infinite.
    """
    directory = pathlib.Path(directory)
    for name, checkpoint in {"best": best, "last": last}.items():
        if checkpoint is not None and "step" not in checkpoint:
            raise ValueError(
                f"`{name}` must hold its `step`. Received: keys {sorted(map(str, checkpoint))}"
            )
    pictures = dict(pictures or {})
    chosen = last if best is None else best
    content = {
        "title": title,
        "verdict": verdict(chosen),
        "best": None if best is None else dict(best),
        "last": dict(last),
        "pictures": pictures,
        "notes": list(notes),
        "alarms": [dict(alarm) for alarm in alarms],
        "looks": looks,
    }
    if baselines:
        content["baselines"] = [dict(row) for row in baselines]
    text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False)
    write_atomically(directory / "report.json", text + "\n")
    notes = (*notes, *_about_alarms(alarms, looks, last["step"]))
    if seconds:
        notes = (about_seconds(chosen, seconds), *notes)
    notes = (*baseline_table(chosen, baselines), *notes)
    page = _page(title, best, last, pictures, notes)
    write_atomically(directory / "report.md", page)
    return directory / "report.md"


def _page(title, best, last, pictures, notes) -> str:
    chosen = last if best is None else best
    counts = chosen["counts"]
    steps = "no training" if last["step"] is None else f"last checkpoint: step {last['step']:,}"
    if best is not None:
        steps = f"best checkpoint: step {best['step']:,}; " + steps
    parts = [
        f"# {title}",
        f"**{verdict(chosen)}**",
        f"Data: {chosen['data']} ({counts['train']:,} training and {counts['held_out']:,} held-out "
        f"examples); {steps}; k = {chosen['neighbours']}, seed {chosen['seed']}.",
        _table(best, last),
        _legend(chosen, best is not None, last["step"] is None),
        *remarks(chosen),
        *notes,
        *(f"![{caption}]({path})" for caption, path in pictures.items()),
    ]
    return "\n\n".join(parts) + "\n"


def _about_alarms(alarms: Sequence[Mapping[str, Any]], looks: int, end: int) -> list[str]:
    """What was wrong along the training, and whether it still is."""
    if not looks:
        return []
    if not alarms:
        return [f"No alarm in {looks} looks along the training."]
    lines = []
    for alarm in alarms:
        when = f"step {alarm['first']:,}"
        if alarm["looks"] > 1:
            steps = f"steps {alarm['first']:,} to {alarm['last']:,}"
            when = f"{alarm['looks']} of {looks} looks, {steps}"
        still = ", still at the end" if alarm["last"] >= end else ""
        lines.append(f"- **{alarm['name']}** ({when}{still}): {alarm['sentence']}")
    return ["Alarms along the training:", "\n".join(lines)]


def _table(best: Mapping[str, Any] | None, last: Mapping[str, Any]) -> str:
    chosen = last if best is None else best
    stepless = last["step"] is None
    heads = ("figure", "best", "samples" if stepless else "last", "matched")
    heads += ("floor = held-out real",)
    heads += (f"baseline = {chosen['baseline']}", "better", "space", "counts")
    rows = [heads, ("---", *("---:",) * 5, *("---",) * 3)]
    for key, figure in chosen["figures"].items():
        of_best = None if best is None else figure["value"]
        of_last = last["figures"].get(key, {}).get("value")
        values = (of_best, of_last, figure["matched"], figure["floor"], figure["baseline"])
        rows.append(
            (
                figure["name"],
                *(number(value) for value in values),
                BETTER[figure["better"]],
                figure["space"],
                _counts(figure),
            )
        )
    rows = [(row[0], *row[2:]) for row in rows] if stepless else rows
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _counts(figure: Mapping[str, Any]) -> str:
    def pair(generated: int, real: int | None) -> str:
        return f"{generated:,}" if real is None else f"{generated:,} / {real:,}"

    main = pair(figure["generated"], figure["real"])
    matched = pair(figure["matched_generated"], figure["matched_real"])
    return f"{main}; matched {matched}"


def _legend(report: Mapping[str, Any], has_best: bool, stepless: bool) -> str:
    real = "all real data" if report["reference"] == "all" else "the training data"
    judged = "Samples" if stepless else "Best, last"
    whose = (
        f"Matched, baseline and counts belong to the {'best' if has_best else 'last'} checkpoint"
    )
    return (
        f"{judged} and baseline are compared with {real}; matched and floor with the training "
        "data, both with the same number of samples, so these two compare fairly. The floor is "
        "what a perfect sampler would score. "
        f"{'Counts' if stepless else f'{whose}; counts'} are generated / real."
    )


def _compared(report: Mapping[str, Any]) -> list[str]:
    return [
        key
        for key, figure in report["figures"].items()
        if figure.get("main", True) and None not in (figure["value"], figure["baseline"])
    ]


def _is_loss(key: str, report: Mapping[str, Any]) -> bool:
    figure = report["figures"][key]
    error = report["details"].get(key, {}).get("standard_error", _error_of_share(key, figure))
    # Of a difference of two figures with about the same standard error.
    margin = 2.0 * math.sqrt(2.0) * error
    badness = BADNESS[figure["better"]]
    if None not in (figure["matched"], figure["floor"]):
        as_good_as_real = badness(figure["matched"]) <= badness(figure["floor"])
    else:
        as_good_as_real = False
    return not as_good_as_real and badness(figure["value"]) > badness(figure["baseline"]) + margin


def _error_of_share(key: str, figure: Mapping[str, Any]) -> float:
    """Binomial standard error of a figure that is a share of the samples; 0 for the others."""
    share = figure["value"]
    return math.sqrt(share * (1 - share) / figure["generated"]) if key in SHARES else 0.0
