"""Pictures of data before the training: examples by class, clips and points."""

import dataclasses
import math
from collections.abc import Sequence

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ganapp.training.evaluation.pictures import (
    REAL_COLOUR,
    SAMPLE_COLOUR,
    dejavu_sans,
    literal,
    new_figure,
    opaque_legend,
    principal_plane,
    render,
    side_by_side,
)

GAP, EDGE = 8, 14  # pixels between tiles and around the sheet
TILE, LONGEST = 96, 240  # side that small images grow to, and that no tile exceeds
WIDEST, NARROWEST = 1400, 620  # of the sheet
CAPTIONS = 170  # widest column of captions
MOST_ROWS, MOST_TILES, MOST_FRAMES = 24, 64, 10
MOST_DEEP = 7  # rows of images without classes
ACROSS = 10  # tiles in a row, if they are narrow
LINE, TEXT, TITLE = 18, 13, 16  # height of a line and sizes of letters
INK, PALE, FRAME, PAPER = (60, 64, 67), (128, 134, 139), (218, 220, 224), (255, 255, 255)
CHEQUERS = (236, 214)  # greys behind what is transparent
UNKNOWN_COLOUR = "#c4c7c9"
MOST_COLOURS = 10  # classes that have a colour of their own
MOST_PANELS, PANEL = 60, (2.1, 1.6)  # histograms, inches of one
SCATTER = 5.6  # inches
BINS = 40


@dataclasses.dataclass(frozen=True)
class Row:
    """Tiles of a sheet, uint8 `(n, height, width, 3)`: `caption` stands beside them, the `remark`
    below it, paler, and `names` below each tile.
    """

    tiles: np.ndarray
    caption: str = ""
    remark: str = ""
    names: tuple[str, ...] = ()


def image_sheet(
    images: np.ndarray,
    labels: np.ndarray | None,
    classes: Sequence[str],
    *,
    title: str,
    apart: bool = False,
) -> Image.Image:
    """Examples of every class: a row for each of up to 24, else one of each under its name.

    Args:
        images: uint8 `(n, height, width, channels)`, at least one; four channels are colours and
            transparency.
        labels: int `(n,)`, below 0 where unknown, or `None`.
        classes: names of the labels.
        title: above all.
        apart: draw each channel as its own grey image, side by side.
    """
    width = _tile_size(_as_colours(images[:1], apart=apart).shape[1:3])[1]
    across = max(1, min(ACROSS, (WIDEST - CAPTIONS) // (width + GAP)))

    def tiles(places: np.ndarray) -> np.ndarray:
        return _tiles(_as_colours(np.asarray(images[np.sort(places)]), apart=apart))

    if labels is None or not classes:
        count = min(len(images), across * MOST_DEEP)
        rows = [
            Row(tiles(np.arange(first, min(first + across, count))))
            for first in range(0, count, across)
        ]
        return _sheet(rows, title)
    named = [*((number, name) for number, name in enumerate(classes)), (-1, "no label")]
    found = [(name, np.flatnonzero(labels == number)) for number, name in named]
    found = [(name, places) for name, places in found if len(places)]
    if len(found) <= MOST_ROWS:
        rows = [Row(tiles(places[:across]), name, f"{len(places):,}") for name, places in found]
        return _sheet(rows, title)
    chosen = [found[i] for i in _evenly(len(found), MOST_TILES)]
    pictures = np.concatenate([tiles(places[:1]) for _, places in chosen])
    rows = [
        Row(pictures[i : i + across], names=tuple(name for name, _ in chosen[i : i + across]))
        for i in range(0, len(chosen), across)
    ]
    less = f"; {len(chosen)} of {len(found):,} classes" if len(chosen) < len(found) else ""
    return _sheet(rows, title + less)


def clip_sheet(clips: np.ndarray, names: Sequence[str], *, title: str) -> Image.Image:
    """Each clip `(n, frames, height, width, channels)` a film strip, of at most ten frames evenly
    apart.

    `names` are of the class of each clip; empty for none.
    """
    frames = _evenly(clips.shape[1], MOST_FRAMES)
    width = _tile_size(_as_colours(clips[:1, 0]).shape[1:3])[1]
    fitting = max(2, (WIDEST - CAPTIONS) // (width + GAP))
    frames = [frames[i] for i in _evenly(len(frames), fitting)]
    names = names or [""] * len(clips)
    rows = [
        Row(_tiles(_as_colours(np.asarray(clip[frames]))), name)
        for clip, name in zip(clips, names, strict=True)
    ]
    less = f"; {len(frames)} of {clips.shape[1]} frames" if len(frames) < clips.shape[1] else ""
    return _sheet(rows, title + less)


def point_sheet(
    points: np.ndarray,
    labels: np.ndarray | None,
    classes: Sequence[str],
    *,
    title: str,
    names: Sequence[str] = (),
) -> Image.Image:
    """Points as a scatter, of more than two coordinates with a histogram of the first 60 below it.

    Args:
        points: float `(n, d)`, finite.
        labels: int `(n,)`, below 0 where unknown, or `None`.
        classes: names of the labels; up to ten have a colour each.
        title: above all.
        names: of the coordinates.
    """
    points = np.asarray(points, np.float64)
    count = points.shape[1]
    names = list(names) or [f"column {place}" for place in range(count)]
    parts = _parts(labels, classes, len(points))
    shown = min(count, MOST_PANELS) if count > 2 else 0
    across = 5 if shown else 4
    rows = math.ceil(shown / across)
    size = (across * PANEL[0], SCATTER + rows * PANEL[1])
    figure = new_figure(*size)
    grid = figure.add_gridspec(1 + rows, across, height_ratios=[SCATTER, *[PANEL[1]] * rows])
    axes = figure.add_subplot(grid[0, :])
    draw = _one_dimension if count == 1 else _two_dimensions
    draw(axes, points, parts, names)
    axes.spines[["top", "right"]].set_visible(False)
    less = f"; the first {shown} of {count:,} columns" if 0 < shown < count else ""
    figure.suptitle(literal(title + less), fontsize=11, x=0.01, ha="left")
    if len(parts) > 1:
        place = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)}
        opaque_legend(axes, fontsize=9, frameon=False, markerscale=2.5, **place)
    for place in range(shown):
        panel = figure.add_subplot(grid[1 + place // across, place % across])
        # One shape and no bars: forty rectangles in each of sixty panels take seconds.
        panel.hist(points[:, place], BINS, color=REAL_COLOUR, histtype="stepfilled")
        panel.set_title(literal(_cut(names[place], 24)), fontsize=8)
        panel.set_yticks([])
        panel.tick_params(labelsize=7, length=2)
        panel.spines[["top", "right", "left"]].set_visible(False)
        panel.locator_params(axis="x", nbins=4)
    return render(figure)


def _parts(
    labels: np.ndarray | None, classes: Sequence[str], count: int
) -> list[tuple[str, np.ndarray, str]]:
    everything = [("", np.arange(count), SAMPLE_COLOUR)]
    if labels is None or not 2 <= len(classes) <= MOST_COLOURS:
        return everything
    colours = matplotlib.colormaps["tab10"].colors
    numbered = [(name, np.flatnonzero(labels == i), colours[i]) for i, name in enumerate(classes)]
    numbered.insert(0, ("no label", np.flatnonzero(labels < 0), UNKNOWN_COLOUR))
    return [(literal(_cut(n, 24)), p, c) for n, p, c in numbered if len(p)]


def _one_dimension(axes, points, parts, names) -> None:
    edges = np.linspace(points.min(), points.max() + 1e-9, 61)
    values = [points[places, 0] for _, places, _ in parts]
    colours, labels = [c for *_, c in parts], [name for name, *_ in parts]
    axes.hist(values, edges, color=colours, label=labels, stacked=True)
    axes.set_xlabel(literal(names[0]))
    axes.set_ylabel("examples")


def _two_dimensions(axes, points, parts, names) -> None:
    flat = points.shape[1] == 2
    project = (lambda values: values) if flat else principal_plane(points, 2000)
    projected = project(points)
    size = float(np.clip(6000 / len(points), 3.0, 16.0))
    for name, places, colour in parts:
        axes.scatter(
            *projected[places].T, s=size, color=colour, alpha=0.6, linewidths=0, label=name
        )
    if flat:
        axes.set_aspect("equal", adjustable="datalim")
    axes.set_xlabel(literal(names[0]) if flat else "first principal component (standardised)")
    axes.set_ylabel(literal(names[1]) if flat else "second principal component")


def add_title(picture: Image.Image, title: str) -> Image.Image:
    """A picture below a title, which goes on in further lines where it is wider."""
    heading = dejavu_sans(TITLE)
    lines = _wrap(title, picture.width - 2 * EDGE, heading)
    top = EDGE + len(lines) * (TITLE + 6) + GAP
    sheet = Image.new("RGB", (picture.width, top + picture.height), PAPER)
    pen = ImageDraw.Draw(sheet)
    for place, line in enumerate(lines):
        pen.text((EDGE, EDGE + place * (TITLE + 6)), line, fill=INK, font=heading)
    sheet.paste(picture, (0, top))
    return sheet


def _sheet(rows: Sequence[Row], title: str) -> Image.Image:
    """Rows of tiles below each other, captions on the left, the title above."""
    font = dejavu_sans(TEXT)
    written = [text for row in rows for text in (row.caption, row.remark) if text]
    longest = max((font.getlength(text) for text in written), default=0)
    left = EDGE + (min(CAPTIONS, math.ceil(longest)) + GAP if longest else 0)
    height, width = rows[0].tiles.shape[1:3]
    below = LINE if any(row.names for row in rows) else 0
    # A row is never lower than what is written beside it.
    step = max(height + below, 2 * LINE if any(row.remark for row in rows) else 0) + GAP
    most = max(len(row.tiles) for row in rows)
    total = max(NARROWEST, left + most * (width + GAP) + EDGE)
    sheet, top = Image.new("RGB", (total, len(rows) * step + EDGE), PAPER), 1
    pen = ImageDraw.Draw(sheet)
    for row in rows:
        for place, (text, colour) in enumerate(((row.caption, INK), (row.remark, PALE))):
            short = _shorten(text, CAPTIONS, font)
            pen.text((EDGE, top + place * LINE), short, fill=colour, font=font)
        for place, tile in enumerate(row.tiles):
            x = left + place * (width + GAP)
            # Without a frame nobody sees where pictures on white paper end.
            pen.rectangle((x - 1, top - 1, x + width, top + height), outline=FRAME)
            sheet.paste(Image.fromarray(tile), (x, top))
            if row.names:
                short = _shorten(row.names[place], width, font)
                pen.text((x, top + height + 1), short, fill=INK, font=font)
        top += step
    return add_title(sheet, title)


def _as_colours(images: np.ndarray, *, apart: bool = False) -> np.ndarray:
    """uint8 `(n, height, width, 3)`; four channels are laid over grey chequers."""
    channels = images.shape[3]
    if channels == 3 and not apart:
        return images
    if channels == 4 and not apart:
        rows, columns = np.indices(images.shape[1:3]) // max(1, min(images.shape[1:3]) // 8)
        behind = np.where((rows + columns) % 2, *CHEQUERS)[None, :, :, None]
        opaque = images[..., 3:] / 255.0
        return np.round(images[..., :3] * opaque + behind * (1 - opaque)).astype(np.uint8)
    return (images if channels == 1 else side_by_side(images)).repeat(3, axis=3)


def _tile_size(size: tuple[int, int]) -> tuple[int, int]:
    """Height and width of a tile: whole steps up for small images, smaller for large ones."""
    height, width = size
    if max(size) > LONGEST:
        share = LONGEST / max(size)
        return max(1, round(height * share)), max(1, round(width * share))
    times = max(1, TILE // min(size))
    times = min(times, max(1, LONGEST // max(size)))
    return height * times, width * times


def _tiles(images: np.ndarray) -> np.ndarray:
    height, width = _tile_size(images.shape[1:3])
    how = Image.Resampling.NEAREST if height >= images.shape[1] else Image.Resampling.BOX
    resized = [Image.fromarray(image).resize((width, height), how) for image in images]
    return np.stack([np.asarray(image) for image in resized])


def _evenly(count: int, most: int) -> list[int]:
    """At most so many of the places 0 to `count - 1`, evenly apart, both ends among them."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int)).tolist()


def _shorten(text: str, width: float, font: ImageFont.FreeTypeFont) -> str:
    """The text as far as it fits; its end is kept, too, because classes often differ there."""
    if font.getlength(text) <= width:
        return text
    for letters in range(len(text) - 1, 1, -1):
        short = _cut(text, letters)
        if font.getlength(short) <= width:
            return short
    return "…"


def _cut(text: str, letters: int) -> str:
    """At most so many letters: the beginning and the last third."""
    if len(text) <= letters:
        return text
    end = (letters - 1) // 3
    return f"{text[: letters - 1 - end]}…{text[len(text) - end :]}"


def _wrap(text: str, width: float, font: ImageFont.FreeTypeFont) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return [_shorten(line, width, font) for line in lines]
