"""What a notebook shows of a run, as HTML: while it trains, and what has become of it."""

import base64
import io
from collections.abc import Mapping
from html import escape
from pathlib import Path

import PIL.Image

from ganapp.runs import OVERVIEW, Json, Run
from ganapp.screen import ARROWS, short_number

COLUMNS = {"value": "generated", "baseline": "mixture", "matched": "matched", "floor": "held out"}
PICTURES = 2  # of the report that are shown
WIDEST = 640  # pixels of one on the page
SHEET = 960  # pixels of the pictures of samples along a training
LARGEST = 100_000  # bytes of a PNG; what needs more is a photograph and becomes a JPEG
FOLLOWED = 3  # figures that are named along a training


class LivePage:
    """An output of a notebook's cell that changes along the training, of this one alone.

    It shows the progress, the figures of the last evaluation and the last pictures of samples.
    Each method takes something new and shows all of it.
    """

    def __init__(self) -> None:
        self._line = self._evaluated = self._pictures = ""
        self._output = None

    def progress(self, line: str) -> None:
        """A line on how far the training is."""
        self._line = escape(line)
        self._show()

    def evaluation(self, step: int, figures: Mapping[str, float]) -> None:
        """The figures of an evaluation along the training."""
        named = [name for name in OVERVIEW if name in figures] or list(figures)
        values = (
            f"{escape(name.replace('_', ' '))} {short_number(figures[name])}"
            for name in named[:FOLLOWED]
        )
        self._evaluated = f"step {step:,}: {', '.join(values)}"
        self._show()

    def pictures(self, step: int, sheet: PIL.Image.Image) -> None:
        """Pictures of samples of a step, which stands in them."""
        self._pictures = _tag(sheet, f"samples of step {step:,}", SHEET)
        self._show()

    def _show(self) -> None:
        from IPython.display import HTML, display

        lines = "".join(f"<div>{line}</div>" for line in (self._line, self._evaluated) if line)
        page = HTML(f"{lines}{self._pictures}")
        if self._output is None:
            self._output = display(page, display_id=True)
        else:
            self._output.update(page)


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
    with PIL.Image.open(path) as picture:
        return _tag(picture, path.stem, WIDEST)


def _tag(picture: PIL.Image.Image, title: str, widest: int) -> str:
    kind, buffer = "png", io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    if buffer.tell() > LARGEST:
        kind, buffer = "jpeg", io.BytesIO()
        picture = picture.convert("RGB")
        picture.thumbnail((widest, picture.height), PIL.Image.Resampling.LANCZOS)
        picture.save(buffer, format="JPEG", quality=80)
    data = base64.b64encode(buffer.getvalue()).decode()
    return (
        f'<div><img alt="{escape(title)}" style="max-width:{widest}px;'
        f'image-rendering:pixelated" src="data:image/{kind};base64,{data}"></div>'
    )
