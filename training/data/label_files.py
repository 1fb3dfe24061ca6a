"""Labels that lie in a file beside the images, as StyleGAN's tools write them."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from ganapp.training.data.left_out import printable
from ganapp.training.data.partly import UNKNOWN


@dataclasses.dataclass(frozen=True)
class FileLabels:
    """What files of labels say.

    Args:
        numbers: of images by name, -1 where unknown; `None` where no file gives any.
        notes: what was made of each file.
    """

    numbers: dict[str, int] | None = None
    notes: tuple[str, ...] = ()


def labels_in_files(files: Mapping[str, bytes]) -> FileLabels:
    """Labels of images from `{"labels": [["00000/img00000000.png", 3], ...]}`.

    A label is a whole number or a row of zeros and a one. `"labels": null` says that there are
    none, which is not the same as no file: folders beside it are no classes.

    Args:
        files: content by name; the names in a file are those below its folder.
    """
    numbers: dict[str, int] = {}
    notes, said = [], False
    for file, content in files.items():
        folder, shown = file.rpartition("/")[0], printable(file)
        try:
            pairs = _pairs(content)
        except ValueError as error:
            notes.append(f"{shown} is no file of labels ({error}), so it is not used.")
            continue
        said = True
        if pairs is None:
            notes.append(
                f"{shown} says that there are no labels, so folders are no classes; "
                "`--set data.labels=folders` makes them some."
            )
            continue
        numbers |= {f"{folder}/{name}" if folder else name: number for name, number in pairs}
        notes.append(
            f"Classes are those of {shown}, not the folders; `--set data.labels=folders` takes "
            "these, `--set data.labels=none` none."
        )
    return FileLabels(numbers if said else None, tuple(notes))


def _pairs(content: bytes) -> list[tuple[str, int]] | None:
    """Names and labels of one file, `None` where it says that there are none.

    Raises:
        ValueError: why it is no file of labels, the end of a sentence.
    """
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError("it holds no JSON") from error
    if not isinstance(found, dict) or "labels" not in found:
        raise ValueError("it holds no 'labels'")
    labels = found["labels"]
    if labels is None:
        return None
    if not isinstance(labels, list):
        raise ValueError("its 'labels' are no list of names with labels")
    pairs = []
    for entry in labels:
        if not (isinstance(entry, list) and len(entry) == 2 and isinstance(entry[0], str)):
            raise ValueError("its 'labels' are no list of names with labels")
        pairs.append((entry[0].replace("\\", "/"), _number(entry[1])))
    return pairs


def _number(label: Any) -> int:
    if isinstance(label, list):
        ones = [place for place, value in enumerate(label) if value == 1]
        if len(ones) == 1 and all(value in (0, 1) for value in label):
            return ones[0]
        raise ValueError("its labels are vectors and not classes")
    if isinstance(label, int | float) and label == int(label):
        return max(int(label), UNKNOWN)
    raise ValueError(f"a label is {label!r} and no whole number")
