"""Pictures that are to be judged, read as the data source `folder` reads the real ones."""

import contextlib
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ganapp.errors import UserError
from ganapp.runner.summary import warn
from ganapp.training.data import DataSpec
from ganapp.training.data.cache import NOTES, default_cache
from ganapp.training.data.folder import annotations_in, folder
from ganapp.training.data.image_files import Contents, image_contents, image_files, place_of
from ganapp.training.data.images import Decoder, ImageOptions, SizesDifferError, about_left_out
from ganapp.training.rows_on_disk import rows_of

# What the source `folder` does where it is not told otherwise.
USUAL = {name: option.default for name, option in inspect.signature(folder).parameters.items()}


def read_pictures(
    path: Path, spec: DataSpec, options: Mapping[str, Any]
) -> tuple[np.ndarray, np.ndarray | None]:
    """Pictures in a folder or archive, in the order of their names.

    Files that are no images are left out, as many damaged ones as `bad_share` allows, and both are
    said. Folders called as the classes of the real data say the classes of the pictures.

    Args:
        path: of the folder or archive.
        spec: what the real data are.
        options: of the real data's source; those that `folder` has are used.

    Returns:
        uint8 `(n, height, width, channels)`, with transparency where the real data have it; and
        int `(n,)` or `None`.

    Raises:
        UserError: nothing can be read there, or too much is damaged.
    """
    told = USUAL | {key: value for key, value in options.items() if key in USUAL}
    try:
        contents = image_contents(path, told["max_pixels"], default_cache() / NOTES)
        decoder, rows = _decoded(path, contents, spec, told)
    except SizesDifferError as error:
        raise UserError(
            "The pictures of `--samples` must all have one size. Received, in "
            f"{path}: {error.sizes}"
        ) from error
    except ValueError as error:
        raise UserError(f"The pictures of `--samples` in {path}: {error}") from error
    except OSError as error:
        raise UserError(f"`--samples` cannot be read: {path} ({error.strerror}).") from error
    if left_out := about_left_out({**decoder.bad, **contents.left_out}):
        warn(f"Of the samples in {path} left out {left_out}.")
    if decoder.resized:
        warn(f"{decoder.resized:,} samples were made {told['size']} pixels wide, as real images.")
    for note in decoder.notes():
        warn(f"The samples in {path}: {note}")
    names = [example.name for example in decoder.examples]
    order = sorted(range(len(names)), key=lambda each: place_of(names[each]))
    labels = _labels(path, names, contents, spec, told)
    if order == list(range(len(names))):
        return rows, labels
    return rows[order], None if labels is None else labels[order]


def _decoded(
    path: Path, contents: Contents, spec: DataSpec, told: Mapping[str, Any]
) -> tuple[Decoder, np.ndarray]:
    """The pictures in the order in which they come, and what was found out about them."""
    options = ImageOptions(
        size=told["size"],
        resize=told["resize"],
        channels=told["channels"] or (4 if spec.shape[-1] == 4 else 3),
        bits=told["bits"],
        bad_share=told["bad_share"],
        held_out=told["held_out"],
    )
    decoder = Decoder(options)
    pictures = decoder.pixels(image_files(path, told["max_pixels"], told["bits"]))
    first = next(pictures, None)
    if first is None:
        beside = about_left_out(contents.left_out)
        raise ValueError(
            "must be images. Received: none" + (f", and left out {beside}" if beside else "")
        )
    rows = rows_of(_parts(first, pictures), contents.images)
    return decoder, rows[: len(decoder.examples)]


def _parts(first: np.ndarray, others):
    yield first[None]
    for pixels in others:
        yield pixels[None]


def _labels(
    path: Path, names: list[str], contents: Contents, spec: DataSpec, told: Mapping[str, Any]
) -> np.ndarray | None:
    """The class of each picture where folders or a file of labels name classes of the data."""
    if not spec.classes:
        return None
    with contextlib.suppress(ValueError):  # folders that contradict each other say nothing
        marks = annotations_in(path, names, told["labels"], told["parts"], contents.label_files)
        if marks.labels is not None and set(marks.classes) <= set(spec.classes):
            if (marks.labels < 0).any():
                return None
            places = np.array([spec.classes.index(name) for name in marks.classes])
            return places[marks.labels]
    return None
