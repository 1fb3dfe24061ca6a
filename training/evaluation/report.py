"""Writes what a judge found about a run: `report.json` for programs, `report.md` for people."""

import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from ganapp.training.evaluation.baseline_table import about_seconds, baseline_table
from ganapp.training.evaluation.remarks import number, remarks
from ganapp.training.evaluation.verdict import verdict
from ganapp.training.files import write_atomically

BETTER = {"higher": "higher", "lower": "lower", "one": "nearer 1", "half": "nearer 0.5"}


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
    undecided: Mapping[str, str] | None = None,
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
        undecided: alarms that no look could raise, with the reason.
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
    if looks:
        content["undecided"] = dict(undecided or {})
    if baselines:
        content["baselines"] = [dict(row) for row in baselines]
    text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False)
    write_atomically(directory / "report.json", text + "\n")
    notes = (*notes, *_about_alarms(alarms, looks, last["step"], undecided or {}))
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


def about_undecided(undecided: Mapping[str, str]) -> list[str]:
    """A sentence on the alarms that could not be raised, if there are any."""
    if not undecided:
        return []
    named = "; ".join(f"{name} ({reason})" for name, reason in undecided.items())
    return [f"Undecided: {named}."]


def _about_alarms(
    alarms: Sequence[Mapping[str, Any]], looks: int, end: int, undecided: Mapping[str, str]
) -> list[str]:
    """What was wrong along the training, and whether it still is."""
    if not looks:
        return []
    open_questions = about_undecided(undecided)
    if not alarms:
        found = "No alarm" if not undecided else "Nothing of what could be decided was found"
        return [" ".join([f"{found} in {looks} looks along the training.", *open_questions])]
    lines = []
    for alarm in alarms:
        when = f"step {alarm['first']:,}"
        if alarm["looks"] > 1:
            steps = f"steps {alarm['first']:,} to {alarm['last']:,}"
            when = f"{alarm['looks']} of {looks} looks, {steps}"
        still = ", still at the end" if alarm["last"] >= end else ""
        lines.append(f"- **{alarm['name']}** ({when}{still}): {alarm['sentence']}")
    return ["Alarms along the training:", "\n".join(lines), *open_questions]


def _table(best: Mapping[str, Any] | None, last: Mapping[str, Any]) -> str:
    chosen = last if best is None else best
    stepless = last["step"] is None
    once = best is not None and best["step"] == last["step"]  # the same generator, shown once
    single = "samples" if stepless else ("best = last" if once else "last")
    heads = ("figure", "best", single, "matched")
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
    rows = [(row[0], *row[2:]) for row in rows] if stepless or once else rows
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
