"""A page of a table's columns: real values against generated ones."""

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from PIL import Image

from training.data.tables.codec import TableCodec
from training.data.tables.columns import Categorical, Numeric
from training.evaluation.pictures import REAL_COLOUR, SAMPLE_COLOUR, literal

ACROSS, PANEL = 5, (2.1, 1.6)  # panels in a row, inches of a panel
HEADER = 0.4  # inches, for the legend
MOST_PANELS, MOST_BARS, MOST_LETTERS = 60, 8, 22
BINS = 24


def marginal_page(
    samples: np.ndarray,
    *,
    table: TableCodec,
    real: np.ndarray,
    names: tuple[str, str] = ("real", "generated"),
) -> Image.Image:
    """Every column in a panel of its own: a histogram of numbers, bars of categories.

    Args:
        samples: `(n, columns)` in user units, drawn in blue.
        table: the codec.
        real: `(m, columns)`, in grey behind.
        names: of the grey rows and of the blue ones, for the legend.

    Returns:
        An RGB picture; of the first 60 columns if there are more.
    """
    shown = table.varying[:MOST_PANELS]
    across = min(ACROSS, len(shown))
    rows = math.ceil(len(shown) / across)
    # Never so narrow that the legend does not fit.
    size = (max(3, across) * PANEL[0], rows * PANEL[1] + HEADER)
    figure = Figure(figsize=size, dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(rows, across, squeeze=False).ravel()
    for place, (axes, column) in enumerate(zip(panels, shown, strict=False)):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=7, length=2)
        axes.set_title(_short(column.name), fontsize=8)
        sides = {names[0]: real[:, place], names[1]: samples[:, place]}
        DRAWING[column.kind](axes, column, sides)
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
    figure.canvas.draw()
    return Image.fromarray(np.asarray(figure.canvas.buffer_rgba())[..., :3].copy())


def _numbers(axes: Axes, column: Numeric, sides: Mapping[str, np.ndarray]) -> None:
    present = [side[~np.isnan(side)].astype(np.float64) for side in sides.values()]
    edges = _edges(column)
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
    axes.xaxis.set_major_locator(MaxNLocator(4))
    if column.missing:
        shares = (f"{100 * np.isnan(side).mean():.0f} % {name}" for name, side in sides.items())
        axes.set_xlabel(f"missing: {', '.join(shares)}", fontsize=6)


def _edges(column: Numeric) -> np.ndarray:
    """Bins over the column's range; whole numbers, if they are few, have a bin each."""
    low, high = column.minimum, column.maximum
    if column.decimals == 0 and high - low < 2 * BINS:
        return np.arange(low, high + 2) - 0.5
    return np.linspace(low, high, BINS + 1)


def _bars(axes: Axes, column: Categorical, named: Mapping[str, np.ndarray]) -> None:
    count = len(column.categories)
    sides = list(named.values())
    if not column.missing:  # NaN is a label that is not known, of which the bars say nothing
        sides = [side[~np.isnan(side)] for side in sides]
    shares = [
        np.bincount(np.nan_to_num(side, nan=count).astype(int), minlength=count + 1)
        / max(1, len(side))
        for side in sides
    ]
    names = [*map(str, column.categories), "missing"]
    possible = count + column.missing
    chosen = np.arange(possible)
    if possible > MOST_BARS:  # the commonest, in their order
        chosen = np.sort(np.argsort(-shares[0][:possible], kind="stable")[:MOST_BARS])
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
    return literal(text if len(text) <= most else text[: most - 1] + "…")


DRAWING = {"numeric": _numbers, "categorical": _bars}
