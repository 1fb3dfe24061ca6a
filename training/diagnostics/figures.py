"""How the pictures of this package are drawn: colours, a figure without a window, its pixels.

matplotlib is used through `Figure` only: pyplot keeps every figure alive and is not safe outside
the main thread.
"""

from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

# Those of the evaluation's pictures, so that a colour means the same everywhere.
REAL_COLOUR, FAKE_COLOUR, MARK_COLOUR = "#9aa0a6", "#1f6fb4", "#d1495b"
HELD_OUT_COLOUR, GOOD_COLOUR, DARK = "#2a9d5c", "#2a9d5c", "#3c4043"


def new_figure(width: float, height: float, layout: str | None = "constrained") -> Figure:
    """An empty figure; width and height in hundreds of pixels.

    `layout=None` leaves the margins to the caller.
    """
    figure = Figure(figsize=(width, height), dpi=100, layout=layout)
    FigureCanvasAgg(figure)
    return figure


def plain(axes: Any) -> Any:
    """The axes without the upper and right edge, with small numbers."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)
    return axes


def render(figure: Figure) -> Image.Image:
    """The figure as an RGB picture."""
    figure.canvas.draw()
    return Image.fromarray(np.asarray(figure.canvas.buffer_rgba())[..., :3].copy())
