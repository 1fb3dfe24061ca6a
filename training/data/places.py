"""What the folders in which images lie say of them: classes, and what is held out."""

import dataclasses
import re
import unicodedata
from collections.abc import Sequence
from typing import Literal

import numpy as np

from ganapp.training.data.checks import check_classes
from ganapp.training.data.contents import below_common
from ganapp.training.data.image_cache import Marks
from ganapp.training.data.label_files import FileLabels
from ganapp.training.data.left_out import printable
from ganapp.training.data.partly import UNKNOWN, UNLABELLED

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


@dataclasses.dataclass(frozen=True)
class _Part:
    """What the name of a folder for training or test says.

    Args:
        held_out: whether it is not for training.
        rest: the name without that, perhaps a class: `"A"` of `"trainA"`.
    """

    held_out: bool
    rest: str


def marks_of_places(
    names: Sequence[str], *, labels: Labels = "folders", parts: Parts = "folders"
) -> Marks:
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
    marks = _marks_of_folders(places, counts, [one_of_each[f] for f in number], labels, parts)
    return dataclasses.replace(
        marks,
        labels=None if marks.labels is None else marks.labels[each],
        held_out=None if marks.held_out is None else marks.held_out[each],
    )


def _marks_of_folders(
    places: list[Place], counts: np.ndarray, names: list[str], labels: Labels, parts: Parts
) -> Marks:
    """Marks of each folder, see `marks_of_places`.

    Args:
        places: of the folders that hold images, below what all share.
        counts: int `(n,)`, how many images each holds.
        names: of an image in each.
        labels: see `marks_of_places`.
        parts: likewise.
    """
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
    if labels == "none":
        return Marks(None, (), held_out, notes=tuple(notes))
    if not any(among):
        notes.append("No classes: the images do not lie in a folder for each class.")
        return Marks(None, (), held_out, notes=tuple(notes))
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
    classes = sorted((name for name in folders if name.lower() not in UNLABELLED), key=_natural)
    if len(classes) < len(folders) and not check_classes(len(classes), "the folders"):
        return Marks(None, (), held_out, notes=tuple(notes))
    number = {name: place for place, name in enumerate(classes)}
    labelled = np.array([number.get(place[0], UNKNOWN) for place in places])
    notes += _doubts(classes, places)
    return Marks(labelled, tuple(map(printable, classes)), held_out, notes=tuple(notes))


def marks_of_file(names: Sequence[str], found: FileLabels, marks: Marks) -> Marks:
    """The same marks with the classes of a file of labels.

    Args:
        names: of the images.
        found: labels by name.
        marks: what their folders say of training and test.

    Raises:
        ValueError: the file names none of the images.
    """
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

    Raises:
        ValueError: other folders or images lie beside them.
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
            _refuse(read, others)
        if len(kinds) == 2 or (level == 0 and kinds and not others and not loose):
            break
    else:
        return None
    named = _classes_in_names(read)

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


def _classes_in_names(read: dict[str, _Part]) -> bool:
    """Whether folders for training differ by more than that: trainA and trainB."""
    training = {part.rest for part in read.values() if not part.held_out}
    rests = training or {part.rest for part in read.values()}
    return len(rests) > 1 and "" not in rests


def _about_parts(read: dict[str, _Part], named: bool, held_out: int = 0) -> str:
    """What was made of folders for training and test."""
    kinds = [
        _listed([n for n, part in read.items() if part.held_out == each]) for each in (False, True)
    ]
    classes = "; what else their names say is the class" if named else ""
    if all(kinds):
        said = f"The {held_out:,} images in {kinds[1]} are held out, those in {kinds[0]} are not"
    else:
        said = f"Folders for training or test, {''.join(kinds)}, are no classes"
    return f"{said}{classes}; `--set data.parts=none` takes these folders for classes."


def _refuse(read: dict[str, _Part], others: list[str]) -> None:
    beside = f"folders such as {_listed(others)}" if others else "images"
    raise ValueError(
        "Folders for training and test must have no others beside them, nor images: move those "
        "away, or take all of these folders for classes with `--set data.parts=none`. "
        f"Received: {_listed(list(read))} and {beside}"
    )


def _read_part(name: str) -> _Part | None:
    """What a folder's name says of training and test; `None` if it says nothing of these."""
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
            f"The folders {_listed(classes)} were taken for classes, and each holds folders "
            f"{_listed(sorted(same, key=_natural))}; `--set data.labels=inner` takes those."
        )
    if len(classes) > 1 and all(re.fullmatch(r"\d{4,}", name) for name in classes):
        found.append(
            f"The folders {_listed(classes)} were taken for classes, and are called as folders "
            "that share out many files are; `--set data.labels=none` says that they are none."
        )
    return found


def _listed(names: list[str]) -> str:
    more = len(names) - NAMED
    shown = ", ".join(repr(printable(name)) for name in names[:NAMED])
    return f"{shown} and {more:,} more" if more > 0 else shown


def _is_unlabelled(place: Place) -> bool:
    return bool(place) and place[0].lower() in UNLABELLED


def _natural(name: str) -> list[tuple[int, str]]:
    """Sorts 2 before 10."""
    return [
        (int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)
    ]
