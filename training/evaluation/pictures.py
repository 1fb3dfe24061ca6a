"""Pictures of samples, of clips and of figures along the training, without a window.

matplotlib is used through `Figure` only: pyplot keeps every figure alive and is not safe outside
the main thread.
"""

import functools
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from matplotlib.ticker import MaxNLocator
from PIL import Image, ImageDraw, ImageFont

GRID_WIDTH = 760  # pixels that a grid aims at
SEPARATOR = 8  # wide enough that digits which fill their tile stay apart
BACKGROUND = 255
REAL_COLOUR, SAMPLE_COLOUR, MODE_COLOUR = "#9aa0a6", "#1f6fb4", "#d1495b"
FRAME_GAP = 2  # pixels between frames of a clip
MILLISECONDS = 100  # a frame
GAP, HEAD, TITLE = 16, 34, 20  # pixels: between pictures in a row, above them, of their titles
INK = (60, 64, 67)
LAST_COLOUR = "#3c4043"
CURVE_COLUMNS, MOST_CURVES = 3, 12
CURVE, LEGEND = (3.6, 2.5), 0.35  # inches
AXIS_LABELS = {
    "higher": "higher is better",
    "lower": "lower is better",
    "one": "best at 1",
    "half": "",
}
# Times the smallest value: a curve of distances that fell so far is drawn in logarithms.
WIDE = 30.0


def new_figure(width: float, height: float, layout: str | None = "constrained") -> Figure:
    """An empty figure of so many inches that `render` draws at 100 pixels an inch."""
    figure = Figure(figsize=(width, height), dpi=100, layout=layout)
    FigureCanvasAgg(figure)
    return figure


def plain(axes: Axes, size: float = 9, **ticks: float) -> Axes:
    """The axes without the upper and right edge, with small numbers."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=size, **ticks)
    return axes


def opaque_legend(axes: Axes, **options: object) -> list:
    """Draws a legend whose marks are not transparent; its handles."""
    handles = axes.legend(**options).legend_handles
    for handle in handles:
        handle.set_alpha(1.0)
    return handles


def render(figure: Figure) -> Image.Image:
    """The figure as an RGB picture."""
    figure.canvas.draw()
    return Image.fromarray(np.asarray(figure.canvas.buffer_rgba())[..., :3].copy())


@functools.cache
def dejavu_sans(size: int) -> ImageFont.FreeTypeFont:
    """The font that comes with matplotlib, which has the letters of most alphabets."""
    path = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
    return ImageFont.truetype(str(path), size)


def principal_plane(reference: np.ndarray, most: int | None = None):
    """Projects on the two principal components of standardised columns: `(m, d)` to `(m, 2)`.

    Args:
        reference: `(n, d)`, whose components they are.
        most: rows that the directions are computed from, the first ones.
    """
    mean, scale = reference.mean(axis=0), reference.std(axis=0)
    scale[scale == 0] = 1.0
    _, _, directions = np.linalg.svd((reference[:most] - mean) / scale, full_matrices=False)
    if len(directions) < 2:  # a single point has one direction; the second is then empty
        directions = np.vstack([directions, np.zeros_like(directions)])
    return lambda values: ((values - mean) / scale) @ directions[:2].T


def image_grid(
    samples: np.ndarray, columns: int | None = None, scale: int | None = None
) -> Image.Image:
    """Lays uint8 images `(n, height, width, channels)`, at least one, out in a grid, row by row.

    One channel is grey, three are colours; of other counts each channel becomes its own grey image,
    side by side. There are so many `columns`, else as near to a square as possible; each pixel
    becomes a square of side `scale`, else one that makes the grid about 760 pixels wide.
    """
    tiles = _tiles(samples)
    count, height, width, _ = tiles.shape
    columns = min(count, int(np.ceil(np.sqrt(count)))) if columns is None else columns
    if columns < 1 or (scale is not None and scale < 1):
        raise ValueError(
            f"`columns` and `scale` must be at least 1. Received: columns={columns}, scale={scale}"
        )
    if scale is None:
        scale = max(1, round((GRID_WIDTH / columns - SEPARATOR) / width))
        scale = min(scale, max(1, GRID_WIDTH // 4 // max(height, width)))
    tiles = tiles.repeat(scale, axis=1).repeat(scale, axis=2)
    height, width = height * scale, width * scale
    rows = -(-count // columns)
    size = (rows * (height + SEPARATOR) + SEPARATOR, columns * (width + SEPARATOR) + SEPARATOR, 3)
    sheet = np.full(size, BACKGROUND, np.uint8)
    for place, tile in enumerate(tiles):
        row, column = divmod(place, columns)
        top = SEPARATOR + row * (height + SEPARATOR)
        left = SEPARATOR + column * (width + SEPARATOR)
        sheet[top : top + height, left : left + width] = tile
    return Image.fromarray(sheet)


def literal(text: str) -> str:
    """The text as matplotlib writes it letter by letter: what is between dollars is no formula."""
    return text.replace("$", r"\$")


def side_by_side(samples: np.ndarray) -> np.ndarray:
    """Each channel as its own grey image, left to right: `(n, h, w, c)` to `(n, h, c w, 1)`."""
    # For channels that are pictures by themselves: stacked digits cannot be read as colours.
    return np.concatenate(np.split(samples, samples.shape[3], axis=3), axis=2)


def nearest_neighbours(
    samples: np.ndarray, train: np.ndarray, indices: np.ndarray, columns: int = 16
) -> Image.Image:
    """Each image with its nearest training example directly below.

    Args:
        samples: uint8 `(n, height, width, channels)`.
        train: uint8 `(m, height, width, channels)`.
        indices: int `(n,)`, the nearest training example of each sample.
        columns: pairs per row; a wider gap separates the rows of pairs.
    """
    samples, indices = np.asarray(samples), np.asarray(indices)
    columns, shape = min(columns, len(samples)), samples.shape[1:]
    closest, strips = np.asarray(train)[indices], []
    for start in range(0, len(samples), columns):
        pair = np.full((2, columns, *shape), BACKGROUND, dtype=np.uint8)
        for row, side in zip(pair, (samples, closest), strict=True):
            some = side[start : start + columns]
            row[: len(some)] = some
        strips.append(np.asarray(image_grid(pair.reshape(-1, *shape), columns)))
    gap = np.full((10, strips[0].shape[1], 3), BACKGROUND, dtype=np.uint8)
    stack = [part for strip in strips for part in (strip, gap)][:-1]
    return Image.fromarray(np.concatenate(stack))


def scatter(
    samples: np.ndarray,
    centres: np.ndarray | None = None,
    sigma: float | None = None,
    real: np.ndarray | None = None,
) -> Image.Image:
    """Vectors as points: a histogram in one dimension, two principal components above two.

    Args:
        samples: `(n, d)` in user units, drawn in blue.
        centres: `(m, d)` of a known mixture, as red crosses.
        sigma: of that mixture; circles of 3 sigma, the limit of high quality, in two dimensions.
        real: `(m, d)` real examples in grey behind. Principal components (of standardised columns)
            are theirs when given.
    """
    samples = _finite("samples", samples)
    real = None if real is None else _finite("real", real)
    # Drawn along the training: to find margins out takes longer than to draw.
    figure = new_figure(7.2, 7.2, layout=None)
    axes = plain(figure.add_subplot())
    figure.subplots_adjust(left=0.09, right=0.98, bottom=0.07, top=0.98)
    if samples.shape[1] == 1:
        _histogram(axes, samples, centres, real)
    else:
        _points(axes, samples, centres, sigma, real)
    if real is not None:
        marker = 1.0 if samples.shape[1] == 1 else 6.0 / np.sqrt(_area(samples))
        opaque_legend(axes, loc="upper right", fontsize=9, markerscale=marker)
    return render(figure)


def class_histogram(
    histogram: Sequence[int],
    training_histogram: Sequence[int] | None = None,
    names: Sequence[str] | None = None,
) -> Image.Image:
    """Bars of the share of samples per class `(c,)`, beside that of the training data."""
    count = len(histogram)
    places = np.arange(count)
    names = [str(place) for place in places] if names is None else [*map(literal, names)]
    figure = new_figure(7.2, 3.6)
    axes = plain(figure.add_subplot())
    sets = [("generated", histogram, SAMPLE_COLOUR)]
    if training_histogram is not None:
        sets.append(("training", training_histogram, REAL_COLOUR))
    width = 0.8 / len(sets)
    for number, (label, counts, colour) in enumerate(sets):
        shares = 100.0 * np.asarray(counts) / max(1, np.sum(counts))
        offset = (number - (len(sets) - 1) / 2) * width
        axes.bar(places + offset, shares, width, label=label, color=colour)
    step = max(1, count // 25)  # names of many classes would overlap
    long = max(len(name) for name in names) > 3
    axes.set_xticks(
        places[::step], names[::step], rotation=45 if long else 0, ha="right" if long else "center"
    )
    axes.set_ylabel("share of samples (%)")
    axes.legend(frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1.0, 1.0))
    return render(figure)


def _histogram(axes, samples, centres, real) -> None:
    values = samples if real is None else np.concatenate([samples, real])
    edges = np.linspace(values.min() - 1e-6, values.max() + 1e-6, 61)
    if real is not None:
        axes.hist(real[:, 0], edges, density=True, color=REAL_COLOUR, alpha=0.6, label="real")
    look = {"histtype": "step", "linewidth": 1.8, "color": SAMPLE_COLOUR, "label": "generated"}
    axes.hist(samples[:, 0], edges, density=True, **look)
    for centre in [] if centres is None else np.ravel(centres):
        axes.axvline(centre, color=MODE_COLOUR, linewidth=0.8)
    axes.set_xlabel("value")
    axes.set_ylabel("density")


def _points(axes, samples, centres, sigma, real) -> None:
    flat = samples.shape[1] == 2
    project = (
        (lambda values: values) if flat else principal_plane(samples if real is None else real)
    )
    size = _area(samples)
    if real is not None:
        points = project(real)
        axes.scatter(*points.T, s=size, color=REAL_COLOUR, alpha=0.5, linewidths=0, label="real")
    points = project(samples)
    axes.scatter(*points.T, s=size, color=SAMPLE_COLOUR, alpha=0.5, linewidths=0, label="generated")
    if centres is not None:
        marks = project(np.asarray(centres, dtype=np.float64))
        axes.scatter(*marks.T, s=24, marker="x", color=MODE_COLOUR, linewidths=1)
        for mark in marks if flat and sigma is not None else []:
            axes.add_patch(Circle(mark, 3 * sigma, fill=False, color=MODE_COLOUR, linewidth=0.8))
    _frame(axes, points, project(real) if real is not None else None, centres if flat else None)
    axes.set_xlabel("first coordinate" if flat else "first principal component")
    axes.set_ylabel("second coordinate" if flat else "second principal component")


def _frame(axes, points, real, centres) -> None:
    """Equal axes around what is known to be real and most samples near it: a stray sample, or a
    generator that diverged, must not shrink the picture to a dot.
    """
    known = [np.asarray(part) for part in (real, centres) if part is not None]
    inside = np.concatenate(known) if known else points
    middle = (inside.min(axis=0) + inside.max(axis=0)) / 2
    half = float(np.ptp(inside, axis=0).max()) * 0.62 or 1.0
    reach = np.abs(points - middle).max(axis=1)
    half = max(half, min(1.05 * float(np.percentile(reach, 98)), 3.0 * half))
    axes.set_xlim(middle[0] - half, middle[0] + half)
    axes.set_ylim(middle[1] - half, middle[1] + half)
    axes.set_aspect("equal")
    outside = int(np.count_nonzero(reach > half))
    if outside:
        axes.set_title(f"{outside} of {len(points)} samples lie outside", fontsize=10)


def _area(samples: np.ndarray) -> float:
    """The area of a marker in square points: smaller where there are many."""
    return float(np.clip(4000 / len(samples), 2.0, 16.0))


def _finite(name: str, values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] == 0:
        raise ValueError(f"`{name}` must have the shape (n, d). Received: shape={values.shape}")
    values = values[np.isfinite(values).all(axis=1)]
    if len(values) == 0:
        raise ValueError(f"`{name}` must hold at least one finite vector. Received: none")
    return values


def _tiles(samples: np.ndarray) -> np.ndarray:
    samples = np.asarray(samples)
    if samples.ndim != 4 or samples.dtype != np.uint8 or 0 in samples.shape:
        raise ValueError(
            "`samples` must be uint8 images of shape (n, height, width, channels), none of them 0. "
            f"Received: shape={samples.shape}, dtype={samples.dtype}"
        )
    channels = samples.shape[3]
    if channels == 3:
        return samples
    if channels > 1:
        samples = side_by_side(samples)
    return samples.repeat(3, axis=3)


def film_strips(clips: np.ndarray, *, most: int = 20) -> Image.Image:
    """The first `most` clips `(n, frames, ...)`, each a row, its frames from left to right."""
    clips = clips[:most]
    return image_grid(clips.reshape(-1, *clips.shape[2:]), columns=clips.shape[1])


def films(clips: np.ndarray) -> np.ndarray:
    """Each clip as one wide image, its frames from left to right with a gap between them.

    uint8 `(n, frames, height, width, channels)` to `(n, height, frames (width + 2) - 2, channels)`.
    """
    apart = np.pad(
        clips, ((0, 0), (0, 0), (0, 0), (0, FRAME_GAP), (0, 0)), constant_values=BACKGROUND
    ).swapaxes(1, 2)
    return apart.reshape(*apart.shape[:2], -1, apart.shape[-1])[:, :, :-FRAME_GAP]


def clip_grid(clips: np.ndarray) -> list[Image.Image]:
    """One picture for every point in time of clips `(n, frames, ...)`, with all clips in it."""
    return [image_grid(clips[:, frame]) for frame in range(clips.shape[1])]


def animated(pictures: list[Image.Image], *, milliseconds: int = MILLISECONDS) -> bytes:
    """An endless GIF of pictures of one size."""
    first, *others = (picture.convert("P", palette=1) for picture in pictures)
    buffer = io.BytesIO()
    timing = {"duration": milliseconds, "loop": 0}
    first.save(buffer, format="GIF", save_all=True, append_images=others, **timing)
    return buffer.getvalue()


def panels(pictures: Sequence[Image.Image], titles: Sequence[str]) -> Image.Image:
    """Draws pictures, at least one, in a row, tops aligned, scaled to the height of the highest
    one.

    A title is cut off where it is wider than its picture.
    """
    if not pictures or len(pictures) != len(titles):
        raise ValueError(
            "`titles` must hold one title per picture, at least one. "
            f"Received: {len(titles)} titles for {len(pictures)} pictures"
        )
    height = max(picture.height for picture in pictures)
    scaled = [
        # Whole steps or the pixels of small images blur.
        picture.resize(
            (round(picture.width * height / picture.height), height), Image.Resampling.NEAREST
        )
        for picture in (each.convert("RGB") for each in pictures)
    ]
    width = sum(picture.width for picture in scaled) + GAP * (len(scaled) + 1)
    sheet = Image.new("RGB", (width, height + HEAD + GAP), (255, 255, 255))
    pen, font, left = ImageDraw.Draw(sheet), ImageFont.load_default(TITLE), GAP
    for picture, title in zip(scaled, titles, strict=True):
        pen.text((left, 6), _shorten(title, picture.width, font), fill=INK, font=font)
        sheet.paste(picture, (left, HEAD))
        left += picture.width + GAP
    return sheet


def _shorten(title: str, width: int, font: ImageFont.FreeTypeFont) -> str:
    if font.getlength(title) <= width:
        return title
    while title and font.getlength(f"{title}…") > width:
        title = title[:-1]
    return f"{title}…"


def evaluation_curves(
    rows: Sequence[Mapping[str, object]],
    *,
    better: Mapping[str, str],
    names: Mapping[str, str],
    first: str,
    best: int | None,
    last: int,
) -> Image.Image | None:
    """A panel for each figure that was computed along the training; `None` if none has two values.

    Args:
        rows: each with `step` and `evaluation`, a table of figures (`None` where there is none).
        better: figure -> which values are better, as in a report.
        names: figure -> as printed.
        first: the figure that chose the best generator; it comes first and says so.
        best, last: steps of these generators.
    """
    series: dict[str, dict[int, float]] = {}
    for row in rows:  # of a step that occurs twice, the later row's values
        for key, value in row["evaluation"].items():
            if isinstance(value, int | float) and math.isfinite(value):
                series.setdefault(key, {})[row["step"]] = float(value)
    keys = [key for key in (first, *better) if len(series.get(key, {})) > 1]
    keys = list(dict.fromkeys(keys))[:MOST_CURVES]
    if not keys:
        return None
    columns = min(CURVE_COLUMNS, len(keys))
    lines = math.ceil(len(keys) / columns)
    size = CURVE[0] * columns, CURVE[1] * lines + LEGEND
    figure = new_figure(*size, layout=None)
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
        axes.set_ylabel(AXIS_LABELS.get(better.get(key, ""), ""), fontsize=8, color="#5f6368")
        _draw_curve(axes, series[key], best, last)
    for axes in grid[-1]:
        axes.set_xlabel("step", fontsize=9)
    marks = grid.flat[0].get_legend_handles_labels()
    figure.legend(*marks, loc="lower right", ncols=2, frameon=False, fontsize=9)
    return render(figure)


def _draw_curve(axes: Axes, values: Mapping[int, float], best: int | None, last: int) -> None:
    steps = sorted(values)
    heights = [values[step] for step in steps]
    axes.plot(steps, heights, color=SAMPLE_COLOUR, linewidth=1.6, marker="o", markersize=2.5)
    if min(heights) > 0 and max(heights) > WIDE * min(heights):
        axes.set_yscale("log")
    if min(heights) == max(heights) == 0:  # or the axis would go below what can be
        axes.set_ylim(-0.05, 1.0)
    hollow = {"marker": "s", "markersize": 13, "color": LAST_COLOUR, "markerfacecolor": "none"}
    star = {"marker": "*", "markersize": 11, "color": MODE_COLOUR}
    for label, step, look in (("last", last, hollow), ("best", best, star)):
        if step in values:
            look |= {"linestyle": "none", "label": f"{label} generator", "zorder": 3}
            axes.plot([step], [values[step]], **look)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.grid(axis="y", color="#e8eaed", linewidth=0.8)
    axes.set_axisbelow(True)
    plain(axes, 8).margins(x=0.04, y=0.12)
