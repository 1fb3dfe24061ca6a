"""What a comparison holds: figures of several runs, which of them may be compared, the best."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import PIL.Image
from rich.table import Table

from ganapp.listing import short_number
from ganapp.runner.summary import ARROWS
from ganapp.runs import Run
from ganapp.training.evaluation.verdict import BADNESS

# Of a figure and of its report: what must be equal for two values to be compared.
OF_FIGURE, OF_REPORT = (
    ("space", "generated", "real"),
    ("data", "network", "reference", "neighbours", "seed"),
)


@dataclasses.dataclass(frozen=True)
class Judged:
    """One run: its best generator's report, half widths of intervals by figure, a picture.

    `data` is the fingerprint of the real examples; how they are drawn where they never end.
    """

    run: Run
    report: dict[str, Any]
    reach: dict[str, float]
    picture: PIL.Image.Image
    data: str


def differences(judged: Sequence[Judged]) -> list[str]:
    """Why figures of these runs may not be comparable."""
    said = []
    for what, value in (
        ("data", lambda each: (each.report["data"], each.data)),
        ("numbers of samples", lambda each: each.report["counts"]["generated"]),
        ("real examples", lambda each: (_train(each), each.report["reference"])),
        ("feature spaces", lambda each: (sorted(_spaces(each)), _settings(each)["network"])),
        ("numbers of neighbours", lambda each: each.report["neighbours"]),
        ("seeds of the evaluation", lambda each: each.report["seed"]),
    ):
        if len({str(value(each)) for each in judged}) > 1:
            said.append(f"The runs were judged with different {what}: do not compare their values.")
    return said


def _settings(each: Judged) -> dict[str, Any]:
    return {name: each.report.get(name, "") for name in OF_REPORT}


def _train(each: Judged) -> int:
    return each.report["counts"]["train"]


def _spaces(each: Judged) -> set[str]:
    return {figure["space"] for figure in each.report["figures"].values()}


def content_of(judged: Sequence[Judged], *, resamples: int, method: str) -> dict[str, Any]:
    """JSON-ready: runs, and per figure each run's value with its interval.

    A figure whose values come from different spaces, counts or settings is not `comparable`: it
    has no best values, and no floor but each run's own.
    """
    keys = dict.fromkeys(key for each in judged for key in each.report["figures"])
    return {
        "runs": [
            {
                "run": str(each.run.directory),
                "step": each.report["step"],
                "counts": each.report["counts"],
                **_settings(each),
            }
            for each in judged
        ],
        "figures": {key: _figure(key, judged) for key in keys},
        "resamples": resamples,
        "method": method,
    }


def _figure(key: str, judged: Sequence[Judged]) -> dict[str, Any]:
    """One figure of all the runs."""
    shown, terms, about = [], set(), {}
    for each in judged:
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


def _best(figure: dict[str, Any]) -> list[int]:
    """Places of the best value and of those whose interval reaches it."""
    known = {
        place: found
        for place, found in enumerate(figure["runs"])
        if found is not None and found["value"] is not None
    }
    if len(known) < 2 or not figure["comparable"]:
        return []
    badness = BADNESS[figure["better"]]
    champion = min(known.values(), key=lambda found: badness(found["value"]))
    low, high = champion["interval"] or [champion["value"]] * 2

    def reaches(found: dict[str, Any]) -> bool:
        own_low, own_high = found["interval"] or [found["value"]] * 2
        return own_low <= high and low <= own_high

    return [place for place, found in known.items() if reaches(found)]


def table_of(content: dict[str, Any]) -> Table:
    """A row per figure and a column per run."""
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


def about_incomparable(content: dict[str, Any]) -> str | None:
    """A sentence about rows whose values must not be compared; `None` without any."""
    figures = content["figures"].values()
    names = [figure["name"] for figure in figures if not figure["comparable"]]
    if not names:
        return None
    which = "No row" if len(names) == len(figures) else f"Not these rows: {', '.join(names)}"
    return (
        f"! {which} can be compared between the runs: they were judged in different spaces, or "
        "with different data, counts or settings of the evaluation."
    )


def _cell(found: dict[str, Any] | None, best: bool) -> str:
    if found is None or found["value"] is None:
        return "-"
    text = short_number(found["value"])
    if found["interval"] is not None:
        text += f" ± {short_number((found['interval'][1] - found['interval'][0]) / 2)}"
    return f"{text}{'*' if best else ' '}"
