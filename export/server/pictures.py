"""Samples as files that people open: PNG grids, GIF walks, CSV sheets."""

import csv
import datetime
import io
import math
import uuid
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # Pillow's by channels
GAP, PAPER = 2, 255  # pixels between two pictures, and their brightness
FRAME_MILLISECONDS = 60


def columns_of(count: int) -> int:
    """Pictures in a row of a grid that is about as wide as high."""
    return math.ceil(math.sqrt(count))


def png_grid(images: np.ndarray, columns: int) -> bytes:
    """A PNG with all images, row after row.

    Args:
        images: uint8 `(n, height, width, channels)`, 1, 3 or 4 channels.
        columns: images in a row.
    """
    count, height, width, channels = images.shape
    rows = math.ceil(count / columns)
    gap = GAP if count > 1 else 0
    size = (rows * (height + gap) - gap, columns * (width + gap) - gap, channels)
    grid = np.full(size, PAPER, np.uint8)
    for index, image in enumerate(images):
        top, left = index // columns * (height + gap), index % columns * (width + gap)
        grid[top : top + height, left : left + width] = image
    file = io.BytesIO()
    _picture(grid).save(file, "PNG")
    return file.getvalue()


def _picture(image: np.ndarray) -> Image.Image:
    mode = MODES[image.shape[-1]]
    return Image.fromarray(image[..., 0] if mode == "L" else image)


def gif(images: np.ndarray) -> bytes:
    """A GIF that plays images for ever; those of `png_grid`."""
    frames = [_picture(image).convert("RGB") for image in images]
    file = io.BytesIO()
    frames[0].save(
        file,
        "GIF",
        save_all=True,
        append_images=frames[1:],
        duration=FRAME_MILLISECONDS,
        loop=0,
        disposal=1,
    )
    return file.getvalue()


def sheet(samples: np.ndarray, columns: Sequence[dict[str, Any]] | None) -> bytes:
    """A CSV with a header, a line a sample.

    Args:
        samples: `(n, ...)` in user units; NaN where a value is missing, which leaves a cell empty.
        columns: of a table, as in serving.json; of vectors `None`: `x0`, `x1` and so on.
    """
    rows = samples.reshape(len(samples), -1)
    if columns is None:
        columns = [{"name": f"x{place}", "kind": "numeric"} for place in range(rows.shape[1])]
    values = iter(rows.T)
    cells = [_cells(column, values, len(rows)) for column in columns]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column["name"] for column in columns])
    writer.writerows(zip(*cells, strict=True))
    return text.getvalue().encode()


def _cells(column: dict[str, Any], values: Any, count: int) -> list[Any]:
    if column["kind"] == "constant":  # not learnt: no values among the samples
        return [column.get("value", "")] * count
    if column["kind"] == "identifier":  # likewise, but each its own
        return [_identifier(column, number) for number in range(count)]
    return [_cell(column, value) for value in next(values)]


def _cell(column: dict[str, Any], value: np.generic) -> Any:
    if value != value:
        return ""
    if column["kind"] == "categorical":
        return column["categories"][int(value)]
    form = column.get("form")
    if form:
        return FORMS[form["kind"]](form, column, float(str(value)))
    if column.get("integer") or value.dtype.kind in "iu":
        return round(float(value))
    return str(value)  # the shortest text that reads back the same float32


def _identifier(column: dict[str, Any], number: int) -> str:
    number += column.get("first", 0)
    if column.get("unique"):
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{column['name']} {number}"))
    return f"{column.get('before', '')}{number:0{column.get('width', 0)}d}"


def _number(form: dict[str, Any], column: dict[str, Any], value: float) -> str:
    """A number as the table's file wrote it, such as `$1,907.06`."""
    places = form["places"] if form["places"] is not None else column.get("decimals")
    group = "," if form["thousands"] else ""
    text = f"{abs(value):{group}}" if places is None else f"{abs(value):{group}.{places}f}"
    if form["places"] is None and "." in text:
        text = text.rstrip("0").rstrip(".")
    marks = {",": form["thousands"], ".": form["decimal"]}
    text = "".join(marks.get(letter, letter) for letter in text)
    negative = value < 0 and any(letter in "123456789" for letter in text)
    text = f"{form['before']}{text}{form['after']}"
    if negative and form["brackets"]:
        return f"({text})"
    return ("-" if negative else "+" if form["plus"] else "") + text


def _date(form: dict[str, Any], column: dict[str, Any], value: float) -> str:
    """A date as the table's file wrote it, of a number of days or other units."""
    origin = datetime.datetime.fromisoformat(form["origin"])
    date = origin + datetime.timedelta(seconds=round(value) * SECONDS[form["unit"]])
    pattern = form["pattern"].replace("%Y", f"{date.year:04d}")
    for token in "mdHI":  # `%-d`: without a zero in front, which not every system knows
        short = str(int(date.strftime(f"%{token}")))
        pattern = pattern.replace(f"%-{token}", short)
    return date.strftime(pattern)


FORMS = {"number": _number, "date": _date}
SECONDS = {"D": 86_400.0, "m": 60.0, "s": 1.0, "us": 1e-6}


def walk(start: np.ndarray, end: np.ndarray, *, frames: int, path: str, classes: int) -> np.ndarray:
    """Latents on the way from one to another.

    Args:
        start: latent `(size,)`.
        end: latent `(size,)`.
        frames: how many, both ends included, at least 2.
        path: `"arc"` keeps to lengths that the prior draws; `"straight"` is a line.
        classes: how many last coordinates say the class; these go straight.

    Returns:
        Float32 `(frames, size)`.
    """
    fraction = np.linspace(0.0, 1.0, frames)[:, None]
    size = len(start) - classes
    way = PATHS[path](start[:size].astype(float), end[:size].astype(float), fraction)
    labels = straight(start[size:], end[size:], fraction)
    return np.concatenate([way, labels], axis=1).astype(np.float32)


def straight(start: np.ndarray, end: np.ndarray, fraction: np.ndarray) -> np.ndarray:
    """Linear interpolation: `(frames, size)`."""
    return start + (end - start) * fraction


def arc(start: np.ndarray, end: np.ndarray, fraction: np.ndarray) -> np.ndarray:
    """Spherical interpolation of the direction, linear in the norm: `(frames, size)`.

    See `ganapp.training.priors.paths.arc`, whose latents these are.
    """
    norms = [np.linalg.norm(latent) for latent in (start, end)]
    if not len(start) or min(norms) == 0:
        return straight(start, end, fraction)
    first, last = start / norms[0], end / norms[1]
    across = last - (first @ last) * first
    if np.linalg.norm(across) <= 1e-5:  # parallel or opposite: any perpendicular will do
        across = np.eye(len(first))[np.argmin(np.abs(first))]
    across -= (first @ across) * first
    across /= np.linalg.norm(across) or 1.0
    angle = np.arctan2(last @ across, first @ last)
    direction = np.cos(fraction * angle) * first + np.sin(fraction * angle) * across
    return direction * straight(*norms, fraction)


PATHS = {"arc": arc, "straight": straight}
