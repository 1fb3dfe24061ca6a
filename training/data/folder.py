"""`folder`: images of any sizes and kinds, in folders or an archive."""

import dataclasses
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import annotated_types
import numpy as np

from ganapp.training.data.cache import NOTES, CacheDir, cache_folder, key_of
from ganapp.training.data.checks import check_classes, check_exists
from ganapp.training.data.image_files import (
    below_common,
    image_contents,
    image_files,
    natural_order,
    place_of,
    read_files,
)
from ganapp.training.data.images import (
    READING,
    Annotations,
    Example,
    ImageOptions,
    Resize,
    image_source,
)
from ganapp.training.data.labels import UNKNOWN, UNLABELLED
from ganapp.training.data.source import MemmapSource, Share
from ganapp.training.messages import join_names, printable

Labels = Literal["auto", "file", "folders", "inner", "none"]
Parts = Literal["folders", "none"]
Place = list[str]  # folders from the outermost on
TRAIN = {"train", "training", "trainset", "trainval", "trn"}
HELD_OUT = {
    *("test", "testing", "testset", "val", "valid", "valset", "validation", "dev", "devset"),
    *("eval", "evaluation", "heldout", "holdout"),
}
FILLING = {
    *("set", "sets", "data", "dataset", "split", "part", "folder", "files", "samples", "out"),
    *("image", "images", "img", "imgs", "picture", "pictures", "photo", "photos", "held", "hold"),
}
DEEPEST = 3  # folders among which those for training and test are looked for
NAMED = 3  # folders in a sentence
Size = Annotated[int, annotated_types.Ge(0), annotated_types.Le(4096)]
Pixels = Annotated[int, annotated_types.Ge(1)]
BadShare = Annotated[float, annotated_types.Ge(0), annotated_types.Lt(1)]
Channels = Literal[0, 1, 3, 4]
Bits = Annotated[int, annotated_types.Ge(0), annotated_types.Le(16)]


@dataclasses.dataclass(frozen=True)
class FileLabels:
    """Labels of images by name, -1 where unknown, `None` where no file gives any; and notes."""

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
    """Names and labels of one file, `None` where it says that there are none."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError("it holds no JSON") from error
    if not isinstance(found, dict) or "labels" not in found:
        raise ValueError("it holds no 'labels'")
    labels = found["labels"]
    if labels is None:
        return None
    entries = labels if isinstance(labels, list) else [labels]
    for entry in entries:
        if not (isinstance(entry, list) and len(entry) == 2 and isinstance(entry[0], str)):
            raise ValueError("its 'labels' are no list of names with labels")
    return [(name.replace("\\", "/"), _number(label)) for name, label in entries]


def _number(label: object) -> int:
    if isinstance(label, list):
        ones = [place for place, value in enumerate(label) if value == 1]
        if len(ones) == 1 and all(value in (0, 1) for value in label):
            return ones[0]
        raise ValueError("its labels are vectors and not classes")
    if isinstance(label, int | float) and label == int(label):
        return max(int(label), UNKNOWN)
    raise ValueError(f"a label is {label!r} and no whole number")


class _Part(NamedTuple):
    """The name of a folder for training or test; `rest` may be a class: `"A"` of `"trainA"`."""

    held_out: bool
    rest: str


def annotations_of_places(
    names: Sequence[str], *, labels: Labels = "folders", parts: Parts = "folders"
) -> Annotations:
    """Classes and parts as the folders say in which the images lie.

    What all paths begin with is passed over; then comes the folder of the class. Folders for
    training and test may lie above those of the classes or in each of them. Images in a folder
    called `unlabelled` beside either have no class.

    Args:
        names: such as `"train/cat/1.png"`.
        labels: whether folders are classes: the outermost ones for `"folders"`, the innermost ones
            for `"inner"`, none for `"none"`.
        parts: whether folders called train and test say what is held out.

    Raises:
        ValueError: some images lie in folders of classes, or for training and test, and others
            beside these.
    """
    # The same letters are written in two ways: by macOS otherwise than by others.
    folders = [unicodedata.normalize("NFC", name.rpartition("/")[0]) for name in names]
    number = {folder: place for place, folder in enumerate(dict.fromkeys(folders))}
    each = np.array([number[folder] for folder in folders], np.int64)  # the folder of each image
    counts = np.bincount(each, minlength=len(number))
    places = below_common([folder.split("/") if folder else [] for folder in number])
    one_of_each = dict(zip(reversed(folders), reversed(names), strict=True))
    marks = _annotations_of_folders(places, counts, [one_of_each[f] for f in number], labels, parts)
    return dataclasses.replace(
        marks,
        labels=None if marks.labels is None else marks.labels[each],
        held_out=None if marks.held_out is None else marks.held_out[each],
    )


def _annotations_of_folders(
    places: list[Place], counts: np.ndarray, names: list[str], labels: Labels, parts: Parts
) -> Annotations:
    """Annotations of each folder, see `annotations_of_places`."""
    held_out, notes = None, []
    while parts == "folders" and (found := _without_parts(places, counts)) is not None:
        below, apart, note = found
        again = held_out is not None
        if again and not (apart is None or np.array_equal(apart, held_out)):
            break
        places, held_out = below, held_out if again else apart
        notes += [] if again else [note]
    # What lies apart says nothing of the others: these may have no classes at all.
    among = [place for place in places if not _is_unlabelled(place)]
    if labels != "none" and not any(among):
        notes.append("No classes: the images do not lie in a folder for each class.")
    unlabelled = Annotations(None, (), held_out, notes=tuple(notes))
    if labels == "none" or not any(among):
        return unlabelled
    if not all(places):
        raise ValueError(
            "`labels` can be 'folders' only where every image lies in the folder of its class; "
            "use `--set data.labels=none`, in Python labels='none'. "
            f"Received: {printable(names[places.index([])])!r} beside folders such as "
            f"{printable(max(among)[0])!r}"
        )
    if labels == "inner":
        places = [place[:1] if _is_unlabelled(place) else place[-1:] for place in places]
    folders = {place[0] for place in places}
    named = (name for name in folders if name.lower() not in UNLABELLED)
    classes = sorted(named, key=natural_order)
    if len(classes) < len(folders) and not check_classes(len(classes), "the folders"):
        return unlabelled
    number = {name: place for place, name in enumerate(classes)}
    labelled = np.array([number.get(place[0], UNKNOWN) for place in places])
    notes += _doubts(classes, places)
    return Annotations(labelled, tuple(map(printable, classes)), held_out, notes=tuple(notes))


def annotations_of_file(names: Sequence[str], found: FileLabels, marks: Annotations) -> Annotations:
    """The marks with the classes of a file of labels, which must name some of the images."""
    numbers = np.array([found.numbers.get(name, UNKNOWN) for name in names])
    notes = (*found.notes, *marks.notes)
    if found.numbers and not any(name in found.numbers for name in names):
        raise ValueError(
            "The file of labels must name the images as they lie beside it; use "
            "`--set data.labels=none` to do without. "
            f"Received: {printable(next(iter(found.numbers)))!r} for images such as "
            f"{printable(names[0])!r}"
        )
    known = np.unique(numbers[numbers != UNKNOWN])
    if not found.numbers or not check_classes(len(known), "the file of labels"):
        return dataclasses.replace(marks, notes=notes)
    labels = np.where(numbers == UNKNOWN, UNKNOWN, np.searchsorted(known, numbers))
    classes = tuple(map(str, known.tolist()))
    return dataclasses.replace(marks, labels=labels, classes=classes, notes=notes)


def _without_parts(
    places: list[Place], counts: np.ndarray
) -> tuple[list[Place], np.ndarray | None, str] | None:
    """Places without the folders for training and test, what is held out, and a sentence.

    `None` where there are no such folders; nothing is held out where all say the same.
    """
    apart = [_is_unlabelled(place) for place in places]
    inside = [place for place, beside in zip(places, apart, strict=True) if not beside]
    for level in range(DEEPEST):
        folders = sorted({place[level] for place in inside if len(place) > level})
        read = {name: part for name in folders if (part := _read_part(name)) is not None}
        kinds = {part.held_out for part in read.values()}
        others = [name for name in folders if name not in read]
        loose = any(len(place) <= level for place in inside)
        if len(kinds) == 2 and (others or loose):
            beside = f"folders such as {_quote(others)}" if others else "images"
            raise ValueError(
                "Folders for training and test must have no others beside them, nor images: move "
                "those away, or take all of these folders for classes with "
                f"`--set data.parts=none`. Received: {_quote(list(read))} and {beside}"
            )
        if len(kinds) == 2 or (level == 0 and kinds and not others and not loose):
            break
    else:
        return None
    training = {part.rest for part in read.values() if not part.held_out}
    rests = training or {part.rest for part in read.values()}
    named = len(rests) > 1 and "" not in rests

    def without(place: Place) -> Place:
        rest = read[place[level]].rest
        return [*place[:level], *([rest] if named else []), *place[level + 1 :]]

    shared = iter(below_common([without(place) for place in inside]))
    below = [
        place[:1] if beside else next(shared) for place, beside in zip(places, apart, strict=True)
    ]
    if len(kinds) < 2:
        return below, None, _about_parts(read, named)
    held_out = np.array(
        [not beside and read[p[level]].held_out for p, beside in zip(places, apart, strict=True)]
    )
    return below, held_out, _about_parts(read, named, int(counts[held_out].sum()))


def _about_parts(read: dict[str, _Part], named: bool, held_out: int = 0) -> str:
    kinds = [
        _quote([n for n, part in read.items() if part.held_out == each]) for each in (False, True)
    ]
    classes = "; what else their names say is the class" if named else ""
    if all(kinds):
        said = f"The {held_out:,} images in {kinds[1]} are held out, those in {kinds[0]} are not"
    else:
        said = f"Folders for training or test, {''.join(kinds)}, are no classes"
    return f"{said}{classes}; `--set data.parts=none` takes these folders for classes."


def _read_part(name: str) -> _Part | None:
    """Splits the name of a folder for training or test; `None` for other names."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+|\d+", name)
    kinds = [word.lower() for word in words]
    if "out" in kinds and {"held", "hold"} & set(kinds):
        kinds[kinds.index("out")] = "heldout"
    if not set(kinds) & (TRAIN | HELD_OUT):
        return None
    rest = [
        word
        for word, kind in zip(words, kinds, strict=True)
        if kind not in TRAIN | HELD_OUT | FILLING and not kind.isdecimal()
    ]
    return _Part(not set(kinds) & TRAIN, " ".join(rest))


def _doubts(classes: list[str], places: list[Place]) -> list[str]:
    """Sentences on folders that were taken for classes and look like something else."""
    within: dict[str, set[str]] = {name: set() for name in classes}
    for place in places:
        if len(place) > 1 and place[0] in within:
            within[place[0]].add(place[1])
    found = []
    same = set.intersection(*within.values()) if within else set()
    if len(classes) > 1 and len(same) > 1:
        found.append(
            f"The folders {_quote(classes)} were taken for classes, and each holds folders "
            f"{_quote(sorted(same, key=natural_order))}; `--set data.labels=inner` takes those."
        )
    if len(classes) > 1 and all(re.fullmatch(r"\d{4,}", name) for name in classes):
        found.append(
            f"The folders {_quote(classes)} were taken for classes, and are called as folders "
            "that share out many files are; `--set data.labels=none` says that they are none."
        )
    return found


def _quote(names: Sequence[str]) -> str:
    return join_names([repr(printable(name)) for name in names], most=NAMED)


def _is_unlabelled(place: Place) -> bool:
    return bool(place) and place[0].lower() in UNLABELLED


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
    form = {"size": size, "resize": resize, "channels": channels, "bits": bits}
    options = ImageOptions(**form, bad_share=bad_share, held_out=held_out)
    cache = cache_folder(cache_dir)
    contents = image_contents(path, max_pixels, cache / NOTES)

    def annotate(kept: list[Example]) -> Annotations:
        names = [example.name for example in kept]
        # By their names, because an archive may hold them in any order.
        order = np.array(sorted(range(len(names)), key=lambda each: place_of(names[each])))
        found = annotations_in(path, names, labels, parts, contents.label_files)
        return dataclasses.replace(found, order=order)

    return image_source(
        lambda: image_files(path, max_pixels, bits),
        options=options,
        annotate=annotate,
        cache=cache / "images",
        key=key_of(READING, contents.key, dataclasses.asdict(options), labels, parts, max_pixels),
        spec={"name": "folder", "description": f"Images of {path.name}.", "licence": "unknown"},
        left_out=contents.left_out,
    )


def annotations_in(
    path: Path, names: list[str], labels: Labels, parts: Parts, label_files: list[str]
) -> Annotations:
    """Classes and parts of the images of these names in a folder or archive; see `folder`."""
    if labels not in ("auto", "file") or not (label_files or labels == "file"):
        return annotations_of_places(names, labels=labels, parts=parts)
    found = labels_in_files(read_files(path, label_files) if label_files else {})
    if found.numbers is None and labels == "file":
        raise ValueError(
            "`labels` can be 'file' only where a dataset.json holds labels. "
            f"Received: {' '.join(found.notes) or f'none in {path}'}"
        )
    if found.numbers is None:
        marks = annotations_of_places(names, labels="folders", parts=parts)
        return dataclasses.replace(marks, notes=(*found.notes, *marks.notes))
    marks = annotations_of_places(names, labels="none", parts=parts)
    return annotations_of_file(names, found, marks)
