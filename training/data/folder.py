"""`folder`: images of any sizes and kinds, in folders or an archive."""

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import annotated_types
import numpy as np

from training.data.cache import CacheDir, cache_folder, key_of
from training.data.checks import check_classes, check_exists
from training.data.contents import NOTES, below_common, images_key
from training.data.image_cache import ImageOptions, Marks, image_source
from training.data.image_files import Example, image_files, place_of
from training.data.images import Resize
from training.data.memmap import MemmapSource
from training.data.partly import UNKNOWN, UNLABELLED

Size = Annotated[int, annotated_types.Ge(0), annotated_types.Le(4096)]
Pixels = Annotated[int, annotated_types.Ge(1)]
Share = Annotated[float, annotated_types.Gt(0), annotated_types.Lt(1)]
BadShare = Annotated[float, annotated_types.Ge(0), annotated_types.Lt(1)]
Channels = Literal[0, 1, 3, 4]
TRAIN, HELD_OUT = {"train", "training"}, {"test", "testing", "val", "valid", "validation"}


def folder(
    *,
    path: Path,
    size: Size = 0,
    resize: Resize = "crop",
    channels: Channels = 0,
    labels: Literal["folders", "none"] = "folders",
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
        labels: `"folders"` if images lie in a folder per class, `"none"` to ignore them.
        held_out: share of the images that is not trained on, unless folders called train and test
            say it; at least 1 and at most 10,000 images.
        bad_share: of the files may be unreadable and are left out.
        max_pixels: larger images are left out undecoded.
        cache_dir: where decoded images are kept; `GANAPP_CACHE` or `~/.cache/ganapp` when empty.
    """
    check_exists("path", path)
    options = ImageOptions(
        size=size, resize=resize, channels=channels, bad_share=bad_share, held_out=held_out
    )
    in_folders = labels == "folders"
    return _source(path, options, in_folders, max_pixels, cache_folder(cache_dir))


def _source(
    path: Path, options: ImageOptions, labels: bool, max_pixels: int, cache: Path
) -> MemmapSource:
    """The images that lie there, named in the cache by their content and what is made of it."""
    content = images_key(path, max_pixels, cache / NOTES)

    def mark(kept: list[Example]) -> Marks:
        # By their names, because an archive may hold them in any order.
        order = np.array(sorted(range(len(kept)), key=lambda each: place_of(kept[each].name)))
        return dataclasses.replace(marks_of_places(kept, labels=labels), order=order)

    return image_source(
        lambda: image_files(path, max_pixels),
        options=options,
        mark=mark,
        cache=cache / "images",
        key=key_of(content, dataclasses.asdict(options), labels, max_pixels),
        spec={
            "name": "folder",
            "description": f"Images of {path.name}.",
            "licence": "unknown",
        },
    )


def marks_of_places(examples: Sequence[Example], *, labels: bool) -> Marks:
    """Classes and parts as the folders say in which the images lie.

    What all paths begin with is passed over; then may come folders for training and test, then the
    folder of the class. Images in a folder called `unlabelled` beside either have no class.

    Args:
        examples: with names such as `"train/cat/1.png"`.
        labels: whether folders are classes.

    Raises:
        ValueError: some images lie in folders of classes and others beside these.
    """
    places = below_common([example.name.split("/")[:-1] for example in examples])
    parts = {place[0].lower() if place else "" for place in places}
    held_out = None
    if parts - UNLABELLED <= TRAIN | HELD_OUT and parts & TRAIN and parts & HELD_OUT:
        held_out = np.array([place[0].lower() in HELD_OUT for place in places])
        places = _below_parts(places)
    # What lies apart says nothing of the others: these may have no classes at all.
    among = [place for place in places if not place or place[0].lower() not in UNLABELLED]
    if not labels or not any(among):
        return Marks(None, (), held_out)
    if not all(places):
        beside = examples[[bool(place) for place in places].index(False)].name
        raise ValueError(
            "`labels` can be 'folders' only where every image lies in the folder of its class; "
            f"use labels='none'. Received: {beside!r} beside folders such as {max(among)[0]!r}"
        )
    folders = {place[0] for place in places}
    classes = sorted((name for name in folders if name.lower() not in UNLABELLED), key=_natural)
    if len(classes) < len(folders) and not check_classes(len(classes), "the folders"):
        return Marks(None, (), held_out)
    number = {name: place for place, name in enumerate(classes)}
    found = np.array([number.get(place[0], UNKNOWN) for place in places])
    return Marks(found, tuple(classes), held_out)


def _below_parts(places: list[list[str]]) -> list[list[str]]:
    """Places below the folders for training and test; those beside them stay unlabelled."""
    apart = [place[0].lower() in UNLABELLED for place in places]
    below = [place[1:] for place, beside in zip(places, apart, strict=True) if not beside]
    found = iter(below_common(below))
    return [
        place[:1] if beside else next(found) for place, beside in zip(places, apart, strict=True)
    ]


def _natural(name: str) -> list[tuple[int, str]]:
    """Sorts 2 before 10."""
    return [
        (int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)
    ]
