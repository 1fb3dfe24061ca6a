"""What a notebook shows of a run: its figures, its alarms and its pictures, as HTML."""

import base64
from html import escape
from pathlib import Path

from ganapp.commands.show import OVERVIEW
from ganapp.runs import Json, Run
from ganapp.screen import ARROWS, short_number

COLUMNS = {"value": "generated", "baseline": "mixture", "matched": "matched", "floor": "held out"}
PICTURES = 2  # of the report that are shown
WIDEST = 640  # pixels of one on the page


def run_html(run: Run) -> str:
    """The run as a piece of HTML that stands alone: pictures are in it."""
    heading = f"<b>{escape(run.name)}</b> <small>{escape(str(run.directory))}</small>"
    report = run.read_report()
    if report is None:
        latest = sorted(run.samples.glob("*.png"))[-1:]
        return "".join(
            [heading, "<p>Not evaluated yet: <code>run.evaluate()</code>.</p>", *map(_img, latest)]
        )
    evaluated = report.get("best") or report["last"]
    pictures = [run.directory / path for path in list(report["pictures"].values())[:PICTURES]]
    alarms = "".join(
        f"<li><b>{escape(alarm['name'])}</b>: {escape(alarm['sentence'])}</li>"
        for alarm in report.get("alarms", [])
    )
    return "".join(
        [
            heading,
            f"<p>{escape(report.get('verdict') or '')}</p>",
            _table(evaluated),
            f"<p>Alarms:</p><ul>{alarms}</ul>" if alarms else "",
            *map(_img, filter(Path.exists, pictures)),
        ]
    )


def _table(evaluated: Json) -> str:
    head = "".join(f"<th>{name}</th>" for name in ("", *COLUMNS.values()))
    rows = []
    for name in OVERVIEW:
        if (figure := evaluated["figures"].get(name)) is None:
            continue
        title = f"{figure['name']} {ARROWS.get(figure['better'], '')}".strip()
        cells = "".join(f"<td>{short_number(figure[column])}</td>" for column in COLUMNS)
        rows.append(f"<tr><td>{escape(title)}</td>{cells}</tr>")
    step = evaluated.get("step")
    caption = f"step {step:,}, " if step is not None else ""
    counts = evaluated["counts"]
    caption += f"{counts['generated']:,} samples; matched ones and held-out examples are as many"
    return (
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
        f"<small>{escape(caption)}</small>"
    )


def _img(path: Path) -> str:
    data = base64.b64encode(path.read_bytes()).decode()
    return (
        f'<div><img alt="{escape(path.stem)}" style="max-width:{WIDEST}px;'
        f'image-rendering:pixelated" src="data:image/png;base64,{data}"></div>'
    )
