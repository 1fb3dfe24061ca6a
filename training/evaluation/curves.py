"""Figures along the training, with the best and the last generator marked."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image

LINE, BEST, LAST = "#1f6fb4", "#d1495b", "#3c4043"
COLUMNS, MOST = 3, 12
PANEL, LEGEND = (3.6, 2.5), 0.35  # inches
WORDS = {"higher": "higher is better", "lower": "lower is better", "one": "best at 1", "half": ""}
WIDE = (
    30.0  # times the smallest value: a curve of distances that fell so far is drawn in logarithms
)


def evaluation_curves(
    rows: Sequence[Mapping[str, Any]],
    *,
    better: Mapping[str, str],
    names: Mapping[str, str],
    first: str,
    best: int | None,
    last: int,
) -> Image.Image | None:
    """A panel for each figure that was computed along the training.

    Args:
        rows: each with `step` and `evaluation`, a table of figures (`None` where there is none).
        better: figure -> which values are better, as in a report.
        names: figure -> as printed.
        first: the figure that chose the best generator; it comes first and says so.
        best: step of the best generator, or `None`.
        last: step of the last one.

    Returns:
        An RGB picture, or `None` if no figure has two values.
    """
    series = _series(rows)
    keys = [key for key in (first, *better) if _drawable(series.get(key, {}))]
    keys = list(dict.fromkeys(keys))[:MOST]
    if not keys:
        return None
    columns = min(COLUMNS, len(keys))
    lines = math.ceil(len(keys) / columns)
    size = PANEL[0] * columns, PANEL[1] * lines + LEGEND
    figure = Figure(figsize=size, dpi=100)
    FigureCanvasAgg(figure)
    # To find margins out takes longer than to draw.
    figure.subplots_adjust(
        left=0.65 / size[0],
        right=1 - 0.15 / size[0],
        bottom=(LEGEND + 0.45) / size[1],
        top=1 - 0.35 / size[1],
        wspace=0.36,
        hspace=0.36,
    )
    grid = figure.subplots(lines, columns, squeeze=False)
    for axes in grid.flat[len(keys) :]:
        axes.set_visible(False)
    for key, axes in zip(keys, grid.flat, strict=False):
        chosen = " (chose the best)" if key == first else ""
        axes.set_title(f"{names.get(key, key.replace('_', ' '))}{chosen}", fontsize=10, loc="left")
        axes.set_ylabel(WORDS.get(better.get(key, ""), ""), fontsize=8, color="#5f6368")
        _panel(axes, series[key], best, last)
    for axes in grid[-1]:
        axes.set_xlabel("step", fontsize=9)
    marks = grid.flat[0].get_legend_handles_labels()
    figure.legend(*marks, loc="lower right", ncols=2, frameon=False, fontsize=9)
    figure.canvas.draw()
    return Image.fromarray(np.asarray(figure.canvas.buffer_rgba())[..., :3].copy())


def _series(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[int, float]]:
    """Values by figure and step; of a step that occurs twice, the later row's."""
    series: dict[str, dict[int, float]] = {}
    for row in rows:
        for key, value in row["evaluation"].items():
            if isinstance(value, int | float) and math.isfinite(value):
                series.setdefault(key, {})[row["step"]] = float(value)
    return series


def _drawable(values: Mapping[int, float]) -> bool:
    return len(values) > 1


def _panel(axes, values: Mapping[int, float], best: int | None, last: int) -> None:
    steps = sorted(values)
    heights = [values[step] for step in steps]
    axes.plot(steps, heights, color=LINE, linewidth=1.6, marker="o", markersize=2.5)
    if min(heights) > 0 and max(heights) > WIDE * min(heights):
        axes.set_yscale("log")
    if min(heights) == max(heights) == 0:  # or the axis would go below what can be
        axes.set_ylim(-0.05, 1.0)
    marks = {"last": (last, LAST, "s", 13), "best": (best, BEST, "*", 11)}
    for label, (step, colour, shape, size) in marks.items():
        if step in values:
            axes.plot(
                [step],
                [values[step]],
                color=colour,
                marker=shape,
                markersize=size,
                linestyle="none",
                label=f"{label} generator",
                markerfacecolor="none" if label == "last" else colour,
                zorder=3,
            )
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.grid(axis="y", color="#e8eaed", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    axes.margins(x=0.04, y=0.12)
