"""`npz` and `npy`: images or vectors in NumPy's own files.

Nothing pickled is ever loaded: a pickle may run any program.
"""

import shutil
import zipfile
from pathlib import Path
from typing import Annotated, Any

import annotated_types
import numpy as np

from ganapp.training.array_files import MAX_BYTES
from ganapp.training.data.array_forms import (
    about_range,
    about_rows,
    form_of,
    is_stored_form,
    moments,
    number_labels,
    shaped_rows,
)
from ganapp.training.data.cache import (
    CacheDir,
    Prepared,
    cache_folder,
    key_of,
    prepared,
    write_rows,
)
from ganapp.training.data.checks import check_columns, check_count, check_differ, check_exists
from ganapp.training.data.contents import NOTES, file_key
from ganapp.training.data.folder import Bits, Share
from ganapp.training.data.image_files import DAMAGED
from ganapp.training.data.limits import MaxBytes, arrays_in, check_npy, check_npz
from ganapp.training.data.memmap import MemmapSource, split_order
from ganapp.training.data.spec import DataSpec

# Names of training examples, their labels, held-out examples and their labels, as people use them.
CONVENTIONS = (
    ("x_train", "y_train", "x_test", "y_test"),
    ("train_images", "train_labels", "test_images", "test_labels"),
    ("images", "labels", "", ""),
    ("x", "y", "", ""),
    ("X", "y", "", ""),
    ("data", "labels", "", ""),
    ("samples", "labels", "", ""),  # as `ganapp sample` writes them
    ("arr_0", "arr_1", "", ""),
)
Arrays = list[np.ndarray]
Side = Annotated[int, annotated_types.Ge(1), annotated_types.Le(4096)]
Shape = Annotated[tuple[Side, ...], annotated_types.MaxLen(3)]


def npz(
    *,
    path: Path,
    examples_key: str = "",
    labels_key: str = "",
    shape: Shape = (),
    bits: Bits = 0,
    held_out: Share = 0.1,
    max_bytes: MaxBytes = MAX_BYTES,
    cache_dir: CacheDir = "",
) -> MemmapSource:
    """Images or vectors in a .npz, named as in Keras's data sets or as the options say.

    Images are uint8 `(n, height, width)` or `(n, height, width, channels)`, or floats of these
    shapes from 0 to 1 or from -1 to 1, which get 256 levels; vectors are numbers `(n, d)`.

    Args:
        path: of the file.
        examples_key: name of the array with the examples; found by itself when empty.
        labels_key: name of the array with their labels; likewise.
        shape: of the images that lie as rows, such as `[28, 28]`; channels after height and width,
            or before them where one colour follows another.
        bits: of the values of images that are used: with 12 the value 4,095 becomes white; 0 for 8.
        held_out: share of the examples that is not trained on where no `x_test` says it; at least
            1 and at most 10,000.
        max_bytes: to which its arrays may unpack; more are refused before any of them is.
        cache_dir: where the unpacked examples are kept; `GANAPP_CACHE` or `~/.cache/ganapp` when
            empty.
    """
    check_exists("path", path)
    keys = _keys(path, examples_key, labels_key)
    check_npz(path, filter(None, keys), max_bytes)

    def make(folder: Path) -> dict[str, Any]:
        examples = [_unpacked(path, key, folder) for key in keys[0::2] if key]
        labels = [_unpacked(path, key, folder) for key in keys[1::2] if key]
        examples = [shaped_rows(rows, shape, path.name) for rows in examples]
        noted = _write(folder, examples, labels, held_out, path.name, bits)
        for file in folder.glob("unpacked-*"):
            file.unlink()
        return noted

    cache = cache_folder(cache_dir)
    key = key_of(file_key(path, cache / NOTES), keys, shape, bits, held_out)
    found = prepared(cache / "arrays", key, make)
    return _source("npz", path, found)


def npy(
    *,
    path: Path,
    labels_path: Path | None = None,
    shape: Shape = (),
    bits: Bits = 0,
    held_out: Share = 0.1,
    cache_dir: CacheDir = "",
) -> MemmapSource:
    """Images or vectors in a .npy, read from where they lie if they are uint8 images or float32.

    Args:
        path: of the file; for shapes and types see `npz`.
        labels_path: of a .npy with a label for each example.
        shape: of images that lie as rows, see `npz`.
        bits: of the values of images that are used, see `npz`.
        held_out: share of the examples that is not trained on; at least 1 and at most 10,000.
        cache_dir: where other types are kept converted; `GANAPP_CACHE` or `~/.cache/ganapp` when
            empty.
    """
    given = {"path": path} | ({} if labels_path is None else {"labels_path": labels_path})
    for name, file in given.items():
        check_exists(name, file)
    examples, *labels = (_loaded(file, file.name) for file in given.values())
    examples = shaped_rows(examples, shape, path.name)

    def make(folder: Path) -> dict[str, Any]:
        return _write(folder, [examples], labels, held_out, path.name, bits)

    if bits or not is_stored_form(examples):
        cache = cache_folder(cache_dir)
        key = key_of(
            [file_key(file, cache / NOTES) for file in given.values()], shape, bits, held_out
        )
        found = prepared(cache / "arrays", key, make)
        return _source("npy", path, found)
    convert = form_of([examples], path.name).convert
    numbers, classes = number_labels(labels[0] if labels else None, len(examples), path.name)
    order, apart = split_order(len(examples), held_out)
    about = {"held_out": apart, "classes": classes, "levels": ""}
    about |= _checked(examples, order[: len(order) - apart], examples)
    return _source("npy", path, Prepared(convert(examples), numbers, about, ""), order)


def _write(
    folder: Path, examples: Arrays, labels: Arrays, share: float, name: str, bits: int
) -> dict[str, Any]:
    """Writes examples and labels, training ones first; returns what is to be noted.

    Args:
        folder: where to.
        examples: training examples and, where they are apart, held-out ones.
        labels: of each of them, or none at all.
        share: see `split_order`.
        name: of the file, for messages.
        bits: see `form_of`.
    """
    if labels and len(labels) < len(examples):
        raise ValueError(
            f"Both or none of the training and held-out examples of {name} must have labels. "
            "Received: labels for one of them"
        )
    form, counts = form_of(examples, name, bits=bits), [len(array) for array in examples]
    orders = [split_order(count, share)[0] for count in counts]
    held_out = counts[1] if len(counts) == 2 else split_order(counts[0], share)[1]
    together = _together(labels, name) if labels else None
    numbers, classes = number_labels(together, sum(counts), name)
    write_rows(folder / "examples.npy", list(zip(examples, orders, strict=True)), form.convert)
    if numbers is not None:
        starts = np.cumsum([0, *counts[:-1]])
        order = [start + each for start, each in zip(starts, orders, strict=True)]
        np.save(folder / "labels.npy", numbers[np.concatenate(order)])
    rows = np.load(folder / "examples.npy", mmap_mode="r", allow_pickle=False)
    noted = {"held_out": held_out, "classes": classes, "levels": form.levels}
    return noted | _checked(rows, np.arange(len(rows) - held_out), examples[0])


def _together(labels: Arrays, name: str) -> np.ndarray:
    """Labels of training and held-out examples as one array."""
    try:
        return np.concatenate([np.atleast_1d(each) for each in labels])
    except ValueError as error:
        shapes = " and ".join(str(each.shape) for each in labels)
        raise ValueError(
            f"Training and held-out labels of {name} must have the same form. Received: {shapes}"
        ) from error


def _checked(rows: np.ndarray, training: np.ndarray, stored: np.ndarray) -> dict[str, Any]:
    """Refuses examples that are too few or the same; mean and scale of vectors, and notes.

    Args:
        rows: all examples.
        training: int `(n,)`, which of them train.
        stored: as they came from the user, some of them.
    """
    check_count(len(training), "training examples")
    if rows.ndim > 2:
        check_differ(rows)
        return {"mean": (), "scale": (), "notes": list(filter(None, [about_range(rows)]))}
    mean, scale = moments(rows, training)
    flat = about_rows(stored)
    check_columns(scale, flat)
    return {"mean": mean.tolist(), "scale": scale.tolist(), "notes": [flat] if flat else []}


def _source(
    name: str, path: Path, found: Prepared, order: np.ndarray | None = None
) -> MemmapSource:
    examples, about = found.examples, found.about
    kind = "vector" if examples.ndim == 2 else "image"
    levels = f" ({about['levels']})" if about["levels"] else ""
    spec = DataSpec(
        name=name,
        kind=kind,
        shape=examples.shape[1:],
        examples=len(examples) - about["held_out"],
        held_out=about["held_out"],
        classes=tuple(about["classes"]),
        mean=tuple(about["mean"]),
        scale=tuple(about["scale"]),
        description=f"{'Vectors' if kind == 'vector' else 'Images'} of {path.name}{levels}.",
        licence="unknown",
    )
    return MemmapSource(
        spec,
        examples,
        found.labels,
        order=order,
        notes=tuple(about["notes"]),
        fingerprint=found.fingerprint,
    )


def _keys(path: Path, examples_key: str, labels_key: str) -> tuple[str, ...]:
    """Names of training examples, their labels, held-out examples, their labels; empty for none."""
    names = arrays_in(path)
    for option, key in {"examples_key": examples_key, "labels_key": labels_key}.items():
        if key and key not in names:
            raise ValueError(
                f"`{option}` must be one of the arrays in {path.name}: {', '.join(names)}. "
                f"Received: {option}={key!r}"
            )
    if examples_key:
        return examples_key, labels_key, "", ""
    known = [keys for keys in CONVENTIONS if keys[0] in names]
    if known or len(names) == 1:
        examples, *others = known[0] if known else (names[0], "", "", "")
        labels, *test = (key if key in names else "" for key in others)
        return (examples, labels_key or labels, *test)
    raise ValueError(
        f"`examples_key` must name the array in {path.name} that holds the examples, one of: "
        f"{', '.join(names) or 'none, for it holds no arrays'}. Received: none"
    )


def _unpacked(path: Path, key: str, folder: Path) -> np.ndarray:
    """An array of a .npz, memory-mapped from a copy that is not compressed."""
    copy = folder / f"unpacked-{key.replace('/', '-')}.npy"
    try:
        with (
            zipfile.ZipFile(path) as archive,
            archive.open(f"{key}.npy") as content,
            copy.open("wb") as file,
        ):
            shutil.copyfileobj(content, file)
    except DAMAGED as error:
        raise ValueError(f"The file {path} is damaged: {error}") from error
    return _loaded(copy, f"{key!r} of {path.name}")


def _loaded(path: Path, name: str) -> np.ndarray:
    """A memory-mapped array.

    Raises:
        ValueError: the file holds none, is cut short, or holds Python objects.
    """
    try:
        check_npy(path)
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(
            f"{name} must hold an array of numbers as `numpy.save` writes it, without Python "
            f"objects. Received: {str(error).rstrip('.')}"
        ) from error
