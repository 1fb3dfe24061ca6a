"""Pictures of samples, drawn without a window or a global state.

matplotlib is used through `Figure` only: pyplot keeps every figure alive and is not safe outside
the main thread.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from PIL import Image

GRID_WIDTH = 760  # pixels that a grid aims at
SEPARATOR = 8  # wide enough that digits which fill their tile stay apart
BACKGROUND = 255
REAL_COLOUR, SAMPLE_COLOUR, MODE_COLOUR = "#9aa0a6", "#1f6fb4", "#d1495b"


def image_grid(
    samples: np.ndarray, columns: int | None = None, scale: int | None = None
) -> Image.Image:
    """Lays images out in a grid, row by row.

    Args:
        samples: uint8 `(n, height, width, channels)`, at least one. One channel is grey, three are
            colours; of other counts each channel becomes its own grey image, side by side.
        columns: images per row; as near to a square as possible when not given.
        scale: each pixel becomes a square of this side; chosen for a width of about 760 pixels
            when not given.

    Returns:
        An RGB picture.

    Raises:
        ValueError: the samples are not as described, or `columns` or `scale` is less than 1.
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
    sheet = np.full(
        (
            rows * (height + SEPARATOR) + SEPARATOR,
            columns * (width + SEPARATOR) + SEPARATOR,
            3,
        ),
        BACKGROUND,
        dtype=np.uint8,
    )
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
        columns: pairs per row.

    Returns:
        An RGB picture; a wider gap separates the rows of pairs.

    Raises:
        ValueError: not one index per sample, or the images are not as described.
    """
    samples, indices = np.asarray(samples), np.asarray(indices)
    if len(samples) != len(indices):
        raise ValueError(
            "`indices` must hold one index per sample. "
            f"Received: {len(indices)} indices for {len(samples)} samples"
        )
    columns = min(columns, len(samples))
    closest = np.asarray(train)[indices]
    strips = []
    for start in range(0, len(samples), columns):
        chosen = slice(start, start + columns)
        pair = np.full((2 * columns, *samples.shape[1:]), BACKGROUND, dtype=np.uint8)
        pair[: len(samples[chosen])] = samples[chosen]
        pair[columns : columns + len(samples[chosen])] = closest[chosen]
        strips.append(np.asarray(image_grid(pair, columns=columns)))
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
        real: `(m, d)` real examples in grey behind. Principal components (of standardised
            columns) are theirs when given.

    Returns:
        An RGB picture of 720 x 720 pixels.

    Raises:
        ValueError: the samples are no matrix, or none is finite.
    """
    samples = _finite("samples", samples)
    real = None if real is None else _finite("real", real)
    # Drawn along the training: to find margins out takes longer than to draw.
    figure, axes = _figure(7.2, 7.2, layout=None)
    figure.subplots_adjust(left=0.09, right=0.98, bottom=0.07, top=0.98)
    if samples.shape[1] == 1:
        _histogram(axes, samples, centres, real)
    else:
        _points(axes, samples, centres, sigma, real)
    if real is not None:
        marker = 1.0 if samples.shape[1] == 1 else 6.0 / np.sqrt(_area(samples))
        legend = axes.legend(loc="upper right", fontsize=9, markerscale=marker)
        for handle in legend.legend_handles:
            handle.set_alpha(1.0)
    return _render(figure)


def class_histogram(
    histogram: Sequence[int],
    training_histogram: Sequence[int] | None = None,
    names: Sequence[str] | None = None,
) -> Image.Image:
    """Bars of the share of samples per class, beside that of the training data.

    Args:
        histogram: generated samples per class `(c,)`, at least one in total.
        training_histogram: training examples per class `(c,)`.
        names: class names; numbers when not given.

    Returns:
        An RGB picture.
    """
    count = len(histogram)
    places = np.arange(count)
    names = [str(place) for place in places] if names is None else [*map(literal, names)]
    figure, axes = _figure(7.2, 3.6)
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
    return _render(figure)


def _histogram(axes, samples, centres, real) -> None:
    values = samples if real is None else np.concatenate([samples, real])
    edges = np.linspace(values.min() - 1e-6, values.max() + 1e-6, 61)
    if real is not None:
        axes.hist(real[:, 0], edges, density=True, color=REAL_COLOUR, alpha=0.6, label="real")
    axes.hist(
        samples[:, 0],
        edges,
        density=True,
        histtype="step",
        linewidth=1.8,
        color=SAMPLE_COLOUR,
        label="generated",
    )
    for centre in [] if centres is None else np.ravel(centres):
        axes.axvline(centre, color=MODE_COLOUR, linewidth=0.8)
    axes.set_xlabel("value")
    axes.set_ylabel("density")


def _points(axes, samples, centres, sigma, real) -> None:
    flat = samples.shape[1] == 2
    project = _identity if flat else _two_components(samples if real is None else real)
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
    """Equal axes around what is known to be real and most samples near it.

    A stray sample, or a generator that diverged, must not shrink the picture to a dot.
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
    """Of one marker, in square points: smaller where there are many."""
    return float(np.clip(4000 / len(samples), 2.0, 16.0))


def _identity(values: np.ndarray) -> np.ndarray:
    return values


def _two_components(reference: np.ndarray):
    mean, scale = reference.mean(axis=0), reference.std(axis=0)
    scale[scale == 0] = 1.0
    _, _, directions = np.linalg.svd((reference - mean) / scale, full_matrices=False)
    if len(directions) < 2:  # a single point has one direction; the second is then empty
        directions = np.vstack([directions, np.zeros_like(directions)])
    return lambda values: ((values - mean) / scale) @ directions[:2].T


def _figure(width: float, height: float, layout: str | None = "constrained"):
    figure = Figure(figsize=(width, height), dpi=100, layout=layout)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)
    return figure, axes


def _render(figure: Figure) -> Image.Image:
    figure.canvas.draw()
    return Image.fromarray(np.asarray(figure.canvas.buffer_rgba())[..., :3].copy())


def _finite(name: str, values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] == 0:
        raise ValueError(f"`{name}` must have the shape (n, d). Received: shape={values.shape}")
    values = values[np.isfinite(values).all(axis=1)]
    if len(values) == 0:
        raise ValueError(f"`{name}` must hold at least one finite vector. Received: none")
    return values


def _tiles(samples: np.ndarray) -> np.ndarray:
    """uint8 `(n, height, width, 3)` of images with any number of channels."""
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
