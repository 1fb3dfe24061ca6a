"""Pages of a table's columns and of their pairs: real values against generated ones."""

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from PIL import Image, ImageDraw

from ganapp.training.data.tables.codec import TableCodec
from ganapp.training.data.tables.columns import Categorical, Numeric
from ganapp.training.evaluation.metrics.table_columns import associations
from ganapp.training.evaluation.pictures import (
    REAL_COLOUR,
    SAMPLE_COLOUR,
    dejavu_sans,
    literal,
    new_figure,
    plain,
    render,
)

ACROSS, PANEL = 5, (2.1, 1.6)  # panels in a row, inches of a panel
HEADER = 0.4  # inches, for the legend
MOST_PANELS, MOST_BARS, MOST_LETTERS = 60, 8, 22
BINS, LEAST_BINS = 24, 6
HEAVY = 5.0  # ranges of the middle eighty per cent from the median to the farthest value
MOST_PAIRED, MOST_WRITTEN = 40, 12  # columns of a heat map, and of one with numbers in it

# Of a sheet of strips, in pixels: the strips, what stands left and right of them, and a strip.
STRIP, NAMED, RANGED, TALL, GAP, LETTERS = 300, 170, 130, 26, 8, 12


def column_strips(samples: np.ndarray, *, table: TableCodec, real: np.ndarray) -> Image.Image:
    """The first 60 columns in strips, one below the other: what a training draws of a table.

    Without axes, in a fiftieth of the time of a `marginal_page`: a small table is trained in
    seconds, and its pictures must not take longer. Samples `(n, columns)` in user units are blue,
    real rows grey behind.
    """
    shown = table.varying[:MOST_PANELS]
    left, right = GAP + NAMED + GAP, GAP + NAMED + GAP + STRIP
    top = 2 * GAP + LETTERS
    size = right + GAP + RANGED, top + len(shown) * (TALL + GAP) + GAP
    sheet = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(sheet), dejavu_sans(LETTERS)
    for place, (colour, name) in enumerate(((REAL_COLOUR, "real"), (SAMPLE_COLOUR, "generated"))):
        start = left + place * STRIP // 3
        pen.rectangle((start, GAP, start + LETTERS, GAP + LETTERS), fill=colour)
        pen.text((start + LETTERS + 4, GAP + LETTERS / 2), name, "black", font, anchor="lm")
    if more := len(table.varying) - len(shown):
        text = f"{more:,} more columns"
        pen.text((right + GAP, GAP + LETTERS / 2), text, "black", font, anchor="lm")
    for place, column in enumerate(shown):
        base = top + (place + 1) * (TALL + GAP)
        sides = real[:, place], samples[:, place]
        if column.kind == "categorical":  # all categories, those that are missing last
            heights = [_shares(column, side) for side in sides]
            scope = f"{len(column.categories):,} categories"
        else:  # the bins of a `marginal_page`
            present = [side[~np.isnan(side)].astype(np.float64) for side in sides]
            edges = _edges(column, min(map(len, sides)), _linear_width(present[0], column))
            heights = [np.histogram(side, edges)[0] / max(1, len(side)) for side in present]
            scope = f"{column.minimum:.4g} to {column.maximum:.4g}"
        tallest = max(1e-9, *(side.max() for side in heights))
        across = np.linspace(left, right, len(heights[0]) + 1).repeat(2)[1:-1]
        steps = [base - TALL * (side / tallest).repeat(2) for side in heights]
        behind, before = (
            [(left, base), *zip(across, side, strict=True), (right, base)] for side in steps
        )
        pen.polygon(behind, fill="#cfd2d6")
        pen.line(before, fill=SAMPLE_COLOUR, width=2)
        pen.line((left, base, right, base), fill=REAL_COLOUR)
        middle = base - TALL / 2
        name = _cut(column.name, 24)
        pen.text((left - GAP, middle), name, "black", font, anchor="rm")
        pen.text((right + GAP, middle), _cut(scope, 18), "#5f6368", font, anchor="lm")
    return sheet


def _shares(column: Categorical, side: np.ndarray) -> np.ndarray:
    """Shares of the categories and, where values may be missing, of those last."""
    count = len(column.categories)
    if not column.missing:  # NaN is a label that is not known, of which nothing is said
        side = side[~np.isnan(side)]
    codes = np.nan_to_num(side, nan=count).astype(int)
    return np.bincount(codes, minlength=count + column.missing) / max(1, len(side))


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def marginal_page(
    samples: np.ndarray,
    *,
    table: TableCodec,
    real: np.ndarray,
    names: tuple[str, str] = ("real", "generated"),
) -> Image.Image:
    """Each of the first 60 columns in a panel: a histogram of numbers, bars of categories.

    Samples `(n, columns)` in user units are blue, real rows grey behind; `names` are of the grey
    rows and of the blue ones, for the legend.
    """
    shown = table.varying[:MOST_PANELS]
    across = min(ACROSS, len(shown))
    rows = math.ceil(len(shown) / across)
    # Never so narrow that the legend does not fit.
    size = (max(3, across) * PANEL[0], rows * PANEL[1] + HEADER)
    figure = new_figure(*size)
    panels = figure.subplots(rows, across, squeeze=False).ravel()
    for place, (axes, column) in enumerate(zip(panels, shown, strict=False)):
        plain(axes, 7, length=2).set_title(_short(column.name), fontsize=8)
        sides = {names[0]: real[:, place], names[1]: samples[:, place]}
        (_bars if column.kind == "categorical" else _numbers)(axes, column, sides)
    for axes in panels[len(shown) :]:
        axes.set_visible(False)
    handles = [
        Patch(color=colour, label=label)
        for colour, label in zip((REAL_COLOUR, SAMPLE_COLOUR), names, strict=True)
    ]
    more = len(table.varying) - len(shown)
    title = f"{more} further columns are not shown" if more else None
    figure.legend(
        handles=handles, loc="outside upper center", ncols=2, fontsize=8, frameon=False, title=title
    )
    return render(figure)


def association_page(samples: np.ndarray, *, table: TableCodec, real: np.ndarray) -> Image.Image:
    """Associations of the first 40 columns: real rows, generated ones, and their difference."""
    few = TableCodec(columns=table.varying[:MOST_PAIRED])
    count = len(few.varying)
    matrices = [associations(few, side[:, :count]) for side in (real, samples)]
    side = max(2.6, 0.24 * count)
    figure = new_figure(3 * side + 2.0, side + 1.4)
    panels = figure.subplots(1, 3, sharey=True)
    names = [_short(column.name, 14) for column in few.varying]
    titles = ("real", "generated", "generated less real")
    for axes, title, values in zip(
        panels, titles, (*matrices, matrices[1] - matrices[0]), strict=True
    ):
        shown = axes.imshow(values, cmap="RdBu_r", vmin=-1, vmax=1)
        axes.set_title(title, fontsize=9)
        axes.set_xticks(range(count), names, rotation=90, fontsize=7)
        axes.set_yticks(range(count), names, fontsize=7)
        for row, column in np.ndindex(values.shape) if count <= MOST_WRITTEN else ():
            value = values[row, column]
            axes.text(
                column,
                row,
                f"{value:.1f}".replace("-0.0", "0.0"),
                ha="center",
                va="center",
                fontsize=6,
                color="white" if abs(value) > 0.6 else "black",
            )
    figure.colorbar(shown, ax=panels, shrink=0.8, label="correlation, Cramer's V, or ratio")
    return render(figure)


def _numbers(axes: Axes, column: Numeric, sides: Mapping[str, np.ndarray]) -> None:
    present = [side[~np.isnan(side)].astype(np.float64) for side in sides.values()]
    width = _linear_width(present[0], column)
    edges = _edges(column, min(len(side) for side in present), width)
    looks = (
        # One shape and no bars: these take seconds in sixty panels.
        {"color": REAL_COLOUR, "alpha": 0.6, "histtype": "stepfilled"},
        {"color": SAMPLE_COLOUR, "histtype": "step", "linewidth": 1.3},
    )
    for side, look in zip(present, looks, strict=True):
        if len(side):
            weights = np.full(len(side), 1 / len(side))
            axes.hist(side, edges, weights=weights, **look)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    if width is None:
        axes.xaxis.set_major_locator(MaxNLocator(4))
    else:
        axes.set_xscale("asinh", linear_width=width)
        axes.set_xticks(*_ticks(edges))
        axes.minorticks_off()
    if column.missing:
        shares = (f"{100 * np.isnan(side).mean():.0f} % {name}" for name, side in sides.items())
        axes.set_xlabel(f"missing: {', '.join(shares)}", fontsize=6)


def _edges(column: Numeric, rows: int, width: float | None) -> np.ndarray:
    """Bins over the column's range, fewer for few rows, whose heights would be noise.

    Whole numbers, if they are few, have a bin each; bins of a heavy tail become wider outwards.
    """
    low, high = column.minimum, column.maximum
    bins = int(np.clip(2 * np.cbrt(rows), LEAST_BINS, BINS))
    if column.decimals == 0 and high - low < 2 * bins:
        return np.arange(low, high + 2) - 0.5
    if width is None and column.decimals == 0:  # as many whole numbers in each bin
        step = np.ceil((high - low + 1) / bins)
        return np.arange(low, high + step + 1, step) - 0.5
    if width is None:
        return np.linspace(low, high, bins + 1)
    return width * np.sinh(np.linspace(np.arcsinh(low / width), np.arcsinh(high / width), bins + 1))


def _linear_width(real: np.ndarray, column: Numeric) -> float | None:
    """The end of the linear part of the axis of a column with a heavy tail; else `None`."""
    if not len(real):
        return None
    low, middle, high = np.percentile(real, (10, 50, 90))
    farthest = max(column.maximum - middle, middle - column.minimum)
    heavy = high > low and farthest > HEAVY * (high - low)
    return float(high - low) / 4 if heavy else None


def _ticks(edges: np.ndarray) -> tuple[list[float], list[str]]:
    places = [float(f"{edges[int(place)]:.1g}") for place in np.linspace(0, len(edges) - 1, 4)]
    return places, [f"{place:g}" if abs(place) < 1e4 else f"{place:.0e}" for place in places]


def _bars(axes: Axes, column: Categorical, named: Mapping[str, np.ndarray]) -> None:
    shares = [_shares(column, side) for side in named.values()]
    names = [*map(str, column.categories), "missing"]
    possible = len(shares[0])
    chosen = np.arange(possible)
    if possible > MOST_BARS:  # the commonest, in their order
        chosen = np.sort(np.argsort(-shares[0], kind="stable")[:MOST_BARS])
        axes.set_title(f"{_short(column.name)} ({MOST_BARS} of {possible})", fontsize=8)
    places = np.arange(len(chosen))
    for offset, side, colour in ((-0.2, 0, REAL_COLOUR), (0.2, 1, SAMPLE_COLOUR)):
        axes.bar(places + offset, 100 * shares[side][chosen], 0.4, color=colour)
    texts = [_short(names[i], 10) for i in chosen]
    slanted = sum(map(len, texts)) > 24
    axes.set_xticks(
        places, texts, rotation=30 if slanted else 0, ha="right" if slanted else "center"
    )
    axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.set_ylabel("%", fontsize=7)


def _short(text: str, most: int = MOST_LETTERS) -> str:
    return literal(_cut(text, most))
