"""`folder`: images of any sizes and kinds, in folders or an archive."""

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

import annotated_types
import numpy as np

from ganapp.training.data.cache import CacheDir, cache_folder, key_of
from ganapp.training.data.checks import check_exists
from ganapp.training.data.contents import NOTES, image_contents
from ganapp.training.data.image_cache import READING, ImageOptions, Marks, image_source
from ganapp.training.data.image_files import Example, image_files, place_of, read_files
from ganapp.training.data.images import Resize
from ganapp.training.data.label_files import labels_in_files
from ganapp.training.data.memmap import MemmapSource
from ganapp.training.data.places import Labels, Parts, marks_of_file, marks_of_places

Size = Annotated[int, annotated_types.Ge(0), annotated_types.Le(4096)]
Pixels = Annotated[int, annotated_types.Ge(1)]
Share = Annotated[float, annotated_types.Gt(0), annotated_types.Lt(1)]
BadShare = Annotated[float, annotated_types.Ge(0), annotated_types.Lt(1)]
Channels = Literal[0, 1, 3, 4]
Bits = Annotated[int, annotated_types.Ge(0), annotated_types.Le(16)]


def folder(
    *,
    path: Path,
    size: Size = 0,
    resize: Resize = "crop",
    channels: Channels = 0,
    bits: Bits = 0,
    labels: Labels = "auto",
    parts: Parts = "folders",
    held_out: Share = 0.1,
    bad_share: BadShare = 0.01,
    max_pixels: Pixels = 50_000_000,
    cache_dir: CacheDir = "",
) -> MemmapSource:
    """Images in a folder or in a .zip or .tar archive of one, which is read in place.

    Args:
        path: of the folder or archive.
        size: height and width that every image gets; 0 if they all have the same.
        resize: `"crop"` to the square in the middle, `"pad"` to one, or `"stretch"`.
        channels: 1 grey, 3 colours, 4 with transparency; 0 for 1 if no image has colours, else 3.
        bits: of the values that are used: with 12 the value 4,095 becomes white. 0 for all bits
            that the files' type has.
        labels: `"file"` for those of a `dataset.json`, `"folders"` if images lie in a folder per
            class, `"inner"` if the last folder is the class, `"none"` to ignore them; `"auto"` for
            `"file"` where there is one, else `"folders"`.
        parts: `"folders"` if folders called train and test say what is held out, `"none"` to take
            them for folders like others.
        held_out: share of the images that is not trained on, unless `parts` say it; at least 1 and
            at most 10,000 images.
        bad_share: of the files may be unreadable and are left out.
        max_pixels: larger images are left out undecoded.
        cache_dir: where decoded images are kept; `GANAPP_CACHE` or `~/.cache/ganapp` when empty.
    """
    check_exists("path", path)
    options = ImageOptions(
        size=size,
        resize=resize,
        channels=channels,
        bits=bits,
        bad_share=bad_share,
        held_out=held_out,
    )
    cache = cache_folder(cache_dir)
    contents = image_contents(path, max_pixels, cache / NOTES)

    def mark(kept: list[Example]) -> Marks:
        names = [example.name for example in kept]
        # By their names, because an archive may hold them in any order.
        order = np.array(sorted(range(len(names)), key=lambda each: place_of(names[each])))
        found = marks_in(path, names, labels, parts, contents.label_files)
        return dataclasses.replace(found, order=order)

    return image_source(
        lambda: image_files(path, max_pixels, bits),
        options=options,
        mark=mark,
        cache=cache / "images",
        key=key_of(READING, contents.key, dataclasses.asdict(options), labels, parts, max_pixels),
        spec={
            "name": "folder",
            "description": f"Images of {path.name}.",
            "licence": "unknown",
        },
        left_out=contents.left_out,
    )


def marks_in(
    path: Path, names: list[str], labels: Labels, parts: Parts, label_files: list[str]
) -> Marks:
    """Classes and parts of the images of a folder or archive.

    Args:
        path: of the folder or archive.
        names: of the images.
        labels: see `folder`.
        parts: likewise.
        label_files: names of the files with labels that lie there.

    Raises:
        ValueError: labels are asked for that are not there, or names contradict each other.
    """
    if labels not in ("auto", "file") or not (label_files or labels == "file"):
        return marks_of_places(names, labels=labels, parts=parts)
    found = labels_in_files(read_files(path, label_files) if label_files else {})
    if found.numbers is None and labels == "file":
        raise ValueError(
            "`labels` can be 'file' only where a dataset.json holds labels. "
            f"Received: {' '.join(found.notes) or f'none in {path}'}"
        )
    if found.numbers is None:
        marks = marks_of_places(names, labels="folders", parts=parts)
        return dataclasses.replace(marks, notes=(*found.notes, *marks.notes))
    marks = marks_of_places(names, labels="none", parts=parts)
    return marks_of_file(names, found, marks)
