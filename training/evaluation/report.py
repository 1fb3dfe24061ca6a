"""Writes the report of a run: `report.json` for programs, `report.md` for people."""

import json
import os
import pathlib
from collections.abc import Mapping, Sequence

from ganapp.training.evaluation.metric import ReportData, number
from ganapp.training.evaluation.metrics import METRICS
from ganapp.training.evaluation.verdict import verdict
from ganapp.training.files import write_atomically

FACTS = {  # as printed, with what helps to read them
    "held_out_log_density": "held-out log-density (nats)",
    "held_out_elbo": "held-out ELBO (nats)",
    "held_out_kl": "KL to the prior (nats)",
    "held_out_squared_error": "held-out squared error per feature",
    "acceptance_rate": "acceptance rate",
    "effective_samples": "effective samples",
    "scale_reduction": "R-hat, 1 when mixed",
}
BETTER = {"higher": "higher", "lower": "lower", "one": "nearer 1", "half": "nearer 0.5"}


def write_report(
    directory: str | os.PathLike,
    *,
    title: str,
    best: ReportData | None,
    last: ReportData,
    pictures: Mapping[str, str] | None = None,
    notes: tuple[str, ...] = (),
    alarms: Sequence[ReportData] = (),
    looks: int = 0,
    undecided: Mapping[str, str] | None = None,
    baselines: Sequence[ReportData] = (),
    tables: Sequence[ReportData] = (),
    seconds: Mapping[str, float] | None = None,
) -> pathlib.Path:
    """Writes `report.json` and `report.md` into an existing run directory, each whole or not at
    all.

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
        tables: further ones, see `further_tables`.
        seconds: that the baseline of every report took, to `fit` and to `sample`; in `report.md`
            only, because the `report.json` of a resumed run is that of one never stopped.

    Returns:
        The path of `report.md`.
    """
    directory = pathlib.Path(directory)
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
    if tables:
        content["tables"] = [dict(table) for table in tables]
    text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False)
    write_atomically(directory / "report.json", text + "\n")
    notes = (*notes, *_alarm_notes(alarms, looks, last["step"], undecided or {}))
    if seconds:
        notes = (baseline_seconds_note(chosen, seconds), *notes)
    notes = (*further_tables(tables), *baseline_table(chosen, baselines), *notes)
    page = _page(title, best, last, pictures, notes)
    write_atomically(directory / "report.md", page)
    return directory / "report.md"


def _page(
    title: str,
    best: ReportData | None,
    last: ReportData,
    pictures: Mapping[str, str],
    notes: Sequence[str],
) -> str:
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
        *report_notes(chosen),
        *notes,
        *(f"![{caption}]({path})" for caption, path in pictures.items()),
    ]
    return "\n\n".join(parts) + "\n"


def undecided_note(undecided: Mapping[str, str]) -> list[str]:
    """A sentence on the alarms that could not be raised, if there are any."""
    if not undecided:
        return []
    named = "; ".join(f"{name} ({reason})" for name, reason in undecided.items())
    return [f"Undecided: {named}."]


def _alarm_notes(
    alarms: Sequence[ReportData], looks: int, end: int, undecided: Mapping[str, str]
) -> list[str]:
    if not looks:
        return []
    undecided_lines = undecided_note(undecided)
    if not alarms:
        found = "No alarm" if not undecided else "Nothing of what could be decided was found"
        return [" ".join([f"{found} in {looks} looks along the training.", *undecided_lines])]
    lines = []
    for alarm in alarms:
        when = f"step {alarm['first']:,}"
        if alarm["looks"] > 1:
            steps = f"steps {alarm['first']:,} to {alarm['last']:,}"
            when = f"{alarm['looks']} of {looks} looks, {steps}"
        still = ", still at the end" if alarm["last"] >= end else ""
        lines.append(f"- **{alarm['name']}** ({when}{still}): {alarm['sentence']}")
    return ["Alarms along the training:", "\n".join(lines), *undecided_lines]


def _table(best: ReportData | None, last: ReportData) -> str:
    chosen = last if best is None else best
    stepless = last["step"] is None
    once = best is not None and best["step"] == last["step"]  # the same generator, shown once
    single = "samples" if stepless else ("best = last" if once else "last")
    columns = ("figure", "best", single, "matched", "floor = held-out real")
    columns += (f"baseline = {chosen['baseline']}", "better", "space", "counts")
    rows = [columns, ("---", *("---:",) * 5, *("---",) * 3)]
    for key, figure in chosen["figures"].items():
        of_best = None if best is None else figure["value"]
        of_last = last["figures"].get(key, {}).get("value")
        values = (of_best, of_last, figure["matched"], figure["floor"], figure["baseline"])
        about = (BETTER[figure["better"]], figure["space"], _counts(figure))
        rows.append((figure["name"], *map(number, values), *about))
    return _lines([(row[0], *row[2:]) for row in rows] if stepless or once else rows)


def _lines(rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _counts(figure: ReportData) -> str:
    def pair(generated: int, real: int | None) -> str:
        return f"{generated:,}" if real is None else f"{generated:,} / {real:,}"

    main = pair(figure["generated"], figure["real"])
    matched = pair(figure["matched_generated"], figure["matched_real"])
    return f"{main}; matched {matched}"


def _legend(report: ReportData, has_best: bool, stepless: bool) -> str:
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


def report_notes(report: ReportData) -> list[str]:
    """What a reader needs beside the table: missing values and the metrics' own notes."""
    notes = [*_missing_notes(report), *_sample_limit_notes(report)]
    for metric in METRICS:
        if metric.note is not None:
            notes += metric.note(report)
    return ["\n".join(f"- {note}" for note in notes)] if notes else []


def _missing_notes(report: ReportData) -> list[str]:
    names: dict[tuple[str, str], list[str]] = {}
    for figure in report["figures"].values():
        columns: dict[str, list[str]] = {}
        for column, reason in figure["reasons"].items():
            columns.setdefault(reason, []).append(column)
        for reason, some in columns.items():
            names.setdefault((", ".join(some), reason), []).append(figure["name"])
    return [
        f"{', '.join(figures)}: ({columns}) {reason}."
        for (columns, reason), figures in names.items()
    ]


def short_missing_notes(report: ReportData, last: ReportData | None = None) -> list[str]:
    """The reasons of missing values, one sentence each; columns are named where a value is there.

    Args:
        report: the dictionary of the report that the table shows.
        last: another one whose values stand beside.
    """
    names: dict[tuple[str, str], list[str]] = {}
    for key, figure in report["figures"].items():
        reasons = dict(figure["reasons"])
        if last is not None and "value" not in reasons:
            beside = last["figures"].get(key, {}).get("reasons", {})
            reasons |= {"last": beside["value"]} if "value" in beside else {}
        said = {} if "value" not in reasons else {reasons["value"]: ""}
        if not said:
            for reason in reasons.values():
                columns = [column for column, other in reasons.items() if other == reason]
                said[reason] = f" ({', '.join(columns)})"
        for reason, where in said.items():
            names.setdefault((where, reason), []).append(figure["name"])
    count = len(report["figures"])
    return [
        f"{f'All {count} figures' if len(some) == count else ', '.join(some)}{where}: {reason}."
        for (where, reason), some in names.items()
    ]


def _sample_limit_notes(report: ReportData) -> list[str]:
    names: dict[int, list[str]] = {}
    for figure in report["figures"].values():
        if figure["generated"] < report["counts"]["generated"]:
            names.setdefault(figure["generated"], []).append(figure["name"])
    return [
        f"{', '.join(some)}: from at most {most:,} samples of each side, drawn at random."
        for most, some in names.items()
    ]


def baseline_table(report: ReportData, rows: Sequence[ReportData]) -> list[str]:
    """Paragraphs about the baselines, none without rows.

    Args:
        report: the dictionary of a `Report` plus `step`. Without a step it is that of the only
            baseline, whose figures it shows already.
        rows: each with `name`, `title`, `fit_seconds`, `sample_seconds`, `facts` and `figures`, the
            values by key.
    """
    if not rows:
        return []
    table = [("figure", *(row["name"] for row in rows), "floor")]
    table.append(("---", *["---:"] * (len(rows) + 1)))
    alone = report["step"] is None  # the baseline's figures are the report's own
    for key, figure in {}.items() if alone else report["figures"].items():
        values = [number(row["figures"].get(key)) for row in rows]
        table.append((figure["name"], *values, number(figure["floor"])))
    facts = dict.fromkeys(fact for row in rows for fact in row["facts"])
    for fact in facts:
        values = [number(row["facts"].get(fact)) for row in rows]
        table.append((FACTS.get(fact, fact.replace("_", " ")), *values, "-"))
    for key in ("fit_seconds", "sample_seconds"):
        text = f"seconds to {key.removesuffix('_seconds')}"
        table.append((text, *(number(row[key]) for row in rows), "-"))
    titles = "; ".join(f"{row['name']}: {row['title']}" for row in rows)
    counted = (
        f"Baselines, fitted on the same training data, {report['counts']['generated']:,} samples "
        f"each, compared as above ({titles})."
    )
    return [counted, _lines(table)]


def further_tables(tables: Sequence[ReportData]) -> list[str]:
    """Paragraphs of what is compared in a way of its own, such as frames step by step.

    Args:
        tables: each with `title` (a sentence), `columns` and `rows`: `name`, `values` and, where
            it is not the same for all, `better`.
    """
    parts = []
    for table in tables:
        columns = table["columns"]
        lines = [("", *columns), ("---", *("---:",) * len(columns))]
        lines += [(row_name(row), *map(number, row["values"])) for row in table["rows"]]
        parts += [table["title"], _lines(lines)]
    return parts


def row_name(row: ReportData) -> str:
    """The name of a row of `further_tables`, with the direction in which it is better."""
    return f"{row['name']} ({BETTER[row['better']]} is better)" if "better" in row else row["name"]


def baseline_seconds_note(report: ReportData, seconds: Mapping[str, float]) -> str:
    """A sentence on the seconds that the baseline of a report took, to `fit` and to `sample`."""
    name = report["baseline"]
    return (
        f"Time of the {name}: {seconds['fit']:.3g} s to fit, {seconds['sample']:.3g} s to draw "
        f"{report['counts']['generated']:,} samples."
    )
